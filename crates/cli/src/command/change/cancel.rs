//! `lockstep change cancel`

use crate::command::ordered;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;

#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// Name of the change
    #[arg(value_name = "CHANGE")]
    name: String,
    /// Why; goes into the audit trail
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let Arguments { name, reason } = arguments;
    let ordered = context.client().await?.cancel(name, reason).await?;
    let next = format!("lockstep change wait {name} --for reverted waits until it is undone on every node");
    ordered::tell(context, "cancelled", name, &ordered, &next)
}
