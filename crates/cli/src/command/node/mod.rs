//! `lockstep node ...`

mod list;
mod remove;
mod show;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// What can be done with nodes.
#[derive(clap::Subcommand, Debug)]
pub(crate) enum Command {
    /// List nodes, by name
    List(super::ListArguments),
    /// Show a node
    Show(show::Arguments),
    /// Take a node out of the cluster for good
    Remove(remove::Arguments),
}

/// Runs one of them.
pub(crate) async fn run(command: Command, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::List(arguments) => list::run(&arguments, context).await,
        Command::Show(arguments) => show::run(&arguments, context).await,
        Command::Remove(arguments) => remove::run(&arguments, context).await,
    }
}
