//! Crashes, lost answers, cancels and stale agents: the effect is in a database exactly once, or not at all.

use crate::cluster::{Cluster, Log};
use crate::commands::{self, step};
use crate::life::{backfill, leave_a_trace};
use lockstep_core::change::StepStatus;
use lockstep_core::in_flight::Stage;
use lockstep_core::step::Phase;
use lockstep_core::{Command, State, Version};
use std::sync::atomic::Ordering;

fn is_reverted(state: &State, name: &str, step: usize) -> bool {
    let change = state.change_named(name).expect("the change was submitted");
    matches!(change.steps[step].status, StepStatus::Reverted { .. })
}

async fn traces(cluster: &Cluster, index: usize) -> i64 {
    cluster.count(index, "SELECT count(*) FROM effects").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crash_between_execute_and_report_leaves_the_effect_once() {
    let mut cluster = Cluster::running(2).await;
    let crashing = cluster.nodes[1].id;
    cluster.swallow(move |report| matches!(report, Command::ReportExecuted { node, .. } if *node == crashing));
    cluster.submit("email", vec![leave_a_trace("email")]);
    cluster.swallowed().await;
    cluster.crash(1).await;
    assert_eq!(cluster.ledger(1).await.head, Version(1));
    cluster.deliver();
    cluster.start(1);
    cluster.settled(1).await;
    assert_eq!(traces(&cluster, 1).await, 1);
    assert_eq!(*cluster.nodes[1].wires.executions.borrow(), 1, "the ledger was asked, not the step run again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crash_between_revert_and_report_reverts_once() {
    let mut cluster = Cluster::running(2).await;
    let (crashing, slow) = (cluster.nodes[1].id, cluster.nodes[0].id);
    let before = cluster.schema(1).await.fingerprint();
    cluster.swallow(move |report| match report {
        Command::ReportExecuted { node, .. } => *node == slow,
        Command::ReportReverted { node, .. } => *node == crashing,
        _ => false,
    });
    cluster.submit("email", vec![leave_a_trace("email")]);
    cluster.swallowed().await;
    cluster.until("node-1 has executed", |state| state.nodes()[&crashing].version == Version(1)).await;
    cluster.cancel("email");
    cluster
        .until("node-0 has reverted", |state| {
            matches!(state.in_flight().map(|flight| &flight.stage),
                Some(Stage::Reverting { reverted, .. }) if reverted.contains(&slow))
        })
        .await;
    cluster.crash(1).await;
    cluster.deliver();
    cluster.start(1);
    cluster.until("the step is reverted", |state| is_reverted(state, "email", 0)).await;
    for index in 0..2 {
        assert_eq!(cluster.schema(index).await.fingerprint(), before);
        assert_eq!(traces(&cluster, index).await, 0);
        assert_eq!(cluster.ledger(index).await.head, Version::BASELINE);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_answer_is_settled_by_the_ledger() {
    let cluster = Cluster::running(2).await;
    cluster.nodes[1].wires.loses_next_answer.store(true, Ordering::SeqCst);
    cluster.submit("email", vec![leave_a_trace("email")]);
    cluster.settled(1).await;
    assert_eq!(traces(&cluster, 1).await, 1);
    assert_eq!(*cluster.nodes[1].wires.executions.borrow(), 1, "the ledger was asked, not the step run again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancel_in_a_backfill_reverts_it() {
    let cluster = Cluster::running(2).await;
    cluster.submit("one", vec![leave_a_trace("email")]);
    cluster.settled(1).await;
    let before = cluster.schema(0).await.fingerprint();
    // One row a batch: 2,000 batches, of which most must never be run.
    let undo = Some(backfill("email = NULL", 1000));
    cluster.submit("two", vec![step("fill", Phase::Backfill, backfill("email = lower(name)", 1), undo)]);
    cluster.shows(0, "a few batches", |progress| progress.batches >= 3).await;
    cluster.cancel("two");
    cluster.until("the step is reverted", |state| is_reverted(state, "two", 0)).await;
    for index in 0..2 {
        assert_eq!(cluster.count(index, "SELECT count(*) FROM users WHERE email IS NOT NULL").await, 0);
        assert_eq!(cluster.schema(index).await.fingerprint(), before);
        let ledger = cluster.ledger(index).await;
        assert_eq!((ledger.head, ledger.claimed), (Version(1), None));
        assert_eq!(*cluster.nodes[index].wires.executions.borrow(), 3, "expand, backfill, revert");
        let batches = cluster.nodes[index].shown.batches_executed.load(Ordering::SeqCst);
        assert!(batches < 2000, "the backfill was not stopped");
    }
    cluster.submit("three", vec![leave_a_trace("three")]);
    cluster.settled(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crash_in_a_backfill_goes_on_where_it_stopped() {
    let mut cluster = Cluster::running(1).await;
    cluster.submit("one", vec![leave_a_trace("email")]);
    cluster.settled(1).await;
    // Not the same when run twice on a row, to show that none is.
    let add = "email = coalesce(email, '') || 'x'";
    let undo = Some(backfill("email = NULL", 1000));
    cluster.submit("two", vec![step("fill", Phase::Backfill, backfill(add, 20), undo)]);
    cluster.shows(0, "a few batches", |progress| progress.batches >= 3).await;
    cluster.crash(0).await;
    cluster.start(0);
    cluster.settled(2).await;
    assert_eq!(cluster.count(0, "SELECT count(*) FROM users WHERE email = 'x'").await, 2000);
}

/// An agent that slept through the revert: its state still says that the step is confirmed.
async fn stale_agent_on_a_reverted_step(decisions_since: usize) -> (Cluster, String) {
    let mut cluster = Cluster::of(2).await;
    cluster.start(0);
    cluster.start(1);
    let slow = cluster.nodes[0].id;
    cluster.swallow(move |report| matches!(report, Command::ReportExecuted { node, .. } if *node == slow));
    cluster.submit("email", vec![leave_a_trace("email")]);
    cluster.swallowed().await;
    let mut stale = cluster.look(State::clone);
    assert!(matches!(stale.in_flight().map(|flight| &flight.stage), Some(Stage::Executing { .. })));
    cluster.deliver();
    cluster.cancel("email");
    cluster.until("the step is reverted", |state| is_reverted(state, "email", 0)).await;
    cluster.stop(0).await;
    for token in 0..decisions_since {
        let issue = Command::IssueJoinToken {
            token_hash: format!("other {token}"),
            expires_at: lockstep_core::Timestamp(u64::MAX),
        };
        commands::apply(&mut stale, issue).unwrap();
    }
    cluster.nodes[0].shown.errors.lock().unwrap().clear();
    cluster.nodes[0].shown.newest.send_replace(None);
    cluster.start_on(0, Log::new(stale));
    cluster.shows(0, "why it does not execute", |progress| progress.last_error.is_some()).await;
    // The newest may follow from the first.
    let text = cluster.nodes[0].shown.errors.lock().unwrap()[0].clone();
    cluster.stop(0).await;
    assert_eq!(traces(&cluster, 0).await, 0);
    assert_eq!(cluster.ledger(0).await.head, Version::BASELINE);
    (cluster, text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stale_agent_sees_that_its_log_is_behind() {
    let (_cluster, text) = stale_agent_on_a_reverted_step(0).await;
    assert!(text.contains("the ledger is ahead of the log"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stale_agent_is_fenced_out_by_the_database() {
    let (_cluster, text) = stale_agent_on_a_reverted_step(100).await;
    assert!(text.contains("is stale at"), "{text}");
}
