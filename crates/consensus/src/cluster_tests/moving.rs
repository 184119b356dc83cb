use super::harness::{Cluster, eventually, open_session};

/// Nothing can be agreed on without it, not even where it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_voters_that_lacks_entries_comes_back_elsewhere() {
    let mut cluster = Cluster::of(2).await;
    let (leader, follower) = (cluster.leader().await, cluster.follower().await);
    cluster.agents[follower].kill();
    let before = cluster.agents[leader].status().last_log;
    let written = cluster.agents[leader].propose(open_session("client"));
    eventually("the leader has written what the other one lacks", || {
        cluster.agents[leader].status().last_log > before
    })
    .await;
    cluster.agents[follower].start_elsewhere().await;
    let moved = async {
        while let Err(error) = cluster.agents[follower].tells_its_address().await {
            assert!(error.retryable(), "{error}");
        }
    };
    tokio::time::timeout(super::harness::PATIENCE, moved).await.expect("the cluster agrees on where it is");
    // A machine with much else to do may have let its time pass.
    let written = written.await;
    assert!(matches!(written, Ok(_) | Err(crate::Error::Unknown { .. })), "{written:?}");
    cluster.settled(2).await;
    cluster.equal_digests().await;
}

/// Killed before the cluster agreed on where it was, it is not there any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_said_it_had_moved_is_found_where_it_was_before() {
    let mut cluster = Cluster::of(2).await;
    let (leader, follower) = (cluster.leader().await, cluster.follower().await);
    let moved = cluster.agents[follower].id().expect("a member");
    cluster.agents[follower].kill();
    let nobodys =
        std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("its address");
    cluster.agents[leader].consensus().hear_move(moved, &nobodys.to_string());
    let written = cluster.agents[leader].propose(open_session("client"));
    cluster.agents[follower].restart().await;
    let written = written.await;
    assert!(matches!(written, Ok(_) | Err(crate::Error::Unknown { .. })), "{written:?}");
    cluster.settled(2).await;
}

/// Those who do not lead call it, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_said_it_had_moved_is_found_where_it_was_before() {
    let cluster = Cluster::of(3).await;
    let (leader, follower) = (cluster.leader().await, cluster.follower().await);
    let moved = cluster.agents[leader].id().expect("a member");
    let nobodys =
        std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("its address");
    cluster.agents[follower].consensus().hear_move(moved, &nobodys.to_string());
    cluster.agents[follower].propose(open_session("client")).await.expect("it finds the leader");
    cluster.settled(3).await;
}
