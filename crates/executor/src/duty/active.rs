//! What a node owes that counts, or that the cluster waits for to revert.

use super::work::Work;
use super::{Duty, Place, stop};
use lockstep_core::in_flight::{InFlight, Stage};
use lockstep_core::{Fence, LogIndex, Version};

impl Place<'_> {
    pub(super) fn active(&self, flight: Option<&InFlight>) -> Duty {
        let Some(flight) = flight else {
            return self.keep(self.state.version(), "no step is in flight");
        };
        match &flight.stage {
            Stage::Preparing { .. } if self.holds(flight.base) => self.preflight(flight),
            Stage::Preparing { .. } => self.keep(flight.base, ""),
            Stage::Executing { confirm, executed, .. } => {
                self.execute(flight, *confirm, executed.contains_key(&self.node.id))
            }
            Stage::Settling { .. } => {
                self.keep(flight.version, "executed; clients have yet to acknowledge the version")
            }
            Stage::Reverting { .. } => self.keep(flight.base, "reverted; waiting for the others"),
        }
    }

    /// What the node reported must be in the database still.
    fn keep(&self, version: Version, why: &'static str) -> Duty {
        if self.holds(version) && self.ledger.claimed.is_none() {
            return Duty::Idle { why };
        }
        let reason = format!(
            "its database is at version {}, and the node had reported version {version}: the database was restored, or its \
             ledger was changed by hand; the agent brings it up to date",
            self.ledger.head
        );
        Duty::ReportDrift { reason }
    }

    fn preflight(&self, flight: &InFlight) -> Duty {
        match self.state.entry(flight.version) {
            Some(entry) => Duty::Preflight {
                version: flight.version,
                base: flight.base,
                step: self.state.record_of(entry).step.clone(),
            },
            None => stop(no_entry(flight.version)),
        }
    }

    fn execute(&self, flight: &InFlight, confirm: LogIndex, is_reported: bool) -> Duty {
        let is_done = self.holds(flight.version) && self.ledger.claimed.is_none();
        match (is_done, is_reported) {
            (true, true) => Duty::Idle { why: "executed; waiting for the others" },
            (true, false) => Duty::ReportExecuted { version: flight.version },
            (false, true) => self.keep(flight.version, ""),
            (false, false) if self.holds(flight.base) => match self.state.entry(flight.version) {
                Some(entry) => Duty::Execute(Work::forward(self.state, entry, confirm)),
                None => stop(no_entry(flight.version)),
            },
            (false, false) => self.keep(flight.base, ""),
        }
    }

    /// Clients step back first. Then even a node that never began writes the version down as reverted, with the fence of this
    /// decision: nothing that was begun under the confirmation can take effect afterwards.
    pub(super) fn revert(&self, flight: &InFlight) -> Duty {
        let Stage::Reverting { fence, owing, .. } = &flight.stage else {
            return Duty::Idle { why: "the step in flight is not being reverted" };
        };
        if !owing.is_empty() {
            return Duty::Idle { why: "clients have yet to step back from the version that is being reverted" };
        }
        let fence = Fence(fence.0);
        if self.holds(flight.base) && self.ledger.claimed.is_none() && self.ledger.fence >= fence {
            return Duty::ReportReverted { version: flight.version, base: flight.base };
        }
        match self.state.entry(flight.version) {
            Some(entry) => Work::revert(self.state, entry, fence).map_or_else(stop, Duty::Revert),
            None => stop(no_entry(flight.version)),
        }
    }
}

fn no_entry(version: Version) -> String {
    format!(
        "version {version} is in flight and not in the version log: the state is damaged; remove the node and let it join anew"
    )
}
