//! `lockstep cluster status`

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::observe;
use crate::render;
use crate::view::Freshness;

pub(crate) async fn run(context: &Context) -> Result<Exit, Failure> {
    let status = observe::status(context).await?;
    context.output.print(&status, |look| render::status(&status, look))?;
    Ok(if status.freshness == Freshness::Stale { Exit::NoQuorum } else { Exit::Ok })
}
