//! Nodes whose databases follow others.

use lockstep_client::view::ClusterStatus;
use lockstep_core::change::Status;
use lockstep_core::{Engine, Version};
use lockstep_tests::cluster::{Cluster, node};
use lockstep_tests::plan::add_column;
use lockstep_tests::traffic::Release;

const REPLICA: &str = "shard-1-copy";

pub(crate) async fn a_replica_reports_what_has_reached_it(engine: Engine) {
    // That work waits for a replica which lags is another story: here the others go on, and the replica alone is waited for.
    let unthrottled = "[throttle]\nreplication_lag = \"off\"".parse().expect("it is TOML");
    let mut cluster = Cluster::start_configured(engine, 2, 2_000, unthrottled).await;
    let traffic = cluster.traffic("new", Release::New);
    cluster.join_replica(REPLICA, &node(1)).await;
    cluster.wait_status("the replica counts", |status| is_active(status, REPLICA)).await;
    cluster.submit(add_column("0001_phone", engine, "phone")).await;
    cluster.wait_for("0001_phone", Status::Settled).await;

    cluster.shards.replay(REPLICA, false).await;
    cluster.submit(add_column("0002_fax", engine, "fax")).await;
    let behind = |reason: &str| engine != Engine::Postgres || reason.contains("behind its primary");
    wait_for_replica_alone(&cluster, "0002_fax", |reason| {
        reason.contains("has not reached this replica") && behind(reason)
    })
    .await;
    let status = cluster.wait_status("the others have reported", |_| true).await;
    let version_of = |name: &str| status.members.iter().find(|m| m.node.name == name).map(|m| m.node.version);
    assert_eq!(version_of(REPLICA), Some(Version(1)), "it has reported what is not there");
    assert_eq!(version_of(&node(1)), Some(Version(2)));
    cluster.shards.replay(REPLICA, true).await;
    cluster.wait_for("0002_fax", Status::Settled).await;

    let server = cluster.shards.replica(REPLICA);
    tokio::task::block_in_place(|| server.crash());
    cluster.submit(add_column("0003_pager", engine, "pager")).await;
    wait_for_replica_alone(&cluster, "0003_pager", |reason| reason.contains("cannot reach")).await;
    let server = cluster.shards.replica(REPLICA);
    tokio::task::block_in_place(|| server.restart()).unwrap_or_else(|error| panic!("{error}"));
    cluster.wait_for("0003_pager", Status::Settled).await;

    let client = cluster.client().await;
    client.rollback("0003_pager", "to see it go").await.expect("an operator may roll back");
    cluster.wait_for("0003_pager", Status::RolledBack).await;
    traffic.finish();
    cluster.finish().await;
}

async fn wait_for_replica_alone(cluster: &Cluster, change: &str, is_wanted: impl Fn(&str) -> bool) {
    cluster
        .wait_change(change, "it waits for the replica alone, and says why", |view| {
            view.gate.as_ref().is_some_and(|gate| {
                let holdouts = &gate.gate.holdouts;
                holdouts.iter().all(|h| h.name == REPLICA) && holdouts.iter().any(|h| is_wanted(&h.reason))
            })
        })
        .await;
}

fn is_active(status: &ClusterStatus, name: &str) -> bool {
    status.members.iter().any(|member| member.node.name == name && member.node.is_active())
}
