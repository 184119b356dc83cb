//! `lockstep change retry`

use crate::command::ordered;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// A change that is in flight is tried at once instead of after its pause. One that was reverted, cancelled or rolled back runs the
/// steps that are not in effect again, under its name and plan; steps that need an approval ask for it again. A rollback that
/// failed is what is tried again. While a node is quarantined, every agent compares its schema at once.
#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// Name of the change
    #[arg(value_name = "CHANGE")]
    name: String,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let name = &arguments.name;
    let ordered = context.client().await?.retry(name).await?;
    ordered::tell(context, "tried again", name, &ordered, &format!("lockstep change watch {name} follows it"))
}
