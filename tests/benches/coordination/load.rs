//! The loop that measures: so many clients, each of which asks again as soon as it has its answer.

use crate::summary::percentile;
use anyhow::{Result, ensure};
use std::future::Future;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// After a failure, so that a client of a cluster without a leader does not spin.
const PAUSE: Duration = Duration::from_millis(20);

/// A client that can have something committed.
pub(crate) trait Commits: Send + 'static {
    /// Has one entry committed.
    fn commit(&mut self) -> impl Future<Output = Result<()>> + Send;
}

/// What came of a case.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) per_second: f64,
    pub(crate) failed: usize,
}

/// Lets all clients commit for a while; gives them back.
pub(crate) async fn drive<C: Commits>(clients: Vec<C>, lasting: Duration) -> Result<(Outcome, Vec<C>)> {
    let begin = Instant::now();
    let end = begin + lasting;
    let mut running = JoinSet::new();
    for mut client in clients {
        running.spawn(async move {
            let (taken, failed) = commit_until(&mut client, end).await;
            (client, taken, failed)
        });
    }
    let (mut clients, mut all, mut failed) = (Vec::new(), Vec::new(), 0);
    while let Some(ended) = running.join_next().await {
        let (client, taken, failures) = ended?;
        clients.push(client);
        all.extend(taken);
        failed += failures;
    }
    let elapsed = begin.elapsed();
    ensure!(!all.is_empty(), "nothing was committed, {failed} attempts failed");
    all.sort_unstable();
    let per_second = all.len() as f64 / elapsed.as_secs_f64();
    let outcome = Outcome { p50_ms: percentile(&all, 0.5), p99_ms: percentile(&all, 0.99), per_second, failed };
    Ok((outcome, clients))
}

async fn commit_until<C: Commits>(client: &mut C, end: Instant) -> (Vec<Duration>, usize) {
    let (mut taken, mut failed) = (Vec::new(), 0);
    while Instant::now() < end {
        let begin = Instant::now();
        match client.commit().await {
            Ok(()) => taken.push(begin.elapsed()),
            Err(_) => {
                failed += 1;
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    (taken, failed)
}
