//! (b) One empty step, from its submission until every node holds it and every session has acknowledged it.

use crate::crowd::Crowd;
use crate::fleet::Fleet;
use crate::load::drive;
use crate::machine::load_average;
use crate::options::Options;
use crate::sessions::OpenAndClose;
use crate::summary::{Rounds, milliseconds};
use anyhow::{Context, Result, ensure};
use lockstep_client::view;
use lockstep_core::change::{Spec, Status};
use lockstep_core::step::{Action, Phase};
use lockstep_core::{Engine, LogIndex};
use lockstep_tests::plan;
use std::time::Duration;
use tokio::time::Instant;

/// How long a change may take before the benchmark gives up.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long commits are measured beside the steps.
const COMMITS_LASTING: Duration = Duration::from_secs(1);

pub(crate) async fn run(options: &Options) -> Result<()> {
    println!(
        "\n(b) an empty step, from submission to Settled, watched through the leader; sessions spread over all agents"
    );
    println!(
        "    {} rounds, min/median/max in ms; bound: three commits by one client + execution on the slowest node",
        options.rounds
    );
    println!(
        "{:>5} {:>8} {:>24} {:>22} {:>20} {:>12}  load",
        "nodes", "sessions", "settled after", "one commit (p50)", "slowest node", "over bound"
    );
    for nodes in &options.nodes {
        let fleet = Fleet::start(*nodes).await?;
        let mut crowd = Crowd::new(fleet.addresses());
        let mut before = 0;
        for sessions in &options.sessions {
            crowd.grow_to(*sessions).await?;
            crowd.follow_from(before).await?;
            before = *sessions;
            measure(&fleet, *nodes, *sessions, options.rounds).await?;
        }
        crowd.close().await?;
    }
    Ok(())
}

async fn measure(fleet: &Fleet, nodes: usize, sessions: usize, rounds: usize) -> Result<()> {
    let (mut taken_ms, mut commit_ms, mut slowest_ms) = (Rounds::default(), Rounds::default(), Rounds::default());
    for round in 0..rounds {
        let leader = fleet.leader().await?;
        let (outcome, clients) = drive(OpenAndClose::many(&leader.address, 1)?, COMMITS_LASTING).await?;
        for client in clients {
            client.finish().await?;
        }
        commit_ms.push(outcome.p50_ms);
        let begin = Instant::now();
        let settled = settle(fleet, &leader.address, empty_change(&format!("empty-{sessions}-{round}"))).await?;
        taken_ms.push(milliseconds(begin.elapsed()));
        let reported = settled.change.steps.iter().flat_map(|step| step.measurements.values());
        slowest_ms.push(reported.map(|cost| cost.duration_ms).max().context("no node reported")? as f64);
    }
    let bound_ms = 3.0 * commit_ms.median() + slowest_ms.median();
    let over = format!("{:.1} x", taken_ms.median() / bound_ms);
    let load = load_average();
    println!("{nodes:>5} {sessions:>8} {taken_ms:>24} {commit_ms:>22} {slowest_ms:>20} {over:>12}  {load}");
    Ok(())
}

fn empty_change(name: &str) -> Spec {
    let mut step = plan::step("nothing", Phase::Expand, Action::Nothing, Some(Action::Nothing));
    step.targets.clear();
    plan::change(name, Engine::Sqlite, vec![step])
}

/// Submits a change and follows it to its end, as `change apply` does.
async fn settle(fleet: &Fleet, leader: &str, spec: Spec) -> Result<view::Change> {
    let client = fleet.client_at(leader).await?;
    let name = spec.name.clone();
    client.submit(spec).await?;
    let mut watch = client.watch_change(&name, LogIndex(0));
    let last = tokio::time::timeout(PATIENCE, async {
        let mut last = None;
        while let Some(seen) = watch.next().await.transpose()? {
            last = Some(seen);
        }
        anyhow::Ok(last)
    });
    let last = last.await.with_context(|| format!("{name} did not settle"))??.context("nothing was seen")?;
    ensure!(last.status == Status::Settled, "{name} is {:?}", last.status);
    Ok(last)
}
