//! `lockstep change apply`: plans changes, shows them, submits them one after the other, and follows each to its end.

use super::ground::Ground;
use super::known::{self, Known};
use super::{files, plan};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::follow::{Follow, Shows, Target};
use crate::output::stderr_look;
use crate::render;
use crate::view::Plan;
use lockstep_client::Client;
use lockstep_core::limits::{self, Limits};
use lockstep_core::{ChangeId, LogIndex};
use serde::Serialize;
use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;
use std::time::Duration;

#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// An SQL file, a plan file (TOML), or a folder of them
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Name the change so, instead of as the file says or is named
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// How long to keep the old form after clients have left it, e.g. 72h; 0s: not at all. Otherwise as the plan file says, or the
    /// cluster is configured (24h)
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    retention: Option<Duration>,
    /// Let work wait while a reading is over this limit, e.g. replication_lag=10s or sessions_running=off
    #[arg(long, value_name = "READING=LIMIT", value_parser = limits::read_setting)]
    throttle: Vec<(limits::Kind, Option<u64>)>,
    /// Undo the step in flight on every node when a reading is over this limit, e.g. probe_p99=200ms
    #[arg(long, value_name = "READING=LIMIT", value_parser = limits::read_setting)]
    threshold: Vec<(limits::Kind, Option<u64>)>,
    /// Do not follow; end as soon as the change is accepted. For one change
    #[arg(long)]
    detach: bool,
    /// Do not ask before submitting (asked only on a terminal)
    #[arg(short, long)]
    yes: bool,
}

/// What was accepted.
#[derive(Serialize)]
struct Accepted {
    name: String,
    id: ChangeId,
    revision: LogIndex,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let changes = files::read(std::slice::from_ref(&arguments.file), arguments.name.as_deref())?;
    let client = context.client().await?;
    let sorted = known::sort(&client, changes).await?;
    for known in &sorted.known {
        context.output.say(&known.text());
        let exit = settle(arguments, context, known, sorted.pending.is_empty()).await?;
        if exit != Exit::Ok {
            return Ok(exit);
        }
    }
    if sorted.pending.is_empty() {
        context.output.say("nothing is left to submit");
        return Ok(Exit::Ok);
    }
    let ground = Ground::of_cluster(&client, plan::needs_schema(&sorted.pending)).await?;
    let mut plans = ground.plan(&sorted.pending)?;
    if let Some(retention) = arguments.retention {
        let retention_ms = u64::try_from(retention.as_millis()).unwrap_or(u64::MAX);
        plans.iter_mut().for_each(|plan| plan.planned.change.retention_ms = Some(retention_ms));
    }
    limit(&mut plans, arguments)?;
    plan::verdict(&plans)?;
    check_flags(arguments, context, plans.len())?;
    show(&plans, context);
    let is_asked = !arguments.yes && std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if is_asked && !is_confirmed(&plans) {
        return Err(Failure::new(Exit::Failed, "nothing was submitted"));
    }
    submit_all(arguments, context, &client, plans).await
}

/// Waits for a change that the cluster has and is not through with: what comes after it may build on it.
async fn settle(arguments: &Arguments, context: &Context, known: &Known, is_last: bool) -> Result<Exit, Failure> {
    if known.status.is_final() || (arguments.detach && is_last) {
        return Ok(Exit::Ok);
    }
    follow(&known.name, false, context).await
}

/// Limits of flags win over those of a plan file.
fn limit(plans: &mut [Plan], arguments: &Arguments) -> Result<(), Failure> {
    let flags = Limits {
        throttle: arguments.throttle.iter().copied().collect(),
        thresholds: arguments.threshold.iter().copied().collect(),
    };
    if let Some(problem) = flags.problem() {
        return Err(Failure::usage(problem));
    }
    for plan in plans {
        plan.planned.change.limits = flags.over(&plan.planned.change.limits);
    }
    Ok(())
}

/// Some flags mean one change only.
fn check_flags(arguments: &Arguments, context: &Context, count: usize) -> Result<(), Failure> {
    let flag = match () {
        () if count == 1 => return Ok(()),
        () if arguments.detach => "--detach",
        () if context.has_request_id() => "--request-id",
        () => return Ok(()),
    };
    let problem =
        format!("{flag} is for one change, and {count} are to be submitted, each after the one before it");
    Err(Failure::usage(problem).hint("name the files one by one, or leave the flag out"))
}

fn show(plans: &[Plan], context: &Context) {
    for plan in plans {
        context.output.say(&format!("{}\n", render::plan(plan, stderr_look())));
    }
}

fn is_confirmed(plans: &[Plan]) -> bool {
    let names: Vec<&str> = plans.iter().map(|plan| plan.planned.change.name.as_str()).collect();
    eprint!("submit {}? [y/N] ", names.join(", "));
    let mut answer = String::new();
    let is_read = std::io::stdin().lock().read_line(&mut answer).is_ok();
    is_read && matches!(answer.trim(), "y" | "Y" | "yes")
}

/// One after the other: a change is only submitted once those before it have settled.
async fn submit_all(
    arguments: &Arguments,
    context: &Context,
    client: &Client,
    plans: Vec<Plan>,
) -> Result<Exit, Failure> {
    let mut names: Vec<String> = plans.iter().map(|plan| plan.planned.change.name.clone()).collect();
    for plan in plans {
        let name = names.remove(0);
        let submitted = client.submit(plan.planned.change).await?;
        let accepted = Accepted { name: name.clone(), id: submitted.change, revision: submitted.revision };
        context.output.print_next(&accepted, |_| name.clone())?;
        if arguments.detach {
            context.output.say(&format!("hint: lockstep change watch {name} follows it"));
            return Ok(Exit::Ok);
        }
        let exit = follow(&name, true, context).await?;
        if exit != Exit::Ok {
            if !names.is_empty() {
                context.output.say(&format!("not submitted: {}", names.join(", ")));
            }
            return Ok(exit);
        }
    }
    Ok(Exit::Ok)
}

async fn follow(name: &str, is_new: bool, context: &Context) -> Result<Exit, Failure> {
    Follow { name, target: Target::Settled, is_new, shows: Shows::Progress }.run(context).await
}
