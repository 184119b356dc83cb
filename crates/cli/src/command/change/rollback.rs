//! `lockstep change rollback`

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
    let ordered = context.client().await?.rollback(name, reason).await?;
    let next = format!("lockstep change watch {name} follows the steps that undo it");
    ordered::tell(context, "is being rolled back", name, &ordered, &next)
}
