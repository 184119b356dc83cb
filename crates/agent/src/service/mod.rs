//! The public gRPC services, one file each, and what they share.
//!
//! Limits are set on purpose: calls at once and watches at once are bounded here, and more are shed, because a bound without
//! shedding is a queue without an end; sizes, streams a connection and keepalive are set in [`server`].
//!
//! Deliberately absent: decisions. A command is checked and decided at apply; here it only gets its actor.

mod caller;
mod catalog;
mod change;
mod cluster;
mod failure;
mod health;
mod hub;
mod pages;
pub(crate) mod server;
mod session;
mod watch;

pub(crate) use hub::Hub;

use crate::config::Security;
use crate::leases::Leases;
use crate::view::Surroundings;
use lockstep_consensus::{Committed, Consensus, Proposal};
use lockstep_core::command::Actor;
use lockstep_core::{Command, LogIndex, RequestId, State};
use lockstep_database::Database;
use lockstep_proto::{convert, limits, status};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// The node and database that this agent stands for.
pub(crate) struct Own {
    pub(crate) node_name: String,
    pub(crate) database: Arc<dyn Database>,
    /// How long a change that does not say keeps the old form, in milliseconds.
    pub(crate) retention_ms: u64,
}

/// What all services work with.
pub(crate) struct Context {
    pub(crate) own: Own,
    /// Held while the schema is read for somebody: one at a time.
    catalog: tokio::sync::Mutex<()>,
    pub(crate) consensus: Consensus,
    pub(crate) leases: Leases,
    pub(crate) hub: Arc<Hub>,
    pub(crate) security: Security,
    /// Cancelled when the agent stops: watches end.
    pub(crate) stop: CancellationToken,
    calls: Arc<Semaphore>,
    watches: Arc<Semaphore>,
    digest: Mutex<(LogIndex, String)>,
}

impl Context {
    pub(crate) fn new(
        own: Own,
        consensus: Consensus,
        leases: Leases,
        hub: Arc<Hub>,
        security: Security,
        stop: CancellationToken,
    ) -> Self {
        Self {
            own,
            catalog: tokio::sync::Mutex::default(),
            consensus,
            leases,
            hub,
            security,
            stop,
            calls: Arc::new(Semaphore::new(limits::CALLS_IN_FLIGHT_MAX)),
            watches: Arc::new(Semaphore::new(limits::WATCHES_MAX)),
            digest: Mutex::default(),
        }
    }

    /// Leave to work on a call; held until it is answered.
    fn admit_call(&self) -> Result<OwnedSemaphorePermit, Status> {
        self.admit(&self.calls, "calls")
    }

    /// Leave to serve a watch; held until it ends.
    fn admit_watch(&self) -> Result<OwnedSemaphorePermit, Status> {
        self.admit(&self.watches, "watches")
    }

    fn admit(&self, semaphore: &Arc<Semaphore>, what: &str) -> Result<OwnedSemaphorePermit, Status> {
        if self.stop.is_cancelled() {
            return Err(status::stopping());
        }
        let permit = Arc::clone(semaphore).try_acquire_owned();
        permit.map_err(|_| {
            status::overloaded(&format!("this agent has as many {what} as it takes on; try another one"))
        })
    }

    /// What `work` gives, or that the agent stops.
    async fn until_stopping<T>(&self, work: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
        tokio::select! {
            done = work => done,
            () = self.stop.cancelled() => Err(status::stopping()),
        }
    }

    /// Everything that was committed anywhere before the call is applied here.
    async fn read(&self) -> Result<(), Status> {
        self.consensus.read_barrier().await.map(|_| ()).map_err(|error| failure::status_of(&error))
    }

    /// Proposes a command; when this returns, this agent's own state shows it.
    async fn propose(&self, request_id: String, actor: Actor, command: Command) -> Result<Committed, Status> {
        let request = Some(request(request_id)?);
        let proposed = self.consensus.propose(Proposal { request, actor, command }).await;
        let committed = proposed.map_err(|error| failure::status_of(&error))?;
        if let Err(error) = self.consensus.wait_applied(committed.index).await {
            // It is decided; only this agent's picture of it is late.
            tracing::debug!(%error, log_index = %committed.index, "answering before it is applied here");
        }
        match &committed.result {
            Ok(_) => Ok(committed),
            Err(refusal) => Err(status::from_refusal(refusal)),
        }
    }

    /// Shows something of the state together with what is known beside it.
    fn look<T>(&self, look: impl FnOnce(&State, &Surroundings) -> T) -> T {
        let around = Surroundings::gather(&self.consensus, &self.leases);
        self.consensus.with_state(|state| look(state, &around))
    }

    /// The digest of a state: made once for each log index that somebody asks at.
    fn digest(&self, state: &State) -> String {
        let mut known = self.digest.lock().unwrap_or_else(PoisonError::into_inner);
        if known.0 != state.applied() || known.1.is_empty() {
            *known = (state.applied(), state.digest());
        }
        known.1.clone()
    }
}

/// The longest request id, in bytes: it is kept for a day.
const REQUEST_ID_BYTES_MAX: usize = 128;

fn request(id: String) -> Result<RequestId, Status> {
    if id.is_empty() || id.len() > REQUEST_ID_BYTES_MAX {
        let problem = format!("must have 1 to {REQUEST_ID_BYTES_MAX} bytes, chosen by the caller and unique");
        return Err(status::invalid(&convert::Error::new("request_id", problem)));
    }
    Ok(RequestId(id))
}

/// A reply of another kind than the command has: two releases that do not understand each other.
fn unexpected(reply: &lockstep_core::Reply) -> Status {
    status::internal(&format!("the cluster answered with {reply:?}, which does not belong to this request"))
}
