//! The time that the leader puts on commands.

use lockstep_core::Timestamp;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Further apart than this, wall clock and monotonic clock are taken to disagree.
pub const DIVERGENCE_MAX: Duration = Duration::from_secs(5);

/// Where time comes from; tests bring their own.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since the Unix epoch, as the machine believes. May jump.
    fn wall_ms(&self) -> u64;
    /// Time since an arbitrary moment. Never jumps, never goes back.
    fn monotonic(&self) -> Duration;
}

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { started: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn wall_ms(&self) -> u64 {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

/// Makes stamps that follow the wall clock as long as it runs evenly, and the monotonic clock when it does not.
pub(crate) struct Stamper {
    clock: std::sync::Arc<dyn Clock>,
    reading: Mutex<Reading>,
}

struct Reading {
    /// The newest stamp.
    stamp_ms: u64,
    /// The monotonic clock at that moment.
    at: Duration,
    warning: Option<String>,
}

impl Stamper {
    pub(crate) fn new(clock: std::sync::Arc<dyn Clock>) -> Self {
        let reading = Reading { stamp_ms: clock.wall_ms(), at: clock.monotonic(), warning: None };
        Self { clock, reading: Mutex::new(reading) }
    }

    /// A stamp that is not below `newest`, the newest one in the state.
    pub(crate) fn stamp(&self, newest: Timestamp) -> Timestamp {
        let (wall_ms, now) = (self.clock.wall_ms(), self.clock.monotonic());
        let mut reading = self.reading();
        let elapsed_ms = u64::try_from(now.saturating_sub(reading.at).as_millis()).unwrap_or(u64::MAX);
        let expected_ms = reading.stamp_ms.saturating_add(elapsed_ms).max(newest.0);
        let diverged = Duration::from_millis(wall_ms.abs_diff(expected_ms)) > DIVERGENCE_MAX;
        reading.note(diverged.then(|| describe(wall_ms, expected_ms)));
        let stamp_ms = if diverged { expected_ms } else { wall_ms.max(reading.stamp_ms).max(newest.0) };
        // The part of a millisecond that has passed already must not be lost, or many stamps would slow time down.
        if diverged {
            reading.at += Duration::from_millis(elapsed_ms);
        } else {
            reading.at = now;
        }
        reading.stamp_ms = stamp_ms;
        Timestamp(stamp_ms)
    }

    /// What is wrong with the machine's clock, if anything.
    pub(crate) fn warning(&self) -> Option<String> {
        self.reading().warning.clone()
    }

    fn reading(&self) -> std::sync::MutexGuard<'_, Reading> {
        // Two numbers and a text: no half-done change matters.
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reading {
    /// Logs a change for the worse once.
    fn note(&mut self, warning: Option<String>) {
        if let (None, Some(text)) = (&self.warning, &warning) {
            tracing::error!(warning = %text, "the machine's clock jumped");
        }
        self.warning = warning;
    }
}

fn describe(wall_ms: u64, expected_ms: u64) -> String {
    let seconds = wall_ms.abs_diff(expected_ms) / 1_000;
    let direction = if wall_ms > expected_ms { "ahead of" } else { "behind" };
    format!(
        "the wall clock is {seconds} s {direction} the cluster's time; stamps go on by the monotonic clock; \
         set the machine's clock right (NTP), then restart the agent or wait until both agree"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[derive(Default)]
    struct Fake {
        wall_ms: AtomicU64,
        monotonic_ms: AtomicU64,
    }

    impl Clock for Fake {
        fn wall_ms(&self) -> u64 {
            self.wall_ms.load(Ordering::SeqCst)
        }

        fn monotonic(&self) -> Duration {
            Duration::from_millis(self.monotonic_ms.load(Ordering::SeqCst))
        }
    }

    impl Fake {
        fn at(wall_ms: u64) -> Arc<Self> {
            Arc::new(Self { wall_ms: AtomicU64::new(wall_ms), monotonic_ms: AtomicU64::default() })
        }

        fn pass(&self, milliseconds: u64) {
            self.wall_ms.fetch_add(milliseconds, Ordering::SeqCst);
            self.monotonic_ms.fetch_add(milliseconds, Ordering::SeqCst);
        }

        fn jump_to(&self, wall_ms: u64) {
            self.wall_ms.store(wall_ms, Ordering::SeqCst);
        }
    }

    const HOUR: u64 = 3_600_000;

    #[test]
    fn stamps_follow_an_even_clock() {
        let clock = Fake::at(HOUR);
        let stamper = Stamper::new(clock.clone());
        clock.pass(1_234);
        assert_eq!(stamper.stamp(Timestamp(0)), Timestamp(HOUR + 1_234));
        assert_eq!(stamper.warning(), None);
    }

    #[test]
    fn after_a_jump_stamps_go_on_evenly_and_the_warning_says_what_to_do() {
        for jumped_to in [HOUR * 3, 0] {
            let clock = Fake::at(HOUR);
            let stamper = Stamper::new(clock.clone());
            clock.jump_to(jumped_to);
            clock.pass(100);
            assert_eq!(stamper.stamp(Timestamp(0)), Timestamp(HOUR + 100));
            clock.pass(100);
            assert_eq!(stamper.stamp(Timestamp(0)), Timestamp(HOUR + 200));
            let warning = stamper.warning().expect("a warning");
            assert!(warning.contains("NTP"), "{warning}");
            assert!(
                warning.contains(if jumped_to > HOUR { "7200 s ahead" } else { "3600 s behind" }),
                "{warning}"
            );
        }
    }

    #[test]
    fn a_clock_that_was_set_right_is_followed_again() {
        let clock = Fake::at(HOUR);
        let stamper = Stamper::new(clock.clone());
        clock.jump_to(0);
        stamper.stamp(Timestamp(0));
        clock.jump_to(HOUR + 50);
        assert_eq!(stamper.stamp(Timestamp(0)), Timestamp(HOUR + 50));
        assert_eq!(stamper.warning(), None);
    }

    #[test]
    fn a_small_step_back_never_takes_stamps_back() {
        let clock = Fake::at(HOUR);
        let stamper = Stamper::new(clock.clone());
        clock.jump_to(HOUR - 2_000);
        assert_eq!(stamper.stamp(Timestamp(0)), Timestamp(HOUR));
        assert_eq!(stamper.warning(), None);
    }

    #[test]
    fn stamps_are_never_below_the_newest_one_of_the_state() {
        let clock = Fake::at(HOUR);
        let stamper = Stamper::new(clock.clone());
        let newest = Timestamp(HOUR * 2);
        assert_eq!(stamper.stamp(newest), newest);
        assert!(stamper.warning().is_some_and(|warning| warning.contains("behind")));
        clock.pass(70);
        assert_eq!(stamper.stamp(newest), Timestamp(HOUR * 2 + 70));
    }

    #[test]
    fn parts_of_milliseconds_add_up_while_the_wall_clock_is_wrong() {
        let clock = Fake::at(HOUR);
        let stamper = Stamper::new(clock.clone());
        clock.jump_to(0);
        for _ in 0..1_000 {
            clock.pass(1);
            stamper.stamp(Timestamp(0));
        }
        assert_eq!(stamper.stamp(Timestamp(0)), Timestamp(HOUR + 1_000));
    }
}
