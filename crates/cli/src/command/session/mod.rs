//! `lockstep session ...`

mod evict;
mod list;
mod show;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// What can be done with sessions.
#[derive(clap::Subcommand, Debug)]
pub(crate) enum Command {
    /// List live sessions
    List(super::ListArguments),
    /// Show a live session
    Show(show::Arguments),
    /// Let a session go: its client is told to stop, and gone once its lease is over
    Evict(evict::Arguments),
}

/// Runs one of them.
pub(crate) async fn run(command: Command, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::List(arguments) => list::run(&arguments, context).await,
        Command::Show(arguments) => show::run(&arguments, context).await,
        Command::Evict(arguments) => evict::run(&arguments, context).await,
    }
}
