//! `lockstep session show`

use crate::context::{Context, now};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render;
use lockstep_core::SessionId;

#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// Number of the session
    #[arg(value_name = "SESSION")]
    session: u64,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let session = context.client().await?.session(SessionId(arguments.session)).await?;
    context.output.print(&session, |look| render::session(&session, look, now()))?;
    Ok(Exit::Ok)
}
