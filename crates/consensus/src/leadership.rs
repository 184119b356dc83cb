//! Whether this agent leads, in a sense that others may rely on.

use crate::consensus::{Inner, Running};
use crate::raft::Metrics;
use openraft::ServerState;
use openraft::async_runtime::watch::WatchReceiver;
use std::sync::Arc;

/// The term in which this agent leads and has applied an entry of its own; `None` otherwise.
///
/// Having applied an entry of its own term, it has applied everything that earlier leaders committed.
pub type Leadership = Option<u64>;

fn of(metrics: &Metrics) -> Leadership {
    let applied_term = metrics.last_applied.as_ref().map(|id| id.leader_id.term);
    let leads = metrics.state == ServerState::Leader && metrics.current_leader == Some(metrics.id);
    (leads && applied_term == Some(metrics.current_term)).then_some(metrics.current_term)
}

/// Follows openraft until it ends.
pub(crate) async fn follow(inner: Arc<Inner>, running: Arc<Running>) {
    let mut metrics = running.raft.metrics();
    loop {
        let leadership = of(&metrics.borrow_watched());
        inner.leadership.send_if_modified(|known| {
            let changed = *known != leadership;
            *known = leadership;
            changed
        });
        tokio::select! {
            () = inner.stop.cancelled() => break,
            changed = metrics.changed() => if changed.is_err() { break },
        }
    }
    inner.leadership.send_replace(None);
}
