//! Finds out that this node was removed. Nobody calls a removed node any more, so it has to ask.

use crate::consensus::{Inner, Running};
use crate::peers::Client;
use lockstep_proto::v1;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How often a node that suspects something asks around.
const ASK_INTERVAL: Duration = Duration::from_millis(500);
const ASK_TIMEOUT: Duration = Duration::from_secs(1);

/// Runs until consensus stops or the node is known to be removed.
pub(crate) async fn run(inner: Arc<Inner>, running: Arc<Running>) {
    let mut leader_seen = Instant::now();
    loop {
        tokio::time::sleep(ASK_INTERVAL).await;
        if running.leader().is_some() {
            leader_seen = Instant::now();
        }
        if inner.is_removed(running.identity.node_id) {
            inner.peers.removed().send_replace(true);
        }
        if *inner.peers.removed().borrow() {
            let (node, cluster) = (running.identity.node_id, &running.identity.cluster_id);
            tracing::warn!(node, %cluster, "this node has been removed from the cluster");
            return;
        }
        let alone = leader_seen.elapsed() > inner.config.election_timeout_max * 2;
        if alone || is_leaving(&inner, &running) {
            ask_around(&inner, &running).await;
        }
    }
}

/// True when the state here shows the removal already; the Raft group may still need this node's vote for it.
fn is_leaving(inner: &Inner, running: &Running) -> bool {
    let me = lockstep_core::NodeId(running.identity.node_id);
    inner.replica.with_state(|state| state.cluster().is_some() && !state.nodes().contains_key(&me))
}

/// A member that knows of the removal refuses the call and says so; the answer itself is of no interest.
async fn ask_around(inner: &Inner, running: &Running) {
    let me = running.identity.node_id;
    let members: Vec<u64> = running.look(|metrics| {
        let ids = metrics.membership_config.membership().nodes().map(|(id, _)| *id);
        ids.filter(|id| *id != me).collect()
    });
    for member in members {
        let Some(address) = inner.peer_address(member) else { continue };
        let request = v1::ListMembersRequest { header: Some(inner.peers.header(member)) };
        let call = |mut client: Client| async move { client.list_members(request).await };
        if let Err(error) = inner.peers.call(&address, ASK_TIMEOUT, call).await {
            tracing::debug!(node = member, %error, "asked whether this node is still a member");
        }
    }
}
