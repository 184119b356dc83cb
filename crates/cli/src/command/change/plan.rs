//! `lockstep change plan`: what changes would do, and what their statements would have done as they stand.

use super::ground::Ground;
use super::{files, known};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render;
use crate::view::Plan;
use lockstep_client::{Client, Options};
use lockstep_core::Engine;
use lockstep_planner::source::{Change, Language};
use std::path::PathBuf;
use std::time::Duration;

/// How long to look for a cluster: a plan is worth showing without one.
const CLUSTER_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// SQL files, plan files (TOML), or folders of them, in the order in which they would be submitted
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Plan for this engine (postgres, mariadb, mysql, sqlite) without asking the cluster
    #[arg(long, value_name = "ENGINE")]
    engine: Option<Engine>,
    /// Its oldest version on any node, such as 15 or 10.11; the oldest that Lockstep knows unless told otherwise
    #[arg(long, value_name = "VERSION", requires = "engine")]
    engine_version: Option<String>,
    /// Plan against the schema in this SQL file; else nothing is known of the database
    #[arg(long, value_name = "FILE", requires = "engine")]
    schema: Option<PathBuf>,
    /// Do not ask the cluster
    #[arg(long)]
    offline: bool,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let changes = files::read(&arguments.files, None)?;
    let plans = if arguments.offline || arguments.engine.is_some() {
        offline(arguments, &changes)?
    } else {
        against_cluster(arguments, context, changes).await?
    };
    if plans.is_empty() && context.output.is_table() {
        context.output.say("nothing is left to submit");
        return Ok(Exit::Ok);
    }
    context.output.print(&plans, |look| {
        plans.iter().map(|plan| render::plan(plan, look)).collect::<Vec<_>>().join("\n\n")
    })?;
    verdict(&plans)
}

fn offline(arguments: &Arguments, changes: &[Change]) -> Result<Vec<Plan>, Failure> {
    Ground::offline(arguments.engine, arguments.engine_version.as_deref(), arguments.schema.as_deref())?
        .plan(changes)
}

/// Plans what the cluster does not have yet. Steps that were written by hand are shown without a cluster too.
async fn against_cluster(
    arguments: &Arguments,
    context: &Context,
    changes: Vec<Change>,
) -> Result<Vec<Plan>, Failure> {
    let options = context.options()?;
    let options = Options { retry_timeout: options.retry_timeout.min(CLUSTER_TIMEOUT), ..options };
    let client = Client::connect(options).await?;
    match look(&client, context, &changes).await {
        Err(failure) if failure.exit == Exit::NoQuorum && !needs_schema(&changes) => {
            context.output.say(&format!("checked offline only: {}", failure.message));
            offline(arguments, &changes)
        }
        Err(failure) if failure.exit == Exit::NoQuorum => {
            Err(failure.hint("--engine postgres, mariadb, mysql or sqlite plans without a cluster"))
        }
        plans => plans,
    }
}

async fn look(client: &Client, context: &Context, changes: &[Change]) -> Result<Vec<Plan>, Failure> {
    let sorted = known::sort(client, changes.to_vec()).await?;
    sorted.known.iter().for_each(|known| context.output.say(&known.text()));
    Ground::of_cluster(client, needs_schema(&sorted.pending)).await?.plan(&sorted.pending)
}

/// False when all steps were written by hand: then the schema is nobody's business.
pub(super) fn needs_schema(changes: &[Change]) -> bool {
    changes.iter().any(|change| change.language == Language::Sql)
}

/// What the process ends with: plans that cannot be submitted as they stand are no success.
pub(super) fn verdict(plans: &[Plan]) -> Result<Exit, Failure> {
    for (index, plan) in plans.iter().enumerate() {
        let change = &plan.planned.change;
        let name = &change.name;
        if plans[..index].iter().any(|before| &before.planned.change.name == name) {
            return Err(Failure::new(Exit::Conflict, format!("two of the plans are named {name}; rename one")));
        }
        let Some(check) = &plan.cluster else { continue };
        if !check.is_engine_right {
            return Err(Failure::usage(format!(
                "{name} is for {}, but cluster {} has {} databases",
                change.engine, check.cluster_id, check.engine
            )));
        }
        if !check.is_name_free {
            return Err(Failure::new(Exit::Conflict, format!("the name {name} is taken; choose another one"))
                .hint(format!("lockstep change show {name} shows the change that has it")));
        }
    }
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::verdict;
    use crate::exit::Exit;
    use crate::view::sample;

    #[test]
    fn what_would_be_refused_is_no_success() {
        let fitting = sample::plan();
        let check = fitting.cluster.clone().unwrap();
        let with = |check| crate::view::Plan { cluster: Some(check), ..sample::plan() };
        let wrong_engine = with(crate::view::ClusterCheck { is_engine_right: false, ..check.clone() });
        let taken = with(crate::view::ClusterCheck { is_name_free: false, ..check });
        for (plans, expected) in [
            (vec![fitting.clone()], Exit::Ok),
            (vec![fitting.clone(), fitting.clone()], Exit::Conflict),
            (vec![wrong_engine], Exit::Usage),
            (vec![taken], Exit::Conflict),
        ] {
            assert_eq!(verdict(&plans).unwrap_or_else(|failure| failure.exit), expected);
        }
    }
}
