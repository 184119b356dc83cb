//! What the reconciler does, as far as its duration and cost are readings.

use super::readings::{Reading, microseconds};
use lockstep_core::Version;
use lockstep_core::limits::Kind;
use std::time::{Duration, Instant};

/// A step that is being executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Doing {
    pub(crate) version: Version,
    /// When it was first tried.
    pub(crate) since: Instant,
    /// How long it waited since, throttled or held.
    pub(crate) waited: Duration,
    /// It waits now, since then.
    pub(crate) waits_since: Option<Instant>,
    pub(crate) rows_done: u64,
    /// What the engine had predicted.
    pub(crate) rows_predicted: Option<u64>,
}

impl Doing {
    pub(crate) fn begin(version: Version) -> Self {
        let (since, waited) = (Instant::now(), Duration::ZERO);
        Self { version, since, waited, waits_since: None, rows_done: 0, rows_predicted: None }
    }

    /// What it took so far, waiting left out.
    fn took(&self, now: Instant) -> Duration {
        let waits = self.waits_since.map(|since| now.saturating_duration_since(since)).unwrap_or_default();
        now.saturating_duration_since(self.since).saturating_sub(self.waited + waits)
    }

    pub(super) fn readings(&self, now: Instant) -> Vec<Reading> {
        let cost =
            self.rows_predicted.filter(|rows| *rows > 0).map(|rows| self.rows_done.saturating_mul(100) / rows);
        let duration = Reading::new(Kind::ExecuteDuration, Some(microseconds(self.took(now))));
        cost.map(|cost| Reading::new(Kind::Cost, Some(cost))).into_iter().chain([duration]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_is_left_out_of_the_duration_also_while_it_goes_on() {
        let mut doing = Doing::begin(Version(1));
        let at = |seconds| doing.since + Duration::from_secs(seconds);
        let (four, ten) = (at(4), at(10));
        doing.waited = Duration::from_secs(3);
        assert_eq!(doing.took(ten), Duration::from_secs(7));
        doing.waits_since = Some(four);
        assert_eq!(doing.took(ten), Duration::from_secs(1));
    }

    #[test]
    fn cost_is_against_what_was_predicted() {
        let doing = Doing { rows_done: 300, rows_predicted: Some(200), ..Doing::begin(Version(1)) };
        assert_eq!(doing.readings(doing.since)[0], Reading::new(Kind::Cost, Some(150)));
    }
}
