//! `lockstep change show`

use crate::context::{Context, now};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render;

#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// Name of the change
    #[arg(value_name = "CHANGE")]
    name: String,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let change = context.client().await?.change(&arguments.name).await?;
    context.output.print(&change, |look| render::change(&change, look, now()))?;
    Ok(Exit::Ok)
}
