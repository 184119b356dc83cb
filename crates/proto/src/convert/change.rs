//! Changes, as submitted and as they became.

use super::{Error, enumeration, list, map, optional, position, present, required, same_variants, unmap};
use crate::{v1, view};
use lockstep_core::change::{Approval, Change, Hold, Spec, Status, StepRecord, StepStatus};
use lockstep_core::{ChangeId, LogIndex, NodeId, SessionId, Source, Timestamp, Version};

same_variants!(
    v1::ChangeStatus,
    Status,
    Queued,
    AwaitingApproval,
    Running,
    Reverting,
    Settled,
    Reverted,
    Cancelled,
    RolledBack
);

/// How long a step may wait before it is shown BLOCKED when the submitter does not say: 15 minutes.
const BLOCK_DEADLINE_MS_DEFAULT: u64 = 15 * 60 * 1_000;

impl From<Spec> for v1::ChangeSpec {
    fn from(spec: Spec) -> Self {
        Self {
            name: spec.name,
            engine: v1::Engine::from(spec.engine).into(),
            description: spec.description,
            steps: spec.steps.into_iter().map(Into::into).collect(),
            block_deadline_ms: Some(spec.block_deadline_ms),
            retention_ms: spec.retention_ms,
            source: spec.source.map(Into::into),
            limits: (!spec.limits.is_empty()).then(|| spec.limits.into()),
        }
    }
}

impl TryFrom<v1::ChangeSpec> for Spec {
    type Error = Error;

    fn try_from(spec: v1::ChangeSpec) -> Result<Self, Error> {
        Ok(Self {
            name: spec.name,
            engine: enumeration::<v1::Engine, _>("engine", spec.engine)?,
            description: spec.description,
            steps: list("steps", spec.steps)?,
            block_deadline_ms: spec.block_deadline_ms.unwrap_or(BLOCK_DEADLINE_MS_DEFAULT),
            retention_ms: spec.retention_ms,
            source: spec.source.map(Into::into),
            limits: optional("limits", spec.limits)?.unwrap_or_default(),
        })
    }
}

impl From<Source> for v1::ChangeSource {
    fn from(source: Source) -> Self {
        Self { file: source.file, sha256: source.sha256 }
    }
}

impl From<v1::ChangeSource> for Source {
    fn from(source: v1::ChangeSource) -> Self {
        Self { file: source.file, sha256: source.sha256 }
    }
}

impl From<view::Change> for v1::Change {
    fn from(view: view::Change) -> Self {
        let change = view.change;
        Self {
            id: change.id.0,
            name: change.name,
            description: change.description,
            block_deadline_ms: change.block_deadline_ms,
            retention_ms: change.retention_ms,
            source: change.source.map(Into::into),
            limits: (!change.limits.is_empty()).then(|| change.limits.into()),
            submitted_by: change.submitted_by,
            submitted_at_ms: change.submitted_at.0,
            steps: change.steps.into_iter().map(Into::into).collect(),
            holds: unmap(change.holds, |name| name),
            status: v1::ChangeStatus::from(view.status).into(),
            in_flight: view.in_flight.map(Into::into),
            gate: view.gate.map(Into::into),
            progress: view.progress.into_iter().map(Into::into).collect(),
            node_names: unmap(view.node_names, |id| id.0),
            session_titles: unmap(view.session_titles, |id| id.0),
            revision: view.revision.0,
        }
    }
}

impl TryFrom<v1::Change> for view::Change {
    type Error = Error;

    fn try_from(message: v1::Change) -> Result<Self, Error> {
        let change = Change {
            id: ChangeId(message.id),
            name: message.name,
            description: message.description,
            block_deadline_ms: message.block_deadline_ms,
            retention_ms: message.retention_ms,
            source: message.source.map(Into::into),
            limits: optional("limits", message.limits)?.unwrap_or_default(),
            submitted_by: message.submitted_by,
            submitted_at: Timestamp(message.submitted_at_ms),
            steps: list("steps", message.steps)?,
            holds: map("holds", message.holds, |name| name)?,
        };
        Ok(Self {
            change,
            status: enumeration::<v1::ChangeStatus, _>("status", message.status)?,
            in_flight: optional("in_flight", message.in_flight)?,
            gate: optional("gate", message.gate)?,
            progress: list("progress", message.progress)?,
            node_names: unmap(message.node_names, NodeId),
            session_titles: unmap(message.session_titles, SessionId),
            revision: LogIndex(message.revision),
        })
    }
}

impl From<view::Unchanged> for v1::Unchanged {
    fn from(unchanged: view::Unchanged) -> Self {
        Self { state: unchanged.state, since_ms: unchanged.since.map(|since| since.0) }
    }
}

impl From<v1::Unchanged> for view::Unchanged {
    fn from(unchanged: v1::Unchanged) -> Self {
        Self { state: unchanged.state, since: unchanged.since_ms.map(Timestamp) }
    }
}

