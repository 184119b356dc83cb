//! `lockstep version show`

use crate::context::{Context, now};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render;
use lockstep_core::Version;

#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// The version
    #[arg(value_name = "VERSION")]
    version: u64,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let version = context.client().await?.version(Version(arguments.version)).await?;
    context.output.print(&version, |look| render::version(&version, look, now()))?;
    Ok(Exit::Ok)
}
