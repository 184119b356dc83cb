//! Agents that are killed, at stages and at exact points.

use lockstep_client::session::{Acknowledge, SessionOptions};
use lockstep_client::{Client, Session};
use lockstep_core::change::Status;
use lockstep_core::session::Compatibility;
use lockstep_core::{Engine, Version};
use lockstep_tests::cluster::Cluster;
use lockstep_tests::plan::{ALL_PHASES, add_column, all_phases};
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
