//! Transactions with short waits for locks that are tried again, and statements that can be cancelled.

use super::claim;
use super::connect::{Server, commit_meaning, meaning};
use super::watchdog::{KillOnDrop, Watchdog};
use crate::batches::Around;
use crate::control::Control;
use crate::error::Error;
use crate::job::{Job, Progress};
use crate::retry::{Attempts, milliseconds};
use lockstep_core::in_flight::Measurement;
use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;
use std::pin::pin;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What one job works with.
pub(super) struct Run<'a> {
    pub(super) server: &'a Server,
    pub(super) connection: Conn,
    pub(super) job: &'a Job,
    pub(super) attempts: Attempts<'a>,
    pub(super) progress: &'a watch::Sender<Progress>,
    control: &'a Control,
    /// Batches lock what lies beside them, too: two at once would wait for each other.
    locks_gaps: bool,
    watchdog: Watchdog,
    leftover: KillOnDrop,
}

/// What it takes to work on the same job with another connection.
#[derive(Clone, Copy)]
pub(super) struct Again<'a> {
    server: &'a Server,
    job: &'a Job,
    progress: &'a watch::Sender<Progress>,
    control: &'a Control,
    locks_gaps: bool,
}

impl<'a> Again<'a> {
    /// `None` when none is to be had, or of use: that is not the job's trouble. Nobody need wait for what this one leaves running:
    /// it writes the ledger in a transaction that locks it, or nothing.
    pub(super) async fn connect(&self) -> Option<Run<'a>> {
        if self.locks_gaps {
            return None;
        }
        let run = async { Run::on(self.server.connect().await?.0, *self).await };
        run.await.inspect_err(|error| tracing::debug!(%error, "a backfill goes on without another session")).ok()
    }
}

/// A transaction in which work is done.
pub(super) struct Here<'a> {
    pub(super) place: &'a str,
    pub(super) connection: &'a mut Conn,
    pub(super) job: &'a Job,
    /// How many rows were found by what the work begins with.
    pub(super) rows_at_begin: u64,
}

impl Here<'_> {
    /// Runs one statement; how many rows it found.
    pub(super) async fn run(&mut self, sql: &str) -> Result<u64, Error> {
        run(self.place, self.connection, sql).await
    }
}

