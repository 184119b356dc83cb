//! `lockstep node accept`

use crate::command::took_effect;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;

#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// Name of a quarantined node; all others must have the same schema
    #[arg(value_name = "NODE")]
    name: String,
    /// Why; goes into the audit trail
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let Arguments { name, reason } = arguments;
    let revision = context.client().await?.accept_node(name, reason).await?;
    let next = "a node that is brought up from an older version needs the same change by hand";
    took_effect(context, "accepted", name, revision, next)
}
