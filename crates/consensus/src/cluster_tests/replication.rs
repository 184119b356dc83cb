use super::harness::{Cluster, open_session};

#[tokio::test]
async fn three_nodes_elect_replicate_and_agree() {
    let cluster = Cluster::of(3).await;
    for number in 0..20 {
        let agent = &cluster.agents[number % 3];
        agent
            .propose(open_session(&format!("client-{number}")))
            .await
            .expect("committed")
            .result
            .expect("accepted");
    }
    cluster.equal_digests().await;
    for agent in &cluster.agents {
        assert_eq!(agent.sessions().len(), 20, "{}", agent.name);
    }
}

#[tokio::test]
async fn a_follower_forwards_and_the_answer_tells_the_index() {
    let cluster = Cluster::of(3).await;
    let follower = &cluster.agents[cluster.follower().await];
    let mut events = follower.consensus().events();
    let committed = follower.propose(open_session("client")).await.expect("committed");
    let index = committed.index;
    follower
        .run(move |consensus| async move { consensus.wait_applied(index).await })
        .await
        .expect("applied here too");
    assert_eq!(follower.sessions()["client"], 1);
    assert_eq!(events.recv().await.expect("an event"), (committed.index, committed.events.into()));
}

#[tokio::test]
async fn a_repeat_with_the_same_request_id_gets_the_first_answer() {
    let cluster = Cluster::of(3).await;
    let first = cluster.agents[0].propose(open_session("client")).await.expect("committed");
    let repeat = cluster.agents[1].propose(open_session("client")).await.expect("committed");
    assert!(repeat.index > first.index);
    assert_eq!(repeat.result, first.result);
    assert!(repeat.events.is_empty());
}

#[tokio::test]
async fn all_agents_killed_come_back_with_the_same_digest() {
    let mut cluster = Cluster::of(3).await;
    for number in 0..30 {
        cluster.agents[0].propose(open_session(&format!("client-{number}"))).await.expect("committed");
    }
    let before = cluster.equal_digests().await;
    cluster.agents.iter_mut().for_each(super::harness::Agent::kill);
    for agent in &mut cluster.agents {
        agent.restart().await;
    }
    cluster.settled(3).await;
    cluster.agents[0].read_barrier().await.expect("a quorum");
    assert_eq!(cluster.equal_digests().await, before);
}

#[tokio::test]
async fn a_stopped_agent_replays_by_itself_what_it_had_applied() {
    let mut cluster = Cluster::of(1).await;
    cluster.agents[0].propose(open_session("client")).await.expect("committed");
    let before = cluster.agents[0].state(|state| state.digest());
    cluster.agents[0].stop().await;
    cluster.agents[0].restart().await;
    // Without waiting for an election: the commit point was written down.
    assert_eq!(cluster.agents[0].state(|state| state.digest()), before);
}
