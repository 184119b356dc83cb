//! `lockstep node remove`

use crate::command::took_effect;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;

#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// Name of the node
    #[arg(value_name = "NODE")]
    name: String,
    /// Why; goes into the audit trail
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Even when a gate waits for it; you answer for it that its database is out of use
    #[arg(long)]
    force: bool,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let Arguments { name, reason, force } = arguments;
    let revision = context.client().await?.remove_node(name, reason, *force).await?;
    took_effect(context, "removed", name, revision, "stop its agent; its data directory is of no use any more")
}
