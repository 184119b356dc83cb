//! Changes: what people submit, and how far each has come.

use crate::engine::Engine;
use crate::ids::{ChangeId, Timestamp, Version};
use crate::in_flight::{Measurement, RevertReason};
use crate::limits::Limits;
use crate::source::Source;
use crate::step::{ClientRequirement, Phase, Step};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a person submits: a name and the planned steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// Unique in the cluster and stable, e.g. `0042_users_email`.
    pub name: String,
    /// The engine that the statements are written for.
    pub engine: Engine,
    /// One line for people.
    #[serde(default)]
    pub description: String,
    /// In the order in which they run. At least one.
    pub steps: Vec<Step>,
    /// A step that waits longer is shown BLOCKED; it is never forced. Milliseconds.
    #[serde(default = "block_deadline_default_ms")]
    pub block_deadline_ms: u64,
    /// How long the old form is kept after clients have left it, before a Contract step may prepare. Milliseconds; 0: not at all.
    /// `None`: as long as the agent says that takes the change in; a change that is in the log without it keeps nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_ms: Option<u64>,
    /// The file that it was made of, if it was made of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Its own limits; for all others, those that each agent is configured with.
    #[serde(default, skip_serializing_if = "Limits::is_empty")]
    pub limits: Limits,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_false(flag: &bool) -> bool {
    !*flag
}

fn block_deadline_default_ms() -> u64 {
    Spec::BLOCK_DEADLINE_DEFAULT_MS
}

/// A submitted change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Log index of its submission.
    pub id: ChangeId,
    /// As submitted.
    pub name: String,
    /// As submitted.
    pub description: String,
    /// As submitted.
    pub block_deadline_ms: u64,
    /// As submitted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retention_ms: u64,
    /// As submitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// As submitted.
    #[serde(default, skip_serializing_if = "Limits::is_empty")]
    pub limits: Limits,
    /// Who submitted it.
    pub submitted_by: String,
    /// When.
    pub submitted_at: Timestamp,
    /// As submitted, then the steps that rollbacks and retries appended.
    pub steps: Vec<StepRecord>,
    /// Why it may not move forward, by name of the hold. A change with a hold is paused; reverting goes on.
    #[serde(default)]
    pub holds: BTreeMap<String, Hold>,
}

/// An operator's order not to move a change forward.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Why.
    pub reason: String,
    /// Who placed it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

impl Hold {
    /// What a hold is called unless its operator calls it something else.
    pub const NAME_DEFAULT: &str = "operator";
}

/// A step and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRecord {
    /// The step.
    pub step: Step,
    /// `Some(i)`: this step undoes the settled step at position `i` of the same change.
    #[serde(default)]
    pub rollback_of: Option<usize>,
    /// `Some(i)`: this step runs the step at position `i` of the same change again, which had come to nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<usize>,
    /// Who approved it, if it needed that.
    #[serde(default)]
    pub approval: Option<Approval>,
    /// How far it is.
    pub status: StepStatus,
    /// What each node reported when it executed: node name to measurement.
    #[serde(default)]
    pub measurements: BTreeMap<String, Measurement>,
}

/// An operator's consent to a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// True: also to run before the old form has been kept for as long as the change says.
    #[serde(default, skip_serializing_if = "is_false")]
    pub now: bool,
}

/// How far a step is. The stage of the step in flight is in [`crate::in_flight::InFlight`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum StepStatus {
    /// Its turn has not come.
    Queued,
    /// Its turn has come; it waits for an operator.
    AwaitingApproval {
        /// Since when.
        since: Timestamp,
    },
    /// It is the step in flight.
    InFlight {
        /// The version that it makes.
        version: Version,
    },
    /// Every node holds it, every client acknowledged it.
    Settled {
        /// The version that it made.
        version: Version,
        /// When.
        at: Timestamp,
    },
    /// Undone on every node while it was in flight.
    Reverted {
        /// The version that it would have made.
        version: Version,
        /// When.
        at: Timestamp,
        /// Why.
        reason: RevertReason,
    },
    /// Never started, because the change was cancelled, failed or rolled back.
    Cancelled,
    /// Settled, and later undone by a reverting step that settled too.
    RolledBack {
        /// The version that it had made.
        version: Version,
        /// The version that undid it.
        by: Version,
    },
}

