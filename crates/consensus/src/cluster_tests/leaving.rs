use super::harness::{Cluster, SECRET, eventually, open_session, remove};
use crate::Error;
use std::collections::BTreeSet;

async fn removes(cluster: &Cluster, via: usize, leaving: usize) {
    let removal = cluster.agents[via].propose(remove(&cluster.agents[leaving].name)).await;
    removal.expect("committed").result.expect("accepted");
}

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
    removes(&cluster, leader, leaving).await;
    learns_of_its_removal(&cluster, leaving).await;
    cluster.agents[leaving].stop().await;
    cluster.settled(2).await;
}

#[tokio::test]
async fn a_removed_leader_hands_over_and_leaves() {
    let mut cluster = Cluster::of(3).await;
    cluster.active().await;
    let leaving = cluster.leader().await;
    removes(&cluster, leaving, leaving).await;
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
    removes(&cluster, leader, leaving).await;
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

#[tokio::test]
async fn of_two_nodes_one_can_leave_and_stop_as_soon_as_it_knows() {
    let mut cluster = Cluster::of(2).await;
    cluster.active().await;
    let (leader, leaving) = (cluster.leader().await, cluster.follower().await);
    removes(&cluster, leader, leaving).await;
    learns_of_its_removal(&cluster, leaving).await;
    // Its vote was needed to let it go: it must not have been told before.
    cluster.agents[leaving].kill();
    cluster.settled(1).await;
    cluster.agents[leader].propose(open_session("client")).await.expect("one is a quorum of one");
}

#[tokio::test]
async fn a_wiped_node_comes_back_under_a_new_id_only() {
    let mut cluster = Cluster::of(3).await;
    let wiped = cluster.follower().await;
    let leader = cluster.leader().await;
    let (old, via) = (cluster.agents[wiped].id(), cluster.agents[leader].address.clone());
    cluster.agents[wiped].kill();
    cluster.agents[wiped].wipe();
    cluster.agents[wiped].restart().await;
    let refused = cluster.agents[wiped].join(&via).await;
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    let (candidate, via) = (cluster.agents[wiped].candidate(), vec![via]);
    let joining =
        move |consensus: crate::Consensus| async move { consensus.join(&via, candidate, SECRET, true).await };
    let new = cluster.agents[wiped].run(joining).await.expect("joined in the place of the lost one");
    assert!(Some(new) > old);
    cluster.settled(3).await;
    cluster.equal_digests().await;
    let members = cluster.agents[leader].status().voters;
    assert!(members.contains(&new) && !members.contains(&old.expect("it was a member")));
}
