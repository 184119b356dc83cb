//! Breaches of thresholds that last: one noisy reading undoes nothing.

use super::readings::Reading;
use lockstep_core::limits::{Breach, Kind, Table};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// So many readings in a row must be beyond the threshold, however long they take.
const READINGS_MIN: u32 = 3;

/// Readings that have been beyond their thresholds without a break.
#[derive(Debug, Default)]
pub(super) struct Debounce {
    beyond: BTreeMap<(Kind, String), (Instant, u32)>,
}

impl Debounce {
    /// Takes new readings; the first that has been beyond its threshold for `sustained`, if any.
    pub(super) fn observe(
        &mut self,
        readings: &[Reading],
        thresholds: &Table,
        sustained: Duration,
        at: Instant,
    ) -> Option<Breach> {
        let lasting = readings.iter().filter_map(|reading| self.observe_one(reading, thresholds, sustained, at));
        // All of them are looked at: each has its own count.
        lasting.collect::<Vec<_>>().into_iter().next()
    }

    fn observe_one(
        &mut self,
        reading: &Reading,
        thresholds: &Table,
        sustained: Duration,
        at: Instant,
    ) -> Option<Breach> {
        let key = (reading.kind, reading.of.clone());
        let limit = thresholds.get(&reading.kind).copied().flatten();
        let breach = limit.zip(reading.value).filter(|(limit, value)| reading.kind.is_breached(*value, *limit));
        let Some((limit, value)) = breach else {
            self.beyond.remove(&key);
            return None;
        };
        let (since, count) = self.beyond.entry(key).or_insert((at, 0));
        *count += 1;
        let lasts = *count >= READINGS_MIN && at.duration_since(*since) >= sustained;
        lasts.then(|| Breach { reading: reading.kind, of: reading.of.clone(), value, limit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUSTAINED: Duration = Duration::from_secs(1);

    /// Readings of lock waiters as `milliseconds:value`, with a threshold of 10; at which of them it counts as a breach.
    fn check(readings: &str, expected: &[u64]) {
        let (start, mut debounce) = (Instant::now(), Debounce::default());
        let thresholds = [(Kind::LockWaiters, Some(10))].into();
        let mut breaches = Vec::new();
        for reading in readings.split_whitespace() {
            let (at, value) = reading.split_once(':').unwrap();
            let at: u64 = at.parse().unwrap();
            let reading = Reading::new(Kind::LockWaiters, value.parse().ok());
            let now = start + Duration::from_millis(at);
            if debounce.observe(&[reading], &thresholds, SUSTAINED, now).is_some() {
                breaches.push(at);
            }
        }
        assert_eq!(breaches, expected, "{readings}");
    }

    #[test]
    fn a_breach_must_last_and_be_seen_more_than_twice() {
        check("0:11", &[]);
        check("0:11 5000:11", &[]);
        check("0:11 400:11 800:11 1000:11 1400:11", &[1000, 1400]);
        check("0:11 900:11 1800:11", &[1800]);
    }

    #[test]
    fn one_good_reading_or_none_begins_anew() {
        check("0:11 500:11 900:10 1000:11 1500:11 2000:11", &[2000]);
        check("0:11 500:11 900:- 1000:11 1500:11", &[]);
    }
}
