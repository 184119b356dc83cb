//! Steps that cannot be executed, and databases that cannot be reached.

use crate::cluster::{Cluster, counted};
use crate::commands::{statements, step};
use crate::life::leave_a_trace;
use lockstep_core::change::StepStatus;
use lockstep_core::in_flight::{Preparation, RevertReason, Stage};
use lockstep_core::step::{Assertion, Phase};
use lockstep_core::{Command, State, Step, Version};
use std::time::Duration;

/// Nodes that remember hardly at all what they have told: only the state can keep them from telling it again.
async fn forgetful(count: usize) -> Cluster {
    let mut cluster = Cluster::of(count).await;
    cluster.settings.report_repeat_interval = Duration::from_millis(1);
    cluster.settings.wording_interval = Duration::from_millis(1);
    (0..count).for_each(|index| cluster.start(index));
    cluster
}

fn obstacles(state: &State) -> Vec<String> {
    match state.in_flight().map(|flight| &flight.stage) {
        Some(Stage::Preparing { reports }) => reports
            .values()
            .filter_map(|report| match report {
                Preparation::NotReady { obstacles, .. } => Some(obstacles),
                Preparation::Ready { .. } => None,
            })
            .flatten()
            .map(|obstacle| format!("{}: {}", obstacle.kind, obstacle.message))
            .collect(),
        _ => Vec::new(),
    }
}

/// A step that two users of one name break.
fn unique_names() -> Step {
    let mut unique =
        step("unique", Phase::Expand, statements(&["CREATE UNIQUE INDEX names ON users (name)"]), None);
    unique.revert = Some(statements(&["DROP INDEX names"]));
    unique.preconditions = vec![Assertion {
        name: "no two users have one name".to_owned(),
        violations_query: "SELECT name FROM users GROUP BY name HAVING count(*) > 1".to_owned(),
    }];
    unique
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_looks_at_once_at_what_would_be_looked_at_later() {
    let mut cluster = Cluster::of(1).await;
    cluster.settings.recheck_interval = Duration::from_secs(3_600);
    cluster.sql(0, "INSERT INTO users VALUES (5000, 'User 1')").await;
    cluster.start(0);
    cluster.submit("unique", vec![unique_names()]);
    cluster.until("the violation is named", |state| obstacles(state).len() == 1).await;
    cluster.sql(0, "DELETE FROM users WHERE id = 5000").await;
    cluster.retry("unique");
    cluster.settled(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn violation_is_told_once_and_the_step_goes_on_when_it_is_mended() {
    let cluster = forgetful(2).await;
    cluster.sql(1, "INSERT INTO users VALUES (5000, 'User 1')").await;
    let unique = unique_names();
    cluster.submit("unique", vec![unique]);
    cluster.until("node-1 names the violation", |state| obstacles(state).len() == 1).await;
    let found = cluster.look(obstacles);
    assert!(found[0].contains("name='User 1'"), "{found:?}");
    let looks = *cluster.nodes[1].wires.preflights.borrow();
    counted(&cluster.nodes[1].wires.preflights, looks + 5).await;
    let node = cluster.nodes[1].id;
    let told = |report: &Command| matches!(report, Command::ReportPreparation { node: told, .. } if *told == node);
    assert_eq!(cluster.reports(told), 1, "the log does not grow while nothing changes");
    cluster.sql(1, "DELETE FROM users WHERE id = 5000").await;
    cluster.settled(1).await;
    assert_eq!(cluster.reports(told), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failure_on_one_node_reverts_all() {
    let cluster = Cluster::running(2).await;
    cluster.sql(1, "INSERT INTO users VALUES (5000, 'User 1')").await;
    let before = cluster.schema(0).await.fingerprint();
    let unique = step(
        "unique",
        Phase::Expand,
        statements(&["CREATE UNIQUE INDEX names ON users (name)"]),
        Some(statements(&["DROP INDEX names"])),
    );
    cluster.submit("unique", vec![unique]);
    let why = |state: &State| match &state.change_named("unique")?.steps[0].status {
        StepStatus::Reverted { reason, .. } => Some(reason.clone()),
        _ => None,
    };
    cluster.until("the step is reverted", |state| why(state).is_some()).await;
    match cluster.look(why) {
        Some(RevertReason::Failed { node, message }) => {
            assert_eq!(node, "node-1");
            assert!(message.contains("UNIQUE constraint failed"), "{message}");
        }
        other => panic!("reverted for {other:?}"),
    }
    for index in 0..2 {
        assert_eq!(cluster.schema(index).await.fingerprint(), before);
        assert_eq!(cluster.ledger(index).await.head, Version::BASELINE);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failure_of_a_step_without_revert_is_tried_again_until_it_works() {
    let cluster = forgetful(2).await;
    cluster.sql(1, "INSERT INTO users VALUES (5000, 'User 1')").await;
    let unique = statements(&["CREATE UNIQUE INDEX names ON users (name)"]);
    cluster.submit("unique", vec![step("unique", Phase::Expand, unique, None)]);
    cluster
        .until("node-1 says why it cannot", |state| {
            matches!(state.in_flight().map(|flight| &flight.stage),
                Some(Stage::Executing { failures, .. }) if failures.len() == 1)
        })
        .await;
    counted(&cluster.nodes[1].wires.executions, 4).await;
    let told = cluster.reports(|report| matches!(report, Command::ReportExecuteFailed { .. }));
    assert_eq!(told, 1, "the same failure is told once");
    cluster.sql(1, "DELETE FROM users WHERE id = 5000").await;
    cluster.settled(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unreachable_database_is_a_holdout_until_it_is_back() {
    let mut cluster = Cluster::of(2).await;
    let file = cluster.nodes[1].file.clone();
    let away = file.with_extension("away");
    std::fs::rename(&file, &away).unwrap();
    cluster.start(0);
    cluster.start(1);
    cluster.submit("email", vec![leave_a_trace("email")]);
    cluster.until("node-1 says that it cannot reach it", |state| obstacles(state).len() == 1).await;
    let found = cluster.look(obstacles);
    assert!(found[0].starts_with("unreachable: cannot reach database"), "{found:?}");
    std::fs::rename(&away, &file).unwrap();
    cluster.settled(1).await;
}
