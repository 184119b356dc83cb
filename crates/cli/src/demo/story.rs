//! What happens in the demo, act by act.

use super::app::{CHANGE, Release};
use super::stage::Stage;
use super::summary::Summary;
use anyhow::{Result, ensure};
use lockstep_client::view;
use lockstep_core::Engine;
use lockstep_core::change::{Spec, Status};
use std::time::Duration;

/// How long the applications run before anything changes, to compare with.
const BASELINE: Duration = Duration::from_secs(2);

/// Tells the whole story.
pub(super) async fn tell(stage: &mut Stage) -> Result<Summary> {
    stage.start_app(Release::Old).await?;
    stage.start_app(Release::New).await?;
    stage.label("no change").await?;
    stage.say("an old and a new release of the application read and write on all shards");
    tokio::time::sleep(BASELINE).await;
    one_change_through_all_phases(stage).await?;
    an_incompatible_change_is_blocked(stage).await?;
    an_agent_is_killed_and_comes_back(stage).await?;
    a_step_is_cancelled_and_reverted(stage).await?;
    stage.sum_up().await
}

async fn one_change_through_all_phases(stage: &mut Stage) -> Result<()> {
    let text = match stage.shards.engine {
        Engine::Sqlite => include_str!("plans/0001_users_email.sqlite.toml"),
        Engine::Postgres => include_str!("plans/0001_users_email.postgres.toml"),
        Engine::Mariadb => include_str!("plans/0001_users_email.mariadb.toml"),
        // They differ in nothing that this change needs.
        Engine::Mysql => &include_str!("plans/0001_users_email.mariadb.toml").replace("\"mariadb\"", "\"mysql\""),
    };
    println!("\nOne change through all phases");
    stage.submit(lockstep_planner::plan_file::parse("0001_users_email", CHANGE, text)?).await?;
    stage.follow(CHANGE, |change| change.status == Status::AwaitingApproval).await?;
    stage.say(&format!("lockstep change approve {CHANGE}"));
    stage.client.approve(CHANGE).await?;
    let held = stage.follow(CHANGE, |change| waits_only_for(change, "shop/old")).await?;
    stage.say_why(&held);
    stage.say("the old release is taken out of service");
    stage.stop_app(Release::Old).await?;
    settle(stage, CHANGE).await
}

async fn an_incompatible_change_is_blocked(stage: &mut Stage) -> Result<()> {
    let name = "0002_users_name";
    println!("\nA change that the running release cannot live with");
    let steps = "[[step]]\nname = 'drop name'\nphase = 'contract'\napproval = false\ntargets = ['users']\n\
                 execute = ['ALTER TABLE users DROP COLUMN name']\nirreversible = true\n";
    stage.submit(plan(stage, name, steps)?).await?;
    let held = stage.follow(name, |change| waits_only_for(change, "shop/new")).await?;
    stage.say_why(&held);
    stage.say(&format!("lockstep change cancel {name}"));
    stage.client.cancel(name, "the release that understands it is not deployed").await?;
    stage.follow(name, |change| change.status == Status::Reverted).await?;
    stage.say("nothing was executed anywhere");
    Ok(())
}

async fn an_agent_is_killed_and_comes_back(stage: &mut Stage) -> Result<()> {
    let name = "0003_users_phone";
    println!("\nAn agent is killed in the middle of a change");
    let steps = "[[step]]\nname = 'add phone'\nphase = 'expand'\ntargets = ['users']\n\
                 execute = ['ALTER TABLE users ADD COLUMN phone TEXT']\n\
                 revert = ['ALTER TABLE users DROP COLUMN phone']\n\
                 [[step]]\nname = 'fill phone'\nphase = 'backfill'\n\
                 backfill = { table = 'users', key = ['id'], set = \"phone = 'none'\", where = 'phone IS NULL' }\n";
    let victim = stage.agents.len() - 1;
    let victim_name = stage.agents[victim].name.clone();
    stage.submit(plan(stage, name, steps)?).await?;
    stage.follow(name, |change| is_at(change, "fill phone", "executing")).await?;
    stage.agents[victim].kill().await?;
    stage.say(&format!("kill -9 {victim_name}"));
    let held = stage.follow(name, |change| misses(change, &victim_name)).await?;
    stage.say_why(&held);
    stage.agents[victim].restart()?;
    stage.say(&format!("{victim_name} is started again, and goes on where it was"));
    settle(stage, name).await
}

async fn a_step_is_cancelled_and_reverted(stage: &mut Stage) -> Result<()> {
    let name = "0004_users_score";
    println!("\nA step is cancelled and reverted");
    let before = stage.client.status().await?;
    let steps = "[[step]]\nname = 'add score'\nphase = 'expand'\ntargets = ['users']\n\
                 execute = ['ALTER TABLE users ADD COLUMN score INTEGER']\n\
                 revert = ['ALTER TABLE users DROP COLUMN score']\n\
                 [[step]]\nname = 'fill score'\nphase = 'backfill'\n\
                 backfill = { table = 'users', key = ['id'], set = 'score = 0', where = 'score IS NULL', batch_rows = 50 }\n";
    stage.submit(plan(stage, name, steps)?).await?;
    stage.follow(name, |change| is_at(change, "fill score", "executing")).await?;
    stage.say(&format!("lockstep change rollback {name}"));
    stage.client.rollback(name, "it is not needed after all").await?;
    stage.follow(name, |change| change.in_flight.is_none() && change.status.is_final()).await?;
    let after = stage.client.status().await?;
    for (member, earlier) in after.members.iter().zip(&before.members) {
        ensure!(member.node.fingerprint == earlier.node.fingerprint, "{} is not what it was", member.node.name);
    }
    stage.say("every shard has the schema that it had before");
    Ok(())
}

async fn settle(stage: &mut Stage, name: &str) -> Result<()> {
    let change = stage.follow(name, |change| change.status.is_final()).await?;
    ensure!(change.status == Status::Settled, "{name} is {}", change.status.name());
    stage.say(&format!("{name} is settled: every node holds it, every client has acknowledged it"));
    stage.label("no change").await
}

fn plan(stage: &Stage, name: &str, steps: &str) -> Result<Spec> {
    Ok(lockstep_planner::plan_file::parse(name, name, &format!("engine = '{}'\n{steps}", stage.shards.engine))?)
}

fn waits_for(change: &view::Change, name: &str) -> bool {
    change.gate.as_ref().is_some_and(|gate| gate.gate.holdouts.iter().any(|holdout| holdout.name == name))
}

fn waits_only_for(change: &view::Change, name: &str) -> bool {
    waits_for(change, name)
        && change.gate.as_ref().is_some_and(|gate| gate.gate.holdouts.iter().all(|holdout| holdout.name == name))
}

/// True once other agents have noticed that a node is gone, and nothing else is in the way.
fn misses(change: &view::Change, name: &str) -> bool {
    waits_only_for(change, name)
        && change
            .gate
            .as_ref()
            .is_some_and(|gate| gate.gate.holdouts.iter().any(|h| h.reason.contains("not heard")))
}

fn is_at(change: &view::Change, step: &str, stage: &str) -> bool {
    change
        .in_flight
        .as_ref()
        .is_some_and(|flight| change.change.steps[flight.step].step.name == step && flight.stage.name() == stage)
}
