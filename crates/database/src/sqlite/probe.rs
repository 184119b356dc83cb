//! The operator's probe: in a snapshot that is rolled back.

use super::Sqlite;
use super::session::Here;
use crate::error::Error;
use crate::probe::Probe;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

pub(super) async fn run(database: &Sqlite, probe: &Probe) -> Result<Duration, Error> {
    let cancel = CancellationToken::new();
    let sql = probe.sql.clone();
    let mut reading =
        std::pin::pin!(database.prober.read_or_cancel(database, &cancel, move |here| took(here, &sql)));
    let result = tokio::select! {
        result = &mut reading => result,
        () = tokio::time::sleep(probe.time_limit) => {
            cancel.cancel();
            reading.await
        }
    };
    match result {
        Err(Error::Cancelled { .. }) => Ok(probe.time_limit),
        result => result.map(|took| took.min(probe.time_limit)),
    }
}

fn took(here: &Here<'_>, sql: &str) -> Result<Duration, Error> {
    let started = Instant::now();
    read_all(here, sql).map_err(|error| here.meaning(sql, &error))?;
    Ok(started.elapsed())
}

fn read_all(here: &Here<'_>, sql: &str) -> rusqlite::Result<()> {
    let mut statement = here.connection.prepare(sql)?;
    let mut rows = statement.query(())?;
    while rows.next()?.is_some() {}
    Ok(())
}
