//! `lockstep node repair`

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render;

#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// Name of the node
    #[arg(value_name = "NODE")]
    name: String,
}

/// Says what to do and changes nothing: what an object is worth that somebody made by hand, only a person knows.
pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let member = context.client().await?.node(&arguments.name).await?;
    context.output.print(&member.node, |_| render::repair(&member.node))?;
    Ok(if member.node.is_active() { Exit::Ok } else { Exit::Blocked })
}
