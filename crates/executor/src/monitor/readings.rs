//! The newest readings of each source, and what of them is a reason to wait.

use crate::surroundings::Replica;
use lockstep_core::limits::{self, Kind, Stop, Table};
use lockstep_database::Health;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// One reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) kind: Kind,
    /// Of what, when that is not the node's database as such.
    pub(super) of: String,
    /// `None`: there should be one, and it cannot be had.
    pub(super) value: Option<u64>,
    /// Why it cannot be had.
    pub(super) note: String,
}

impl Reading {
    pub(super) fn new(kind: Kind, value: Option<u64>) -> Self {
        Self { kind, of: String::new(), value, note: String::new() }
    }

    fn stop(&self, throttle: &Table) -> Option<Stop> {
        let limit = throttle.get(&self.kind).copied().flatten()?;
        let is_stop = self.value.is_none_or(|value| self.kind.is_breached(value, limit));
        let Self { kind: reading, of, value, note } = self.clone();
        is_stop.then_some(Stop { reading, of, value, limit, note })
    }
}

/// Whole microseconds.
pub(super) fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// What one source told last.
#[derive(Debug)]
pub(super) struct Source {
    kinds: &'static [Kind],
    at: Instant,
    readings: Vec<Reading>,
    /// Why there is nothing newer.
    problem: Option<String>,
}

impl Source {
    /// Nothing told yet: that counts from now on.
    pub(super) fn new(kinds: &'static [Kind], now: Instant) -> Self {
        Self { kinds, at: now, readings: Vec::new(), problem: None }
    }

    pub(super) fn told(&mut self, readings: Vec<Reading>, now: Instant) {
        (self.at, self.readings, self.problem) = (now, readings, None);
    }

    pub(super) fn failed(&mut self, problem: String) {
        self.problem = Some(problem);
    }

    /// Why work must wait. A source that has been silent for too long is a reason by itself: one, not one a reading.
    pub(super) fn stops(&self, throttle: &Table, age_max: Duration, now: Instant) -> Vec<Stop> {
        let age = now.duration_since(self.at);
        if age <= age_max {
            return self.readings.iter().filter_map(|reading| reading.stop(throttle)).collect();
        }
        let limited = limits::set(throttle).find(|(kind, _)| self.kinds.contains(kind));
        let silent = limited.map(|(reading, limit)| {
            let because = self.problem.as_ref().map(|problem| format!(": {problem}")).unwrap_or_default();
            let note = format!("no reading for {} s{because}", age.as_secs());
            Stop { reading, of: String::new(), value: None, limit, note }
        });
        silent.into_iter().collect()
    }
}

/// What a database tells of itself and of what replicates from it. What its engine does not tell is no reading.
pub(super) fn of_health(health: &Health) -> Vec<Reading> {
    let of = |kind, value: Option<u64>| value.map(|value| Reading::new(kind, Some(value)));
    let standbys = health.standbys.iter().map(|standby| Reading {
        kind: Kind::ReplicationLag,
        of: standby.name.clone(),
        value: standby.lag_ms.map(|lag_ms| lag_ms.saturating_mul(1_000)),
        note: standby.note.clone(),
    });
    let volume = health.volume.as_ref().map(|volume| Reading {
        of: volume.path.display().to_string(),
        ..Reading::new(Kind::FreeDisk, Some(volume.free_bytes))
    });
    let own = [
        of(Kind::ReplicationLag, health.replication_lag_ms.map(|lag_ms| lag_ms.saturating_mul(1_000))),
        of(Kind::SessionsRunning, health.sessions_running.map(u64::from)),
        of(Kind::LockWaiters, health.sessions_waiting_on_locks.map(u64::from)),
        volume,
    ];
    own.into_iter().flatten().chain(standbys).collect()
}

