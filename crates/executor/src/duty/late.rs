//! What a node owes that does not count: one that catches up, or that is quarantined.

use super::work::{Work, confirmation};
use super::{Duty, Place, stop};
use lockstep_core::in_flight::{InFlight, Stage};
use lockstep_core::{Fence, Version};

impl Place<'_> {
    pub(super) fn late(&self, flight: Option<&InFlight>) -> Duty {
        if let Some(flight) = flight.filter(|flight| self.is_ahead_in_reverting(flight)) {
            return self.step_back(flight);
        }
        let version = self.ledger.head;
        if self.may_count_at(version, flight) {
            return Duty::ReportCaughtUp { version };
        }
        self.next(flight)
    }

    /// The database holds, whole or half, what the cluster is reverting.
    fn is_ahead_in_reverting(&self, flight: &InFlight) -> bool {
        let is_reverting = matches!(flight.stage, Stage::Reverting { .. });
        is_reverting && (self.holds(flight.version) || self.has_begun(flight.version))
    }

    fn step_back(&self, flight: &InFlight) -> Duty {
        let Stage::Reverting { fence, owing, .. } = &flight.stage else {
            return Duty::Idle { why: "the step in flight is not being reverted" };
        };
        if !owing.is_empty() {
            return Duty::Idle { why: "clients have yet to step back from the version that is being reverted" };
        }
        match self.state.entry(flight.version) {
            Some(entry) => Work::revert(self.state, entry, Fence(fence.0)).map_or_else(stop, Duty::CatchUp),
            None => Duty::Idle { why: "the version in flight is not in the version log" },
        }
    }

    /// The versions at which the cluster takes a node in without widening the spread.
    fn may_count_at(&self, version: Version, flight: Option<&InFlight>) -> bool {
        if self.ledger.claimed.is_some() {
            return false;
        }
        let Some(flight) = flight else {
            return version == self.state.version();
        };
        match &flight.stage {
            Stage::Preparing { .. } | Stage::Reverting { .. } => version == flight.base,
            // What it had reported it must hold again.
            Stage::Executing { executed, .. } if executed.contains_key(&self.node.id) => version == flight.version,
            Stage::Executing { .. } => version == flight.base || version == flight.version,
            Stage::Settling { .. } => version == flight.version,
        }
    }

    /// The next version that this database lacks.
    fn next(&self, flight: Option<&InFlight>) -> Duty {
        let begun = self.ledger.claimed.as_ref().and_then(|claimed| self.state.entry(claimed.version));
        let Some(entry) = begun.or_else(|| self.state.next_entry(self.ledger.head)) else {
            return Duty::Idle { why: "holds all versions; waiting until the cluster can take it in" };
        };
        let Some(confirm) = confirmation(entry, flight) else {
            return Duty::Idle { why: "waiting until the step in flight is confirmed or reverted" };
        };
        if entry.base != self.ledger.head {
            return stop(format!(
                "the ledger holds version {}, and version {} builds on version {}: no log leads there; restore the database",
                self.ledger.head, entry.version, entry.base
            ));
        }
        Duty::CatchUp(Work::forward(self.state, entry, confirm))
    }
}
