//! Sessions: the leases of application clients.

use crate::ids::{SessionId, Timestamp, Version};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a client release can run on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compatibility {
    /// The oldest version that the release can run on; it knows every change up to there.
    pub version_min: Version,
    /// The newest version that the release can run on; `None`: any, as long as it understands what is required.
    #[serde(default)]
    pub version_max: Option<Version>,
    /// Names of changes whose old *and* new form the release can use, whichever it is told.
    #[serde(default)]
    pub understands: BTreeSet<String>,
}

/// A client's lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Log index of its opening.
    pub id: SessionId,
    /// The application, e.g. `shop`.
    pub app: String,
    /// The process, e.g. a host name with a process id.
    pub instance: String,
    /// What it can run on.
    pub compatibility: Compatibility,
    /// The newest announcement that it acknowledged: the version that it uses.
    pub acknowledged: Version,
    /// How long the lease lasts after a renewal, in milliseconds.
    pub ttl_ms: u64,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// Moves with every command of the client itself; an Expire that saw another value is void.
    pub renew_counter: u64,
    /// Set when an operator evicts it: it is not renewed any more, and gone when its lease has run out.
    #[serde(default)]
    pub eviction: Option<Eviction>,
}

/// An operator's order to let a session go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Eviction {
    /// Why; the client is told.
    pub reason: String,
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

impl Session {
    /// `app/instance`, as operators see it.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{}/{}", self.app, self.instance)
    }
}

/// The shortest lease, in milliseconds: below it a busy client cannot renew in time.
pub const TTL_MIN_MS: u64 = 1_000;

/// The longest lease, in milliseconds: a dead client holds the next step for that long.
pub const TTL_MAX_MS: u64 = 60 * 60 * 1_000;
