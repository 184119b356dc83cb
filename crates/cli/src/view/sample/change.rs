//! The sample change, under way and failed.

use super::{ago, gate, spec};
use lockstep_core::change::{self, Approval, Status, StepRecord, StepStatus};
use lockstep_core::in_flight::{InFlight, Measurement, Preparation, RevertReason, Stage};
use lockstep_core::node::Fingerprint;
use lockstep_core::{ChangeId, LogIndex, NodeId, Source, Version};
use lockstep_proto::view::Change;
use std::collections::BTreeMap;

/// The sample change: one step settled, one in flight.
pub(crate) fn change_view() -> Change {
    let spec = spec();
    let record = |(index, step): (usize, lockstep_core::Step)| StepRecord {
        retry_of: None,
        rollback_of: None,
        approval: (index == 5).then(|| Approval { by: "dana".to_owned(), at: ago(100), now: false }),
        status: match index {
            0 => StepStatus::Settled { version: Version(7), at: ago(210) },
            1 => StepStatus::InFlight { version: Version(8) },
            _ => StepStatus::Queued,
        },
        measurements: match index {
            0 => {
                BTreeMap::from([("shard-a".to_owned(), measured(12, 0)), ("shard-b".to_owned(), measured(85, 40))])
            }
            _ => BTreeMap::new(),
        },
        step,
    };
    let ready = Preparation::Ready { fingerprint: Fingerprint("4be1".to_owned()) };
    Change {
        change: change::Change {
            id: ChangeId(900),
            name: spec.name,
            description: spec.description,
            block_deadline_ms: spec.block_deadline_ms,
            retention_ms: spec.retention_ms.unwrap_or_default(),
            source: Some(Source::of("0042_users_email.sql", b"...")),
            limits: spec.limits,
            submitted_by: "dana".to_owned(),
            submitted_at: ago(300),
            steps: spec.steps.into_iter().enumerate().map(record).collect(),
            holds: BTreeMap::new(),
        },
        status: Status::Running,
        in_flight: Some(InFlight {
            hurried_at: Default::default(),
            change: ChangeId(900),
            step: 1,
            version: Version(8),
            base: Version(7),
            since: ago(200),
            stage: Stage::Preparing { reports: BTreeMap::from([(NodeId(1), ready)]) },
        }),
        gate: Some(gate()),
        progress: Vec::new(),
        node_names: BTreeMap::from([(NodeId(1), "shard-a".to_owned())]),
        session_titles: BTreeMap::new(),
        revision: LogIndex(1_234),
    }
}

fn measured(duration_ms: u64, lock_wait_ms: u64) -> Measurement {
    Measurement { duration_ms, lock_wait_ms, attempts: 1, rows: 0, batches: 0, blocked_sessions_max: 0 }
}

/// The sample change after its second step failed.
pub(crate) fn reverted_view() -> Change {
    let mut view = change_view();
    let reason = RevertReason::Failed { node: "shard-b".to_owned(), message: "disk full".to_owned() };
    view.change.steps[1].status = StepStatus::Reverted { version: Version(8), at: ago(5), reason };
    view.change.steps[2..].iter_mut().for_each(|record| record.status = StepStatus::Cancelled);
    Change { status: Status::Reverted, in_flight: None, gate: None, ..view }
}
