//! What an agent is told wrongly, and what it says: cause, names, remedy. Nothing is lost by any of it.

use crate::common::Node;
use crate::common::{changes, table_change, until_status};
use lockstep_agent::config::Secret;
use lockstep_agent::{Agent, Class};
use lockstep_consensus::{Clock, SystemClock};
use lockstep_proto::v1;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// True when every part of the message is there, in this order.
#[track_caller]
fn check(error: &str, parts: &[&str]) {
    let mut rest = error;
    for part in parts {
        let Some(at) = rest.find(part) else { panic!("`{part}` is missing or out of order in: {error}") };
        rest = &rest[at + part.len()..];
    }
}

#[tokio::test]
async fn an_empty_data_directory_without_a_way_in_is_explained() {
    let node = Node::new("shard-1");
    check(&node.refused().await, &["not yet a member", "cluster.bootstrap", "cluster.join"]);
}

#[tokio::test]
async fn an_empty_data_directory_with_a_configured_id_is_a_loss() {
    let mut node = Node::first();
    node.config.cluster.node_id = Some(17);
    check(
        &node.refused().await,
        &["is empty, but `cluster.node_id` is 17", "never reused", "cluster.replace = true"],
    );
    node.config.cluster.node_id = None;
    node.config.cluster.id = Some("c-1".to_owned());
    check(
        &node.refused().await,
        &["is empty, but `cluster.id` is c-1", "join the cluster through another member"],
    );
}

#[tokio::test]
async fn a_data_directory_of_another_cluster_or_node_is_refused() {
    let mut node = Node::first();
    let agent = node.start().await;
    let cluster = agent.identity().cluster_id.clone();
    agent.shutdown().await;

    node.config.cluster.id = Some("c-2".to_owned());
    check(&node.refused().await, &["data directory", &cluster, "c-2", "correct the cluster id"]);
    node.config.cluster.id = Some(cluster);
    node.config.cluster.node_id = Some(9);
    check(&node.refused().await, &["belongs to node shard-1 (#1), not to #9", "correct `cluster.node_id`"]);
    node.config.cluster.node_id = Some(1);
    node.config.name = "shard-2".to_owned();
    check(&node.refused().await, &["belongs to node shard-1 (#1), not to shard-2", "correct `name`"]);
    node.config.name = "shard-1".to_owned();
    node.start().await.shutdown().await;
}

#[tokio::test]
async fn a_data_directory_of_a_newer_format_is_refused() {
    let node = Node::first();
    node.start().await.shutdown().await;
    seal(&node.data_directory().join("format"), "lockstep-storage 99\n");
    check(&node.refused().await, &["format 99", "start the release that wrote it"]);
}

/// Writes a file of the store with its checksum.
fn seal(path: &Path, content: &str) {
    let crc = content.bytes().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 })
    });
    std::fs::write(path, format!("{content}crc32 {:08x}\n", !crc)).unwrap();
}

#[tokio::test]
async fn a_damaged_store_is_not_served() {
    let node = Node::first();
    node.start().await.shutdown().await;
    std::fs::remove_file(node.data_directory().join("watermark")).unwrap();
    check(
        &node.refused().await,
        &["damaged store", "watermark", "must not serve", "join the cluster as a new node"],
    );
    check(&node.refused().await, &["damaged store", "found at an earlier start"]);
}

#[tokio::test]
async fn an_address_in_use_is_named_with_its_setting() {
    let mut node = Node::first();
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap();
    node.config.listen.peer = taken;
    let error = node.refused().await;
    check(&error, &["cannot listen at", &taken.to_string(), "listen.peer", "in use", "to a free one"]);
    node.config.listen.peer = "127.0.0.1:0".parse().unwrap();
    node.config.listen.client = taken;
    check(&node.refused().await, &[&taken.to_string(), "listen.client"]);
}

#[tokio::test]
async fn a_second_agent_in_one_data_directory_is_refused() {
    let node = Node::first();
    let agent = node.start().await;
    check(&node.refused().await, &["data directory", "is in use by another agent", "a directory of its own"]);
    agent.shutdown().await;
}

#[tokio::test]
async fn no_permission_names_the_directory() {
    let mut node = Node::first();
    let locked = node.directory.path().join("locked");
    std::fs::create_dir(&locked).unwrap();
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o500)).unwrap();
    // Nobody can be kept out of anything as root: there, a directory that takes no files from anybody does it.
    let is_root = std::fs::write(locked.join("probe"), "").is_ok();
    node.config.data_dir = if is_root { "/proc/lockstep".into() } else { locked.join("data") };
    let error = Agent::start(node.config.clone()).await.err().unwrap();
    if is_root {
        check(&error.to_string(), &["data directory /proc/lockstep", "cannot create"]);
    } else {
        assert_eq!(error.class(), Class::Denied);
        check(&error.to_string(), &["no permission for data directory", "locked/data", "`data_dir`"]);
    }
}

#[tokio::test]
async fn an_unreachable_database_stops_the_first_start_only() {
    let mut node = Node::first();
    let file = node.directory.path().join("shard.db");
    std::fs::remove_file(&file).unwrap();
    check(&node.refused().await, &["shard.db"]);
    std::fs::File::create(&file).unwrap();
    node.start().await.shutdown().await;
    // Now it is a member, and serves: others have to see what the cluster waits for.
    let away = node.directory.path().join("away.db");
    std::fs::rename(&file, &away).unwrap();
    let agent = node.start().await;
    agent.shutdown().await;
    node.config.cluster.bootstrap = false;
}

