//! Leases of sessions: renewals live in the leader's memory, and only the end of a lease goes into the log.
//!
//! Why this is safe (invariant 8). A client stops one TTL, less a margin, after it *sent* the last renewal that was answered.
//!
//! * A leader lets a lease run out one TTL, plus the margin, after it *received* that renewal: later.
//! * A renewal is answered only after a round of heartbeats that began after its receipt: whoever answers was the leader at that
//!   moment. A later leader grants every session one full TTL from its own beginning: later still.
//! * The end of a lease is proposed in the term in which it ran out, or not at all: a leader that was paused and deposed cannot end
//!   leases that its successor renewed.
//! * Once a lease has run out and the cluster is being told, renewals wait for the outcome: nobody is told "go on" and forgotten.
//!
//! Deliberately absent: what an expiry means for the step in flight; that is decided at apply.

mod book;
mod cluster;
mod keeper;
#[cfg(test)]
mod tests;

use book::{Book, Renewal};
use cluster::Facts;
pub(crate) use cluster::{Agreed, Cluster};
use lockstep_consensus::Error;
use lockstep_core::{Refusal, SessionId};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// The leases of this agent, if it leads. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Leases {
    shared: Arc<Shared>,
}

struct Shared {
    cluster: Arc<dyn Cluster>,
    /// `None` while another agent leads.
    book: Mutex<Option<Book>>,
    /// Counts what may let a waiting renewal go on: the outcome of an expiry, the end of a term.
    decisions: watch::Sender<u64>,
}

/// A renewal that was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Granted {
    /// Counted by the client from when it sent the request.
    pub(crate) ttl: Duration,
    /// What was left before.
    pub(crate) remaining: Duration,
}

/// Why a lease is not renewed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotRenewed {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Consensus(#[from] Error),
}

impl Leases {
    pub(crate) fn new(cluster: Arc<dyn Cluster>) -> Self {
        let shared = Shared { cluster, book: Mutex::new(None), decisions: watch::Sender::new(0) };
        Self { shared: Arc::new(shared) }
    }

    /// Makes a session's lease last for another TTL from now on, and takes note of how many of its units of work have failed since it
    /// was opened.
    ///
    /// # Errors
    ///
    /// [`NotRenewed::Refused`] when the session is gone or is being evicted; [`NotRenewed::Consensus`] when this agent does not
    /// lead, or cannot prove that it does.
    pub(crate) async fn renew(&self, session: SessionId, failures: u32) -> Result<Granted, NotRenewed> {
        let received = Instant::now();
        self.shared.cluster.confirm_leadership().await?;
        let mut decisions = self.shared.decisions.subscribe();
        loop {
            decisions.mark_unchanged();
            let facts = self.shared.cluster.session(session).ok_or(Refusal::UnknownSession { session })?;
            if let Some(eviction) = facts.eviction {
                return Err(Refusal::SessionEvicting { session, by: eviction.by, reason: eviction.reason }.into());
            }
            match self.shared.renew_once(received, session, &facts, failures)? {
                Renewal::Renewed { remaining, ttl } => return Ok(Granted { ttl, remaining }),
                Renewal::Unknown => return Err(Refusal::UnknownSession { session }.into()),
                Renewal::Expiring => {}
            }
            // The sender lives as long as this handle.
            let _ = decisions.changed().await;
        }
    }

    /// What is left of a lease, if this agent leads.
    pub(crate) fn remaining(&self, session: SessionId) -> Option<Duration> {
        self.shared.book().as_ref()?.remaining(Instant::now(), session)
    }

    /// How many units of work have failed lately, by application; none if this agent does not lead.
    pub(crate) fn failures(&self) -> BTreeMap<String, u64> {
        self.shared.book().as_mut().map(|book| book.failures(Instant::now())).unwrap_or_default()
    }

    /// Keeps the leases for as long as this agent runs.
    pub(crate) async fn keep(&self) {
        keeper::keep(&self.shared).await;
    }
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Option<Book>> {
        // Every change of the book is complete before anything that could panic.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn renew_once(
        &self,
        received: Instant,
        session: SessionId,
        facts: &Facts,
        failures: u32,
    ) -> Result<Renewal, Error> {
        let mut book = self.book();
        let book = book.as_mut().ok_or(Error::NotLeader { leader: None })?;
        let now = Instant::now();
        // The state may know a session before its event has been seen here.
        book.add(now, session, facts.ttl_ms);
        let renewal = book.renew(now, received, session);
        if matches!(renewal, Renewal::Renewed { .. }) {
            book.note_failures(now, session, &facts.app, failures);
        }
        Ok(renewal)
    }

    fn decided(&self) {
        self.decisions.send_modify(|count| *count += 1);
    }
}
