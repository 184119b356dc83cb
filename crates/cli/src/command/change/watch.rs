//! `lockstep change watch`

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::follow::{Follow, Shows, Target};

#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// Name of the change
    #[arg(value_name = "CHANGE")]
    name: String,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    Follow { name: &arguments.name, target: Target::Done, is_new: false, shows: Shows::States }.run(context).await
}
