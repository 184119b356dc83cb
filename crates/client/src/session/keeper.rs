//! Keeps the lease: renews it, and says when it may be over.

use super::lease::{self, LeaseOver};
use super::shared::Shared;
use crate::call::{Answer, Call};
use crate::{Client, Error, Kind};
use lockstep_core::session::{Eviction, TTL_MIN_MS};
use lockstep_core::{LogIndex, Timestamp};
use lockstep_proto::{limits, v1};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

/// How often failures are told at most.
const FAILURES_RHYTHM: Duration = Duration::from_secs(1);

/// Renews one session.
pub(super) struct Keeper {
    pub(super) client: Client,
    pub(super) shared: Arc<Shared>,
    pub(super) ttl: Duration,
    /// Tells the follower how new the leader's announcement is.
    pub(super) announced: watch::Sender<LogIndex>,
}

impl Keeper {
    /// Until the session is over. `sent` is when the lease was last asked for.
    pub(super) async fn run(mut self, sent: Instant) {
        let shared = Arc::clone(&self.shared);
        tokio::select! {
            // In this order: an answer that comes with the deadline comes too late.
            biased;
            () = past_deadline(&shared) => shared.end(LeaseOver::Expired),
            () = shared.until(super::shared::State::is_over) => {}
            () = self.renew_while_live(sent) => past_deadline(&shared).await,
        }
        shared.end(LeaseOver::Expired);
    }

    async fn renew_while_live(&mut self, mut sent: Instant) {
        let mut told = 0;
        while self.shared.read(super::shared::State::is_renewed) {
            let leaving = self.shared.until(|state| !state.is_renewed());
            tokio::select! {
                () = leaving => return,
                () = sleep_until(lease::renewal_due(sent, self.ttl)) => {}
                () = self.has_failures_to_tell(told, sent) => {}
            }
            let failures = self.shared.read(|state| state.failures);
            match self.renew(failures).await {
                Ok(answer) => {
                    (sent, told) = (answer.sent, failures);
                    self.renewed(&answer);
                }
                // Until the deadline there is nothing better to do than to try again.
                Err(error) if error.retryable() => {
                    tracing::debug!(session = %self.shared.id, %error, "renewal failed; trying again");
                    sleep(limits::RETRY_PAUSE_MIN).await;
                }
                Err(error) => return self.refused(&error),
            }
        }
    }

    /// They need not wait for the lease, and are told together.
    async fn has_failures_to_tell(&self, told: u32, sent: Instant) {
        self.shared.until(|state| state.failures > told).await;
        sleep_until(sent + FAILURES_RHYTHM).await;
    }

    async fn renew(&self, failures: u32) -> Result<Answer<v1::RenewResponse>, Error> {
        let call = Call {
            operation: "renew session",
            request_id: None,
            // Short enough that an agent that hangs leaves time to ask another one.
            timeout: (self.ttl / 5).min(self.client.options().call_timeout),
            give_up_at: self.shared.read(|state| state.deadline),
        };
        self.client.renew_session(self.shared.id, failures, call).await
    }

    fn renewed(&mut self, answer: &Answer<v1::RenewResponse>) {
        self.ttl = Duration::from_millis(answer.message.ttl_ms.max(TTL_MIN_MS));
        self.shared.extend(lease::deadline(answer.sent, Duration::from_millis(answer.message.ttl_ms)));
        self.announced.send_replace(LogIndex(answer.message.announced_revision));
    }

    fn refused(&self, error: &Error) {
        let problem = error.problem();
        if problem.reason == "SESSION_EVICTING" {
            let name = |field: &str| problem.metadata.get(field).cloned().unwrap_or_default();
            self.shared.evict(Eviction { reason: name("reason"), by: name("by"), at: Timestamp(0) });
        } else if error.kind() == Kind::NotFound {
            self.shared.end(LeaseOver::Gone(problem.message.clone()));
        } else {
            tracing::error!(session = %self.shared.id, %error, "the lease cannot be renewed; it runs out");
        }
    }
}

/// Ready when the lease may be over, however often it was renewed meanwhile.
async fn past_deadline(shared: &Shared) {
    loop {
        let deadline = shared.read(|state| state.deadline);
        if Instant::now() >= deadline {
            return;
        }
        sleep_until(deadline).await;
    }
}