impl From<Hold> for v1::Hold {
    fn from(hold: Hold) -> Self {
        Self { reason: hold.reason, by: hold.by, at_ms: hold.at.0 }
    }
}

impl TryFrom<v1::Hold> for Hold {
    type Error = Error;

    fn try_from(hold: v1::Hold) -> Result<Self, Error> {
        Ok(Self { reason: hold.reason, by: hold.by, at: Timestamp(hold.at_ms) })
    }
}

impl From<StepRecord> for v1::StepRecord {
    fn from(record: StepRecord) -> Self {
        Self {
            step: Some(record.step.into()),
            rollback_of: record.rollback_of.map(position),
            retry_of: record.retry_of.map(position),
            approval: record.approval.map(|Approval { by, at, now }| v1::Approval { by, at_ms: at.0, now }),
            status: Some(record.status.into()),
            measurements: unmap(record.measurements, |name| name),
        }
    }
}

impl TryFrom<v1::StepRecord> for StepRecord {
    type Error = Error;

    fn try_from(record: v1::StepRecord) -> Result<Self, Error> {
        Ok(Self {
            step: required("step", record.step)?,
            rollback_of: record.rollback_of.map(|index| index as usize),
            retry_of: record.retry_of.map(|index| index as usize),
            approval: record.approval.map(|v1::Approval { by, at_ms, now }| Approval {
                by,
                at: Timestamp(at_ms),
                now,
            }),
            status: required("status", record.status)?,
            measurements: map("measurements", record.measurements, |name| name)?,
        })
    }
}

impl From<StepStatus> for v1::StepStatus {
    fn from(status: StepStatus) -> Self {
        let bare = |state: v1::StepState| Self { state: state.into(), ..Self::default() };
        let with = |state, version: Version| Self { version: Some(version.0), ..bare(state) };
        match status {
            StepStatus::Queued => bare(v1::StepState::Queued),
            StepStatus::AwaitingApproval { since } => {
                Self { at_ms: Some(since.0), ..bare(v1::StepState::AwaitingApproval) }
            }
            StepStatus::InFlight { version } => with(v1::StepState::InFlight, version),
            StepStatus::Settled { version, at } => {
                Self { at_ms: Some(at.0), ..with(v1::StepState::Settled, version) }
            }
            StepStatus::Reverted { version, at, reason } => Self {
                at_ms: Some(at.0),
                revert_reason: Some(reason.into()),
                ..with(v1::StepState::Reverted, version)
            },
            StepStatus::Cancelled => bare(v1::StepState::Cancelled),
            StepStatus::RolledBack { version, by } => {
                Self { rolled_back_by: Some(by.0), ..with(v1::StepState::RolledBack, version) }
            }
        }
    }
}

impl TryFrom<v1::StepStatus> for StepStatus {
    type Error = Error;

    fn try_from(status: v1::StepStatus) -> Result<Self, Error> {
        let version = || present("version", status.version).map(Version);
        let at = || present("at_ms", status.at_ms).map(Timestamp);
        Ok(match status.state() {
            v1::StepState::Unspecified => return Err(Error::new("state", "is not set")),
            v1::StepState::Queued => Self::Queued,
            v1::StepState::AwaitingApproval => Self::AwaitingApproval { since: at()? },
            v1::StepState::InFlight => Self::InFlight { version: version()? },
            v1::StepState::Settled => Self::Settled { version: version()?, at: at()? },
            v1::StepState::Reverted => Self::Reverted {
                version: version()?,
                at: at()?,
                reason: required("revert_reason", status.revert_reason)?,
            },
            v1::StepState::Cancelled => Self::Cancelled,
            v1::StepState::RolledBack => Self::RolledBack {
                version: version()?,
                by: Version(present("rolled_back_by", status.rolled_back_by)?),
            },
        })
    }
}

impl From<view::ChangeSummary> for v1::ChangeSummary {
    fn from(summary: view::ChangeSummary) -> Self {
        Self {
            id: summary.id.0,
            name: summary.name,
            description: summary.description,
            status: v1::ChangeStatus::from(summary.status).into(),
            is_held: summary.is_held,
            steps_total: position(summary.steps_total),
            steps_settled: position(summary.steps_settled),
            submitted_by: summary.submitted_by,
            submitted_at_ms: summary.submitted_at.0,
        }
    }
}

impl TryFrom<v1::ChangeSummary> for view::ChangeSummary {
    type Error = Error;

    fn try_from(summary: v1::ChangeSummary) -> Result<Self, Error> {
        Ok(Self {
            id: ChangeId(summary.id),
            name: summary.name,
            description: summary.description,
            status: enumeration::<v1::ChangeStatus, _>("status", summary.status)?,
            is_held: summary.is_held,
            steps_total: summary.steps_total as usize,
            steps_settled: summary.steps_settled as usize,
            submitted_by: summary.submitted_by,
            submitted_at: Timestamp(summary.submitted_at_ms),
        })
    }
}
