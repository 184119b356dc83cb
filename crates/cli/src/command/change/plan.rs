//! `lockstep change plan`: what plan files would do, checked offline, and against the cluster when there is one.

use crate::context::{Context, collect};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render;
use crate::view::{ClusterCheck, Plan};
use lockstep_client::{Client, Kind, Options};
use lockstep_core::change::Spec;
use lockstep_proto::view::{ChangeSummary, ClusterStatus};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long to look for a cluster: a plan is worth showing without one.
const CLUSTER_TIMEOUT: Duration = Duration::from_secs(2);

/// Changes that are looked at for those that are not at their end.
const CHANGES_LOOKED_AT_MAX: usize = 1_000;

#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// Plan files, in the order in which they would be submitted
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Do not ask the cluster
    #[arg(long)]
    offline: bool,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let mut plans = arguments
        .files
        .iter()
        .map(|file| Ok(Plan::of(file.display().to_string(), read(file, None)?)))
        .collect::<Result<Vec<_>, Failure>>()?;
    if !arguments.offline {
        check(&mut plans, context).await?;
    }
    context.output.print(&plans, |look| {
        plans.iter().map(|plan| render::plan(plan, look)).collect::<Vec<_>>().join("\n\n")
    })?;
    verdict(&plans)
}

/// Reads a plan file; `name` is the name of the change instead of the file's own.
pub(super) fn read(file: &Path, name: Option<&str>) -> Result<Spec, Failure> {
    let shown = file.display().to_string();
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("cannot read the plan {shown}: {error}")))?;
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let spec = lockstep_planner::plan_file::parse(&shown, &stem, &text)
        .map_err(|error| Failure::usage(error.to_string()))?;
    let Some(name) = name else { return Ok(spec) };
    let spec = Spec { name: name.to_owned(), ..spec };
    match spec.problem() {
        Some(problem) => Err(Failure::usage(format!("--name {name}: {problem}"))),
        None => Ok(spec),
    }
}

/// Says how each plan fits the cluster, if one can be reached.
async fn check(plans: &mut [Plan], context: &Context) -> Result<(), Failure> {
    let options = context.options()?;
    let options = Options { retry_timeout: options.retry_timeout.min(CLUSTER_TIMEOUT), ..options };
    let client = Client::connect(options).await?;
    let (status, changes) = match look(&client).await {
        Ok(found) => found,
        Err(failure) if failure.exit == Exit::NoQuorum => {
            context.output.say(&format!("checked offline only: {}", failure.message));
            return Ok(());
        }
        Err(failure) => return Err(failure),
    };
    let mut queue: Vec<String> = changes
        .iter()
        .rev()
        .filter(|change| !change.status.is_final())
        .map(|change| change.name.clone())
        .collect();
    for plan in plans {
        let name = &plan.change.name;
        let is_name_free = is_free(&client, name, &queue).await?;
        plan.cluster = Some(ClusterCheck {
            cluster_id: status.cluster_id.clone(),
            engine: status.engine,
            is_engine_right: status.engine == plan.change.engine,
            is_name_free,
            queued_behind: queue.clone(),
        });
        queue.push(name.clone());
    }
    Ok(())
}

async fn look(client: &Client) -> Result<(ClusterStatus, Vec<ChangeSummary>), Failure> {
    let status = client.status().await?;
    let changes = collect(CHANGES_LOOKED_AT_MAX, |page| async move { client.list_changes(&page).await }).await?;
    Ok((status, changes))
}

/// True when neither the cluster nor a plan before this one has the name.
async fn is_free(client: &Client, name: &str, queue: &[String]) -> Result<bool, Failure> {
    if queue.iter().any(|taken| taken == name) {
        return Ok(false);
    }
    match client.change(name).await {
        Ok(_) => Ok(false),
        Err(error) if error.kind() == Kind::NotFound => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// What the process ends with: plans that cannot be submitted as they stand are no success.
fn verdict(plans: &[Plan]) -> Result<Exit, Failure> {
    for (index, plan) in plans.iter().enumerate() {
        let name = &plan.change.name;
        if plans[..index].iter().any(|before| &before.change.name == name) {
            return Err(Failure::new(Exit::Conflict, format!("two of the plans are named {name}; rename one")));
        }
        let Some(check) = &plan.cluster else { continue };
        if !check.is_engine_right {
            return Err(Failure::usage(format!(
                "{name} is for {}, but cluster {} has {} databases",
                plan.change.engine, check.cluster_id, check.engine
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
    use super::{read, verdict};
    use crate::exit::Exit;
    use crate::view::sample;

    #[test]
    fn a_plan_that_cannot_be_read_is_named() {
        let failure = read(std::path::Path::new("/nowhere/0001_x.toml"), None).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.message.contains("/nowhere/0001_x.toml"), "{}", failure.message);
    }

    #[test]
    fn the_name_of_the_command_line_wins_and_is_checked() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("0001_x.toml");
        std::fs::write(&file, "engine = 'sqlite'\n[[step]]\nname = 'a'\nphase = 'expand'\n").unwrap();
        assert_eq!(read(&file, None).unwrap().name, "0001_x");
        assert_eq!(read(&file, Some("0002_y")).unwrap().name, "0002_y");
        let failure = read(&file, Some("no spaces")).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
    }

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
