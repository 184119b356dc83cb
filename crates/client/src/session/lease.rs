//! How long a lease is believed, and why one is over. Pure: times come in as arguments.

use lockstep_core::session::Eviction;
use lockstep_proto::limits;
use std::time::Duration;
use tokio::time::Instant;

/// Why a session's version may not be used (any more).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeaseOver {
    /// This process closed it.
    #[error("the session was closed by this process; open a new one to go on")]
    Closed,
    /// An operator evicted it. Work under way may finish while its guard's check succeeds.
    #[error("the session was evicted by {}: {}; open a new one when that is settled", .0.by, .0.reason)]
    Evicted(Eviction),
    /// No renewal was answered in time: the cluster may have moved on.
    #[error("the session's lease may be over: no renewal was answered in time; open a new session")]
    Expired,
    /// The cluster does not know the session (any more).
    #[error("the session is gone: {0}; open a new one")]
    Gone(String),
}

/// Until when a lease is believed that was asked for at `sent`: the leader cannot have received the request earlier, so it counts
/// from later, and lets go later still by the drift margin.
pub(super) fn deadline(sent: Instant, ttl: Duration) -> Instant {
    sent + ttl.saturating_sub(limits::lease_drift_margin(ttl))
}

/// When to ask for the lease again: two attempts more fit before the deadline.
pub(super) fn renewal_due(sent: Instant, ttl: Duration) -> Instant {
    sent + ttl / 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn deadline_is_ttl_less_ten_percent_after_sending() {
        let sent = Instant::now();
        assert_eq!(deadline(sent, Duration::from_secs(10)) - sent, Duration::from_secs(9));
        assert!(renewal_due(sent, Duration::from_secs(10)) < deadline(sent, Duration::from_secs(10)));
    }
}
