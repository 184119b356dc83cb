use super::harness::{Cluster, eventually, open_session};
use crate::Error;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leader_killed_under_50_proposers_loses_nothing_acknowledged_and_repeats_nothing() {
    let mut cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let others: Vec<usize> = (0..3).filter(|agent| *agent != leader).collect();
    let mut proposers = tokio::task::JoinSet::new();
    for proposer in 0..50_usize {
        for round in 0..4 {
            let instance = format!("client-{proposer}-{round}");
            let proposed = cluster.agents[others[proposer % 2]].propose(open_session(&instance));
            proposers.spawn(async move { (instance, proposed.await) });
        }
    }
    let _ = proposers.join_next().await.expect("a first answer");
    cluster.agents[leader].kill();
    let mut acknowledged = Vec::new();
    while let Some(answer) = proposers.join_next().await {
        let (instance, outcome) = answer.expect("no panic");
        outcome.unwrap_or_else(|error| panic!("{instance}: {error}")).result.expect("accepted");
        acknowledged.push(instance);
    }
    cluster.agents[leader].restart().await;
    cluster.settled(3).await;
    cluster.equal_digests().await;
    let sessions = cluster.agents[leader].sessions();
    assert_eq!(sessions.len(), 200);
    assert!(sessions.values().all(|count| *count == 1), "{sessions:?}");
    assert!(acknowledged.iter().all(|instance| sessions.contains_key(instance)));
}

#[tokio::test]
async fn without_a_quorum_nothing_is_proposed_and_the_error_names_the_members() {
    let mut config = super::harness::config();
    config.request_timeout = Duration::from_secs(3);
    let mut cluster = Cluster::with(3, config).await;
    let follower = cluster.follower().await;
    for agent in (0..3).filter(|agent| *agent != follower) {
        cluster.agents[agent].kill();
    }
    let survivor = &cluster.agents[follower];
    eventually("the survivor misses its leader", || survivor.status().leader.is_none()).await;
    let error = survivor.propose(open_session("client")).await.expect_err("no quorum");
    let Error::NoQuorum { members, .. } = &error else { panic!("{error}") };
    assert_eq!(members.len(), 3);
    assert!(members[0].contains("node-1"), "{error}");
    assert!(error.retryable());
}

#[tokio::test]
async fn a_proposal_without_request_id_that_may_have_been_made_is_not_repeated() {
    let mut config = super::harness::config();
    config.request_timeout = Duration::from_secs(3);
    let mut cluster = Cluster::with(3, config).await;
    let leader = cluster.leader().await;
    for agent in (0..3).filter(|agent| *agent != leader) {
        cluster.agents[agent].kill();
    }
    let mut proposal = open_session("client");
    proposal.request = None;
    let error = cluster.agents[leader].propose(proposal.clone()).await.expect_err("no quorum");
    assert!(matches!(error, Error::Unknown { .. }), "{error}");
    assert!(!error.retryable());
    // Once it has noticed, it does not write into its log what may surprise everybody later.
    eventually("the leader misses its followers", || cluster.agents[leader].status().leader.is_none()).await;
    let error = cluster.agents[leader].propose(proposal).await.expect_err("no quorum");
    assert!(matches!(error, Error::NoQuorum { .. }), "{error}");
}

#[tokio::test]
async fn leadership_is_handed_over_on_request_and_on_shutdown() {
    let mut cluster = Cluster::of(3).await;
    let first = cluster.leader().await;
    cluster.agents[first]
        .run(|consensus| async move { consensus.transfer_leadership().await })
        .await
        .expect("handed over");
    eventually("the old leader no longer leads", || {
        cluster.agents[first].consensus().leadership().borrow().is_none()
    })
    .await;
    let second = cluster.leader().await;
    assert_ne!(first, second);
    let follower = (0..3).find(|agent| *agent != second).expect("three agents");
    let term_before = cluster.agents[follower].status().term;
    cluster.agents[second].stop().await;
    let survivor = &cluster.agents[follower];
    eventually("somebody else leads", || {
        let status = survivor.status();
        status.leader.is_some() && status.term > term_before
    })
    .await;
}

#[tokio::test]
async fn what_a_deposed_leader_may_have_written_is_repeated_only_under_a_request_id() {
    let cluster = Cluster::of(3).await;
    let old = &cluster.agents[cluster.leader().await];
    let last_log = old.status().last_log.0;
    old.consensus().cut_off(true);
    let with_id = tokio::spawn(old.propose(open_session("with-id")));
    let without_id = tokio::spawn(old.propose(crate::Proposal { request: None, ..open_session("without-id") }));
    eventually("both are in its log", || old.status().last_log.0 >= last_log + 2).await;
    let leads = |agent: &super::harness::Agent| agent.consensus().leadership().borrow().is_some();
    eventually("another one leads", || cluster.agents.iter().any(|agent| leads(agent) && agent.id() != old.id()))
        .await;
    old.consensus().cut_off(false);
    with_id.await.expect("no panic").expect("committed under the new leader").result.expect("accepted");
    let error = without_id.await.expect("no panic").expect_err("nobody may guess");
    assert!(matches!(error, Error::Unknown { .. }), "{error}");
    cluster.equal_digests().await;
    assert_eq!(old.sessions().into_iter().collect::<Vec<_>>(), [("with-id".to_owned(), 1)]);
}

#[tokio::test]
async fn a_proposal_for_one_term_enters_the_log_in_that_term_or_not_at_all() {
    let cluster = Cluster::of(3).await;
    let (leader, follower) = (cluster.leader().await, cluster.follower().await);
    let propose = async |agent: usize, term: u64, instance: &str| {
        let proposal = open_session(instance);
        let proposed = cluster.agents[agent]
            .run(move |consensus| async move { consensus.propose_in_term(term, proposal).await });
        proposed.await
    };
    let term = cluster.agents[leader].status().term;
    propose(leader, term, "now").await.expect("it leads in this term").result.expect("accepted");
    for (agent, term) in [(leader, term - 1), (leader, term + 1), (follower, term), (follower, term + 1)] {
        let error = propose(agent, term, "never").await.expect_err("not its term");
        assert!(matches!(error, Error::NotLeader { .. }), "agent {agent}, term {term}: {error}");
    }
    cluster.equal_digests().await;
    let sessions: Vec<String> = cluster.agents[leader].sessions().into_keys().collect();
    assert_eq!(sessions, ["now"]);
}
