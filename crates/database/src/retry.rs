//! Bounded retries with full jitter, for locks that others hold.

use crate::blocker::Blocker;
use crate::control::Control;
use crate::error::Error;
use crate::job::{Patience, Progress};
use std::time::{Duration, Instant};
use tokio::sync::watch;

const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Counts the attempts of one transaction.
pub(crate) struct Attempts<'a> {
    control: &'a Control,
    progress: &'a watch::Sender<Progress>,
    first: Instant,
    deadline: Duration,
    current: Instant,
    /// Attempts that ended because a lock was not to be had.
    pub(crate) failures: u32,
    /// As many of them were in the present transaction.
    failures_here: u32,
    pub(crate) lock_wait: Duration,
}

impl<'a> Attempts<'a> {
    pub(crate) fn new(patience: &Patience, control: &'a Control, progress: &'a watch::Sender<Progress>) -> Self {
        let now = Instant::now();
        let deadline = patience.deadline;
        Self {
            control,
            progress,
            first: now,
            deadline,
            current: now,
            failures: 0,
            failures_here: 0,
            lock_wait: Duration::ZERO,
        }
    }

    pub(crate) fn begin(&mut self) {
        self.current = Instant::now();
    }

    /// Another transaction of the same job: it has the whole deadline again.
    pub(crate) fn next_transaction(&mut self) {
        self.first = Instant::now();
        self.failures_here = 0;
    }

    /// How often it was tried, the present attempt included.
    pub(crate) fn count(&self) -> u32 {
        self.failures + 1
    }

    /// What the present attempt took so far.
    pub(crate) fn elapsed(&self) -> Duration {
        self.current.elapsed()
    }

    /// How many sessions the job may work with.
    pub(crate) fn room(&self) -> watch::Receiver<u32> {
        self.control.room.clone()
    }

    /// Returns once the job is held.
    pub(crate) async fn told_to_wait(&self) {
        let mut hold = self.control.hold.clone();
        if hold.wait_for(|held| *held).await.is_err() {
            std::future::pending().await
        }
    }

    /// Before work that an application could wait for: waits while the job is held, which counts to no deadline.
    pub(crate) async fn go_on(&mut self, database: &str, what: &str) -> Result<(), Error> {
        let is_held = self.control.is_held();
        let since = Instant::now();
        if is_held {
            self.progress.send_modify(|progress| progress.held_sessions += 1);
        }
        let goes_on = self.control.may_go_on().await;
        if is_held {
            self.first += since.elapsed();
            self.progress.send_modify(|progress| progress.held_sessions -= 1);
        }
        if goes_on { Ok(()) } else { Err(cancelled(database, what)) }
    }

    /// After an attempt that ended because a lock was not to be had: pauses, or says that the deadline is over.
    pub(crate) async fn pause(&mut self, database: &str, what: &str) -> Result<(), Error> {
        self.lock_wait += self.elapsed();
        self.failures += 1;
        self.failures_here += 1;
        // Others may work on the same job.
        self.progress.send_modify(|progress| progress.lock_timeouts += 1);
        let pause = self.jittered_pause();
        self.sleep(pause, database, what).await
    }

    /// Before an attempt that has no chance yet: a pause that counts as waiting for a lock.
    pub(crate) async fn wait(&mut self, pause: Duration, database: &str, what: &str) -> Result<(), Error> {
        let since = Instant::now();
        let waited = self.sleep(pause, database, what).await;
        self.lock_wait += since.elapsed();
        waited
    }

    /// Shows who is waited for.
    pub(crate) fn show_blockers(&self, blockers: Vec<Blocker>) {
        self.progress.send_if_modified(|progress| {
            let is_news = progress.blockers != blockers;
            progress.blockers = blockers;
            is_news
        });
    }

    async fn sleep(&mut self, pause: Duration, database: &str, what: &str) -> Result<(), Error> {
        if self.first.elapsed() + pause > self.deadline {
            return Err(Error::Busy {
                database: database.to_owned(),
                what: what.to_owned(),
                attempts: self.failures,
                waited_ms: milliseconds(self.first.elapsed()),
            });
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => self.go_on(database, what).await,
            () = self.control.cancel.cancelled() => Err(cancelled(database, what)),
        }
    }

    /// Between 0 and a bound that doubles with each attempt, so that agents that met once do not meet again in step.
    fn jittered_pause(&self) -> Duration {
        let doublings = self.failures_here.saturating_sub(1).min(10);
        let bound = PAUSE_FIRST.saturating_mul(1 << doublings).min(PAUSE_MAX);
        bound.mul_f64(rand::random_range(0.0..=1.0))
    }
}

fn cancelled(database: &str, what: &str) -> Error {
    Error::Cancelled { database: database.to_owned(), what: what.to_owned() }
}

/// Whole milliseconds, as measurements count them.
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
