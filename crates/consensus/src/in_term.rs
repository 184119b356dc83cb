//! Proposals that may enter the log only in a term in which this agent leads. They are neither forwarded nor repeated: whoever
//! made them decided by something that only the leader of that term knows.

use crate::consensus::Inner;
use crate::raft::{LeaderId, Proposed};
use crate::{Committed, Error, Proposal};
use lockstep_core::{Stamped, State};
use openraft::errors::ClientWriteError;
use openraft::impls::ProgressResponder;

/// Proposes a command here, in this term or not at all.
pub(crate) async fn propose(inner: &Inner, term: u64, proposal: Proposal) -> Result<Committed, Error> {
    inner.check_member()?;
    let running = inner.running()?;
    let leader = LeaderId { term, node_id: running.identity.node_id };
    let Proposal { request, actor, command } = proposal;
    let at = inner.stamper.stamp(inner.replica.with_state(State::clock));
    let (responder, written) = ProgressResponder::complete_only();
    // openraft compares at the moment of the append, so that no pause of this process can come in between.
    running
        .raft
        .write(Proposed(Stamped { at, actor, request, command }))
        .with_leader(leader)
        .responder(responder)
        .await
        .map_err(Error::stopped)?;
    match tokio::time::timeout(inner.config.request_timeout, written).await {
        Err(_) => Err(unknown("it was not committed in time")),
        Ok(Err(_)) => Err(unknown("consensus stopped meanwhile")),
        Ok(Ok(Err(ClientWriteError::ForwardToLeader(_)))) => Err(not_leader()),
        Ok(Ok(Err(error))) => Err(unknown(&error.to_string())),
        Ok(Ok(Ok(written))) => written.data.0.ok_or_else(|| unknown("the answer was lost")),
    }
}

fn not_leader() -> Error {
    Error::NotLeader { leader: None }
}

fn unknown(reason: &str) -> Error {
    Error::Unknown { reason: reason.to_owned() }
}
