//! Nodes that join, are wiped, stay behind.

use lockstep_client::view::RaftRole;
use lockstep_core::Engine;
use lockstep_core::change::Status;
use lockstep_tests::cluster::{Cluster, node};
use lockstep_tests::plan::{ALL_PHASES, add_column, all_phases};
use lockstep_tests::traffic::Release;

pub(crate) async fn node_joins_in_mid_change_and_catches_up(engine: Engine) {
    let mut cluster = Cluster::start(engine, 3).await;
    let traffic = cluster.traffic("new", Release::New);
    cluster.submit(add_column("0000_phone", engine, "phone")).await;
    cluster.wait_for("0000_phone", Status::Settled).await;
    cluster.submit(all_phases(engine, 20)).await;
    cluster.wait_stage(ALL_PHASES, "fill email", "executing").await;
    cluster.join(&node(4)).await;
    cluster.wait_for(ALL_PHASES, Status::AwaitingApproval).await;
    cluster.client().await.approve(ALL_PHASES).await.expect("an operator may approve");
    cluster.wait_for(ALL_PHASES, Status::Settled).await;
    cluster
        .wait_status("the fourth node counts", |status| {
            status.members.iter().filter(|member| member.node.is_active()).count() == 4
        })
        .await;
    traffic.finish();
    cluster.finish().await;
}

pub(crate) async fn wiped_node_rejoins_as_a_new_one(engine: Engine) {
    let mut cluster = Cluster::start(engine, 3).await;
    let traffic = cluster.traffic("new", Release::New);
    cluster.submit(add_column("0001_phone", engine, "phone")).await;
    cluster.wait_for("0001_phone", Status::Settled).await;
    let follower = cluster.follower().await;
    let id_of = |status: &lockstep_client::view::ClusterStatus, name: &str| {
        status.members.iter().find(|member| member.node.name == name).map(|member| member.node.id)
    };
    let before = cluster.wait_status("a status", |_| true).await;
    cluster.wipe(&follower).await;
    let after = cluster
        .wait_status("the wiped node is back and counts", |status| {
            let member = status.members.iter().find(|member| member.node.name == follower);
            id_of(status, &follower) != id_of(&before, &follower) && member.is_some_and(|m| m.node.is_active())
        })
        .await;
    assert!(id_of(&after, &follower) > id_of(&before, &follower), "ids are never reused");
    cluster.submit(add_column("0002_fax", engine, "fax")).await;
    cluster.wait_for("0002_fax", Status::Settled).await;
    traffic.finish();
    cluster.finish().await;
}

pub(crate) async fn seven_nodes_have_five_voters(engine: Engine) {
    let mut cluster = Cluster::start_with(engine, 7, 100, Default::default()).await;
    let traffic = cluster.traffic("new", Release::New);
    let status = cluster.wait_status("a status", |_| true).await;
    let count = |role| status.members.iter().filter(|member| member.raft_role == Some(role)).count();
    assert_eq!((count(RaftRole::Voter), count(RaftRole::Learner)), (5, 2), "{status:#?}");
    cluster.submit(add_column("0001_phone", engine, "phone")).await;
    cluster.wait_for("0001_phone", Status::Settled).await;
    traffic.finish();
    cluster.finish().await;
}

/// A follower is away while the log that it would need is purged behind a snapshot.
pub(crate) async fn snapshot_installs_in_mid_change(engine: Engine) {
    let raft = toml::Table::from_iter([("snapshot_every_entries".to_owned(), 20.into())]);
    let mut cluster = Cluster::start_with(engine, 3, 500, raft).await;
    let traffic = cluster.traffic("new", Release::New);
    let follower = cluster.follower().await;
    cluster.submit(all_phases(engine, 50)).await;
    cluster.wait_for(ALL_PHASES, Status::AwaitingApproval).await;
    cluster.kill(&follower);
    let client = cluster.client().await;
    for round in 0..60 {
        let name = format!("round {round}");
        client.hold(ALL_PHASES, &name, "to make the log long").await.expect("an operator may hold");
        client.release(ALL_PHASES, &name).await.expect("an operator may release");
    }
    cluster.start_agent(&follower, &[]);
    client.approve(ALL_PHASES).await.expect("an operator may approve");
    cluster.wait_for(ALL_PHASES, Status::Settled).await;
    traffic.finish();
    cluster.finish().await;
}
