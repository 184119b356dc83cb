//! How many rows the next batch of a backfill takes.

use std::time::Duration;

const ROWS_MIN: u32 = 100;
const ROWS_FIRST: u32 = 500;

/// Follows a target time for each batch, within bounds.
pub(crate) struct BatchSize {
    rows: u32,
    rows_max: u32,
    target: Duration,
}

impl BatchSize {
    pub(crate) fn new(rows_max: u32, target: Duration) -> Self {
        let rows_max = rows_max.max(1);
        Self { rows: ROWS_FIRST.min(rows_max), rows_max, target }
    }

    pub(crate) fn rows(&self) -> u32 {
        self.rows
    }

    /// Learns what a batch took: at most doubles, at most halves, so that one odd batch does not matter much.
    pub(crate) fn observe(&mut self, took: Duration) {
        let ratio = self.target.as_secs_f64() / took.as_secs_f64().max(0.000_1);
        let wanted = f64::from(self.rows) * ratio.clamp(0.5, 2.0);
        // The product of a u32 and a number up to 2 lies within f64's exact integers; the bounds below fit into u32.
        self.rows = (wanted as u32).clamp(ROWS_MIN.min(self.rows_max), self.rows_max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_target_within_its_bounds() {
        let mut size = BatchSize::new(2_000, Duration::from_millis(100));
        assert_eq!(size.rows(), 500);
        size.observe(Duration::from_millis(10));
        assert_eq!(size.rows(), 1_000, "at most doubles");
        size.observe(Duration::from_millis(10));
        size.observe(Duration::from_millis(10));
        assert_eq!(size.rows(), 2_000, "never above the step's limit");
        for _ in 0..10 {
            size.observe(Duration::from_secs(5));
        }
        assert_eq!(size.rows(), 100, "never so small that the overhead rules");
    }

    #[test]
    fn a_step_may_ask_for_smaller_batches_than_usual() {
        let mut size = BatchSize::new(3, Duration::from_millis(100));
        assert_eq!(size.rows(), 3);
        size.observe(Duration::from_secs(5));
        assert_eq!(size.rows(), 3);
    }
}
