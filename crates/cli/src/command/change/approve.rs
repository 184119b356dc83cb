//! `lockstep change approve`

use crate::command::ordered;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;

#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// Name of the change
    #[arg(value_name = "CHANGE")]
    name: String,
    /// Let the step run before the old form has been kept for as long as the change says
    #[arg(long, requires = "reason")]
    now: bool,
    /// Why before its time; goes into the audit trail
    #[arg(long, value_name = "TEXT", requires = "now")]
    reason: Option<String>,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let name = &arguments.name;
    let client = context.client().await?;
    let ordered = match &arguments.reason {
        Some(reason) => client.approve_now(name, reason).await?,
        None => client.approve(name).await?,
    };
    ordered::tell(context, "approved", name, &ordered, &format!("lockstep change watch {name} follows it"))
}
