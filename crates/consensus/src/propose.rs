//! Proposals: gathered into batches, committed here or forwarded to the leader, repeated only when that is safe.

use crate::consensus::Inner;
use crate::peers::CallError;
use crate::raft::{Proposed, Raft};
use crate::{Committed, Error, Proposal};
use bytes::Bytes;
use futures_util::StreamExt;
use lockstep_core::Stamped;
use lockstep_proto::v1;
use openraft::errors::ClientWriteError;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::Instant;

/// Proposals that wait for a batch before callers wait to hand one in.
pub(crate) const QUEUE: usize = 4_096;
/// Proposals in one batch.
const BATCH_PROPOSALS_MAX: usize = 512;
/// Bytes of proposals in one batch, but for a single longer one.
const BATCH_BYTES_MAX: usize = 1024 * 1024;
/// Batches on their way to the leader. While they are, the next batch grows.
const BATCHES_IN_FLIGHT: usize = 8;
/// Pause before another try when nothing tells that things have changed.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// What became of one try.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Committed(Committed),
    /// It is not in the log and never will be.
    NotProposed(String),
    /// It may be in the log.
    Unknown(String),
    /// Consensus has stopped here; it may be in the log.
    Stopped(String),
}

/// A proposal that waits for its batch.
pub(crate) struct Queued {
    proposal: Proposal,
    bytes: Bytes,
    claim: Claim,
    done: oneshot::Sender<Outcome>,
}

/// Who decides about a proposal: whoever claims it first. Either it is sent, or its caller gives up and knows that it never will be.
#[derive(Clone, Default)]
struct Claim(Arc<AtomicBool>);

impl Claim {
    fn first(&self) -> bool {
        !self.0.swap(true, Ordering::SeqCst)
    }
}

/// Proposes until the outcome is known, the time is up, or another try could do harm.
pub(crate) async fn propose(inner: &Arc<Inner>, proposal: Proposal) -> Result<Committed, Error> {
    inner.running()?;
    let bytes = encode(&proposal, inner.config.command_bytes_max)?;
    let deadline = Instant::now() + inner.config.request_timeout;
    let mut maybe_done: Option<String> = None;
    loop {
        inner.check_member()?;
        let outcome = try_once(inner, &proposal, &bytes, deadline).await;
        match outcome {
            Outcome::Committed(committed) => return Ok(committed),
            Outcome::NotProposed(reason) => tracing::debug!(%reason, "not proposed yet"),
            Outcome::Unknown(reason) if proposal.repeatable() => maybe_done = Some(reason),
            Outcome::Unknown(reason) => return Err(Error::Unknown { reason }),
            Outcome::Stopped(reason) => return Err(Error::Stopped { reason }),
        }
        inner.wait_for_change(deadline.min(Instant::now() + RETRY_PAUSE)).await;
        if Instant::now() >= deadline {
            return Err(give_up(inner, maybe_done));
        }
    }
}

fn give_up(inner: &Inner, maybe_done: Option<String>) -> Error {
    match maybe_done {
        Some(reason) => Error::Unknown { reason },
        None => inner.no_quorum(),
    }
}

pub(crate) fn encode(proposal: &Proposal, limit_bytes: usize) -> Result<Bytes, Error> {
    let bytes = serde_json::to_vec(proposal).map_err(Error::stopped)?;
    if bytes.len() > limit_bytes {
        return Err(Error::TooLarge { size_bytes: bytes.len(), limit_bytes });
    }
    Ok(bytes.into())
}

async fn try_once(inner: &Inner, proposal: &Proposal, bytes: &Bytes, deadline: Instant) -> Outcome {
    let (done, outcome) = oneshot::channel();
    let claim = Claim::default();
    let queued = Queued { proposal: proposal.clone(), bytes: bytes.clone(), claim: claim.clone(), done };
    match tokio::time::timeout_at(deadline, inner.proposals.send(queued)).await {
        Err(_) => return Outcome::NotProposed("too many proposals are waiting".to_owned()),
        Ok(Err(_)) => return Outcome::Stopped("shut down".to_owned()),
        Ok(Ok(())) => {}
    }
    match tokio::time::timeout_at(deadline, outcome).await {
        Err(_) if claim.first() => Outcome::NotProposed("it was not sent in time".to_owned()),
        Err(_) => Outcome::Unknown("the leader did not commit it in time".to_owned()),
        Ok(Err(_)) => Outcome::Unknown("consensus stopped meanwhile".to_owned()),
        Ok(Ok(outcome)) => outcome,
    }
}

/// Takes proposals from the queue, a batch at a time, until consensus stops.
pub(crate) async fn run_batches(inner: Arc<Inner>, mut queue: mpsc::Receiver<Queued>) {
    let slots = Arc::new(Semaphore::new(BATCHES_IN_FLIGHT));
    let mut left_over = None;
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        let batch = tokio::select! {
            () = inner.stop.cancelled() => return,
            batch = next_batch(&mut queue, &mut left_over) => batch,
        };
        let Some(batch) = batch else { return };
        let inner = Arc::clone(&inner);
        tokio::spawn(async move {
            dispatch(&inner, batch).await;
            drop(slot);
        });
    }
}

