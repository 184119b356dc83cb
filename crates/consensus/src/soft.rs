//! Soft state: what agents tell each other without agreeing on it. Lost with the process, and that is all right.

use crate::consensus::Inner;
use lockstep_core::NodeId;
use lockstep_proto::v1;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// Soft state is sent again after this even when it has not changed, to those who have come up meanwhile.
const REPEAT_INTERVAL: Duration = Duration::from_secs(5);
/// Deadline of one push.
const PUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// The newest that is known of each node, with the moment of its arrival here.
pub type SoftState = BTreeMap<NodeId, (Instant, serde_json::Value)>;

/// What this agent tells, and what it was told.
pub(crate) struct Soft {
    own: watch::Sender<serde_json::Value>,
    known: Mutex<BTreeMap<NodeId, Received>>,
    arrived: watch::Sender<u64>,
}

struct Received {
    sequence: u64,
    at: Instant,
    value: serde_json::Value,
}

impl Default for Soft {
    fn default() -> Self {
        Self {
            own: watch::Sender::new(serde_json::Value::Null),
            known: Mutex::default(),
            arrived: watch::Sender::new(0),
        }
    }
}

impl Soft {
    /// Sets what this agent tells.
    pub(crate) fn publish(&self, value: serde_json::Value) {
        self.own.send_if_modified(|own| {
            let changed = *own != value;
            *own = value;
            changed
        });
    }

    /// Takes what another agent tells, unless something newer of it came first.
    pub(crate) fn received(&self, sender: NodeId, sequence: u64, value: serde_json::Value) {
        let mut known = self.known();
        if known.get(&sender).is_some_and(|received| received.sequence >= sequence) {
            return;
        }
        known.insert(sender, Received { sequence, at: Instant::now(), value });
        drop(known);
        self.arrived.send_modify(|count| *count += 1);
    }

    pub(crate) fn known_of(&self, is_member: impl Fn(NodeId) -> bool) -> SoftState {
        let mut known = self.known();
        known.retain(|node, _| is_member(*node));
        known.iter().map(|(node, received)| (*node, (received.at, received.value.clone()))).collect()
    }

    /// Counts what arrives.
    pub(crate) fn arrived(&self) -> watch::Receiver<u64> {
        self.arrived.subscribe()
    }

    fn known(&self) -> std::sync::MutexGuard<'_, BTreeMap<NodeId, Received>> {
        // Whole values are put in: a panic elsewhere leaves the map good.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends this agent's soft state to all others when it has changed, at most once an interval.
pub(crate) async fn run_pushes(inner: Arc<Inner>) {
    let mut own = inner.soft.own.subscribe();
    // Larger than anything an earlier life of this agent has sent.
    let mut sequence =
        u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros()).unwrap_or(0);
    loop {
        tokio::select! {
            () = inner.stop.cancelled() => return,
            changed = own.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(REPEAT_INTERVAL) => {}
        }
        let value = own.borrow_and_update().clone();
        sequence += 1;
        if let Ok(running) = inner.running() {
            let me = NodeId(running.identity.node_id);
            if !value.is_null() {
                inner.soft.received(me, sequence, value.clone());
            }
            push_to_all(&inner, me, sequence, &value).await;
        }
        tokio::select! {
            () = inner.stop.cancelled() => return,
            () = tokio::time::sleep(inner.config.soft_state_interval) => {}
        }
    }
}

async fn push_to_all(inner: &Inner, me: NodeId, sequence: u64, value: &serde_json::Value) {
    let others: Vec<(NodeId, String)> = inner.replica.with_state(|state| {
        let others = state.nodes().values().filter(|node| node.id != me);
        others.map(|node| (node.id, inner.peers.address_of(node.id.0, node.addresses.peer.clone()))).collect()
    });
    let payload = bytes::Bytes::from(value.to_string());
    let pushes = others.into_iter().map(|(node, address)| {
        let header = Some(inner.peers.header(node.0));
        let request = v1::PushSoftStateRequest { header, payload: payload.clone(), sequence };
        async move {
            let call = |mut client: crate::peers::Client| async move { client.push_soft_state(request).await };
            if let Err(error) = inner.peers.call(&address, PUSH_TIMEOUT, call).await {
                tracing::debug!(%node, %error, "soft state not delivered");
            }
        }
    });
    futures_util::future::join_all(pushes).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_arrives_late_does_not_undo_what_is_newer() {
        let soft = Soft::default();
        soft.received(NodeId(1), 2, json!("newer"));
        soft.received(NodeId(1), 1, json!("late"));
        assert_eq!(soft.known_of(|_| true)[&NodeId(1)].1, json!("newer"));
    }

    #[test]
    fn nodes_that_are_gone_are_forgotten() {
        let soft = Soft::default();
        soft.received(NodeId(1), 1, json!(1));
        soft.received(NodeId(2), 1, json!(2));
        assert!(soft.known_of(|node| node == NodeId(2)).keys().eq([&NodeId(2)]));
    }
}
