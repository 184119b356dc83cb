//! `lockstep session evict`

use crate::command::took_effect;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use lockstep_core::SessionId;

#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// Number of the session
    #[arg(value_name = "SESSION")]
    session: u64,
    /// Why; the client is told, and the audit trail keeps it
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// At once, before its lease is over; you answer for it that the client does not run any more
    #[arg(long)]
    force: bool,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let Arguments { session, reason, force } = arguments;
    let revision = context.client().await?.evict_session(SessionId(*session), reason, *force).await?;
    let next = if *force { "it is gone" } else { "it is gone once its lease has run out: lockstep session list" };
    took_effect(context, "evicted", format!("session {session}"), revision, next)
}
