//! `lockstep cluster join-token`

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::time;
use lockstep_core::Timestamp;
use serde::Serialize;
use std::time::Duration;

#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// How long new agents may use it, e.g. 10m
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, default_value = "1h")]
    valid_for: Duration,
}

/// What was made.
#[derive(Serialize)]
struct JoinToken {
    join_token: String,
    expires_at: Timestamp,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let issued = context.client().await?.issue_join_token(arguments.valid_for).await?;
    let token = JoinToken { join_token: issued.join_token, expires_at: issued.expires_at };
    context.output.print(&token, |_| token.join_token.clone())?;
    context.output.say(&format!(
        "secret; valid until {}\nhint: give it to the new agent as cluster.join_token_file or LOCKSTEP_CLUSTER_JOIN_TOKEN",
        time::point(token.expires_at)
    ));
    Ok(Exit::Ok)
}
