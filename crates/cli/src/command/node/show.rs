//! `lockstep node show`

use crate::context::{Context, now};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render;

#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// Name of the node
    #[arg(value_name = "NODE")]
    name: String,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let member = context.client().await?.node(&arguments.name).await?;
    context.output.print(&member, |look| render::node(&member, look, now()))?;
    Ok(Exit::Ok)
}
