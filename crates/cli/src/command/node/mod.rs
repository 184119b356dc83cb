//! `lockstep node ...`

mod accept;
mod list;
mod remove;
mod repair;
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
    /// Say what to do so that a quarantined node's schema fits again
    Repair(repair::Arguments),
    /// Take a schema that was changed by hand, on every node alike, for what the version gives
    Accept(accept::Arguments),
    /// Take a node out of the cluster for good
    Remove(remove::Arguments),
}

/// Runs one of them.
pub(crate) async fn run(command: Command, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::List(arguments) => list::run(&arguments, context).await,
        Command::Show(arguments) => show::run(&arguments, context).await,
        Command::Repair(arguments) => repair::run(&arguments, context).await,
        Command::Accept(arguments) => accept::run(&arguments, context).await,
        Command::Remove(arguments) => remove::run(&arguments, context).await,
    }
}
