//! A connection whose work runs on blocking threads, and which can be interrupted.

use super::connect;
use crate::blocker::Blocker;
use crate::error::Error;
use crate::retry::Attempts;
use rusqlite::{Connection, InterruptHandle, TransactionBehavior};
use std::path::PathBuf;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// An interrupt that comes between two statements has no effect, so it is repeated at this rhythm until the work ends.
const INTERRUPT_RHYTHM: Duration = Duration::from_millis(20);

/// A connection.
pub(super) struct Session {
    place: String,
    interrupt: InterruptHandle,
    /// `None` only while a thread works with it, and for good when the future that waited for the thread was dropped.
    connection: Option<Connection>,
}

/// A connection in the hands of a blocking thread.
pub(super) struct Here<'a> {
    pub(super) place: &'a str,
    pub(super) connection: &'a Connection,
}

impl Here<'_> {
    pub(super) fn meaning(&self, statement: &str, error: &rusqlite::Error) -> Error {
        connect::meaning(self.place, statement, error)
    }

    /// Maps the errors of Lockstep's own statements.
    pub(super) fn own<T>(&self, result: rusqlite::Result<T>) -> Result<T, Error> {
        result.map_err(|error| self.meaning("the ledger's own", &error))
    }
}

impl Session {
    pub(super) async fn open(file: PathBuf, place: String) -> Result<Self, Error> {
        let opened = {
            let place = place.clone();
            tokio::task::spawn_blocking(move || connect::open(&file, &place)).await
        };
        let connection = opened.map_err(|_| stopped(&place))??;
        Ok(Self { interrupt: connection.get_interrupt_handle(), connection: Some(connection), place })
    }

    /// Where it is, for messages.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// Work that only reads: in one snapshot, without a write lock.
    pub(super) async fn read<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&Here<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.read_or_cancel(&CancellationToken::new(), work).await
    }

    /// As [`Session::read`], until cancelled.
    pub(super) async fn read_or_cancel<T: Send + 'static>(
        &mut self,
        cancel: &CancellationToken,
        work: impl FnOnce(&Here<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.run(cancel, move |connection, place| {
            let snapshot =
                connection.unchecked_transaction().map_err(|error| connect::meaning(place, "begin", &error))?;
            work(&Here { place, connection: &snapshot })
        })
        .await
    }

    /// Work in one write transaction, tried again while others hold the lock. Commits when the work succeeds.
    pub(super) async fn write<T: Send + 'static>(
        &mut self,
        attempts: &mut Attempts<'_>,
        what: &str,
        cancel: &CancellationToken,
        work: impl Fn(&Here<'_>) -> Result<T, Error> + Clone + Send + 'static,
    ) -> Result<T, Error> {
        loop {
            attempts.begin();
            let work = work.clone();
            match self.run(cancel, move |connection, place| in_transaction(connection, place, &work)).await {
                Err(Error::Busy { .. }) => {
                    attempts.show_blockers(vec![writer(&self.place)]);
                    attempts.pause(&self.place, what).await?;
                }
                result => {
                    attempts.show_blockers(Vec::new());
                    return result;
                }
            }
        }
    }

    /// Work on the bare connection.
    pub(super) async fn run<T: Send + 'static>(
        &mut self,
        cancel: &CancellationToken,
        work: impl FnOnce(&mut Connection, &str) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let mut connection = self.connection.take().ok_or_else(|| stopped(&self.place))?;
        if cancel.is_cancelled() {
            self.connection = Some(connection);
            return Err(Error::Cancelled { database: self.place.clone(), what: "the work".to_owned() });
        }
        let place = self.place.clone();
        let working = tokio::task::spawn_blocking(move || {
            let result = work(&mut connection, &place);
            (connection, result)
        });
        let interrupting = async {
            cancel.cancelled().await;
            loop {
                self.interrupt.interrupt();
                tokio::time::sleep(INTERRUPT_RHYTHM).await;
            }
        };
        let (connection, result) = tokio::select! {
            done = working => done.map_err(|_| stopped(&self.place))?,
            () = interrupting => unreachable!("interrupting goes on until the work is done"),
        };
        self.connection = Some(connection);
        result
    }
}

fn in_transaction<T>(
    connection: &mut Connection,
    place: &str,
    work: &impl Fn(&Here<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(|error| connect::meaning(place, "begin immediate", &error))?;
    let done = work(&Here { place, connection: &transaction })?;
    // A commit that fails leaves the transaction open, and dropping it rolls back: never half, never unknown.
    transaction.commit().map_err(|error| connect::meaning(place, "commit", &error))?;
    Ok(done)
}

/// The engine does not tell who it is. Nobody queues behind an attempt, so it is made all the same.
fn writer(place: &str) -> Blocker {
    Blocker {
        holds: format!("the write lock of {place}"),
        is_certain: true,
        remedy: "end that process or its transaction (`fuser` on the file tells which it is)".to_owned(),
        ..Blocker::default()
    }
}

fn stopped(place: &str) -> Error {
    Error::ConnectionLost {
        database: place.to_owned(),
        what: "work on a blocking thread".to_owned(),
        reason: "the thread was stopped".to_owned(),
    }
}
