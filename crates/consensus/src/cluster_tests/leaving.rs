use super::harness::{Cluster, eventually, open_session, remove};
use crate::Error;
use std::collections::BTreeSet;

async fn learns_of_its_removal(cluster: &Cluster, agent: usize) {
    let removed = cluster.agents[agent].consensus().removed();
    eventually("the removed node learns it", || *removed.borrow()).await;
    let outcome = cluster.agents[agent].propose(open_session("late")).await;
    assert!(matches!(outcome, Err(Error::Removed { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_removed_follower_leaves_the_group_and_learns_it() {
    let mut cluster = Cluster::of(3).await;
    cluster.active().await;
    let leaving = cluster.follower().await;
    let leader = cluster.leader().await;
    cluster.agents[leader]
        .propose(remove(&cluster.agents[leaving].name))
        .await
        .expect("committed")
        .result
        .expect("accepted");
    learns_of_its_removal(&cluster, leaving).await;
    cluster.agents[leaving].stop().await;
    cluster.settled(2).await;
}

#[tokio::test]
async fn a_removed_leader_hands_over_and_leaves() {
    let mut cluster = Cluster::of(3).await;
    cluster.active().await;
    let leaving = cluster.leader().await;
    cluster.agents[leaving]
        .propose(remove(&cluster.agents[leaving].name))
        .await
        .expect("committed")
        .result
        .expect("accepted");
    learns_of_its_removal(&cluster, leaving).await;
    cluster.agents[leaving].stop().await;
    cluster.settled(2).await;
    let other = cluster.leader().await;
    cluster.agents[other].propose(open_session("client")).await.expect("the others go on");
}

#[tokio::test]
async fn a_node_removed_while_it_was_down_learns_it_when_it_comes_back() {
    let mut cluster = Cluster::of(3).await;
    cluster.active().await;
    let leaving = cluster.follower().await;
    let leader = cluster.leader().await;
    cluster.agents[leaving].kill();
    cluster.agents[leader]
        .propose(remove(&cluster.agents[leaving].name))
        .await
        .expect("committed")
        .result
        .expect("accepted");
    cluster.settled(2).await;
    cluster.agents[leaving].restart().await;
    learns_of_its_removal(&cluster, leaving).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seven_nodes_have_five_voters_and_a_dead_one_is_replaced() {
    let mut cluster = Cluster::of(7).await;
    let status = cluster.agents[cluster.leader().await].status();
    assert_eq!((status.voters.len(), status.learners.len()), (5, 2));
    let is_other_voter = |agent: &&super::harness::Agent| {
        agent.id().is_some_and(|id| status.voters.contains(&id) && status.leader != Some(id))
    };
    let dead = cluster.live().find(is_other_voter).and_then(super::harness::Agent::id).expect("five voters");
    let position = cluster.agents.iter().position(|agent| agent.id() == Some(dead)).expect("it is there");
    cluster.agents[position].kill();
    let leader = &cluster.agents[cluster.leader().await];
    eventually("a learner votes in the dead one's place", || {
        let now = leader.status();
        now.voters.len() == 5 && !now.voters.contains(&dead) && now.learners.contains(&dead)
    })
    .await;
    let now: BTreeSet<_> = leader.status().voters;
    assert_eq!(now.difference(&status.voters).count(), 1);
    leader.propose(open_session("client")).await.expect("a quorum");
}
