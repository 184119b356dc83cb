//! One version to execute or to undo.

use lockstep_core::in_flight::{InFlight, Stage};
use lockstep_core::step::Action;
use lockstep_core::version::{Entry, Outcome};
use lockstep_core::{Fence, LogIndex, State, Version};
use lockstep_database::job::{Job, Kind, Patience};

/// One version to execute or to undo in a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// Which.
    pub version: Version,
    /// The version on which it builds.
    pub base: Version,
    /// [`Entry::hash`] of it.
    pub hash: String,
    /// Its step's name.
    pub step_name: String,
    /// Whether it is executed or undone.
    pub kind: Kind,
    /// What to do.
    pub action: Action,
    /// The tables that it is about.
    pub targets: Vec<String>,
    /// The decision under which it is done.
    pub fence: Fence,
}

impl Work {
    /// As the database takes it.
    #[must_use]
    pub fn job(&self, patience: &Patience) -> Job {
        Job {
            version: self.version,
            base: self.base,
            hash: self.hash.clone(),
            step_name: self.step_name.clone(),
            action: self.action.clone(),
            targets: self.targets.clone(),
            fence: self.fence,
            kind: self.kind,
            patience: patience.clone(),
        }
    }

    pub(super) fn forward(state: &State, entry: &Entry, confirm: LogIndex) -> Self {
        let action = state.record_of(entry).step.forward.clone();
        Self::of(state, entry, Kind::Forward, action, Fence(confirm.0))
    }

    /// Fails with a reason when the step has no revert: the log never reverts such a step once it is confirmed.
    pub(super) fn revert(state: &State, entry: &Entry, fence: Fence) -> Result<Self, String> {
        let step = &state.record_of(entry).step;
        let action = step.revert.clone().ok_or_else(|| {
            format!(
                "version {} ({}) must be undone here and has no revert; restore the database from before it",
                entry.version, step.name
            )
        })?;
        Ok(Self::of(state, entry, Kind::Revert, action, fence))
    }

    fn of(state: &State, entry: &Entry, kind: Kind, action: Action, fence: Fence) -> Self {
        let step = &state.record_of(entry).step;
        Self {
            version: entry.version,
            base: entry.base,
            hash: entry.hash.clone(),
            step_name: step.name.clone(),
            kind,
            action,
            targets: step.targets.clone(),
            fence,
        }
    }
}

/// Log index of the entry's confirmation, if it has been confirmed and is not being undone.
pub(super) fn confirmation(entry: &Entry, flight: Option<&InFlight>) -> Option<LogIndex> {
    match (&entry.outcome, flight.map(|flight| &flight.stage)) {
        (Outcome::Settled { confirm, .. }, _) => Some(*confirm),
        (Outcome::InFlight, Some(Stage::Executing { confirm, .. } | Stage::Settling { confirm, .. })) => {
            Some(*confirm)
        }
        _ => None,
    }
}
