//! `lockstep change pause`

use super::resume::HOLD_DEFAULT;
use crate::command::ordered;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;

#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// Name of the change
    #[arg(value_name = "CHANGE")]
    name: String,
    /// Why; everybody who looks at the change is told, and the audit trail keeps it
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Name of the hold; several may stand side by side, and each is taken away by its name
    #[arg(long, value_name = "NAME", default_value = HOLD_DEFAULT)]
    hold: String,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let Arguments { name, reason, hold } = arguments;
    let ordered = context.client().await?.hold(name, hold, reason).await?;
    ordered::tell(context, "paused", name, &ordered, &format!("lockstep change resume {name} lets it go on"))
}
