//! `lockstep node list`

use crate::command::ListArguments;
use crate::context::{Context, collect};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render;

pub(crate) async fn run(arguments: &ListArguments, context: &Context) -> Result<Exit, Failure> {
    let client = &context.client().await?;
    let members = collect(arguments.limit, |page| async move { client.list_nodes(&page).await }).await?;
    context.output.print(&members, |look| render::members(&members, look))?;
    Ok(Exit::Ok)
}
