use super::harness::{Cluster, eventually, open_session};
use crate::Error;

#[tokio::test]
async fn a_read_on_a_follower_sees_what_was_just_committed() {
    let cluster = Cluster::of(3).await;
    let (leader, follower) = (cluster.leader().await, cluster.follower().await);
    for number in 0..30 {
        let instance = format!("client-{number}");
        cluster.agents[leader].propose(open_session(&instance)).await.expect("committed");
        cluster.agents[follower].read_barrier().await.expect("a barrier");
        assert!(cluster.agents[follower].sessions().contains_key(&instance));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_confirmations_share_rounds() {
    let cluster = Cluster::of(3).await;
    let leader = &cluster.agents[cluster.leader().await];
    let asking = (0..2_000).map(|_| leader.run(|consensus| async move { consensus.confirm_leadership().await }));
    for answer in futures_util::future::join_all(asking).await {
        answer.expect("it leads");
    }
    let follower = &cluster.agents[cluster.follower().await];
    let error = follower.confirm_leadership().await.expect_err("it follows");
    let Error::NotLeader { leader: Some(address) } = error else { panic!("{error}") };
    assert_eq!(address, leader.candidate().addresses.client);
}

#[tokio::test]
async fn a_partitioned_leader_cannot_confirm_its_leadership() {
    let cluster = Cluster::of(3).await;
    let old = cluster.leader().await;
    cluster.agents[old].consensus().cut_off(true);
    let error = cluster.agents[old].confirm_leadership().await.expect_err("nobody answers it");
    assert!(matches!(error, Error::NoQuorum { .. } | Error::NotLeader { .. }), "{error}");
    let others: Vec<usize> = (0..3).filter(|agent| *agent != old).collect();
    let leads = |agent: &usize| cluster.agents[*agent].consensus().leadership().borrow().is_some();
    eventually("one of the others leads", || others.iter().any(leads)).await;
    cluster.agents[others[0]].propose(open_session("client")).await.expect("the majority goes on");
    cluster.agents[old].consensus().cut_off(false);
    cluster.agents[old].read_barrier().await.expect("healed");
    assert!(cluster.agents[old].sessions().contains_key("client"));
}
