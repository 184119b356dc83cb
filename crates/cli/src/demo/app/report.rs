//! What an application counted.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// How many failures a report spells out; the rest is counted.
const FAILURES_SHOWN_MAX: usize = 10;

/// What an application counted, mergeable.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Requests that were served and found right.
    pub(crate) served: u64,
    /// Requests that failed or found a wrong answer.
    pub(crate) failed: u64,
    /// The first of them.
    pub(crate) failures: Vec<String>,
    /// Why it stopped by itself; `None` when it was told to.
    pub(crate) over: Option<String>,
    /// Label to latency in microseconds to number of requests.
    pub(crate) latencies: BTreeMap<String, BTreeMap<u64, u64>>,
}

impl Report {
    /// Counts a request that was served.
    pub(crate) fn serve(&mut self, label: &str, latency: Duration) {
        self.served += 1;
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        // Three digits are enough of any latency, and keep the report small.
        let rounded = if micros < 1_000 { micros } else { micros / 100 * 100 };
        if !self.latencies.contains_key(label) {
            self.latencies.insert(label.to_owned(), BTreeMap::new());
        }
        if let Some(counts) = self.latencies.get_mut(label) {
            *counts.entry(rounded).or_default() += 1;
        }
    }

    /// Counts a request that failed.
    pub(crate) fn fail(&mut self, failure: String) {
        self.failed += 1;
        if self.failures.len() < FAILURES_SHOWN_MAX {
            self.failures.push(failure);
        }
    }

    /// Adds what another one counted.
    pub(crate) fn add(&mut self, other: Self) {
        self.served += other.served;
        self.failed += other.failed;
        self.failures.extend(other.failures);
        self.failures.truncate(FAILURES_SHOWN_MAX);
        self.over = self.over.take().or(other.over);
        for (label, counts) in other.latencies {
            let sum = self.latencies.entry(label).or_default();
            for (micros, count) in counts {
                *sum.entry(micros).or_default() += count;
            }
        }
    }

    /// The latencies under a label.
    pub(crate) fn histogram(&self, label: &str) -> Histogram<u64> {
        let mut histogram = Histogram::new(3).expect("three digits are a valid precision");
        for (micros, count) in self.latencies.get(label).into_iter().flatten() {
            histogram.record_n(*micros, *count).expect("a histogram that grows takes every value");
        }
        histogram
    }
}
