//! `lockstep agent`

use super::settings::Settings;
use crate::exit::Exit;
use crate::failure::Failure;

#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    settings: Settings,
}

pub(crate) async fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let Settings { config, flags } = arguments.settings;
    Err(Failure::new(Exit::Failed, format!("this build has no agent yet ({config:?}, {} flags)", flags.len())))
}
