//! `lockstep change approve`

use crate::command::took_effect;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;

#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// Name of the change
    #[arg(value_name = "CHANGE")]
    name: String,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let name = &arguments.name;
    let revision = context.client().await?.approve(name).await?;
    took_effect(context, "approved", name, revision, &format!("lockstep change watch {name} follows it"))
}
