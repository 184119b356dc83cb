//! Transactions with short lock timeouts that are tried again, and statements that can be cancelled.

use super::connect::{Server, commit_meaning, meaning};
use super::ledger;
use super::lock_mode::LockMode;
use super::lookout::TableHolders;
use super::watchdog::{Alarm, Watchdog};
use crate::batches::Around;
use crate::control::Control;
use crate::error::Error;
use crate::holders;
use crate::job::{Job, Progress};
use crate::retry::{Attempts, milliseconds};
use lockstep_core::in_flight::Measurement;
use std::pin::{Pin, pin};
use std::time::Duration;
use tokio::sync::watch;
use tokio_postgres::{CancelToken, Client, NoTls, Transaction};
use tokio_util::sync::CancellationToken;

/// A cancellation that comes between two statements has no effect, so it is repeated at this rhythm until the work ends.
const CANCEL_RHYTHM: Duration = Duration::from_millis(20);

/// What one job works with.
pub(super) struct Run<'a> {
    pub(super) server: &'a Server,
    pub(super) client: Client,
    pub(super) job: &'a Job,
    pub(super) attempts: Attempts<'a>,
    pub(super) progress: &'a watch::Sender<Progress>,
    control: &'a Control,
    prepared: ledger::Prepared,
    watchdog: Watchdog,
}

/// What it takes to work on the same job with another connection.
pub(super) struct Again<'a> {
    server: &'a Server,
    job: &'a Job,
    progress: &'a watch::Sender<Progress>,
    control: &'a Control,
}

impl<'a> Again<'a> {
    /// `None` when none is to be had: that is not the job's trouble.
    pub(super) async fn connect(&self) -> Option<Run<'a>> {
        let run = Run::new(self.server, self.job, self.progress, self.control).await;
        run.inspect_err(|error| tracing::debug!(%error, "a backfill goes on without another session")).ok()
    }
}

/// A transaction in which work is done.
pub(super) struct Here<'a> {
    pub(super) place: &'a str,
    pub(super) transaction: &'a Transaction<'a>,
    pub(super) prepared: &'a ledger::Prepared,
    pub(super) job: &'a Job,
}

impl Here<'_> {
    pub(super) fn meaning(&self, statement: &str, error: &tokio_postgres::Error) -> Error {
        meaning(self.place, statement, error)
    }
}

/// Work that one transaction does. It may be done several times, and counts once.
#[async_trait::async_trait]
pub(super) trait Work: Sync {
    /// What it gives.
    type Output: Send;

    /// True when no application can wait for it.
    fn is_of_the_ledger_only(&self) -> bool {
        false
    }

    /// The lock that it takes of the job's targets and whose holders are waited out before; `None` for row locks alone.
    fn lock_mode(&self) -> Option<LockMode> {
        None
    }

    /// Does it; the transaction is committed when it succeeds.
    async fn run(&self, here: &Here<'_>) -> Result<Self::Output, Error>;
}

impl<'a> Run<'a> {
    pub(super) async fn new(
        server: &'a Server,
        job: &'a Job,
        progress: &'a watch::Sender<Progress>,
        control: &'a Control,
    ) -> Result<Self, Error> {
        let client = server.connect().await?;
        set_lock_timeout(&client, &server.place, job.patience.lock_timeout).await?;
        let watchdog = Watchdog::start(server, &client, &job.patience).await?;
        let attempts = Attempts::new(&job.patience, control, progress);
        let prepared = ledger::Prepared::default();
        Ok(Self { server, client, job, attempts, progress, control, prepared, watchdog })
    }

    pub(super) fn again(&self) -> Again<'a> {
        Again { server: self.server, job: self.job, progress: self.progress, control: self.control }
    }

    /// One transaction, tried again while others hold what it needs.
    pub(super) async fn write<W: Work>(&mut self, work: &W) -> Result<W::Output, Error> {
        if !work.is_of_the_ledger_only() {
            self.go_on().await?;
        }
        loop {
            self.wait_for_holders(work.lock_mode()).await?;
            match self.try_write(work).await {
                Err(Error::Busy { .. }) => self.pause().await?,
                result => return result,
            }
        }
    }

    /// One transaction, tried once.
    pub(super) async fn try_write<W: Work>(&mut self, work: &W) -> Result<W::Output, Error> {
        self.attempts.begin();
        let stop = self.stop();
        cancellable(stop, attempt(&mut self.client, &self.server.place, self.job, &self.prepared, work)).await
    }

