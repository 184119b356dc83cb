//! How fast three members agree; printed, not judged. `cargo test --release -p lockstep-consensus throughput -- --nocapture`.

use super::harness::{Cluster, open_session};
use std::time::Instant;

const SEQUENTIAL: usize = 200;
const CONCURRENT: usize = 100;
const EACH: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn throughput_of_three_members_is_printed() {
    let cluster = Cluster::of(3).await;
    let leader = &cluster.agents[cluster.leader().await];
    let started = Instant::now();
    let sequential = leader.run(|consensus| async move {
        for number in 0..SEQUENTIAL {
            consensus.propose(open_session(&format!("sequential-{number}"))).await?;
        }
        Ok(())
    });
    sequential.await.expect("committed");
    println!("sequential: {:.0} proposals/s", SEQUENTIAL as f64 / started.elapsed().as_secs_f64());
    let started = Instant::now();
    let clients = (0..CONCURRENT).map(|client| {
        leader.run(move |consensus| async move {
            for number in 0..EACH {
                consensus.propose(open_session(&format!("concurrent-{client}-{number}"))).await?;
            }
            Ok(())
        })
    });
    for outcome in futures_util::future::join_all(clients).await {
        outcome.expect("committed");
    }
    let rate = (CONCURRENT * EACH) as f64 / started.elapsed().as_secs_f64();
    println!("{CONCURRENT} at once: {rate:.0} proposals/s");
    assert_eq!(leader.sessions().len(), SEQUENTIAL + CONCURRENT * EACH);
}
