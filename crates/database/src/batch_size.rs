//! How many rows the next batch of a backfill takes.
//!
//! Whoever wants a row of a batch waits until it is committed, so what counts is not how long batches take on average but how long the
//! slow ones do. The size is the one with which nine of ten of the newest batches would have been within the target.

use crate::job::Patience;
use std::collections::VecDeque;
use std::time::Duration;

const ROWS_FIRST: u32 = 500;
/// Batches by which the size is chosen.
const RECENT: usize = 10;
/// A batch that takes so many times the usual target is not waited to be seen again.
const FAR_BEYOND: u32 = 3;
/// A target that is shorter than usual makes no batches smaller than this: on an overloaded machine a statement takes long however few rows
/// it has, and fewer would only make the work endless.
const ROWS_SHORT_MIN: f64 = 100.0;

/// Follows a target time for each batch, within bounds.
pub(crate) struct BatchSize {
    rows: u32,
    rows_max: u32,
    usual: Duration,
    /// The present one: `usual`, or shorter.
    target: Duration,
    /// What the ledger and the commit of a batch take, which does not depend on its rows.
    commit: Duration,
    /// Seconds for a row, of the newest batches.
    recent: VecDeque<f64>,
}

impl BatchSize {
    pub(crate) fn new(rows_max: u32, usual: Duration) -> Self {
        let rows_max = rows_max.max(1);
        let recent = VecDeque::with_capacity(RECENT);
        let rows = ROWS_FIRST.min(rows_max);
        Self { rows, rows_max, usual, target: usual, commit: Duration::ZERO, recent }
    }

    /// The target from here on. Where others need the cores it is short, but not so short that most of the time goes into commits.
    pub(crate) fn aim(&mut self, patience: &Patience, is_crowded: bool) {
        let short = patience.batch_target_crowded.max(self.commit).min(self.usual);
        let target = if is_crowded { short } else { self.usual };
        if self.target != target {
            self.target = target;
            self.follow();
        }
    }

    /// Learns what a commit took, slowly: one that had to wait for a disk says little of the next.
    pub(crate) fn observe_commit(&mut self, took: Duration) {
        self.commit = (self.commit * 7 + took) / 8;
    }

    pub(crate) fn rows(&self) -> u32 {
        self.rows
    }

    /// Learns what a batch of this many rows took. Grows to its double at most, so that one odd batch does not matter much.
    pub(crate) fn observe(&mut self, rows: u64, took: Duration) {
        if took >= self.usual * FAR_BEYOND {
            return self.shrink();
        }
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        // Rows of a batch are far below f64's exact integers.
        self.recent.push_back(took.as_secs_f64() / rows.max(1) as f64);
        self.follow();
    }

    fn follow(&mut self) {
        if self.recent.is_empty() {
            return;
        }
        let row = self.slow_row().max(1e-9);
        let within = |target: Duration| target.as_secs_f64() / row;
        let wanted = within(self.target).max(within(self.usual).min(ROWS_SHORT_MIN));
        self.set(wanted.min(f64::from(self.rows) * 2.0));
    }

    /// A batch was given up, because somebody waited for its rows or it waited for theirs: the next one holds fewer, for a shorter time.
    pub(crate) fn shrink(&mut self) {
        self.recent.clear();
        self.rows = (self.rows / 2).max(1);
    }

    /// What a row took in the slower ones of the newest batches.
    fn slow_row(&self) -> f64 {
        let mut sorted: Vec<f64> = self.recent.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let position = (sorted.len() * 9).div_ceil(10).saturating_sub(1);
        sorted.get(position).copied().unwrap_or_default()
    }

