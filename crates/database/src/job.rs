//! What an agent asks of its database: execute or revert one version.

use crate::blocker::Blocker;
use crate::ledger::State;
use lockstep_core::step::Action;
use lockstep_core::{Fence, Version};
use std::time::Duration;

/// One version to execute or to revert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Which.
    pub version: Version,
    /// The version on which it builds: executing demands that it is the ledger's head.
    pub base: Version,
    /// [`lockstep_core::version::Entry::hash`] of it.
    pub hash: String,
    /// Its step's name.
    pub step_name: String,
    /// What to do.
    pub action: Action,
    /// The decision under which it is done.
    pub fence: Fence,
    /// To or fro.
    pub kind: Kind,
    /// The tables that it is about ([`lockstep_core::Step::targets`]): who holds them is waited out before each attempt.
    pub targets: Vec<String>,
    /// How long to wait for what.
    pub patience: Patience,
}

/// To or fro.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Execute: afterwards the database holds the version.
    Forward,
    /// Revert: afterwards it does not.
    Revert,
}

impl Kind {
    /// As it is stored.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Revert => "revert",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Forward, Self::Revert].into_iter().find(|kind| kind.name() == name)
    }

    /// What the ledger says once it is done.
    pub(crate) fn done(self) -> State {
        match self {
            Self::Forward => State::Executed,
            Self::Revert => State::Reverted,
        }
    }
}

/// How long a job waits for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Waiting for one lock. Short: everything that queues behind the waiting statement waits as long.
    pub lock_timeout: Duration,
    /// Trying again for locks, over all attempts of one transaction.
    pub deadline: Duration,
    /// What one batch of a backfill should take: for so long may others wait for a row of it.
    pub batch_target: Duration,
    /// The same where others need the cores, who wait for one as long as a batch keeps it; longer where commits take longer than that.
    pub batch_target_crowded: Duration,
    /// So many sessions do batches of one backfill at most, however much room there is.
    pub backfill_sessions_max: u32,
    /// More sessions of applications than these do not wait behind a statement: it is cancelled, and tried again later.
    pub queue_sessions_max: u32,
    /// Nor does one of them wait longer than this, before the statement is told to end.
    pub queue_wait_max: Duration,
    /// How long a build behind which nobody waits (`CREATE INDEX CONCURRENTLY`) waits for one old transaction.
    pub concurrent_wait_max: Duration,
    /// Sessions that hold what a definition needs in a transaction older than this are ended. `None`, as by default: never.
    pub end_blockers_after: Option<Duration>,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            lock_timeout: Duration::from_millis(100),
            deadline: Duration::from_secs(60),
            batch_target: Duration::from_millis(50),
            batch_target_crowded: Duration::from_millis(3),
            backfill_sessions_max: 4,
            queue_sessions_max: 20,
            queue_wait_max: Duration::from_millis(75),
            concurrent_wait_max: Duration::from_secs(600),
            end_blockers_after: None,
        }
    }
}

/// How far a job is. Soft state: what counts is in the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Rows that finished batches went through.
    pub rows_done: u64,
    /// How many there may be in all, by the engine's own estimate.
    pub rows_total_estimate: Option<u64>,
    /// Finished batches.
    pub batches: u64,
    /// Attempts so far that ended because a lock was not to be had.
    pub lock_timeouts: u32,
    /// Sessions that work on it beside its own.
    pub helpers: u32,
    /// Of all of them, those that wait because they were told to ([`crate::Control::hold`]).
    pub held_sessions: u32,
    /// Who holds what it needs, and is waited out before the next attempt.
    pub blockers: Vec<Blocker>,
}

impl Progress {
    /// Nothing of it goes on, and it holds nothing, because it was told to wait.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.held_sessions > self.helpers
    }
}
