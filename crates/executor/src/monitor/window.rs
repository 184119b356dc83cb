//! The newest probes.

use super::readings::{Reading, microseconds};
use lockstep_core::limits::Kind;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Old probes say nothing of now.
const LENGTH: Duration = Duration::from_secs(10);

/// So many slow probes are noise, however few probes there are.
const OUTLIERS: usize = 2;

/// The probes of the last seconds: some hundred numbers, so that the quantile is exact.
#[derive(Debug, Default)]
pub(super) struct Window {
    probes: VecDeque<(Instant, Duration)>,
}

impl Window {
    pub(super) fn add(&mut self, at: Instant, took: Duration) {
        self.probes.push_back((at, took));
        while self.probes.front().is_some_and(|(old, _)| at.duration_since(*old) > LENGTH) {
            self.probes.pop_front();
        }
    }

    /// The quantile as a reading.
    pub(super) fn p99_reading(&self) -> Option<Reading> {
        self.p99().map(|p99| Reading::new(Kind::ProbeP99, Some(microseconds(p99))))
    }

    /// What 99 of 100 probes stayed below, the two slowest never counted; `None` before there are three.
    fn p99(&self) -> Option<Duration> {
        let mut sorted: Vec<Duration> = self.probes.iter().map(|(_, took)| *took).collect();
        sorted.sort_unstable();
        let left_out = OUTLIERS.max(sorted.len() / 100);
        sorted.len().checked_sub(left_out + 1).map(|position| sorted[position])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The quantile of probes that took so many milliseconds, one every 100 ms.
    fn check(probes: impl IntoIterator<Item = u64>, expected: Option<u64>) {
        let (start, mut window) = (Instant::now(), Window::default());
        for (number, took) in probes.into_iter().enumerate() {
            window.add(start + Duration::from_millis(100) * number as u32, Duration::from_millis(took));
        }
        assert_eq!(window.p99(), expected.map(Duration::from_millis));
    }

    #[test]
    fn two_slow_probes_are_noise_and_three_are_not() {
        check([], None);
        check([1, 1], None);
        check([900, 1, 900, 2], Some(2));
        check([900, 1, 900, 800], Some(800));
        check((0..100).map(|number| if number < 2 { 900 } else { 3 }), Some(3));
    }

    #[test]
    fn what_is_older_than_the_window_is_forgotten() {
        check((0..200).map(|number| if number < 90 { 900 } else { 5 }), Some(5));
    }
}
