//! What a node owes now: a pure function of the replicated state and the database's ledger.
//!
//! Nothing here remembers. After a restart, a lost connection or a new leader the same question has the same answer, so a crash
//! at any point is an ordinary event. Intent comes before effect: work is owed only under a decision that the local state has
//! applied, and that decision's log index is the fence of the work.
//!
//! Deliberately absent: fingerprints of the database (the loop looks at them before it acts), time, retries.

mod active;
mod late;
mod mismatch;
mod work;

use crate::ledger_view::LedgerView;
use lockstep_core::in_flight::{InFlight, Stage};
use lockstep_core::node::{Node, Role};
use lockstep_core::{NodeId, State, Step, Version};
use lockstep_database::job::Kind;
pub use work::Work;

/// What a node owes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Say whether the step could be executed here now.
    Preflight {
        /// The version in flight.
        version: Version,
        /// The version on which it builds: the ledger's head.
        base: Version,
        /// Its step.
        step: Step,
    },
    /// Execute the step in flight: it is confirmed.
    Execute(Work),
    /// Revert the step in flight, or write down that it is not here and never will be.
    Revert(Work),
    /// Bring a database that is late, or that holds a version which the cluster has reverted, one version on.
    CatchUp(Work),
    /// A replica: the effect comes by replication.
    AwaitReplication {
        /// Which version it waits for.
        version: Version,
        /// Whether it should appear or go.
        kind: Kind,
    },
    /// The database holds the version in flight, and the log does not know.
    ReportExecuted {
        /// Which.
        version: Version,
    },
    /// The database does not hold the version in flight (any more), and the log does not know.
    ReportReverted {
        /// Which.
        version: Version,
        /// The version that it holds.
        base: Version,
    },
    /// The node could count again if its schema is as it must be.
    ReportCaughtUp {
        /// The version that its ledger holds.
        version: Version,
    },
    /// The database lost what the node had reported, e.g. it was restored from a backup.
    ReportDrift {
        /// What was lost.
        reason: String,
    },
    /// The ledger contradicts the log. Nothing may be executed.
    Stop {
        /// What contradicts what, and what to do.
        reason: String,
    },
    /// The node is no member any more.
    Removed,
    /// Nothing.
    Idle {
        /// Why, for people.
        why: &'static str,
    },
}

impl Duty {
    /// What is to be done in the database, if anything.
    #[must_use]
    pub fn work(&self) -> Option<&Work> {
        match self {
            Self::Execute(work) | Self::Revert(work) | Self::CatchUp(work) => Some(work),
            _ => None,
        }
    }
}

/// What `node` owes, given the replicated state as far as it is applied here and its database's ledger.
#[must_use]
pub fn duty(state: &State, node: NodeId, ledger: &LedgerView) -> Duty {
    let Some(member) = state.nodes().get(&node) else {
        let is_too_early = state.cluster().is_none() || state.applied().0 < node.0;
        return match is_too_early {
            true => Duty::Idle { why: "the log has not reached this node's join yet" },
            false => Duty::Removed,
        };
    };
    if let Some(reason) = mismatch::between(state, ledger) {
        return Duty::Stop { reason };
    }
    let owed = Place { state, node: member, ledger }.duty();
    match (member.role, owed.work()) {
        (Role::Replica, Some(work)) => Duty::AwaitReplication { version: work.version, kind: work.kind },
        _ => owed,
    }
}

/// Where a node stands: everything that a duty depends on.
struct Place<'a> {
    state: &'a State,
    node: &'a Node,
    ledger: &'a LedgerView,
}

impl Place<'_> {
    fn duty(&self) -> Duty {
        if let Some(duty) = self.void_to_undo() {
            return duty;
        }
        match self.state.in_flight() {
            Some(flight) if self.must_revert(flight) => self.revert(flight),
            flight if self.node.is_active() => self.active(flight),
            flight => self.late(flight),
        }
    }

    /// A version that the cluster has reverted, and this database still holds, whole or half.
    fn void_to_undo(&self) -> Option<Duty> {
        let held = self.ledger.claimed.as_ref().map_or(self.ledger.head, |claimed| claimed.version);
        let entry = self.state.entry(held).filter(|entry| !entry.is_effective())?;
        // The decision to revert it is older than this ledger's newest, or the row itself, once reverted, keeps it out for good:
        // the fence need not rise, and must not rise above the confirmation of a version that is to be executed next.
        Some(Work::revert(self.state, entry, self.ledger.fence).map_or_else(stop, Duty::CatchUp))
    }

    /// True when the cluster waits for this node's report that the step in flight is undone here.
    fn must_revert(&self, flight: &InFlight) -> bool {
        let catches_up = matches!(self.node.status, lockstep_core::node::Status::CatchingUp { .. });
        let is_awaited = matches!(&flight.stage, Stage::Reverting { reverted, .. }
            if !reverted.contains(&self.node.id));
        is_awaited && !catches_up && self.ledger.head >= flight.base
    }

    fn holds(&self, version: Version) -> bool {
        self.ledger.head == version
    }

    fn has_begun(&self, version: Version) -> bool {
        self.ledger.claimed.as_ref().is_some_and(|claimed| claimed.version == version)
    }
}

fn stop(reason: String) -> Duty {
    Duty::Stop { reason }
}
