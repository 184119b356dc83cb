//! `lockstep cluster ...`

mod audit;
mod join_token;
mod status;
mod why;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// What can be done with the cluster.
#[derive(clap::Subcommand, Debug)]
pub(crate) enum Command {
    /// Show how the cluster is: asks every agent, and works without a quorum
    Status,
    /// Show what the next step waits for: who, why, since when, and what to do
    Why,
    /// Make a secret with which a new agent may join
    JoinToken(join_token::Arguments),
    /// Show who did what, newest first
    Audit(super::ListArguments),
}

/// Runs one of them.
pub(crate) async fn run(command: Command, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::Status => status::run(context).await,
        Command::Why => why::run(context).await,
        Command::JoinToken(arguments) => join_token::run(&arguments, context).await,
        Command::Audit(arguments) => audit::run(&arguments, context).await,
    }
}
