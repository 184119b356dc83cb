//! `lockstep cluster audit`

use crate::command::ListArguments;
use crate::context::{Context, collect};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render;

pub(crate) async fn run(arguments: &ListArguments, context: &Context) -> Result<Exit, Failure> {
    let client = &context.client().await?;
    let records = collect(arguments.limit, |page| async move { client.list_audit(&page).await }).await?;
    context.output.print(&records, |look| render::audit(&records, look))?;
    Ok(Exit::Ok)
}