/// The state of a change as a whole, derived from its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// No step has started.
    Queued,
    /// The next step waits for an operator's approval.
    AwaitingApproval,
    /// Some steps are done and some are not.
    Running,
    /// The step in flight is being undone.
    Reverting,
    /// All steps settled.
    Settled,
    /// A step was reverted; what came after it was cancelled.
    Reverted,
    /// Cancelled before any step was in flight, or between two steps.
    Cancelled,
    /// What had settled was undone by a rollback.
    RolledBack,
}

impl Status {
    /// True when nothing more will happen to the change without an operator.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Settled | Self::Reverted | Self::Cancelled | Self::RolledBack)
    }

    /// As operators read it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::AwaitingApproval => "awaiting_approval",
            Self::Running => "running",
            Self::Reverting => "reverting",
            Self::Settled => "settled",
            Self::Reverted => "reverted",
            Self::Cancelled => "cancelled",
            Self::RolledBack => "rolled_back",
        }
    }
}

impl Change {
    /// True while an operator holds it.
    #[must_use]
    pub fn is_held(&self) -> bool {
        !self.holds.is_empty()
    }

    /// Position of the first step that has not started, if any.
    #[must_use]
    pub fn next_step(&self) -> Option<usize> {
        self.steps.iter().position(StepRecord::has_not_started)
    }

    /// The state of the change as a whole. `reverting` says whether its step in flight is being undone.
    #[must_use]
    pub fn status(&self, reverting: bool) -> Status {
        let any = |wanted: fn(&StepStatus) -> bool| self.steps.iter().any(|s| wanted(&s.status));
        let is_running = any(|s| matches!(s, StepStatus::InFlight { .. }));
        let is_queued = any(|s| matches!(s, StepStatus::Queued));
        if is_running {
            return if reverting { Status::Reverting } else { Status::Running };
        }
        if any(|s| matches!(s, StepStatus::AwaitingApproval { .. })) {
            return Status::AwaitingApproval;
        }
        if is_queued {
            let untouched = self.steps.iter().all(|s| s.status == StepStatus::Queued);
            return if untouched { Status::Queued } else { Status::Running };
        }
        self.final_status()
    }

    /// The state of a change of which nothing is left to do: what matters is what became of the steps that were submitted.
    fn final_status(&self) -> Status {
        let mut planned = self.planned().map(|index| &self.steps[index].status);
        let is_settled = |status: &StepStatus| matches!(status, StepStatus::Settled { .. });
        let is_rolled_back = |status: &StepStatus| matches!(status, StepStatus::RolledBack { .. });
        let is_reverted = |status: &StepStatus| matches!(status, StepStatus::Reverted { .. });
        if planned.clone().any(is_rolled_back) && !planned.clone().any(is_settled) {
            return Status::RolledBack;
        }
        let has_failed_to_undo = || self.left_to_undo().any(|record| is_reverted(&record.status));
        if planned.clone().any(is_reverted) || has_failed_to_undo() {
            return Status::Reverted;
        }
        if planned.all(is_settled) { Status::Settled } else { Status::Cancelled }
    }

