//! Which clients can run at which version, and in which phase of a change they are there.

use crate::change::{Change, StepStatus};
use crate::ids::Version;
use crate::in_flight::Stage;
use crate::session::Compatibility;
use crate::state::State;
use crate::step::Phase;
use crate::version::Entry;

impl State {
    /// The versions that a client may meet on some node now.
    #[must_use]
    pub fn versions_in_use(&self) -> Vec<Version> {
        match &self.in_flight {
            Some(flight) if !matches!(flight.stage, Stage::Preparing { .. }) => vec![flight.base, flight.version],
            _ => vec![self.version],
        }
    }

    /// Why a client cannot run at `version`; `None` if it can.
    #[must_use]
    pub fn incompatibility(&self, client: &Compatibility, version: Version) -> Option<String> {
        if version < client.version_min {
            return Some(format!("it needs version {} or newer", client.version_min));
        }
        if let Some(version_max) = client.version_max.filter(|version_max| version > *version_max) {
            return Some(format!("it runs up to version {version_max} only"));
        }
        self.log
            .iter()
            .skip(usize::try_from(client.version_min.0).unwrap_or(usize::MAX))
            .take_while(|entry| entry.version <= version)
            .filter(|entry| entry.is_effective())
            .find_map(|entry| self.obstacle_at(entry, client, version))
    }

    /// What in the step of `entry` a client cannot live with at `version`.
    fn obstacle_at(&self, entry: &Entry, client: &Compatibility, version: Version) -> Option<String> {
        let change = &self.changes[&entry.change];
        let record = &change.steps[entry.step];
        if let Some(undone) = record.rollback_of.and_then(|index| change.version_of(index)) {
            return (client.version_min >= undone).then(|| {
                format!(
                    "version {} undoes version {undone} of change {}, which it needs",
                    entry.version, change.name
                )
            });
        }
        let is_missing = record.requires_understanding() && !client.understands.contains(&change.name);
        let is_undone = || change.undone_by(entry.step).is_some_and(|by| by <= version);
        (is_missing && !is_undone())
            .then(|| format!("version {} requires clients that understand change {}", entry.version, change.name))
    }

    /// The newest phase of a change that is in effect at `version`; `None` before its first step, or after it was rolled back.
    #[must_use]
    pub fn phase_at(&self, change_name: &str, version: Version) -> Option<Phase> {
        let change = self.change_named(change_name)?;
        (0..change.steps.len())
            .filter(|index| !change.steps[*index].is_rollback())
            .filter(|index| change.version_of(*index).is_some_and(|made| made <= version))
            .filter(|index| change.undone_by(*index).is_none_or(|by| by > version))
            .map(|index| change.steps[index].step.phase)
            .max()
    }
}

impl Change {
    /// The version that step `index` made or is making; `None` if it never started or was reverted.
    #[must_use]
    pub fn version_of(&self, index: usize) -> Option<Version> {
        match self.steps.get(index)?.status {
            StepStatus::InFlight { version }
            | StepStatus::Settled { version, .. }
            | StepStatus::RolledBack { version, .. } => Some(version),
            _ => None,
        }
    }

    /// The version of the reverting step that undoes, or undid, step `index`.
    #[must_use]
    pub fn undone_by(&self, index: usize) -> Option<Version> {
        self.steps
            .iter()
            .enumerate()
            .filter(|(_, record)| record.rollback_of == Some(index))
            .find_map(|(position, _)| self.version_of(position))
    }
}
