//! `lockstep config ...`

use super::settings::Settings;
use crate::exit::Exit;
use crate::failure::Failure;

/// What can be done with an agent's configuration.
#[derive(clap::Subcommand, Debug)]
pub(crate) enum Command {
    /// Print the configuration that an agent would run with, as TOML, without secrets
    Print(Settings),
}

/// Runs one of them.
pub(crate) fn run(command: &Command) -> Result<Exit, Failure> {
    let Command::Print(Settings { config, flags }) = command;
    Err(Failure::new(Exit::Failed, format!("this build has no agent yet ({config:?}, {} flags)", flags.len())))
}