/// What replica nodes tell of themselves. One that has not told for too long counts as behind.
pub(super) fn of_replicas(replicas: &[Replica], age_max: Duration) -> Vec<Reading> {
    let reading = |replica: &Replica| {
        let is_silent = replica.age > age_max;
        let lag_us = replica.lag_ms.filter(|_| !is_silent).map(|lag_ms| lag_ms.saturating_mul(1_000));
        let note = match (is_silent, lag_us) {
            (true, _) => format!("its agent has told nothing for {} s", replica.age.as_secs()),
            (false, None) => {
                "it does not tell how far it is behind (docs/grants.md has what its agent must be able to read)"
                    .to_owned()
            }
            (false, Some(_)) => String::new(),
        };
        Reading { kind: Kind::ReplicationLag, of: format!("node {}", replica.name), value: lag_us, note }
    };
    replicas.iter().map(reading).collect()
}

/// What clients tell.
pub(super) fn of_clients(failures: BTreeMap<String, u64>) -> Vec<Reading> {
    let reading = |(app, count)| Reading {
        of: format!("application {app}"),
        ..Reading::new(Kind::ClientFailures, Some(count))
    };
    failures.into_iter().map(reading).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockstep_core::limits::Limits;
    use lockstep_database::health::Standby;

    fn age_max() -> Duration {
        crate::settings::Settings::default().reading_age_max
    }

    fn shown(stops: &[Stop]) -> String {
        stops.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }

    fn stops(readings: Vec<Reading>) -> String {
        let now = Instant::now();
        let mut source = Source::new(&[Kind::SessionsRunning, Kind::ReplicationLag], now);
        source.told(readings, now);
        shown(&source.stops(&Limits::usual().throttle, age_max(), now))
    }

    #[test]
    fn what_is_over_its_limit_is_named_with_value_and_limit() {
        let standby = |name: &str, lag_ms| Standby { name: name.into(), lag_ms, note: String::new() };
        let health = Health {
            sessions_running: Some(101),
            sessions_waiting_on_locks: Some(20),
            standbys: vec![
                standby("standby a", Some(12_000)),
                standby("standby b", Some(80)),
                standby("standby c", None),
            ],
            ..Health::default()
        };
        assert_eq!(
            stops(of_health(&health)),
            "sessions_running is 101 (limit 100); replication_lag of standby a is 12 s (limit 5 s); \
             replication_lag of standby c cannot be read (limit 5 s)"
        );
        assert_eq!(stops(of_health(&Health::default())), "", "what an engine does not tell is no reading");
    }

    #[test]
    fn a_source_that_is_silent_stops_work_after_a_while_and_says_why() {
        let start = Instant::now();
        let mut source = Source::new(&[Kind::SessionsRunning, Kind::LockWaiters], start);
        let throttle = Limits::usual().throttle;
        let at = |source: &Source, seconds| {
            shown(&source.stops(&throttle, age_max(), start + Duration::from_secs(seconds)))
        };
        assert_eq!(at(&source, 15), "", "just begun");
        source.failed("the database is gone".to_owned());
        assert_eq!(
            at(&source, 16),
            "sessions_running cannot be read (limit 100): no reading for 16 s: the database is gone"
        );
        source.told(Vec::new(), start + Duration::from_secs(17));
        assert_eq!(at(&source, 20), "");
        assert!(
            source.stops(&Table::new(), age_max(), start + Duration::from_secs(99)).is_empty(),
            "no limit, no reason"
        );
    }

    #[test]
    fn a_replica_node_that_is_behind_or_silent_is_named() {
        let replica =
            |name: &str, lag_ms, seconds| Replica { name: name.into(), lag_ms, age: Duration::from_secs(seconds) };
        let replicas = [replica("a", Some(9_000), 1), replica("b", Some(10), 20), replica("c", Some(10), 1)];
        assert_eq!(
            stops(of_replicas(&replicas, age_max())),
            "replication_lag of node a is 9 s (limit 5 s); replication_lag of node b cannot be read (limit 5 s): its agent \
             has told nothing for 20 s"
        );
    }
}