/// Runs one statement; how many rows it found.
pub(super) async fn run(place: &str, connection: &mut Conn, sql: &str) -> Result<u64, Error> {
    connection.query_drop(sql).await.map_err(|error| meaning(place, sql, &error))?;
    Ok(connection.affected_rows())
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

    /// Its first statement, sent together with the one that begins the transaction: one way to the server and back less.
    fn begins_with(&self) -> Option<&str> {
        None
    }

    /// Does what comes after that; the transaction is committed when it succeeds.
    async fn run(&self, here: &mut Here<'_>) -> Result<Self::Output, Error>;
}

impl<'a> Run<'a> {
    pub(super) async fn new(
        server: &'a Server,
        job: &'a Job,
        progress: &'a watch::Sender<Progress>,
        control: &'a Control,
    ) -> Result<Self, Error> {
        let (mut connection, _) = server.connect().await?;
        claim::run_alone(server, &mut connection, job.patience.deadline).await?;
        let locks_gaps = locks_gaps(server, &mut connection).await?;
        Self::on(connection, Again { server, job, progress, control, locks_gaps }).await
    }

    async fn on(mut connection: Conn, again: Again<'a>) -> Result<Self, Error> {
        let Again { server, job, progress, control, locks_gaps } = again;
        run(&server.place, &mut connection, &settings(job, locks_gaps)).await?;
        let watchdog = Watchdog::start(server, connection.id(), &job.patience);
        let leftover = KillOnDrop::new(server, connection.id());
        let attempts = Attempts::new(&job.patience, control, progress);
        Ok(Self { server, connection, job, attempts, progress, control, locks_gaps, watchdog, leftover })
    }

    pub(super) fn again(&self) -> Again<'a> {
        let Self { server, job, progress, control, locks_gaps, .. } = *self;
        Again { server, job, progress, control, locks_gaps }
    }

    /// Lets the next job begin at once. What was not finished like this is ended by the server.
    pub(super) async fn finish(mut self) {
        self.leftover.disarm();
        let _ = self.connection.query_drop("DO RELEASE_ALL_LOCKS()").await;
        let _ = self.connection.disconnect().await;
    }

    /// One transaction, tried again while others hold what it needs.
    pub(super) async fn write<W: Work>(&mut self, work: &W) -> Result<W::Output, Error> {
        if !work.is_of_the_ledger_only() {
            self.go_on().await?;
        }
        loop {
            match self.try_write(work).await {
                Err(Error::Busy { .. }) => self.pause().await?,
                result => return result,
            }
        }
    }

    /// One transaction, tried once.
    pub(super) async fn try_write<W: Work>(&mut self, work: &W) -> Result<W::Output, Error> {
        self.attempts.begin();
        let attempt = attempt(&mut self.connection, &self.server.place, self.job, &self.control.cancel, work);
        let place = &self.server.place;
        cancellable(&self.watchdog, false, &self.control.cancel, place, &self.job.step_name, attempt).await
    }

    /// One transaction, not tried again, and done even when the job was cancelled.
    pub(super) async fn write_once<W: Work>(&mut self, work: &W) -> Result<W::Output, Error> {
        attempt(&mut self.connection, &self.server.place, self.job, &CancellationToken::new(), work).await
    }

    /// One statement that commits by itself; cancelled on request.
    pub(super) async fn alone(&mut self, sql: &str) -> Result<u64, Error> {
        let (place, connection) = (&self.server.place, &mut self.connection);
        cancellable(
            &self.watchdog,
            true,
            &self.control.cancel,
            place,
            &self.job.step_name,
            run(place, connection, sql),
        )
        .await
    }

    /// One query outside of any transaction of ours; cancelled on request.
    pub(super) async fn first_row(&mut self, sql: &str) -> Result<Option<mysql_async::Row>, Error> {
        let (place, connection) = (&self.server.place, &mut self.connection);
        let query = async { connection.query_first(sql).await.map_err(|error| meaning(place, sql, &error)) };
        cancellable(&self.watchdog, false, &self.control.cancel, place, &self.job.step_name, query).await
    }

    /// All rows of a query; cancelled on request.
    pub(super) async fn rows(&mut self, sql: &str) -> Result<Vec<mysql_async::Row>, Error> {
        let (place, connection) = (&self.server.place, &mut self.connection);
        let query = async { connection.query(sql).await.map_err(|error| meaning(place, sql, &error)) };
        cancellable(&self.watchdog, false, &self.control.cancel, place, &self.job.step_name, query).await
    }

    /// After an attempt that ended because a lock was not to be had.
    pub(super) async fn pause(&mut self) -> Result<(), Error> {
        self.attempts.pause(&self.server.place, &self.job.step_name).await
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

/// Without gaps between rows being locked, others can insert into the range of a batch; a binary log of statements does not allow
/// that.
async fn locks_gaps(server: &Server, connection: &mut Conn) -> Result<bool, Error> {
    let sql = "SELECT @@log_bin AND @@binlog_format = 'STATEMENT'";
    let logs_statements: Option<u8> =
        connection.query_first(sql).await.map_err(|error| meaning(&server.place, sql, &error))?;
    Ok(logs_statements == Some(1))
}

/// The server's own limits for waiting, which are behind the watchdog's.
fn settings(job: &Job, locks_gaps: bool) -> String {
    let isolation = if locks_gaps { "REPEATABLE READ" } else { "READ COMMITTED" };
    let seconds = job.patience.lock_timeout.as_secs_f64().ceil().max(1.0);
    format!(
        "SET SESSION lock_wait_timeout = {seconds}, innodb_lock_wait_timeout = {seconds};
         SET SESSION TRANSACTION ISOLATION LEVEL {isolation}"
    )
}

async fn attempt<W: Work>(
    connection: &mut Conn,
    place: &str,
    job: &Job,
    cancel: &CancellationToken,
    work: &W,
) -> Result<W::Output, Error> {
    const BEGIN: &str = "START TRANSACTION";
    let result = async {
        let begin = work.begins_with().map_or(BEGIN.to_owned(), |first| format!("{BEGIN}; {first}"));
        let rows_at_begin = run(place, connection, &begin).await?;
        work.run(&mut Here { place, connection, job, rows_at_begin }).await
    }
    .await;
    let output = match result {
        // Some functions end early and report success when they are interrupted.
        Ok(_) if cancel.is_cancelled() => {
            let _ = connection.query_drop("ROLLBACK").await;
            return Err(Error::Cancelled { database: place.to_owned(), what: job.step_name.clone() });
        }
        Ok(output) => output,
        Err(error) => {
            // When that fails, the connection is gone, and so is the transaction.
            let _ = connection.query_drop("ROLLBACK").await;
            return Err(error);
        }
    };
    connection.query_drop("COMMIT").await.map_err(|error| commit_meaning(place, &job.step_name, &error))?;
    Ok(output)
}

/// Waits for `work`; when cancelled, makes the server give up the statement and waits for its answer, which may still be success.
async fn cancellable<T>(
    watchdog: &Watchdog,
    defines: bool,
    cancel: &CancellationToken,
    place: &str,
    what: &str,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    if cancel.is_cancelled() {
        return Err(Error::Cancelled { database: place.to_owned(), what: what.to_owned() });
    }
    let busy = watchdog.begin(defines);
    let mut work = pin!(work);
    let result = tokio::select! {
        result = &mut work => result,
        () = cancel.cancelled() => {
            busy.interrupt();
            work.await
        }
    };
    match result {
        // Interrupted, and not because anybody wanted it to end.
        Err(Error::Cancelled { database, what }) if watchdog.has_fired() && !cancel.is_cancelled() => {
            Err(Error::Busy { database, what, attempts: 1, waited_ms: 0 })
        }
        result => result,
    }
}