    /// Work outside of a transaction; cancelled on request.
    pub(super) async fn alone<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        cancellable(self.stop(), work).await
    }

    fn stop(&self) -> Stop<'a> {
        let (place, what) = (self.server.place.as_str(), self.job.step_name.as_str());
        let token = self.client.cancel_token();
        Stop { token, cancel: &self.control.cancel, alarm: self.watchdog.begin(), place, what }
    }

    /// After an attempt that ended because a lock was not to be had.
    pub(super) async fn pause(&mut self) -> Result<(), Error> {
        self.attempts.pause(&self.server.place, &self.job.step_name).await
    }

    /// Waits until nobody has been holding a target for long that cannot be held beside `mode`.
    pub(super) async fn wait_for_holders(&mut self, mode: Option<LockMode>) -> Result<(), Error> {
        let Some(mode) = mode.filter(|_| !self.job.targets.is_empty()) else { return Ok(()) };
        let (place, job) = (self.server.place.as_str(), self.job);
        let mut lookout = TableHolders::new(place, &self.client, &job.targets, mode);
        holders::wait_out(&mut self.attempts, &job.patience, place, &job.step_name, &mut lookout).await
    }

    /// Waits while the job is held.
    pub(super) async fn go_on(&mut self) -> Result<(), Error> {
        self.attempts.go_on(&self.server.place, &self.job.step_name).await
    }

    /// What the loop of a backfill needs of it.
    pub(super) fn around(&mut self) -> Around<'_, 'a> {
        let Self { server, job, progress, attempts, .. } = self;
        Around { job, place: &server.place, progress, attempts }
    }

    pub(super) fn measurement(&self, rows: u64, batches: u64) -> Measurement {
        Measurement {
            duration_ms: milliseconds(self.attempts.elapsed()),
            lock_wait_ms: milliseconds(self.attempts.lock_wait),
            attempts: self.attempts.count(),
            rows,
            batches,
            blocked_sessions_max: self.watchdog.blocked_sessions_max(),
        }
    }
}

/// How long the statements of a connection wait for one lock.
pub(super) async fn set_lock_timeout(client: &Client, place: &str, timeout: Duration) -> Result<(), Error> {
    let set = format!("SET lock_timeout = {}", milliseconds(timeout));
    client.batch_execute(&set).await.map_err(|error| meaning(place, &set, &error))
}

async fn attempt<W: Work>(
    client: &mut Client,
    place: &str,
    job: &Job,
    prepared: &ledger::Prepared,
    work: &W,
) -> Result<W::Output, Error> {
    let transaction = client.transaction().await.map_err(|error| meaning(place, "BEGIN", &error))?;
    let output = work.run(&Here { place, transaction: &transaction, prepared, job }).await?;
    transaction.commit().await.map_err(|error| commit_meaning(place, &job.step_name, &error))?;
    Ok(output)
}

/// What stops work at the server.
struct Stop<'a> {
    token: CancelToken,
    cancel: &'a CancellationToken,
    /// Rings when it must give way to others.
    alarm: Alarm,
    place: &'a str,
    what: &'a str,
}

/// Waits for `work`. When it is cancelled or must give way, makes the server give up the statement and waits for its answer, which
/// may still be success.
async fn cancellable<T>(mut stop: Stop<'_>, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let (database, what) = (stop.place.to_owned(), stop.what.to_owned());
    if stop.cancel.is_cancelled() {
        return Err(Error::Cancelled { database, what });
    }
    let mut on_drop = CancelOnDrop { token: Some(stop.token.clone()) };
    let mut work = pin!(work);
    let result = tokio::select! {
        result = &mut work => result,
        () = stop.cancel.cancelled() => end(&stop.token, work).await,
        () = stop.alarm.rings() => match end(&stop.token, work).await {
            // It gave way, and is tried again.
            Err(Error::Cancelled { .. }) if !stop.cancel.is_cancelled() => {
                Err(Error::Busy { database, what, attempts: 1, waited_ms: 0 })
            }
            result => result,
        },
    };
    on_drop.token = None;
    result
}

async fn end<T>(
    token: &CancelToken,
    mut work: Pin<&mut impl Future<Output = Result<T, Error>>>,
) -> Result<T, Error> {
    loop {
        // What matters is the statement's own answer; a cancellation that does not get through is repeated.
        let _ = token.cancel_query(NoTls).await;
        tokio::select! {
            result = &mut work => return result,
            () = tokio::time::sleep(CANCEL_RHYTHM) => {}
        }
    }
}

/// Dropping a future of the driver does not stop its statement: whoever drops an execution wants it stopped.
struct CancelOnDrop {
    token: Option<CancelToken>,
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if let (Some(token), Ok(runtime)) = (self.token.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move {
                let _ = token.cancel_query(NoTls).await;
            });
        }
    }
}
