//! What the application saw.

use crate::summary::{milliseconds, percentile};
use std::time::Duration;
use tokio::time::Instant;

/// One transaction.
#[derive(Debug)]
pub(crate) struct Sample {
    /// When it should have begun.
    pub(crate) due: Instant,
    /// From then to its answer.
    pub(crate) took: Duration,
    /// What its answer was, if it failed.
    pub(crate) failure: Option<String>,
}

/// All transactions of a run.
pub(crate) struct Samples(pub(crate) Vec<Sample>);

/// What they come to in a window of time.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) p99_ms: f64,
    pub(crate) worst_ms: f64,
    pub(crate) failures: Vec<String>,
}

impl Samples {
    /// Those that should have begun within the window.
    pub(crate) fn within(&self, from: Instant, to: Instant) -> Seen {
        let inside = || self.0.iter().filter(|sample| sample.due >= from && sample.due < to);
        let mut sorted: Vec<Duration> = inside().map(|sample| sample.took).collect();
        sorted.sort_unstable();
        Seen {
            p99_ms: percentile(&sorted, 0.99),
            worst_ms: sorted.last().copied().map_or(f64::NAN, milliseconds),
            failures: inside().filter_map(|sample| sample.failure.clone()).collect(),
        }
    }
}
