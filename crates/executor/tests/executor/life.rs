//! The ordinary life of a change.

use crate::cluster::{Cluster, counted};
use crate::commands::{statements, step};
use lockstep_core::change::StepStatus;
use lockstep_core::in_flight::Stage;
use lockstep_core::node::{Role, Status};
use lockstep_core::step::{Action, Assertion, Backfill, Phase};
use lockstep_core::{Command, State, Step, Version};
use lockstep_executor::{Activity, Ended};

/// Leaves a row each time it runs: what runs twice shows.
pub(crate) fn leave_a_trace(name: &str) -> Step {
    let forward = statements(&[
        &format!("ALTER TABLE users ADD COLUMN {name} TEXT"),
        &format!("INSERT INTO effects VALUES ('{name}')"),
    ]);
    let revert = statements(&[
        &format!("DELETE FROM effects WHERE step = '{name}'"),
        &format!("ALTER TABLE users DROP COLUMN {name}"),
    ]);
    step(name, Phase::Expand, forward, Some(revert))
}

pub(crate) fn backfill(set: &str, batch_rows_max: u32) -> Action {
    Action::Backfill(Backfill {
        table: "users".to_owned(),
        key: vec!["id".to_owned()],
        set: set.to_owned(),
        only_where: None,
        batch_rows_max,
    })
}

fn nothing(name: &str, phase: Phase) -> Step {
    step(name, phase, Action::Nothing, Some(Action::Nothing))
}

fn whole_change() -> Vec<Step> {
    let holds = Assertion {
        name: "every user has a lower-case name".to_owned(),
        violations_query: "SELECT id FROM users WHERE email IS NULL".to_owned(),
    };
    vec![
        leave_a_trace("email"),
        step("fill", Phase::Backfill, backfill("email = lower(name)", 100), Some(backfill("email = NULL", 1000))),
        step("check", Phase::Validate, Action::Assert { assertions: vec![holds] }, Some(Action::Nothing)),
        nothing("write", Phase::SwitchWrites),
        nothing("read", Phase::SwitchReads),
        step("drop", Phase::Contract, statements(&["ALTER TABLE users DROP COLUMN name"]), None),
    ]
}

pub(crate) fn all_settled(state: &State, name: &str) -> bool {
    let change = state.change_named(name).expect("the change was submitted");
    change.steps.iter().all(|record| matches!(record.status, StepStatus::Settled { .. }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_all_phases_settle() {
    let cluster = Cluster::running(3).await;
    cluster.submit("email", whole_change());
    cluster.until("all steps settle", |state| all_settled(state, "email")).await;
    let schema = cluster.schema(0).await;
    for index in 0..3 {
        assert_eq!(cluster.schema(index).await.diff(&schema), Vec::<String>::new());
        assert_eq!(cluster.ledger(index).await.head, Version(6));
        assert_eq!(cluster.count(index, "SELECT count(*) FROM users WHERE email = 'user ' || id").await, 2000);
        assert_eq!(cluster.count(index, "SELECT count(*) FROM effects").await, 1);
    }
    let rows = cluster.look(|state| state.change_named("email").unwrap().steps[1].measurements["node-1"].rows);
    assert_eq!(rows, 2000, "the measurement of the backfill");
    let told = cluster.reports(|report| matches!(report, Command::ReportExecuted { .. }));
    assert_eq!(told, 18, "one report for each node and step");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rollback_of_a_settled_change_restores_the_schema() {
    let cluster = Cluster::running(2).await;
    let before = cluster.schema(0).await;
    cluster.submit("email", vec![leave_a_trace("email")]);
    cluster.settled(1).await;
    let rollback = Command::RollbackChange { change: "email".to_owned(), reason: "test".to_owned() };
    cluster.log.change(|state| crate::commands::apply(state, rollback)).unwrap();
    cluster.settled(2).await;
    for index in 0..2 {
        assert_eq!(cluster.schema(index).await.fingerprint(), before.fingerprint());
        assert_eq!(cluster.count(index, "SELECT count(*) FROM effects").await, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_executed_before_the_confirmation() {
    let mut cluster = Cluster::of(2).await;
    cluster.start(0);
    cluster.submit("email", vec![leave_a_trace("email")]);
    cluster
        .until("the running node is ready", |state| {
            matches!(state.in_flight().map(|flight| &flight.stage), Some(Stage::Preparing { reports }) if reports.len() == 1)
        })
        .await;
    // It looks again and again, and still must not execute.
    counted(&cluster.nodes[0].wires.preflights, 3).await;
    assert_eq!(cluster.ledger(0).await.head, Version::BASELINE);
    assert_eq!(*cluster.nodes[0].wires.executions.borrow(), 0);
    let told = cluster.reports(|report| matches!(report, Command::ReportPreparation { .. }));
    assert_eq!(told, 1, "an answer that stays the same is told once");
    cluster.start(1);
    cluster.settled(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn node_joins_in_the_middle_of_a_step_and_catches_up() {
    let mut cluster = Cluster::running(2).await;
    cluster.submit("one", vec![leave_a_trace("one")]);
    cluster.settled(1).await;
    let slow = cluster.nodes[1].id;
    cluster.swallow(move |report| matches!(report, Command::ReportExecuted { node, .. } if *node == slow));
    cluster.submit("two", vec![leave_a_trace("two")]);
    cluster.swallowed().await;
    let late = cluster.add(Role::Primary).await;
    cluster.start(late);
    let id = cluster.nodes[late].id;
    cluster
        .until("the late node has executed what is in flight", |state| {
            matches!(state.in_flight().map(|flight| &flight.stage),
                Some(Stage::Executing { executed, .. }) if executed.contains_key(&id))
        })
        .await;
    cluster.deliver();
    cluster.crash(1).await;
    cluster.start(1);
    cluster.settled(2).await;
    assert_eq!(cluster.status(late), Status::Active);
    assert_eq!(cluster.schema(late).await.fingerprint(), cluster.schema(0).await.fingerprint());
    assert_eq!(cluster.count(late, "SELECT count(*) FROM effects").await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn removed_node_ends() {
    let mut cluster = Cluster::running(2).await;
    cluster.shows(1, "that it is idle", |progress| progress.activity == Activity::Idle).await;
    let removal = Command::RemoveNode { node: "node-1".into(), reason: "test".into(), force: true };
    cluster.log.change(|state| crate::commands::apply(state, removal)).unwrap();
    assert_eq!(cluster.ended(1).await, Ended::Removed);
    assert_eq!(cluster.stop(0).await, Ended::Shutdown);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_is_shown_while_idle() {
    let cluster = Cluster::running(1).await;
    let mut health = cluster.nodes[0].shown.health.subscribe();
    let shown = health.wait_for(Option::is_some).await.unwrap().clone();
    assert!(shown.is_some_and(|health| health.reachable));
}
