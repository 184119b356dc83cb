//! When to make a snapshot: often enough that the log stays short, and so seldom that writing the state costs no more than a
//! bounded part of what it took to apply the entries.

use crate::consensus::{Inner, Running};
use std::sync::Arc;
use std::time::Duration;

/// How many bytes of a snapshot each entry since the one before pays for. A large state is written less often.
const BYTES_AN_ENTRY: u64 = 512;
/// Pause after a snapshot was asked for; it is made beside all other work.
const PAUSE: Duration = Duration::from_millis(100);

/// Runs until consensus stops.
pub(crate) async fn run(inner: Arc<Inner>, running: Arc<Running>) {
    let mut applied = inner.replica.applied();
    loop {
        let (index, bytes) = newest(&inner, &running);
        let due = index + interval_entries(inner.config.snapshot_every_entries, bytes);
        if applied.wait_for(|applied| applied.0 >= due).await.is_err() {
            return;
        }
        if let Err(error) = running.raft.trigger().snapshot().await {
            tracing::debug!(%error, "no snapshot: consensus is stopping");
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Index and size of the newest snapshot; zero when there is none.
fn newest(inner: &Inner, running: &Running) -> (u64, u64) {
    let index = running.look(|metrics| metrics.snapshot.as_ref().map_or(0, |id| id.index));
    (index, inner.store.current_snapshot().map_or(0, |snapshot| snapshot.bytes()))
}

fn interval_entries(every_entries: u64, bytes: u64) -> u64 {
    every_entries.max(bytes / BYTES_AN_ENTRY)
}

#[cfg(test)]
mod tests {
    use super::interval_entries;

    #[test]
    fn a_large_state_is_written_less_often() {
        for (every, bytes, expected) in [(5_000, 0, 5_000), (5_000, 1_000_000, 5_000), (5_000, 20_480_000, 40_000)]
        {
            assert_eq!(interval_entries(every, bytes), expected, "{every} entries, {bytes} bytes");
        }
    }
}
