//! `lockstep version ...`

mod list;
mod show;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// What can be done with the version log.
#[derive(clap::Subcommand, Debug)]
pub(crate) enum Command {
    /// List versions, newest first
    List(super::ListArguments),
    /// Show a version
    Show(show::Arguments),
}

/// Runs one of them.
pub(crate) async fn run(command: Command, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::List(arguments) => list::run(&arguments, context).await,
        Command::Show(arguments) => show::run(&arguments, context).await,
    }
}
