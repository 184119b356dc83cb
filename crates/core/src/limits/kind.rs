//! What is read of a node.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What is read of a node. The order is the one in which readings are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// How far the slowest replica is behind.
    ReplicationLag,
    /// Sessions of others that run a statement.
    SessionsRunning,
    /// Sessions of others that wait for a lock.
    LockWaiters,
    /// Load average of the agent's machine, a core.
    Load,
    /// What is left on the volume of the database, or of the agent's data directory.
    FreeDisk,
    /// What 99 of 100 probes stayed below: an operator's own statement, run all the time.
    ProbeP99,
    /// How long the step has been executing here, waiting for others left out.
    ExecuteDuration,
    /// Rows that a backfill went through, against what was predicted.
    Cost,
    /// Units of work that an application's sessions said to have failed within the last 10 s.
    ClientFailures,
}

/// How a value is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Microseconds.
    Duration,
    /// Pieces.
    Count,
    /// Hundredths.
    Percent,
    /// Bytes.
    Bytes,
}

/// On which side of a limit it is breached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// A value over the limit.
    Over,
    /// A value under the limit.
    Under,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::ReplicationLag,
        Self::SessionsRunning,
        Self::LockWaiters,
        Self::Load,
        Self::FreeDisk,
        Self::ProbeP99,
        Self::ExecuteDuration,
        Self::Cost,
        Self::ClientFailures,
    ];

    /// The name as people read and write it, e.g. `replication_lag`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ReplicationLag => "replication_lag",
            Self::SessionsRunning => "sessions_running",
            Self::LockWaiters => "lock_waiters",
            Self::Load => "load",
            Self::FreeDisk => "free_disk",
            Self::ProbeP99 => "probe_p99",
            Self::ExecuteDuration => "execute_duration",
            Self::Cost => "cost",
            Self::ClientFailures => "client_failures",
        }
    }

    /// The kind with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// How its values are counted.
    #[must_use]
    pub fn unit(self) -> Unit {
        match self {
            Self::ReplicationLag | Self::ProbeP99 | Self::ExecuteDuration => Unit::Duration,
            Self::SessionsRunning | Self::LockWaiters | Self::ClientFailures => Unit::Count,
            Self::Load | Self::Cost => Unit::Percent,
            Self::FreeDisk => Unit::Bytes,
        }
    }

    /// On which side of its limit it is breached.
    #[must_use]
    pub fn side(self) -> Side {
        if self == Self::FreeDisk { Side::Under } else { Side::Over }
    }

    /// True when a value breaches a limit.
    #[must_use]
    pub fn is_breached(self, value: u64, limit: u64) -> bool {
        match self.side() {
            Side::Over => value > limit,
            Side::Under => value < limit,
        }
    }

    /// The worse of two values.
    #[must_use]
    pub fn worse(self, one: u64, other: u64) -> u64 {
        match self.side() {
            Side::Over => one.max(other),
            Side::Under => one.min(other),
        }
    }

    /// True when work can wait for it to come back. What the step itself takes and costs never does; and what clients fail at is
    /// known to the leader's node alone.
    #[must_use]
    pub fn throttles(self) -> bool {
        !matches!(self, Self::ExecuteDuration | Self::Cost | Self::ClientFailures)
    }

    /// The usual limit of the throttle. The load has none: on Linux it counts whoever waits for a disk, is a minute old, and is that
    /// of the agent's machine, which need not be the database's.
    #[must_use]
    pub fn throttle_default(self) -> Option<u64> {
        match self {
            Self::ReplicationLag => Some(5_000_000),
            Self::SessionsRunning => Some(100),
            Self::LockWaiters => Some(20),
            Self::FreeDisk => Some(1 << 30),
            Self::ProbeP99 => Some(100_000),
            Self::Load | Self::ExecuteDuration | Self::Cost | Self::ClientFailures => None,
        }
    }

    /// The usual threshold: none. What makes a step worth undoing is for its owner to say.
    #[must_use]
    pub fn threshold_default(self) -> Option<u64> {
        None
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}
