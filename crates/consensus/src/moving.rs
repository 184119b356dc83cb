//! An agent that came back at other addresses. The leader calls it where it was, so that nobody tells it who leads; it has to ask
//! the others itself.

use crate::consensus::Inner;
use crate::propose::{self, Outcome};
use crate::{Committed, Error, Proposal};
use lockstep_core::command::{Actor, Role};
use lockstep_core::node::Addresses;
use lockstep_core::{Command, NodeId};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Tells the cluster where this agent is now.
pub(crate) async fn move_to(inner: &Arc<Inner>, addresses: Addresses) -> Result<Committed, Error> {
    let running = inner.running()?;
    let node = NodeId(running.identity.node_id);
    let actor = Actor { name: format!("node {}", running.identity.name), role: Role::Agent };
    let proposal = Proposal { request: None, actor, command: Command::MoveNode { node, addresses } };
    if running.leader().is_some() {
        return inner.propose(proposal).await;
    }
    inner.check_member()?;
    let bytes = propose::encode(&proposal, inner.config.command_bytes_max)?;
    // The membership is in the log; the state may not have been read back yet.
    let mut others: BTreeSet<u64> =
        running.look(|metrics| metrics.membership_config.membership().nodes().map(|(id, _)| *id).collect());
    others.extend(inner.replica.with_state(|state| state.nodes().keys().map(|id| id.0).collect::<Vec<_>>()));
    others.remove(&node.0);
    for other in others {
        // Whoever does not lead says so, and nothing is done.
        if let Some(Outcome::Committed(committed)) =
            propose::forward(inner, other, vec![bytes.clone()]).await.pop()
        {
            return Ok(committed);
        }
    }
    Err(inner.no_quorum())
}
