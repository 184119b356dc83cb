//! The step in flight and what has been reported of it.

use super::{Error, list, map, position, present, required, unmap};
use crate::v1;
use crate::v1::in_flight::Stage as MessageStage;
use crate::v1::preparation::Answer;
use crate::v1::revert_reason::Kind as ReasonKind;
use lockstep_core::in_flight::{
    Execution, Failure, InFlight, Measurement, Obstacle, Preparation, RevertReason, Stage,
};
use lockstep_core::node::Fingerprint;
use lockstep_core::{ChangeId, LogIndex, NodeId, SessionId, Timestamp, Version};

impl From<InFlight> for v1::InFlight {
    fn from(in_flight: InFlight) -> Self {
        Self {
            change_id: in_flight.change.0,
            step: position(in_flight.step),
            version: in_flight.version.0,
            base_version: in_flight.base.0,
            since_ms: in_flight.since.0,
            stage: Some(in_flight.stage.into()),
            hurried_at_index: in_flight.hurried_at.0,
        }
    }
}

impl TryFrom<v1::InFlight> for InFlight {
    type Error = Error;

    fn try_from(in_flight: v1::InFlight) -> Result<Self, Error> {
        Ok(Self {
            change: ChangeId(in_flight.change_id),
            step: in_flight.step as usize,
            version: Version(in_flight.version),
            base: Version(in_flight.base_version),
            since: Timestamp(in_flight.since_ms),
            stage: required("stage", in_flight.stage)?,
            hurried_at: LogIndex(in_flight.hurried_at_index),
        })
    }
}

impl From<Stage> for MessageStage {
    fn from(stage: Stage) -> Self {
        let sessions = |owing: std::collections::BTreeSet<SessionId>| owing.into_iter().map(|id| id.0).collect();
        match stage {
            Stage::Preparing { reports } => {
                Self::Preparing(v1::PreparingStage { reports: unmap(reports, |id: NodeId| id.0) })
            }
            Stage::Executing { confirm, executed, failures } => Self::Executing(v1::ExecutingStage {
                confirm_index: confirm.0,
                executed: unmap(executed, |id: NodeId| id.0),
                failures: unmap(failures, |id: NodeId| id.0),
            }),
            Stage::Settling { confirm, owing } => {
                Self::Settling(v1::SettlingStage { confirm_index: confirm.0, owing_session_ids: sessions(owing) })
            }
            Stage::Reverting { fence, reason, owing, reverted, failures } => Self::Reverting(v1::RevertingStage {
                fence: fence.0,
                reason: Some(reason.into()),
                owing_session_ids: sessions(owing),
                reverted_node_ids: reverted.into_iter().map(|id| id.0).collect(),
                failures: unmap(failures, |id: NodeId| id.0),
            }),
        }
    }
}

impl TryFrom<MessageStage> for Stage {
    type Error = Error;

    fn try_from(stage: MessageStage) -> Result<Self, Error> {
        let sessions = |ids: Vec<u64>| ids.into_iter().map(SessionId).collect();
        Ok(match stage {
            MessageStage::Preparing(stage) => Self::Preparing { reports: map("reports", stage.reports, NodeId)? },
            MessageStage::Executing(stage) => Self::Executing {
                confirm: LogIndex(stage.confirm_index),
                executed: map("executed", stage.executed, NodeId)?,
                failures: map("failures", stage.failures, NodeId)?,
            },
            MessageStage::Settling(stage) => {
                Self::Settling { confirm: LogIndex(stage.confirm_index), owing: sessions(stage.owing_session_ids) }
            }
            MessageStage::Reverting(stage) => Self::Reverting {
                fence: LogIndex(stage.fence),
                reason: required("reason", stage.reason)?,
                owing: sessions(stage.owing_session_ids),
                reverted: stage.reverted_node_ids.into_iter().map(NodeId).collect(),
                failures: map("failures", stage.failures, NodeId)?,
            },
        })
    }
}

impl From<Preparation> for v1::Preparation {
    fn from(preparation: Preparation) -> Self {
        let answer = match preparation {
            Preparation::Ready { fingerprint } => Answer::Ready(v1::Ready { fingerprint: fingerprint.0 }),
            Preparation::NotReady { obstacles, since } => Answer::NotReady(v1::NotReady {
                obstacles: obstacles.into_iter().map(Into::into).collect(),
                since_ms: since.0,
            }),
        };
        Self { answer: Some(answer) }
    }
}

