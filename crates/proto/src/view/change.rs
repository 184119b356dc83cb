//! Views of changes, of what they wait for, and of the version log.

use super::Progress;
use lockstep_core::change::{self, Status, StepStatus};
use lockstep_core::in_flight::InFlight;
use lockstep_core::step::Phase;
use lockstep_core::{ChangeId, LogIndex, NodeId, SessionId, Timestamp, holdout, version};
use serde::Serialize;
use std::collections::BTreeMap;

/// A change as it is at `revision`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// From the replicated state.
    #[serde(flatten)]
    pub change: change::Change,
    /// The state of the change as a whole.
    pub status: Status,
    /// Its step in flight, if it has one.
    pub in_flight: Option<InFlight>,
    /// What it waits for, if it waits.
    pub gate: Option<Gate>,
    /// How far nodes are with long work on its step in flight; told by the leader only.
    pub progress: Vec<Progress>,
    /// Names of the nodes that `in_flight` mentions.
    pub node_names: BTreeMap<NodeId, String>,
    /// `app/instance` of the sessions that `in_flight` mentions.
    pub session_titles: BTreeMap<SessionId, String>,
    /// Log index up to which the answering agent had applied.
    pub revision: LogIndex,
}

/// What the next move waits for, and whether it waits for too long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gate {
    /// From the replicated state.
    #[serde(flatten)]
    pub gate: holdout::Gate,
    /// True when it waits for longer than its change allows.
    pub is_blocked: bool,
}

impl Gate {
    /// The view of a gate at a time.
    #[must_use]
    pub fn at(gate: holdout::Gate, now: Timestamp) -> Self {
        let is_blocked = now >= gate.blocked_at;
        Self { gate, is_blocked }
    }
}

/// How it is when an order changed nothing, because it is so already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unchanged {
    /// How, and by whom if somebody made it so.
    pub state: String,
    /// Since when, if that is known.
    pub since: Option<Timestamp>,
}

/// A change in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChangeSummary {
    /// Log index of its submission.
    pub id: ChangeId,
    /// Its name.
    pub name: String,
    /// One line for people.
    pub description: String,
    /// The state of the change as a whole.
    pub status: Status,
    /// True while an operator holds it.
    pub is_held: bool,
    /// Number of its steps.
    pub steps_total: usize,
    /// How many of them settled and were not undone.
    pub steps_settled: usize,
    /// Who submitted it.
    pub submitted_by: String,
    /// When.
    pub submitted_at: Timestamp,
}

impl ChangeSummary {
    /// The line of a change. `reverting` says whether its step in flight is being undone.
    #[must_use]
    pub fn of(change: &change::Change, reverting: bool) -> Self {
        let is_settled = |record: &&change::StepRecord| matches!(record.status, StepStatus::Settled { .. });
        Self {
            id: change.id,
            name: change.name.clone(),
            description: change.description.clone(),
            status: change.status(reverting),
            is_held: change.is_held(),
            steps_total: change.steps.len(),
            steps_settled: change.steps.iter().filter(is_settled).count(),
            submitted_by: change.submitted_by.clone(),
            submitted_at: change.submitted_at,
        }
    }
}

/// An entry of the version log, with the names that belong to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Version {
    /// From the replicated state.
    #[serde(flatten)]
    pub entry: version::Entry,
    /// The change's name.
    pub change_name: String,
    /// The step's name.
    pub step_name: String,
    /// The step's phase.
    pub phase: Phase,
}
