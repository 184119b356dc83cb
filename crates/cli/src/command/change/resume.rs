//! `lockstep change resume`

use crate::command::ordered;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// The hold that `pause` places and `resume` takes away, unless told otherwise.
pub(super) const HOLD_DEFAULT: &str = "operator";

#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// Name of the change
    #[arg(value_name = "CHANGE")]
    name: String,
    /// Name of the hold to take away
    #[arg(long, value_name = "NAME", default_value = HOLD_DEFAULT)]
    hold: String,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let Arguments { name, hold } = arguments;
    let ordered = context.client().await?.release(name, hold).await?;
    ordered::tell(context, "resumed", name, &ordered, &format!("lockstep change watch {name} follows it"))
}
