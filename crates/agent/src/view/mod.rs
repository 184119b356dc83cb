//! Builds what the services show: the replicated state, what consensus knows of its members, and what these tell of themselves.
//! One file a view. Everything beside the state is gathered first, so that the state is looked at once and briefly.

pub(crate) mod announcement;
pub(crate) mod change;
pub(crate) mod cluster;
pub(crate) mod gate;
pub(crate) mod member;
pub(crate) mod progress;
pub(crate) mod session;
#[cfg(test)]
mod tests;
pub(crate) mod version;

use crate::leases::Leases;
use crate::soft::{self, Heard};
use lockstep_consensus::{Consensus, Status};
use lockstep_core::{NodeId, Timestamp};
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// What is known beside the replicated state, at one moment.
#[derive(Clone)]
pub(crate) struct Surroundings {
    /// By this machine's clock; only for showing what is overdue.
    pub(crate) now: Timestamp,
    /// `None` before this agent is a member.
    pub(crate) status: Option<Status>,
    pub(crate) heard: BTreeMap<NodeId, Heard>,
    pub(crate) clock_warning: Option<String>,
    pub(crate) leases: Option<Leases>,
}

impl Surroundings {
    pub(crate) fn gather(consensus: &Consensus, leases: &Leases) -> Self {
        Self {
            now: now(),
            status: consensus.status().ok(),
            heard: soft::heard(consensus),
            clock_warning: consensus.clock_warning(),
            leases: Some(leases.clone()),
        }
    }
}

/// This machine's clock.
pub(crate) fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}

/// A duration as people say it: `42 s`, `3 min`, `250 ms`.
pub(crate) fn spoken(duration: std::time::Duration) -> String {
    match duration.as_secs() {
        0 => format!("{} ms", duration.as_millis()),
        seconds if seconds < 120 => format!("{seconds} s"),
        seconds if seconds < 7_200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3_600),
    }
}