impl TryFrom<v1::Preparation> for Preparation {
    type Error = Error;

    fn try_from(preparation: v1::Preparation) -> Result<Self, Error> {
        Ok(match present("answer", preparation.answer)? {
            Answer::Ready(ready) => Self::Ready { fingerprint: Fingerprint(ready.fingerprint) },
            Answer::NotReady(answer) => Self::NotReady {
                obstacles: list("not_ready.obstacles", answer.obstacles)?,
                since: Timestamp(answer.since_ms),
            },
        })
    }
}

impl From<Obstacle> for v1::Obstacle {
    fn from(obstacle: Obstacle) -> Self {
        Self { kind: obstacle.kind, message: obstacle.message, remedy: obstacle.remedy }
    }
}

impl TryFrom<v1::Obstacle> for Obstacle {
    type Error = Error;

    fn try_from(obstacle: v1::Obstacle) -> Result<Self, Error> {
        Ok(Self { kind: obstacle.kind, message: obstacle.message, remedy: obstacle.remedy })
    }
}

impl From<Execution> for v1::Execution {
    fn from(execution: Execution) -> Self {
        Self { fingerprint: execution.fingerprint.0, measurement: Some(execution.measurement.into()) }
    }
}

impl TryFrom<v1::Execution> for Execution {
    type Error = Error;

    fn try_from(execution: v1::Execution) -> Result<Self, Error> {
        Ok(Self {
            fingerprint: Fingerprint(execution.fingerprint),
            measurement: required("measurement", execution.measurement)?,
        })
    }
}

impl From<Measurement> for v1::Measurement {
    fn from(measurement: Measurement) -> Self {
        Self {
            duration_ms: measurement.duration_ms,
            lock_wait_ms: measurement.lock_wait_ms,
            attempts: measurement.attempts,
            rows: measurement.rows,
            batches: measurement.batches,
            blocked_sessions_max: measurement.blocked_sessions_max,
        }
    }
}

impl TryFrom<v1::Measurement> for Measurement {
    type Error = Error;

    fn try_from(measurement: v1::Measurement) -> Result<Self, Error> {
        Ok(Self {
            duration_ms: measurement.duration_ms,
            lock_wait_ms: measurement.lock_wait_ms,
            attempts: measurement.attempts,
            rows: measurement.rows,
            batches: measurement.batches,
            blocked_sessions_max: measurement.blocked_sessions_max,
        })
    }
}

impl From<Failure> for v1::Failure {
    fn from(failure: Failure) -> Self {
        Self { message: failure.message, at_ms: failure.at.0 }
    }
}

impl TryFrom<v1::Failure> for Failure {
    type Error = Error;

    fn try_from(failure: v1::Failure) -> Result<Self, Error> {
        Ok(Self { message: failure.message, at: Timestamp(failure.at_ms) })
    }
}

impl From<RevertReason> for v1::RevertReason {
    fn from(reason: RevertReason) -> Self {
        let kind = match reason {
            RevertReason::Cancelled { by, reason } => ReasonKind::Cancelled(v1::CancelledReason { by, reason }),
            RevertReason::Failed { node, message } => {
                ReasonKind::Failed(v1::FailedReason { node_name: node, message })
            }
            RevertReason::Diverged { node, fingerprint, expected } => ReasonKind::Diverged(v1::DivergedReason {
                node_name: node,
                fingerprint: fingerprint.0,
                expected_fingerprint: expected.0,
            }),
            RevertReason::Breached { node, breach } => {
                ReasonKind::Breached(v1::BreachedReason { node_name: node, breach: Some(breach.into()) })
            }
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<v1::RevertReason> for RevertReason {
    type Error = Error;

    fn try_from(reason: v1::RevertReason) -> Result<Self, Error> {
        Ok(match present("kind", reason.kind)? {
            ReasonKind::Cancelled(reason) => Self::Cancelled { by: reason.by, reason: reason.reason },
            ReasonKind::Failed(reason) => Self::Failed { node: reason.node_name, message: reason.message },
            ReasonKind::Diverged(reason) => Self::Diverged {
                node: reason.node_name,
                fingerprint: Fingerprint(reason.fingerprint),
                expected: Fingerprint(reason.expected_fingerprint),
            },
            ReasonKind::Breached(reason) => {
                Self::Breached { node: reason.node_name, breach: required("breach", reason.breach)? }
            }
        })
    }
}
