//! How far a node is with long work.

use crate::soft::Heard;
use lockstep_core::NodeId;
use lockstep_proto::view::{Blocker, Progress};
use std::time::Duration;

/// What a node told of its work; `None` when it told of nothing worth showing.
pub(crate) fn progress(node: NodeId, node_name: &str, heard: &Heard) -> Option<Progress> {
    let work = heard.told.work.as_ref().filter(|work| !work.is_idle)?;
    Some(Progress {
        node,
        node_name: node_name.to_owned(),
        version: work.version?,
        activity: work.activity.clone(),
        rows_done: work.rows_done,
        rows_total: work.rows_total,
        rows_per_second: work.rows_per_second,
        remaining_ms: remaining_ms(work.rows_done, work.rows_total, work.rows_per_second),
        helpers: work.helpers,
        attempts: work.attempts,
        blockers: work.blockers.iter().map(blocker).collect(),
        age_ms: milliseconds(heard.age),
        stop_reasons: work.stop_reasons.clone(),
    })
}

fn blocker(blocker: &lockstep_database::Blocker) -> Blocker {
    Blocker {
        text: blocker.to_string(),
        process: blocker.process,
        user: blocker.user.clone(),
        application: blocker.application.clone(),
        age_ms: blocker.age_ms,
        query: blocker.query.clone(),
        remedy: blocker.remedy.clone(),
    }
}

fn remaining_ms(rows_done: u64, rows_total: Option<u64>, rows_per_second: u64) -> Option<u64> {
    let left = rows_total?.checked_sub(rows_done)?;
    left.saturating_mul(1_000).checked_div(rows_per_second)
}

pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
