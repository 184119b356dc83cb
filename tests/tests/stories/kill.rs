//! Agents that are killed, at stages and at exact points.

use lockstep_client::session::{Acknowledge, SessionOptions};
use lockstep_client::view::ClusterStatus;
use lockstep_client::{Client, Session};
use lockstep_core::change::{Spec, Status};
use lockstep_core::node::Node;
use lockstep_core::session::Compatibility;
use lockstep_core::step::{Action, Backfill, Phase};
use lockstep_core::{Engine, Version};
use lockstep_database::plain::Connection;
use lockstep_tests::cluster::{Cluster, node};
use lockstep_tests::plan::{ALL_PHASES, add_column, all_phases, change, statements, step};
use lockstep_tests::traffic::Release;
use std::time::Duration;

/// A client keeps the step in the stage while the leader is killed; in Executing the work itself takes long enough.
pub(crate) async fn leader_killed_in_each_stage_resumes(engine: Engine) {
    let mut cluster = Cluster::start_with(engine, 3, 20_000, Default::default()).await;
    let traffic = cluster.traffic("new", Release::New);
    let client = cluster.client().await;

    let narrow = Compatibility { version_max: Some(Version(0)), ..Compatibility::default() };
    let narrow = open(&client, "narrow", narrow, Acknowledge::Automatic).await;
    cluster.submit(add_column("0001_phone", engine, "phone")).await;
    cluster.wait_stage("0001_phone", "add phone", "preparing").await;
    kill_leader(&mut cluster).await;
    cluster.wait_stage("0001_phone", "add phone", "preparing").await;
    narrow.close().await.expect("an orderly end");
    cluster.wait_for("0001_phone", Status::Settled).await;

    let never = Acknowledge::callback(|_| std::future::pending());
    let stubborn = open(&client, "stubborn", Compatibility::default(), never).await;
    cluster.submit(add_column("0002_fax", engine, "fax")).await;
    cluster.wait_stage("0002_fax", "add fax", "settling").await;
    kill_leader(&mut cluster).await;
    cluster.wait_stage("0002_fax", "add fax", "settling").await;
    client.cancel("0002_fax", "nobody has one").await.expect("an operator may cancel");
    cluster.wait_stage("0002_fax", "add fax", "reverting").await;
    kill_leader(&mut cluster).await;
    cluster.wait_stage("0002_fax", "add fax", "reverting").await;
    stubborn.close().await.expect("an orderly end");
    cluster.wait_for("0002_fax", Status::Reverted).await;

    cluster.submit(all_phases(engine, 200)).await;
    cluster.wait_stage(ALL_PHASES, "fill email", "executing").await;
    kill_leader(&mut cluster).await;
    cluster.wait_for(ALL_PHASES, Status::AwaitingApproval).await;
    kill_leader(&mut cluster).await;
    client.approve(ALL_PHASES).await.expect("an operator may approve");
    cluster.wait_for(ALL_PHASES, Status::Settled).await;
    traffic.finish();
    cluster.finish().await;
}

async fn kill_leader(cluster: &mut Cluster) {
    let leader = cluster.leader().await;
    cluster.kill(&leader);
    cluster.start_agent(&leader, &[]);
}

/// A session whose lease outlasts the loss of a leader.
async fn open(client: &Client, instance: &str, compatibility: Compatibility, acknowledge: Acknowledge) -> Session {
    let ttl = Duration::from_secs(60);
    let options = SessionOptions { ttl, acknowledge, ..SessionOptions::new("shop", instance, compatibility) };
    Session::open(client, options).await.unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) async fn follower_killed_between_ddl_and_report_executes_once(engine: Engine) {
    let mut cluster = Cluster::start(engine, 3).await;
    let traffic = cluster.traffic("new", Release::New);
    let follower = cluster.follower().await;
    cluster.kill(&follower);
    cluster.start_agent(&follower, &[("LOCKSTEP_FAILPOINT", "after_execute_before_report")]);
    cluster.submit(add_column("0001_phone", engine, "phone")).await;
    cluster.wait_end(&follower).await;
    // The column is there, the cluster does not know; adding it again would fail.
    let shard = cluster.shards.connect(&follower).await;
    shard.query("SELECT phone FROM users LIMIT 1", &[]).await.expect("the statement had its effect");
    cluster.start_agent(&follower, &[]);
    cluster.wait_for("0001_phone", Status::Settled).await;
    traffic.finish();
    cluster.finish().await;
}

pub(crate) async fn follower_killed_in_backfill_resumes(engine: Engine) {
    let mut cluster = Cluster::start_with(engine, 3, 5_000, Default::default()).await;
    let traffic = cluster.traffic("new", Release::New);
    let follower = cluster.follower().await;
    cluster.kill(&follower);
    cluster.start_agent(&follower, &[("LOCKSTEP_FAILPOINT", "after_backfill_batch")]);
    cluster.submit(all_phases(engine, 100)).await;
    cluster.wait_end(&follower).await;
    cluster.start_agent(&follower, &[]);
    cluster.wait_for(ALL_PHASES, Status::AwaitingApproval).await;
    traffic.finish();
    cluster.finish().await;
}

/// Points at which an agent dies on the way to a version.
const FORWARD_POINTS: [&str; 6] = [
    "before_report_ready",
    "before_execute",
    "after_backfill_batch",
    "after_execute_before_report",
    "before_report_executed",
    "after_report_executed",
];

const REVERT_POINTS: [&str; 2] = ["before_revert", "after_revert_before_report"];