#[tokio::test]
async fn one_database_has_one_agent() {
    let first = Node::first();
    let agent = first.start().await;
    let mut second = Node::new("shard-2").join_through(&agent).await;
    second.config.database.dsn = first.config.database.dsn.clone();
    check(&second.refused().await, &["held by the agent of node `shard-1`", "one database has one agent"]);
    agent.shutdown().await;
}

#[tokio::test]
async fn a_database_of_another_cluster_is_refused() {
    let first = Node::first();
    first.start().await.shutdown().await;
    let mut second = Node::first();
    second.config.database.dsn = first.config.database.dsn.clone();
    check(&second.refused().await, &["belongs to cluster", "point the agent at the right database"]);
}

#[tokio::test]
async fn a_token_must_be_one_and_for_the_right_cluster() {
    let mut node = Node::new("shard-2");
    node.config.cluster.join = vec!["127.0.0.1:1".to_owned()];
    node.config.cluster.join_token = Some(Secret::new("nonsense"));
    check(&node.refused().await, &["`cluster.join_token` cannot be read", "lockstep cluster join-token"]);
    node.config.cluster.join_token = Some(Secret::new("c-1.0123456789abcdef"));
    node.config.cluster.id = Some("c-2".to_owned());
    check(&node.refused().await, &["the join token is for cluster c-1, but `cluster.id` is c-2"]);
}

#[tokio::test]
async fn a_foreign_token_is_refused_by_the_cluster() {
    let agent = Node::first().start().await;
    let mut node = Node::new("shard-2").join_through(&agent).await;
    let cluster = agent.identity().cluster_id.clone();
    node.config.cluster.join_token = Some(Secret::new(format!("{cluster}.some-other-secret-nobody-issued")));
    check(&node.refused().await, &["node `shard-2` may not join", "not issued its join token", "join-token"]);
    agent.shutdown().await;
}

#[tokio::test]
async fn a_name_that_is_taken_is_refused() {
    let agent = Node::first().start().await;
    let node = Node::new("shard-1").join_through(&agent).await;
    check(&node.refused().await, &["node `shard-1` may not join", "#1 has that name", "choose another name"]);
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_engine_than_the_clusters_ends_the_agent() {
    let mut node = Node::first();
    node.start().await.shutdown().await;
    node.config.database.engine = lockstep_core::Engine::Postgres;
    node.config.database.dsn = Secret::new("host=127.0.0.1 port=1 user=nobody dbname=none");
    let mut agent = node.start().await;
    let error = agent.ended().await.unwrap_err();
    assert_eq!(error.class(), Class::Usage);
    check(&error.to_string(), &["`database.engine` is postgres", "one of sqlite databases", "correct it"]);
    agent.shutdown().await;
}

/// A data directory that was put back from a copy: the log has forgotten what the database holds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_ahead_of_the_log_is_shown_and_nothing_is_executed() {
    let node = Node::first();
    node.start().await.shutdown().await;
    let copy = node.directory.path().join("copy");
    copy_directory(&node.data_directory(), &copy);
    let agent = node.start().await;
    submit_and_settle(&agent, "0001_users").await;
    agent.shutdown().await;
    std::fs::remove_dir_all(node.data_directory()).unwrap();
    std::fs::rename(&copy, node.data_directory()).unwrap();

    let agent = node.start().await;
    let status = until_status(&agent, |status| status.members[0].health == i32::from(v1::Health::Degraded)).await;
    let message = &status.members[0].health_message;
    check(message, &["the ledger is ahead of the log", "restore the database that belongs to this cluster"]);
    assert_eq!(status.settled_version, 0);
    agent.shutdown().await;
}

fn copy_directory(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for item in std::fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        let target = to.join(item.file_name());
        if item.file_type().unwrap().is_dir() {
            copy_directory(&item.path(), &target);
        } else {
            std::fs::copy(item.path(), target).unwrap();
        }
    }
}

async fn submit_and_settle(agent: &Agent, name: &str) {
    let request = v1::SubmitChangeRequest { request_id: name.to_owned(), spec: Some(table_change(name)) };
    changes(agent).await.submit_change(request).await.unwrap();
    until_status(agent, |status| status.settled_version == 1).await;
}

/// The machine's clock, moved by somebody.
#[derive(Default)]
struct MovedClock {
    machine: SystemClock,
    moved_ms: AtomicU64,
}

impl Clock for MovedClock {
    fn wall_ms(&self) -> u64 {
        self.machine.wall_ms() + self.moved_ms.load(Ordering::SeqCst)
    }

    fn monotonic(&self) -> Duration {
        self.machine.monotonic()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumped_is_a_warning_and_stamps_go_on_evenly() {
    let node = Node::first();
    let clock = Arc::new(MovedClock::default());
    let agent = Agent::start_with_clock(node.config.clone(), Arc::clone(&clock) as Arc<dyn Clock>).await.unwrap();
    clock.moved_ms.store(3_600_000, Ordering::SeqCst);
    submit_and_settle(&agent, "0001_users").await;
    let status = until_status(&agent, |status| !status.warnings.is_empty()).await;
    assert_eq!(status.warnings[0].kind, "clock");
    check(&status.warnings[0].message, &["3600 s ahead of", "monotonic"]);
    let request = v1::GetChangeRequest { name: "0001_users".to_owned() };
    let change = changes(&agent).await.get_change(request).await.unwrap().into_inner().change.unwrap();
    assert!(change.submitted_at_ms < clock.wall_ms() - 3_000_000, "the stamp jumped with the clock");
    agent.shutdown().await;
}
