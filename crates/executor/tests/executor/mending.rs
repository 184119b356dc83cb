//! Databases that are not what they must be: ahead of the log, changed by hand, restored from a backup, replicated.

use crate::cluster::Cluster;
use crate::commands;
use crate::life::{all_settled, leave_a_trace};
use lockstep_core::node::{Role, Status};
use lockstep_core::step::Action;
use lockstep_core::{Command, Engine, Fence, Refusal, Reply, State, Version};
use lockstep_database::{Control, Job, Kind, Owner, Patience, Progress};
use lockstep_executor::Activity;
use std::time::Duration;
use tokio::sync::watch;

fn quarantine(state: &State, name: &str) -> Option<String> {
    match &state.node_named(name)?.status {
        Status::Quarantined { reason, .. } => Some(reason.clone()),
        _ => None,
    }
}

fn is_active(state: &State, name: &str) -> bool {
    state.node_named(name).is_some_and(|node| node.is_active())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ledger_ahead_of_the_log_stops_the_node() {
    let mut cluster = Cluster::of(2).await;
    execute_behind_the_clusters_back(&cluster, 1).await;
    cluster.start(0);
    cluster.start(1);
    cluster.shows(1, "that it stopped", |progress| progress.activity == Activity::Stopped).await;
    cluster.until("node-1 is quarantined", |state| quarantine(state, "node-1").is_some()).await;
    let reason = cluster.look(|state| quarantine(state, "node-1")).unwrap();
    assert!(reason.contains("the ledger holds version 1"), "{reason}");
    assert!(reason.contains("the ledger is ahead of the log"), "{reason}");
    assert!(reason.contains("restore the database"), "{reason}");
    cluster.submit("email", vec![leave_a_trace("email")]);
    let holdouts = cluster.look(|state| state.gate().map(|gate| gate.holdouts)).expect("the step waits");
    assert!(holdouts.iter().any(|holdout| holdout.name == "node-1"), "{holdouts:?}");
    assert_eq!(*cluster.nodes[1].wires.executions.borrow(), 0);
}

async fn execute_behind_the_clusters_back(cluster: &Cluster, index: usize) {
    let database =
        lockstep_database::connect(Engine::Sqlite, &cluster.nodes[index].file.display().to_string()).unwrap();
    let owner = Owner { cluster_id: "cluster".into(), node_id: None, node_name: "stranger".into() };
    database.claim(&owner).await.unwrap();
    let job = Job {
        version: Version(1),
        base: Version::BASELINE,
        hash: "of another log".to_owned(),
        step_name: "strange".to_owned(),
        action: Action::Nothing,
        fence: Fence(1),
        kind: Kind::Forward,
        targets: vec![],
        patience: Patience::default(),
    };
    let progress = watch::channel(Progress::default()).0;
    database.execute(&job, &progress, &Control::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drift_is_found_named_and_forgiven_when_mended() {
    let mut cluster = Cluster::of(2).await;
    cluster.settings.drift_interval = Duration::from_millis(20);
    cluster.start(0);
    cluster.start(1);
    cluster.submit("email", vec![leave_a_trace("email")]);
    cluster.settled(1).await;
    cluster.sql(1, "ALTER TABLE users ADD COLUMN by_hand TEXT").await;
    cluster.until("node-1 is quarantined", |state| quarantine(state, "node-1").is_some()).await;
    let reason = cluster.look(|state| quarantine(state, "node-1")).unwrap();
    assert!(reason.contains("at version 1 its schema is"), "{reason}");
    cluster.shows(1, "that it waits", |progress| progress.activity == Activity::Quarantined).await;
    cluster.sql(1, "ALTER TABLE users DROP COLUMN by_hand").await;
    cluster.until("node-1 counts again", |state| is_active(state, "node-1")).await;
    cluster.submit("two", vec![leave_a_trace("two")]);
    cluster.settled(2).await;
}

fn drift(state: &State, name: &str) -> Vec<String> {
    match &state.node_named(name).unwrap().status {
        Status::Quarantined { drift: Some(drift), .. } => {
            drift.differences.iter().map(ToString::to_string).collect()
        }
        _ => Vec::new(),
    }
}

fn operate(cluster: &Cluster, command: Command) -> Result<Reply, Refusal> {
    cluster.log.change(|state| commands::apply(state, command))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drift_is_named_by_object_also_after_a_restart_and_accepted_once_all_have_it() {
    let mut cluster = Cluster::of(2).await;
    cluster.settings.drift_interval = Duration::from_millis(20);
    cluster.start(0);
    cluster.start(1);
    cluster.submit("email", vec![leave_a_trace("email")]);
    cluster.settled(1).await;
    cluster.stop(1).await;
    cluster.sql(1, "ALTER TABLE users ADD COLUMN by_hand TEXT").await;
    cluster.start(1);
    let column = "column users.by_hand is not expected (it is column text)".to_owned();
    cluster.until("the column is named", |state| drift(state, "node-1") == [column.clone()]).await;
    cluster.sql(1, "CREATE INDEX found_later ON users (by_hand)").await;
    cluster.until("what came later is named too", |state| drift(state, "node-1").len() == 2).await;

    let accept = || Command::AcceptNode { node: "node-1".to_owned(), reason: "a hotfix".to_owned() };
    let refused = operate(&cluster, accept()).unwrap_err().to_string();
    assert!(refused.contains("node-0 has schema"), "{refused}");
    cluster.sql(0, "ALTER TABLE users ADD COLUMN by_hand TEXT").await;
    cluster.sql(0, "CREATE INDEX found_later ON users (by_hand)").await;
    cluster.until("the other one has the same", |state| drift(state, "node-0").len() == 2).await;
    operate(&cluster, accept()).unwrap();
    cluster.until("both count again", |state| is_active(state, "node-0") && is_active(state, "node-1")).await;
    cluster.submit("two", vec![leave_a_trace("two")]);
    cluster.settled(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_to_try_again_has_every_schema_compared_at_once() {
    let mut cluster = Cluster::of(2).await;
    cluster.settings.ready_recheck_interval = Duration::from_secs(3600);
    cluster.start(0);
    cluster.start(1);
    let accept = || Command::AcceptNode { node: "node-1".to_owned(), reason: "a hotfix".to_owned() };

    cluster.sql(1, "ALTER TABLE users ADD COLUMN by_hand TEXT").await;
    cluster.submit("one", vec![leave_a_trace("one")]);
    cluster.until("node-1 is quarantined", |state| quarantine(state, "node-1").is_some()).await;
    cluster.until("node-0 is ready", |state| state.gate().is_some_and(|gate| gate.holdouts.len() == 1)).await;
    cluster.sql(0, "ALTER TABLE users ADD COLUMN by_hand TEXT").await;
    cluster.retry("one");
    cluster.until("node-0 has looked", |state| quarantine(state, "node-0").is_some()).await;
    operate(&cluster, accept()).unwrap();
    cluster.settled(1).await;

    // Nothing is in flight: only the look of idle times could find it.
    cluster.sql(1, "ALTER TABLE users ADD COLUMN too TEXT").await;
    cluster.submit("two", vec![leave_a_trace("two")]);
    cluster.until("node-1 is quarantined", |state| quarantine(state, "node-1").is_some()).await;
    cluster.cancel("two");
    cluster.submit("three", vec![leave_a_trace("three")]);
    cluster.until("nothing is in flight", |state| state.in_flight().is_none()).await;
    cluster.shows(0, "that it is idle", |progress| progress.activity == Activity::Idle).await;
    cluster.sql(0, "ALTER TABLE users ADD COLUMN too TEXT").await;
    cluster.retry("three");
    cluster.until("node-0 has looked", |state| quarantine(state, "node-0").is_some()).await;
    operate(&cluster, accept()).unwrap();
    // Its version depends on whether the one before had begun when it was cancelled.
    cluster.until("the change settles", |state| all_settled(state, "three")).await;
}

/// What the look has read is older than the order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_to_try_again_that_comes_during_a_look_has_another_one_made() {
    let mut cluster = Cluster::of(2).await;
    cluster.settings.drift_interval = Duration::from_secs(3600);
    cluster.start(0);
    cluster.start(1);
    cluster.sql(1, "ALTER TABLE users ADD COLUMN by_hand TEXT").await;
    cluster.submit("one", vec![leave_a_trace("one")]);
    cluster.until("node-1 is quarantined", |state| quarantine(state, "node-1").is_some()).await;
    cluster.cancel("one");
    cluster.submit("two", vec![leave_a_trace("two")]);
    cluster.until("nothing is in flight", |state| state.in_flight().is_none()).await;
    cluster.shows(0, "that it is idle", |progress| progress.activity == Activity::Idle).await;

    let wires = std::sync::Arc::clone(&cluster.nodes[0].wires);
    wires.tells_looks.send_replace(false);
    let before = *wires.looks.borrow();
    cluster.retry("two");
    wires.looks.subscribe().wait_for(|looks| *looks > before).await.unwrap();
    cluster.retry("two");
    cluster.sql(0, "ALTER TABLE users ADD COLUMN by_hand TEXT").await;
    wires.tells_looks.send_replace(true);
    cluster.until("node-0 has looked again", |state| quarantine(state, "node-0").is_some()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drift_between_preflight_and_execution_is_not_built_upon() {
    let mut cluster = Cluster::of(2).await;
    cluster.start(1);
    cluster.submit("email", vec![leave_a_trace("email")]);
    cluster.shows(1, "that it is ready", |progress| progress.activity == Activity::Preflight).await;
    cluster.until("node-1 is ready", |state| state.gate().is_some_and(|gate| gate.holdouts.len() == 1)).await;
    cluster.settings.ready_recheck_interval = Duration::from_secs(3600);
    cluster.crash(1).await;
    cluster.sql(1, "ALTER TABLE users ADD COLUMN by_hand TEXT").await;
    cluster.start(0);
    cluster
        .until("the step is confirmed", |state| state.nodes().values().any(|node| node.version == Version(1)))
        .await;
    cluster.start(1);
    cluster.until("node-1 is quarantined", |state| quarantine(state, "node-1").is_some()).await;
    assert_eq!(cluster.ledger(1).await.head, Version::BASELINE);
    cluster.sql(1, "ALTER TABLE users DROP COLUMN by_hand").await;
    cluster.settled(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restored_backup_is_brought_up_to_date() {
    let mut cluster = Cluster::running(2).await;
    cluster.submit("one", vec![leave_a_trace("one")]);
    cluster.settled(1).await;
    cluster.stop(1).await;
    let backup = cluster.nodes[1].file.with_extension("backup");
    cluster.sql(1, &format!("VACUUM INTO '{}'", backup.display())).await;
    cluster.start(1);
    cluster.submit("two", vec![leave_a_trace("two")]);
    cluster.settled(2).await;
    cluster.stop(1).await;
    restore(&cluster, 1, &backup);
    cluster.start(1);
    cluster.until("node-1 is quarantined", |state| quarantine(state, "node-1").is_some()).await;
    cluster.until("node-1 counts again", |state| is_active(state, "node-1")).await;
    assert_eq!(cluster.count(1, "SELECT count(*) FROM effects").await, 2);
    assert_eq!(cluster.schema(1).await.fingerprint(), cluster.schema(0).await.fingerprint());
}

/// Puts a copy in the place of a database whose node does not run.
fn restore(cluster: &Cluster, index: usize, copy: &std::path::Path) {
    let file = &cluster.nodes[index].file;
    for suffix in ["-wal", "-shm"] {
        let mut beside = file.clone().into_os_string();
        beside.push(suffix);
        // Missing when the last connection has closed properly.
        let _ = std::fs::remove_file(beside);
    }
    // Another file: a connection that closes late writes its log back into the one that it had open.
    std::fs::remove_file(file).unwrap();
    std::fs::copy(copy, file).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replica_reports_what_replication_brings() {
    let mut cluster = Cluster::running(1).await;
    let replica = cluster.add(Role::Replica).await;
    cluster.start(replica);
    cluster.until("the replica counts", |state| is_active(state, "node-1")).await;
    cluster.submit("email", vec![leave_a_trace("email")]);
    cluster.shows(replica, "that it waits", |p| p.activity == Activity::AwaitingReplication).await;
    cluster
        .until("the primary has executed", |state| state.nodes()[&lockstep_core::NodeId(1)].version == Version(1))
        .await;
    let copy = cluster.nodes[0].file.with_extension("copy");
    cluster.sql(0, &format!("VACUUM INTO '{}'", copy.display())).await;
    // A log that belongs to the file before would be read into this one.
    for log in ["db-wal", "db-shm"] {
        let _ = std::fs::remove_file(cluster.nodes[replica].file.with_extension(log));
    }
    std::fs::rename(&copy, &cluster.nodes[replica].file).unwrap();
    cluster.settled(1).await;
    assert_eq!(*cluster.nodes[replica].wires.executions.borrow(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_was_made_a_primary_is_not_believed_any_more() {
    let mut cluster = Cluster::running(1).await;
    let replica = cluster.add(Role::Replica).await;
    cluster.start(replica);
    cluster.until("the replica counts", |state| is_active(state, "node-1")).await;
    // Whatever it does next, it looks first.
    cluster.shows(replica, "that it is idle", |progress| progress.activity == Activity::Idle).await;
    cluster.nodes[replica].wires.is_promoted.store(true, std::sync::atomic::Ordering::SeqCst);
    cluster.submit("email", vec![leave_a_trace("email")]);
    let is_named = |state: &State| {
        let holdouts = state.gate().map(|gate| gate.holdouts).unwrap_or_default();
        holdouts.iter().any(|holdout| holdout.name == "node-1" && holdout.reason.contains("is no replica"))
    };
    cluster.until("it says that it follows nobody", is_named).await;
    assert!(cluster.look(|state| state.in_flight().is_some_and(|flight| flight.stage.name() == "preparing")));
}
