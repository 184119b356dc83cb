//! Bounded retries with full jitter, for locks that others hold.

use crate::error::Error;
use crate::job::Patience;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Counts the attempts of one transaction.
pub(crate) struct Attempts {
    first: Instant,
    deadline: Duration,
    current: Instant,
    /// Attempts that ended because a lock was not to be had.
    pub(crate) failures: u32,
    pub(crate) lock_wait: Duration,
}

impl Attempts {
    pub(crate) fn new(patience: &Patience) -> Self {
        let now = Instant::now();
        Self { first: now, deadline: patience.deadline, current: now, failures: 0, lock_wait: Duration::ZERO }
    }

    pub(crate) fn begin(&mut self) {
        self.current = Instant::now();
    }

    /// Another transaction of the same job: it has the whole deadline again.
    pub(crate) fn next_transaction(&mut self) {
        self.first = Instant::now();
    }

    /// How often it was tried, the present attempt included.
    pub(crate) fn count(&self) -> u32 {
        self.failures + 1
    }

    /// What the present attempt took so far.
    pub(crate) fn elapsed(&self) -> Duration {
        self.current.elapsed()
    }

    /// After an attempt that ended because a lock was not to be had: pauses, or says that the deadline is over.
    pub(crate) async fn pause(
        &mut self,
        database: &str,
        what: &str,
        cancel: &CancellationToken,
    ) -> Result<(), Error> {
        self.lock_wait += self.elapsed();
        self.failures += 1;
        let pause = self.jittered_pause();
        if self.first.elapsed() + pause > self.deadline {
            return Err(Error::Busy {
                database: database.to_owned(),
                what: what.to_owned(),
                attempts: self.failures,
                waited_ms: milliseconds(self.first.elapsed()),
            });
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => Ok(()),
            () = cancel.cancelled() => Err(Error::Cancelled { database: database.to_owned(), what: what.to_owned() }),
        }
    }

    /// Between 0 and a bound that doubles with each attempt, so that agents that met once do not meet again in step.
    fn jittered_pause(&self) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(10);
        let bound = PAUSE_FIRST.saturating_mul(1 << doublings).min(PAUSE_MAX);
        bound.mul_f64(rand::random_range(0.0..=1.0))
    }
}

/// Whole milliseconds, as measurements count them.
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
