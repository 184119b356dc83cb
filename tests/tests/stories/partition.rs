//! Agents that cannot reach each other.

use lockstep_core::Engine;
use lockstep_core::change::Status;
use lockstep_tests::cluster::Cluster;
use lockstep_tests::plan::add_column;
use lockstep_tests::traffic::Release;

/// Everything waits for the node that was the leader, because all nodes must confirm; nothing is lost, and it says whom it waits for.
pub(crate) async fn partitioned_leader_steps_back_and_the_change_goes_on(engine: Engine) {
    let mut cluster = Cluster::start(engine, 3).await;
    let traffic = cluster.traffic("new", Release::New);
    let leader = cluster.leader().await;
    cluster.network.isolate(&leader);
    let elected = cluster
        .wait_status("another node leads", |status| {
            status.leader.is_some_and(|id| status.members.iter().any(|m| m.node.id == id && m.node.name != leader))
        })
        .await;
    assert!(elected.term > 1, "a new term began");
    cluster.submit(add_column("0001_phone", engine, "phone")).await;
    cluster
        .wait_change("0001_phone", "it waits for the isolated node alone", |view| {
            view.gate.as_ref().is_some_and(|gate| gate.gate.holdouts.iter().all(|holdout| holdout.name == leader))
        })
        .await;
    cluster.network.heal();
    cluster.wait_for("0001_phone", Status::Settled).await;
    traffic.finish();
    cluster.finish().await;
}
