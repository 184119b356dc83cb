//! Gates, holdouts and progress: what the cluster waits for.

use super::{Error, list, position, present};
use crate::v1::holdout::Subject as MessageSubject;
use crate::{v1, view};
use lockstep_core::holdout::{Gate, Holdout, Subject};
use lockstep_core::{ChangeId, NodeId, SessionId, Timestamp, Version};

impl From<view::Gate> for v1::Gate {
    fn from(view::Gate { gate, is_blocked }: view::Gate) -> Self {
        Self {
            change_id: gate.change.0,
            change_name: gate.change_name,
            step: position(gate.step),
            step_name: gate.step_name,
            version: gate.version.map(|version| version.0),
            stage: gate.stage,
            since_ms: gate.since.0,
            blocked_at_ms: gate.blocked_at.0,
            is_blocked,
            holdouts: gate.holdouts.into_iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<v1::Gate> for view::Gate {
    type Error = Error;

    fn try_from(gate: v1::Gate) -> Result<Self, Error> {
        let is_blocked = gate.is_blocked;
        let gate = Gate {
            change: ChangeId(gate.change_id),
            change_name: gate.change_name,
            step: gate.step as usize,
            step_name: gate.step_name,
            version: gate.version.map(Version),
            stage: gate.stage,
            since: Timestamp(gate.since_ms),
            blocked_at: Timestamp(gate.blocked_at_ms),
            holdouts: list("holdouts", gate.holdouts)?,
        };
        Ok(Self { gate, is_blocked })
    }
}

impl From<Holdout> for v1::Holdout {
    fn from(holdout: Holdout) -> Self {
        let subject = match holdout.subject {
            Subject::Node(NodeId(id)) => MessageSubject::NodeId(id),
            Subject::Session(SessionId(id)) => MessageSubject::SessionId(id),
            Subject::Operator(ChangeId(id)) => MessageSubject::OperatorChangeId(id),
            Subject::Change(ChangeId(id)) => MessageSubject::ChangeId(id),
            Subject::Time(ChangeId(id)) => MessageSubject::TimeChangeId(id),
            Subject::Cluster => MessageSubject::Cluster(true),
        };
        Self {
            subject: Some(subject),
            name: holdout.name,
            reason: holdout.reason,
            remedy: holdout.remedy,
            since_ms: holdout.since.0,
        }
    }
}

impl TryFrom<v1::Holdout> for Holdout {
    type Error = Error;

    fn try_from(holdout: v1::Holdout) -> Result<Self, Error> {
        let subject = match present("subject", holdout.subject)? {
            MessageSubject::NodeId(id) => Subject::Node(NodeId(id)),
            MessageSubject::SessionId(id) => Subject::Session(SessionId(id)),
            MessageSubject::OperatorChangeId(id) => Subject::Operator(ChangeId(id)),
            MessageSubject::ChangeId(id) => Subject::Change(ChangeId(id)),
            MessageSubject::TimeChangeId(id) => Subject::Time(ChangeId(id)),
            MessageSubject::Cluster(_) => Subject::Cluster,
        };
        Ok(Self {
            subject,
            name: holdout.name,
            reason: holdout.reason,
            remedy: holdout.remedy,
            since: Timestamp(holdout.since_ms),
        })
    }
}

impl From<view::Blocker> for v1::Blocker {
    fn from(blocker: view::Blocker) -> Self {
        let view::Blocker { text, process, user, application, age_ms, query, remedy } = blocker;
        Self { text, process, user, application, age_ms, query, remedy }
    }
}

impl From<v1::Blocker> for view::Blocker {
    fn from(blocker: v1::Blocker) -> Self {
        let v1::Blocker { text, process, user, application, age_ms, query, remedy } = blocker;
        Self { text, process, user, application, age_ms, query, remedy }
    }
}

impl From<view::Progress> for v1::Progress {
    fn from(progress: view::Progress) -> Self {
        Self {
            node_id: progress.node.0,
            node_name: progress.node_name,
            version: progress.version.0,
            activity: progress.activity,
            rows_done: progress.rows_done,
            rows_total: progress.rows_total,
            rows_per_second: progress.rows_per_second,
            remaining_ms: progress.remaining_ms,
            helpers: progress.helpers,
            attempts: progress.attempts,
            blockers: progress.blockers.into_iter().map(Into::into).collect(),
            age_ms: progress.age_ms,
            stop_reasons: progress.stop_reasons.into_iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<v1::Progress> for view::Progress {
    type Error = Error;

    fn try_from(progress: v1::Progress) -> Result<Self, Error> {
        Ok(Self {
            node: NodeId(progress.node_id),
            node_name: progress.node_name,
            version: Version(progress.version),
            activity: progress.activity,
            rows_done: progress.rows_done,
            rows_total: progress.rows_total,
            rows_per_second: progress.rows_per_second,
            remaining_ms: progress.remaining_ms,
            helpers: progress.helpers,
            attempts: progress.attempts,
            blockers: progress.blockers.into_iter().map(Into::into).collect(),
            age_ms: progress.age_ms,
            stop_reasons: list("stop_reasons", progress.stop_reasons)?,
        })
    }
}
