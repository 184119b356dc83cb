//! What the lease keeper needs of the cluster. A seam for tests: they bring a state of their own and stop the clock.

use async_trait::async_trait;
use lockstep_consensus::{Committed, Consensus, Error, Events, Leadership, Proposal};
use lockstep_core::command::{Actor, Role};
use lockstep_core::session::Eviction;
use lockstep_core::{Command, SessionId, State};
use tokio::sync::{broadcast, watch};

/// A session as the lease keeper sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) app: String,
    pub(crate) ttl_ms: u64,
    pub(crate) renew_counter: u64,
    pub(crate) eviction: Option<Eviction>,
}

/// The cluster, as far as leases go.
#[async_trait]
pub(crate) trait Cluster: Send + Sync + 'static {
    fn leadership(&self) -> watch::Receiver<Leadership>;
    fn events(&self) -> broadcast::Receiver<Events>;
    fn sessions(&self) -> Vec<(SessionId, u64)>;
    fn session(&self, session: SessionId) -> Option<Facts>;
    /// Succeeds when nobody else led at the time of the call.
    async fn confirm_leadership(&self) -> Result<(), Error>;
    /// Proposes the end of a lease that ran out in this term of this agent; in no other, because a later leader grants anew.
    async fn expire(&self, term: u64, session: SessionId, renew_counter: u64) -> Result<Committed, Error>;
}

/// The live sessions of a state, each with its TTL.
pub(crate) fn sessions_of(state: &State) -> Vec<(SessionId, u64)> {
    state.sessions().values().map(|session| (session.id, session.ttl_ms)).collect()
}

/// One live session of a state.
pub(crate) fn facts_of(state: &State, session: SessionId) -> Option<Facts> {
    let session = state.sessions().get(&session)?;
    Some(Facts {
        app: session.app.clone(),
        ttl_ms: session.ttl_ms,
        renew_counter: session.renew_counter,
        eviction: session.eviction.clone(),
    })
}

/// The real one.
pub(crate) struct Agreed {
    pub(crate) consensus: Consensus,
    /// In whose name sessions expire.
    pub(crate) node_name: String,
}

#[async_trait]
impl Cluster for Agreed {
    fn leadership(&self) -> watch::Receiver<Leadership> {
        self.consensus.leadership()
    }

    fn events(&self) -> broadcast::Receiver<Events> {
        self.consensus.events()
    }

    fn sessions(&self) -> Vec<(SessionId, u64)> {
        self.consensus.with_state(sessions_of)
    }

    fn session(&self, session: SessionId) -> Option<Facts> {
        self.consensus.with_state(|state| facts_of(state, session))
    }

    async fn confirm_leadership(&self) -> Result<(), Error> {
        self.consensus.confirm_leadership().await.map(|_| ())
    }

    async fn expire(&self, term: u64, session: SessionId, renew_counter: u64) -> Result<Committed, Error> {
        let actor = Actor { name: format!("node {}", self.node_name), role: Role::Agent };
        let command = Command::ExpireSession { session, renew_counter };
        self.consensus.propose_in_term(term, Proposal { request: None, actor, command }).await
    }
}
