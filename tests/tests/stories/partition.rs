//! Agents that cannot reach each other.

use lockstep_client::view::ClusterStatus;
use lockstep_core::Engine;
use lockstep_core::change::Status;
use lockstep_tests::cluster::Cluster;
use lockstep_tests::plan::add_column;
use lockstep_tests::traffic::Release;
use lockstep_tests::wait;

/// Everything waits for the node that was the leader, because all nodes must confirm; nothing is lost, and it says whom it waits for.
pub(crate) async fn partitioned_leader_steps_back_and_the_change_goes_on(engine: Engine) {
    let mut cluster = Cluster::start(engine, 3).await;
    let traffic = cluster.traffic("new", Release::New);
    let leader = cluster.leader().await;
    let other = cluster.follower().await;
    cluster.network.isolate(&leader);
    // The isolated one goes on to tell what it knew, so another one is asked.
    let other = cluster.client_at(&other).await;
    let elected = wait::until("another node leads", async || match other.status().await {
        Ok(status) if leads_another(&status, &leader) => Ok(status),
        Ok(status) => Err(format!("{status:#?}")),
        Err(error) => Err(error.to_string()),
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

fn leads_another(status: &ClusterStatus, name: &str) -> bool {
    status.members.iter().any(|member| Some(member.node.id) == status.leader && member.node.name != name)
}
