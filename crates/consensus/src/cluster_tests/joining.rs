use super::harness::{CLUSTER, Cluster, eventually, open_session};
use crate::Error;
use lockstep_core::{NodeId, Refusal};

#[tokio::test]
async fn a_node_joins_through_a_follower_and_its_id_is_the_log_index() {
    let mut cluster = Cluster::of(3).await;
    let via = cluster.agents[cluster.follower().await].address.clone();
    let before = cluster.agents[0].status().last_log;
    let id = cluster.add_agent().await.join(&via).await.expect("joined");
    assert!(id.0 > before.0);
    cluster.settled(4).await;
    cluster.agents[3].propose(open_session("client")).await.expect("the new one forwards");
    cluster.equal_digests().await;
    assert_eq!(cluster.agents[3].state(|state| state.node_named("node-4").map(|node| node.id)), Some(id));
}

#[tokio::test]
async fn joining_again_with_the_same_data_is_the_same_node() {
    let mut cluster = Cluster::of(2).await;
    let via = cluster.agents[0].address.clone();
    let id = cluster.agents[1].id();
    assert_eq!(cluster.agents[1].join(&via).await.ok(), id);
    cluster.agents[1].kill();
    cluster.agents[1].restart().await;
    assert_eq!(cluster.agents[1].join(&via).await.ok(), id);
    assert_eq!(cluster.agents[0].state(|state| state.nodes().len()), 2);
}

/// A way to `target` on which no answer comes back.
async fn one_way_to(target: String) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address").to_string();
    tokio::spawn(async move {
        while let Ok((mut from, _)) = listener.accept().await {
            let mut to = tokio::net::TcpStream::connect(&target).await.expect("connected");
            tokio::spawn(async move { tokio::io::copy(&mut from, &mut to).await });
        }
    });
    address
}

#[tokio::test]
async fn an_answer_that_was_lost_does_not_make_two_nodes() {
    let mut cluster = Cluster::of(1).await;
    let via = cluster.agents[0].address.clone();
    let deaf = one_way_to(via.clone()).await;
    cluster.add_agent().await;
    let joining = tokio::spawn(cluster.agents[1].join(&deaf));
    let leader = &cluster.agents[0];
    eventually("the cluster has let it in", || leader.state(|state| state.nodes().len() == 2)).await;
    assert_eq!(cluster.agents[1].id(), None, "it does not know yet");
    cluster.agents[1].kill();
    assert!(joining.await.expect("no panic").is_err());
    cluster.agents[1].restart().await;
    let id = cluster.agents[1].join(&via).await.expect("joined");
    cluster.settled(2).await;
    assert_eq!(
        cluster.agents[0].state(|state| state.nodes().keys().copied().collect::<Vec<_>>()),
        [NodeId(1), id]
    );
}

#[tokio::test]
async fn a_wrong_secret_is_refused_and_can_be_corrected() {
    let mut cluster = Cluster::of(1).await;
    let via = vec![cluster.agents[0].address.clone()];
    let agent = cluster.add_agent().await;
    let (candidate, wrong) = (agent.candidate(), via.clone());
    let outcome =
        agent.run(|consensus| async move { consensus.join(&wrong, candidate, "guess", false).await }).await;
    assert!(matches!(outcome, Err(Error::Refused(Refusal::JoinRefused { .. }))), "{outcome:?}");
    agent.join(&via[0]).await.expect("the right secret");
}

#[tokio::test]
async fn bootstrap_goes_on_where_it_was_interrupted_and_never_takes_over_other_data() {
    let mut cluster = Cluster::of(1).await;
    assert_eq!(cluster.agents[0].bootstrap().await.ok(), Some(NodeId(1)));
    let candidate = cluster.agents[0].candidate();
    let outcome =
        cluster.agents[0].run(|consensus| async move { consensus.bootstrap("another", candidate).await }).await;
    assert!(matches!(&outcome, Err(Error::OtherCluster { found, .. }) if found == CLUSTER), "{outcome:?}");
    let outsider = cluster.add_agent().await;
    let outcome = outsider.propose(open_session("client")).await;
    assert!(matches!(outcome, Err(Error::NotMember)), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_join_all_at_once_are_taken_in_one_after_the_other() {
    let mut cluster = Cluster::of(1).await;
    let via = cluster.agents[0].address.clone();
    let mut joining = Vec::new();
    for _ in 0..4 {
        joining.push(cluster.add_agent().await.join(&via));
    }
    for joined in futures_util::future::join_all(joining).await {
        joined.expect("joined");
    }
    cluster.settled(5).await;
    cluster.equal_digests().await;
}
