//! How far the node is: soft state for watchers, never replicated.

use lockstep_core::Version;
use lockstep_core::limits::Stop;
use lockstep_database::Blocker;
use std::time::SystemTime;

/// How far the node is with what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The version that it works on; `None` when there is none.
    pub version: Option<Version>,
    /// What it does.
    pub activity: Activity,
    /// Rows that finished batches went through.
    pub rows_done: u64,
    /// How many there may be in all, by the engine's own estimate.
    pub rows_total_estimate: Option<u64>,
    /// Finished batches.
    pub batches: u64,
    /// Sessions that work on it beside the first one.
    pub helpers: u32,
    /// Attempts at this work in this process, the present one included.
    pub attempts: u32,
    /// Why the newest attempt ended, or why there is nothing to do; `None` once an attempt succeeded.
    pub last_error: Option<String>,
    /// Who holds what the present attempt needs, and is waited for.
    pub blockers: Vec<Blocker>,
    /// Why the work waits; empty while nothing throttles it.
    pub stop_reasons: Vec<Stop>,
    /// Since when it has been at this activity and version, by this machine's clock.
    pub since: SystemTime,
}

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// Nothing is owed.
    Idle,
    /// Looks whether the step could be executed.
    Preflight,
    /// Executes the step in flight.
    Executing,
    /// Reverts the step in flight.
    Reverting,
    /// Executes, or undoes, what it missed.
    CatchingUp,
    /// Waits for replication to bring, or take away, a version.
    AwaitingReplication,
    /// Tells the cluster what the database holds.
    Reporting,
    /// Waits for somebody to mend its schema.
    Quarantined,
    /// Cannot reach its database.
    Unreachable,
    /// The ledger contradicts the log: nothing is executed.
    Stopped,
}

impl Activity {
    /// As operators read it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Preflight => "preflight",
            Self::Executing => "executing",
            Self::Reverting => "reverting",
            Self::CatchingUp => "catching_up",
            Self::AwaitingReplication => "awaiting_replication",
            Self::Reporting => "reporting",
            Self::Quarantined => "quarantined",
            Self::Unreachable => "unreachable",
            Self::Stopped => "stopped",
        }
    }

    /// True when the node waits for nothing and does nothing.
    #[must_use]
    pub fn is_idle(self) -> bool {
        self == Self::Idle
    }
}

impl Progress {
    pub(crate) fn new(activity: Activity, version: Option<Version>) -> Self {
        Self {
            version,
            activity,
            rows_done: 0,
            rows_total_estimate: None,
            batches: 0,
            helpers: 0,
            attempts: 0,
            last_error: None,
            blockers: Vec::new(),
            stop_reasons: Vec::new(),
            since: SystemTime::now(),
        }
    }
}