    fn set(&mut self, rows: f64) {
        // A float becomes the nearest u32; the bounds below are at least 1.
        self.rows = (rows.round() as u32).clamp(1, self.rows_max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Duration = Duration::from_millis(100);

    fn patience() -> Patience {
        Patience { batch_target: TARGET, batch_target_crowded: TARGET / 50, ..Patience::default() }
    }

    /// A server on which a row takes as long as that, and each batch.
    fn settle(size: &mut BatchSize, row: Duration) {
        for _ in 0..40 {
            let rows = size.rows();
            size.observe(rows.into(), row * rows);
        }
    }

    #[test]
    fn follows_the_target_within_its_bounds() {
        let mut size = BatchSize::new(2_000, TARGET);
        assert_eq!(size.rows(), 500);
        size.observe(500, Duration::from_millis(10));
        assert_eq!(size.rows(), 1_000, "at most doubles");
        settle(&mut size, Duration::from_micros(1));
        assert_eq!(size.rows(), 2_000, "never above the step's limit");
        settle(&mut size, Duration::from_micros(200));
        assert_eq!(size.rows(), 500);
        settle(&mut size, Duration::from_secs(1));
        assert_eq!(size.rows(), 1, "row by row, if a row takes so long");
        settle(&mut size, Duration::from_micros(100));
        assert_eq!(size.rows(), 1_000);
    }

    #[test]
    fn the_slow_batches_count_and_a_single_odd_one_does_not() {
        let mut size = BatchSize::new(100_000, TARGET);
        settle(&mut size, Duration::from_micros(100));
        assert_eq!(size.rows(), 1_000);
        size.observe(1_000, Duration::from_millis(200));
        assert_eq!(size.rows(), 1_000);
        size.observe(1_000, Duration::from_millis(200));
        assert_eq!(size.rows(), 500);
    }

    #[test]
    fn a_short_batch_that_was_interrupted_once_is_an_odd_one() {
        let mut size = BatchSize::new(100_000, TARGET);
        size.aim(&patience(), true);
        settle(&mut size, Duration::from_micros(10));
        assert_eq!(size.rows(), 200);
        size.observe(200, TARGET * FAR_BEYOND - Duration::from_millis(1));
        assert_eq!(size.rows(), 200);
        size.observe(200, TARGET * FAR_BEYOND);
        assert_eq!(size.rows(), 100);
    }

    #[test]
    fn statements_that_take_long_whatever_they_do_do_not_go_row_by_row() {
        let mut size = BatchSize::new(100_000, TARGET);
        size.aim(&patience(), true);
        for rows in [1, 500] {
            size.rows = rows;
            for _ in 0..40 {
                size.observe(size.rows().into(), TARGET / 3);
            }
            assert_eq!(size.rows(), 100, "after {rows}");
        }
        // Where it is the rows that take long, the usual target holds.
        settle(&mut size, Duration::from_millis(10));
        assert_eq!(size.rows(), 10);
    }

    #[test]
    fn another_target_counts_for_the_next_batch() {
        let mut size = BatchSize::new(100_000, TARGET);
        size.aim(&patience(), true);
        assert_eq!(size.rows(), 500, "of nothing is known what it takes");
        settle(&mut size, Duration::from_micros(10));
        assert_eq!(size.rows(), 200);
        size.aim(&patience(), false);
        assert_eq!(size.rows(), 400, "at most doubles");
        settle(&mut size, Duration::from_micros(10));
        size.aim(&patience(), true);
        assert_eq!(size.rows(), 200);
    }

    #[test]
    fn a_batch_is_not_shorter_than_its_commit() {
        let mut size = BatchSize::new(100_000, TARGET);
        for (commit, rows) in [(1, 200), (10, 1_000), (1_000, 10_000)] {
            for _ in 0..100 {
                size.observe_commit(Duration::from_millis(commit));
            }
            size.aim(&patience(), true);
            settle(&mut size, Duration::from_micros(10));
            assert!(size.rows().abs_diff(rows) <= 1, "{} rows where a commit takes {commit} ms", size.rows());
        }
    }

    #[test]
    fn a_batch_that_was_given_up_is_followed_by_smaller_ones() {
        let mut size = BatchSize::new(3, TARGET);
        assert_eq!(size.rows(), 3);
        for wanted in [1, 1] {
            size.shrink();
            assert_eq!(size.rows(), wanted);
        }
        size.observe(1, TARGET * 10);
        assert_eq!(size.rows(), 1);
    }
}
