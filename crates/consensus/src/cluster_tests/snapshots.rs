use super::harness::{Cluster, config, open_session};

/// Sessions enough that the snapshot has several chunks.
const SESSIONS: usize = 600;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lagging_member_gets_a_snapshot_in_chunks_after_the_log_was_purged() {
    let mut cluster =
        Cluster::with(3, crate::Config { snapshot_every_entries: 100, keep_entries: 10, ..config() }).await;
    let lagging = cluster.follower().await;
    cluster.agents[lagging].kill();
    let leader = cluster.leader().await;
    let filler = "x".repeat(300);
    let proposals = (0..SESSIONS)
        .map(|number| cluster.agents[leader].propose(open_session(&format!("client-{number}-{filler}"))));
    for committed in futures_util::future::join_all(proposals).await {
        committed.expect("committed");
    }
    // A snapshot is thought of when an entry is applied: when the last one came while a snapshot was being made, it takes another.
    for number in 0.. {
        if cluster.agents[leader].status().purged.0 > SESSIONS as u64 / 2 {
            break;
        }
        assert!(number < SESSIONS, "the log is not purged");
        cluster.agents[leader].propose(open_session(&format!("late-{number}"))).await.expect("committed");
    }
    let mut applied = {
        cluster.agents[lagging].restart().await;
        cluster.agents[lagging].consensus().applied()
    };
    let index = cluster.agents[leader].status().last_applied;
    applied.wait_for(|applied| *applied >= index).await.expect("the lagging one catches up");
    assert!(cluster.agents[lagging].status().snapshot.0 > SESSIONS as u64 / 2);
    let digest = cluster.equal_digests().await;
    // It starts from its own copy of the snapshot, too.
    cluster.agents[lagging].kill();
    cluster.agents[lagging].restart().await;
    assert_eq!(cluster.equal_digests().await, digest);
}