    /// Positions of the steps that were submitted, each at its newest try, in the order of the plan.
    pub(crate) fn planned(&self) -> impl Iterator<Item = usize> + Clone + '_ {
        let is_retried = |index| self.steps.iter().any(|record| record.retry_of == Some(index));
        (0..self.steps.len()).filter(move |index| !self.steps[*index].is_rollback() && !is_retried(*index))
    }

    /// Reverting steps of a rollback that came to nothing: what they were to undo is still in effect.
    pub(crate) fn left_to_undo(&self) -> impl Iterator<Item = &StepRecord> {
        self.steps.iter().filter(|record| {
            let is_in_vain = matches!(record.status, StepStatus::Reverted { .. } | StepStatus::Cancelled);
            is_in_vain && record.rollback_of.is_some_and(|index| self.settled_version(index).is_some())
        })
    }

    /// The version that step `index` made, if it settled and was not undone.
    #[must_use]
    pub fn settled_version(&self, index: usize) -> Option<Version> {
        match self.steps.get(index)?.status {
            StepStatus::Settled { version, .. } => Some(version),
            _ => None,
        }
    }
}

impl StepRecord {
    /// The phase that clients are in once this step settled: a rollback of a phase puts them before it.
    #[must_use]
    pub fn is_rollback(&self) -> bool {
        self.rollback_of.is_some()
    }

    /// True when clients must understand the change to run at this step's version.
    #[must_use]
    pub fn requires_understanding(&self) -> bool {
        !self.is_rollback() && self.step.requires == ClientRequirement::Understands
    }

    /// True when the step takes a form away that clients could be using.
    #[must_use]
    pub fn is_contract(&self) -> bool {
        self.step.phase == Phase::Contract && !self.is_rollback()
    }
}

impl StepRecord {
    pub(crate) fn queued(step: Step) -> Self {
        Self {
            step,
            rollback_of: None,
            retry_of: None,
            approval: None,
            status: StepStatus::Queued,
            measurements: BTreeMap::new(),
        }
    }

    /// True when it needs an operator's consent, has not got it, and has not started.
    #[must_use]
    pub fn awaits_approval(&self) -> bool {
        self.has_not_started() && self.step.needs_approval && self.approval.is_none()
    }

    pub(crate) fn has_not_started(&self) -> bool {
        matches!(self.status, StepStatus::Queued | StepStatus::AwaitingApproval { .. })
    }

    /// True when it has not come to its end.
    #[must_use]
    pub fn is_unfinished(&self) -> bool {
        self.has_not_started() || matches!(self.status, StepStatus::InFlight { .. })
    }
}

/// How many steps a change may have.
pub const STEPS_MAX: usize = 500;

/// How long the name of a change may be, in bytes.
pub const NAME_BYTES_MAX: usize = 200;

impl Spec {
    /// True when it takes something away that clients are told to leave first.
    #[must_use]
    pub fn keeps_old_form(&self) -> bool {
        let is_switch = |step: &Step| matches!(step.phase, Phase::SwitchWrites | Phase::SwitchReads);
        self.steps.iter().any(is_switch) && self.steps.iter().any(|step| step.phase == Phase::Contract)
    }

    /// How long a step may wait before it is shown BLOCKED, when the change does not say: 15 minutes.
    pub const BLOCK_DEADLINE_DEFAULT_MS: u64 = 15 * 60 * 1_000;

    /// What is wrong with it, naming the place; `None` if nothing is.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if self.name.is_empty() || self.name.len() > NAME_BYTES_MAX || !self.name.bytes().all(is_plain) {
            return Some(format!("a name has 1 to {NAME_BYTES_MAX} letters, digits, `_`, `-` or `.`"));
        }
        if self.steps.is_empty() || self.steps.len() > STEPS_MAX {
            return Some(format!("a change has 1 to {STEPS_MAX} steps, this one has {}", self.steps.len()));
        }
        let parts = [self.source.as_ref().and_then(Source::problem), self.limits.problem()];
        if let Some(problem) = parts.into_iter().flatten().next() {
            return Some(problem);
        }
        let mut names = std::collections::BTreeSet::new();
        self.steps.iter().enumerate().find_map(|(index, step)| {
            let problem =
                if names.insert(&step.name) { step.problem() } else { Some("its name is taken".to_owned()) };
            problem.map(|problem| format!("step {} (`{}`): {problem}", index + 1, step.name))
        })
    }
}
