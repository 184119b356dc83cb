//! Linearizable reads: the leader confirms that it still leads, then whoever reads waits until it has applied as much.

use crate::Error;
use crate::consensus::Inner;
use lockstep_core::LogIndex;
use lockstep_proto::v1;
use openraft::ReadPolicy;
use openraft::errors::{LinearizableReadError, RaftError};
use tokio::time::Instant;

/// One round of heartbeats by which a leader makes sure that no other one can have been elected before it began. The log index
/// covers everything that was committed by then.
pub(crate) async fn confirm_round(inner: &Inner) -> Result<LogIndex, Error> {
    let running = inner.running()?;
    match running.raft.get_read_log_id(ReadPolicy::ReadIndex).await {
        Ok((read, _)) => Ok(LogIndex(read.log_id().index)),
        Err(RaftError::Fatal(fatal)) => Err(Error::stopped(fatal)),
        Err(RaftError::APIError(LinearizableReadError::QuorumNotEnough(_))) => Err(inner.no_quorum()),
        Err(RaftError::APIError(LinearizableReadError::ForwardToLeader(forward))) => {
            Err(Error::NotLeader { leader: forward.leader_node.map(|leader| leader.client) })
        }
    }
}

/// One round for everybody on this agent who wants to read.
pub(crate) async fn barrier_round(inner: &Inner) -> Result<LogIndex, Error> {
    let deadline = Instant::now() + inner.config.request_timeout;
    loop {
        inner.check_member()?;
        let error = match read_index(inner).await {
            Ok(index) => return inner.wait_applied(index, deadline).await,
            Err(error) => error,
        };
        if !error.retryable() {
            return Err(error);
        }
        if Instant::now() >= deadline {
            return Err(inner.no_quorum());
        }
        inner.wait_for_change(deadline.min(Instant::now() + inner.config.heartbeat_interval)).await;
    }
}

async fn read_index(inner: &Inner) -> Result<LogIndex, Error> {
    let running = inner.running()?;
    let leader = running.leader();
    match leader {
        None => Err(Error::NotLeader { leader: None }),
        Some(leader) if leader == running.identity.node_id => inner.confirm().await,
        Some(leader) => ask_leader(inner, leader).await,
    }
}

async fn ask_leader(inner: &Inner, leader: u64) -> Result<LogIndex, Error> {
    let address = inner.peer_address(leader).ok_or(Error::NotLeader { leader: None })?;
    let request = v1::ReadIndexRequest { header: Some(inner.peers.header(leader)) };
    let call = |mut client: crate::peers::Client| async move { client.read_index(request).await };
    match inner.peers.call(&address, inner.config.election_timeout_max * 2, call).await {
        Ok(answer) => Ok(LogIndex(answer.log_index)),
        Err(error) => Err(Error::Peer { address, reason: error.to_string() }),
    }
}
