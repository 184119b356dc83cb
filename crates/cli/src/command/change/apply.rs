//! `lockstep change apply`: submits a plan file and follows the change.

use super::plan;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::follow::{Follow, Shows, Target};
use crate::output::stderr_look;
use crate::render;
use crate::view::Plan;
use lockstep_core::{ChangeId, LogIndex};
use serde::Serialize;
use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;

#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// The plan file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Name the change so, instead of as the file says or is named
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Do not follow; end as soon as the change is accepted
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
    let spec = plan::read(&arguments.file, arguments.name.as_deref())?;
    let is_asked = !arguments.yes && std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if is_asked && !is_confirmed(&Plan::of(arguments.file.display().to_string(), spec.clone())) {
        return Err(Failure::new(Exit::Failed, "nothing was submitted"));
    }
    let name = spec.name.clone();
    let submitted = context.client().await?.submit(spec).await?;
    let accepted = Accepted { name: name.clone(), id: submitted.change, revision: submitted.revision };
    context.output.print_next(&accepted, |_| name.clone())?;
    if arguments.detach {
        context.output.say(&format!("hint: lockstep change watch {name} follows it"));
        return Ok(Exit::Ok);
    }
    Follow { name: &name, target: Target::Settled, is_new: true, shows: Shows::Progress }.run(context).await
}

/// Shows the plan and asks.
fn is_confirmed(plan: &Plan) -> bool {
    eprintln!("{}\n", render::plan(plan, stderr_look()));
    eprint!("submit {}? [y/N] ", plan.change.name);
    let mut answer = String::new();
    let is_read = std::io::stdin().lock().read_line(&mut answer).is_ok();
    is_read && matches!(answer.trim(), "y" | "Y" | "yes")
}