const CATCH_UP_POINTS: [&str; 2] = ["before_catch_up", "after_catch_up"];

/// Leaves traces that tell how often it was executed: a row, a column, and text that grows with each run over a row.
fn leave_traces(engine: Engine, point: &str) -> Spec {
    let text = statements(&[
        &format!("INSERT INTO traces VALUES ('{point}')"),
        &format!("ALTER TABLE users ADD COLUMN {point} TEXT"),
    ]);
    let grow = Action::Backfill(Backfill {
        table: "users".to_owned(),
        key: vec!["id".to_owned()],
        set: format!("{point} = concat(coalesce({point}, ''), 'x')"),
        only_where: None,
        batch_rows_max: 50,
    });
    let steps = vec![step("leave traces", Phase::Expand, text, None), step("grow", Phase::Backfill, grow, None)];
    change(point, engine, steps)
}

/// As [`leave_traces`], with a row for which there is no room on one node, and a revert.
fn leave_traces_and_fail(engine: Engine, point: &str) -> Spec {
    let forward = statements(&[
        &format!("INSERT INTO traces VALUES ('{point}')"),
        &format!("ALTER TABLE users ADD COLUMN {point} TEXT"),
        "INSERT INTO users (id, name) VALUES (-1, 'made by the step')",
    ]);
    let revert = statements(&[
        "DELETE FROM users WHERE id = -1 AND name = 'made by the step'",
        &format!("ALTER TABLE users DROP COLUMN {point}"),
        &format!("DELETE FROM traces WHERE step = '{point}'"),
    ]);
    change(point, engine, vec![step("leave traces", Phase::Expand, forward, Some(revert))])
}

async fn number(shard: &Connection, sql: &str) -> Option<i64> {
    shard.query(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error}"))[0][0].as_integer()
}

async fn assert_traces_once(shard: &Connection, point: &str) {
    let rows = format!("SELECT count(*) FROM traces WHERE step = '{point}'");
    assert_eq!(number(shard, &rows).await, Some(1), "{point}");
    let grown = format!("SELECT count(*) FROM users WHERE {point} IS NULL OR {point} <> 'x'");
    assert_eq!(number(shard, &grown).await, Some(0), "{point}");
}

pub(crate) async fn agents_killed_at_each_point_have_the_effect_once(engine: Engine) {
    let mut cluster = Cluster::start_with(engine, 3, 200, Default::default()).await;
    let table = statements(&["CREATE TABLE traces (step varchar(50) NOT NULL)"]);
    cluster.submit(change("0000_traces", engine, vec![step("traces", Phase::Expand, table, None)])).await;
    cluster.wait_for("0000_traces", Status::Settled).await;
    let follower = cluster.follower().await;
    let shard = cluster.shards.connect(&follower).await;
    for point in FORWARD_POINTS {
        cluster.kill(&follower);
        cluster.start_agent(&follower, &[("LOCKSTEP_FAILPOINT", point)]);
        cluster.submit(leave_traces(engine, point)).await;
        cluster.wait_end(&follower).await;
        cluster.start_agent(&follower, &[]);
        cluster.wait_for(point, Status::Settled).await;
        assert_traces_once(&shard, point).await;
    }
    for point in CATCH_UP_POINTS {
        let name = format!("late-{}", point.replace('_', "-"));
        cluster.join_with(&name, &[("LOCKSTEP_FAILPOINT", point)]).await;
        cluster.wait_end(&name).await;
        cluster.start_agent(&name, &[]);
        let counts = |status: &ClusterStatus| {
            let is_there = |node: &Node| node.is_active() && node.version == status.settled_version;
            status.members.iter().any(|member| member.node.name == name && is_there(&member.node))
        };
        cluster.wait_status("the late node counts", counts).await;
        let late = cluster.shards.connect(&name).await;
        for earlier in FORWARD_POINTS {
            assert_traces_once(&late, earlier).await;
        }
    }
    let full = [node(1), node(2), node(3)].into_iter().find(|name| *name != follower).expect("there are three");
    let by_hand = "INSERT INTO users (id, name) VALUES (-1, 'made by hand')";
    cluster.shards.connect(&full).await.batch(by_hand).await.expect("the shard takes writes");
    // Whoever is asked may be an agent that has not heard of the late nodes' last version yet.
    let alike = |status: &ClusterStatus| {
        status.members.windows(2).all(|pair| pair[0].node.fingerprint == pair[1].node.fingerprint)
    };
    let before = cluster.wait_status("all have the same schema", alike).await.members[0].node.fingerprint.clone();
    for point in REVERT_POINTS {
        cluster.kill(&follower);
        cluster.start_agent(&follower, &[("LOCKSTEP_FAILPOINT", point)]);
        cluster.submit(leave_traces_and_fail(engine, point)).await;
        cluster.wait_end(&follower).await;
        cluster.start_agent(&follower, &[]);
        cluster.wait_for(point, Status::Reverted).await;
        assert_eq!(number(&shard, &format!("SELECT count(*) FROM traces WHERE step = '{point}'")).await, Some(0));
        assert_eq!(number(&shard, "SELECT count(*) FROM users WHERE id = -1").await, Some(0));
        let after = cluster.wait_status("nothing is left to do", |status| status.gate.is_none()).await;
        for member in after.members {
            assert_eq!(member.node.fingerprint, before, "{} after {point}", member.node.name);
        }
    }
    cluster.finish().await;
}
