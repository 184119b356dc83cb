//! `lockstep version list`

use crate::command::ListArguments;
use crate::context::{Context, collect, now};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render;

pub(crate) async fn run(arguments: &ListArguments, context: &Context) -> Result<Exit, Failure> {
    let client = &context.client().await?;
    let versions = collect(arguments.limit, |page| async move { client.list_versions(&page).await }).await?;
    context.output.print(&versions, |look| render::versions(&versions, look, now()))?;
    Ok(Exit::Ok)
}