async fn next_batch(queue: &mut mpsc::Receiver<Queued>, left_over: &mut Option<Queued>) -> Option<Vec<Queued>> {
    let first = match left_over.take() {
        Some(queued) => queued,
        None => queue.recv().await?,
    };
    let mut bytes = first.bytes.len();
    let mut batch = vec![first];
    while batch.len() < BATCH_PROPOSALS_MAX {
        let Ok(next) = queue.try_recv() else { break };
        bytes += next.bytes.len();
        if bytes > BATCH_BYTES_MAX {
            *left_over = Some(next);
            break;
        }
        batch.push(next);
    }
    Some(batch)
}

async fn dispatch(inner: &Arc<Inner>, mut batch: Vec<Queued>) {
    let Ok(running) = inner.running() else { return };
    batch.retain(|queued| queued.claim.first());
    let count = batch.len();
    let outcomes = match running.leader() {
        None => vec![Outcome::NotProposed("no leader is known".to_owned()); count],
        Some(leader) if leader == running.identity.node_id => {
            let (proposals, waiting): (Vec<_>, Vec<_>) =
                batch.into_iter().map(|queued| (queued.proposal, queued.done)).unzip();
            return commit(inner, &running.raft, proposals, waiting).await;
        }
        Some(leader) => forward(inner, leader, batch.iter().map(|queued| queued.bytes.clone()).collect()).await,
    };
    for (queued, outcome) in batch.into_iter().zip(outcomes) {
        // Whoever asked may have given up.
        let _ = queued.done.send(outcome);
    }
}

/// Commits a forwarded batch on this agent, if it leads.
pub(crate) async fn commit_here(inner: &Inner, proposals: Vec<Proposal>) -> Vec<Outcome> {
    let Ok(running) = inner.running() else {
        return vec![Outcome::NotProposed("not a member".to_owned()); proposals.len()];
    };
    let (waiting, outcomes): (Vec<_>, Vec<_>) = proposals.iter().map(|_| oneshot::channel()).unzip();
    commit(inner, &running.raft, proposals, waiting).await;
    let outcome = async |outcome: oneshot::Receiver<Outcome>| outcome.await.unwrap_or_else(|_| lost());
    futures_util::future::join_all(outcomes.into_iter().map(outcome)).await
}

/// Stamps and writes a batch as one, and tells each caller as soon as its own entry is applied.
async fn commit(inner: &Inner, raft: &Raft, proposals: Vec<Proposal>, waiting: Vec<oneshot::Sender<Outcome>>) {
    let newest = inner.replica.with_state(lockstep_core::State::clock);
    let stamped = proposals.into_iter().map(|proposal| {
        let Proposal { request, actor, command } = proposal;
        Proposed(Stamped { at: inner.stamper.stamp(newest), actor, request, command })
    });
    let waiting = waiting.into_iter();
    match raft.client_write_many(stamped.collect::<Vec<_>>()).await {
        Err(fatal) => waiting.for_each(|done| drop(done.send(Outcome::Stopped(fatal.to_string())))),
        Ok(mut written) => {
            for done in waiting {
                let outcome = match written.next().await {
                    Some(Ok(Ok(written))) => written.response.0.map_or_else(lost, Outcome::Committed),
                    Some(Ok(Err(error))) => not_written(&error),
                    Some(Err(fatal)) => Outcome::Stopped(fatal.to_string()),
                    None => lost(),
                };
                let _ = done.send(outcome);
            }
        }
    }
}

fn not_written(error: &ClientWriteError<crate::raft::TypeConfig>) -> Outcome {
    match error {
        ClientWriteError::ForwardToLeader(_) => {
            Outcome::NotProposed("this agent does not lead (any more)".to_owned())
        }
        error => Outcome::Unknown(error.to_string()),
    }
}

fn lost() -> Outcome {
    Outcome::Unknown("the answer was lost".to_owned())
}

pub(crate) async fn forward(inner: &Inner, leader: u64, proposals: Vec<Bytes>) -> Vec<Outcome> {
    let count = proposals.len();
    let Some(address) = inner.peer_address(leader) else {
        return vec![Outcome::NotProposed(format!("the address of the leader, node {leader}, is unknown")); count];
    };
    let request = v1::ForwardProposalsRequest { header: Some(inner.peers.header(leader)), proposals };
    let call = |mut client: crate::peers::Client| async move { client.forward_proposals(request).await };
    let answer = inner.peers.call(&address, inner.config.request_timeout, call).await;
    let outcomes = answer.map(|answer| answer.outcomes.iter().map(|outcome| decode(outcome)).collect::<Vec<_>>());
    match outcomes {
        Ok(outcomes) if outcomes.len() == count => outcomes,
        Ok(_) => vec![lost(); count],
        Err(CallError::NotDone(reason)) => vec![Outcome::NotProposed(reason); count],
        Err(error) => vec![Outcome::Unknown(format!("leader at {address}: {error}")); count],
    }
}

/// The leader's trouble is not this agent's: it may have committed the command, and another leader will tell.
fn decode(outcome: &[u8]) -> Outcome {
    match serde_json::from_slice(outcome) {
        Ok(Outcome::Stopped(reason)) => Outcome::Unknown(reason),
        Ok(outcome) => outcome,
        Err(error) => Outcome::Unknown(error.to_string()),
    }
}
