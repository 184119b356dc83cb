//! Soft state: what an agent tells the others about itself without agreement. Lost with the process, and that is all right.

use lockstep_consensus::Consensus;
use lockstep_core::limits::Stop;
use lockstep_core::{NodeId, Version};
use lockstep_database::{Blocker, Health};
use lockstep_executor::{Activity, Progress};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What one agent tells. Every field may be missing: the sender may run another release.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Told {
    pub(crate) program_version: String,
    pub(crate) work: Option<Work>,
    /// Why its database does not answer; `None` when it does.
    pub(crate) database_problem: Option<String>,
    pub(crate) replication_lag_ms: Option<u64>,
    pub(crate) clock_warning: Option<String>,
}

/// What a node does now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Work {
    pub(crate) version: Option<Version>,
    /// As operators read it.
    pub(crate) activity: String,
    pub(crate) is_idle: bool,
    pub(crate) rows_done: u64,
    pub(crate) rows_total: Option<u64>,
    pub(crate) rows_per_second: u64,
    pub(crate) helpers: u32,
    pub(crate) attempts: u32,
    pub(crate) last_error: Option<String>,
    /// Who holds what it needs.
    pub(crate) blockers: Vec<Blocker>,
    /// Why its work waits.
    pub(crate) stop_reasons: Vec<Stop>,
}

/// What was told, and how long ago it arrived here.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Heard {
    pub(crate) age: Duration,
    pub(crate) told: Told,
}

/// The newest that each member told.
pub(crate) fn heard(consensus: &Consensus) -> BTreeMap<NodeId, Heard> {
    let known = consensus.soft_state().into_iter();
    known
        .map(|(node, (at, value))| {
            // What another release tells and this one cannot read counts as a sign of life all the same.
            let told = serde_json::from_value(value).unwrap_or_default();
            (node, Heard { age: at.elapsed(), told })
        })
        .collect()
}

/// Gathers what this agent tells.
pub(crate) struct Teller {
    consensus: Consensus,
    telling: Mutex<Telling>,
}

struct Telling {
    told: Told,
    rate: Rate,
}

impl Teller {
    pub(crate) fn new(consensus: Consensus) -> Self {
        let told = Told { program_version: crate::PROGRAM_VERSION.to_owned(), ..Told::default() };
        Self { consensus, telling: Mutex::new(Telling { told, rate: Rate::default() }) }
    }

    /// Tells something new.
    pub(crate) fn tell(&self, change: impl FnOnce(&mut Told)) {
        self.update(|telling| change(&mut telling.told));
    }

    fn update(&self, change: impl FnOnce(&mut Telling)) {
        let mut telling = self.telling.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut telling);
        telling.told.clock_warning = self.consensus.clock_warning();
        let value = serde_json::to_value(&telling.told);
        drop(telling);
        self.consensus.publish_soft(value.expect("texts and numbers always serialise"));
    }
}

impl lockstep_executor::ProgressSink for Teller {
    fn progress(&self, progress: &Progress) {
        self.update(|telling| {
            let key = (progress.version, progress.activity);
            let rows_per_second = telling.rate.observe(key, progress.rows_done, Instant::now());
            telling.told.work = Some(Work {
                version: progress.version,
                activity: progress.activity.name().replace('_', " "),
                is_idle: progress.activity.is_idle(),
                rows_done: progress.rows_done,
                rows_total: progress.rows_total_estimate,
                rows_per_second,
                helpers: progress.helpers,
                attempts: progress.attempts,
                last_error: progress.last_error.clone(),
                blockers: progress.blockers.clone(),
                stop_reasons: progress.stop_reasons.clone(),
            });
        });
    }

    fn health(&self, health: &Health) {
        self.tell(|told| {
            let problem = || health.problem.clone().unwrap_or_else(|| "it does not answer".to_owned());
            told.database_problem = (!health.reachable).then(problem);
            told.replication_lag_ms = health.replication_lag_ms;
        });
    }
}

/// Rows a second, over the last few seconds.
#[derive(Default)]
struct Rate {
    key: Option<(Option<Version>, Activity)>,
    since: Option<(Instant, u64)>,
    per_second: u64,
}

impl Rate {
    /// Long enough that one slow batch does not look like a standstill.
    const WINDOW: Duration = Duration::from_secs(3);

    fn observe(&mut self, key: (Option<Version>, Activity), rows: u64, now: Instant) -> u64 {
        let Some((since, rows_then)) = self.since.filter(|(_, then)| self.key == Some(key) && *then <= rows)
        else {
            *self = Self { key: Some(key), since: Some((now, rows)), per_second: 0 };
            return 0;
        };
        let passed = now.duration_since(since);
        let per_second = u128::from(rows - rows_then) * 1_000 / passed.as_millis().max(1);
        if passed >= Self::WINDOW {
            self.since = Some((now, rows));
            self.per_second = u64::try_from(per_second).unwrap_or(u64::MAX);
        } else if self.per_second == 0 && passed >= Duration::from_millis(200) {
            return u64::try_from(per_second).unwrap_or(u64::MAX);
        }
        self.per_second
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_is_over_the_window_and_starts_anew_with_other_work() {
        let (start, mut rate) = (Instant::now(), Rate::default());
        let key = (Some(Version(1)), Activity::Executing);
        assert_eq!(rate.observe(key, 0, start), 0);
        assert_eq!(rate.observe(key, 1_000, start + Duration::from_secs(1)), 1_000);
        assert_eq!(rate.observe(key, 6_000, start + Duration::from_secs(3)), 2_000);
        let other = (Some(Version(2)), Activity::Executing);
        assert_eq!(rate.observe(other, 6_000, start + Duration::from_secs(4)), 0);
    }
}
