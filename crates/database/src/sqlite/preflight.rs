//! What stands in the way of a step.
//!
//! Not looked at: free space on disk (the standard library does not tell it); transactions of other processes (SQLite does not
//! tell who they are: whether the write lock is free is tried instead).

use super::Sqlite;
use super::rights;
use super::session::{Here, Session};
use crate::error::Error;
use crate::preflight::{Limits, failed_look, violated};
use lockstep_core::Step;
use lockstep_core::in_flight::Obstacle;
use lockstep_core::step::{Action, Assertion};
use rusqlite::types::ValueRef;
use tokio_util::sync::CancellationToken;

pub(super) async fn preflight(database: &Sqlite, step: &Step, limits: &Limits) -> Vec<Obstacle> {
    match look(database, step, limits).await {
        Ok(obstacles) => obstacles,
        Err(error) => vec![failed_look(&error)],
    }
}

async fn look(database: &Sqlite, step: &Step, limits: &Limits) -> Result<Vec<Obstacle>, Error> {
    let missing = rights::missing(database);
    if !missing.is_empty() {
        // Every other look would fail for that, and say less of it.
        return Ok(missing);
    }
    let mut session = database.session().await?;
    let mut obstacles = violations(&mut session, &step.preconditions, limits.rows_shown_max).await?;
    if let Action::Statements { statements, .. } = &step.forward
        && let Some(first) = statements.first().cloned()
    {
        // Later statements may need what the first one makes; only the first can be judged before anything is run.
        let prepared = session.read(move |here| {
            here.connection.prepare(&first).map(drop).map_err(|error| here.meaning(&first, &error))
        });
        obstacles.extend(prepared.await.err().map(|error| failed_look(&error)));
    }
    if !step.targets.is_empty() {
        obstacles.extend(writer(&mut session, limits).await?);
    }
    Ok(obstacles)
}

/// A writer that keeps the lock for longer than the limit.
async fn writer(session: &mut Session, limits: &Limits) -> Result<Option<Obstacle>, Error> {
    let wait = limits.transaction_age_max;
    let tried = session
        .run(&CancellationToken::new(), move |connection, place| {
            let here = Here { place, connection };
            here.own(connection.busy_timeout(wait))?;
            here.own(connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK"))
        })
        .await;
    match tried {
        Ok(()) => Ok(None),
        Err(Error::Busy { database, .. }) => Ok(Some(Obstacle {
            kind: "lock_held".to_owned(),
            message: format!(
                "another process has held the write lock of {database} for more than {} ms",
                wait.as_millis()
            ),
            remedy:
                "end that process or its transaction (SQLite does not tell which it is; `fuser` on the file does)"
                    .to_owned(),
        })),
        Err(error) => Err(error),
    }
}

async fn violations(
    session: &mut Session,
    assertions: &[Assertion],
    rows_shown_max: u32,
) -> Result<Vec<Obstacle>, Error> {
    let mut obstacles = Vec::new();
    for assertion in assertions {
        let query = assertion.violations_query.clone();
        let rows = session.read(move |here| first_rows(here, &query, rows_shown_max)).await?;
        if !rows.is_empty() {
            obstacles.push(violated(&assertion.name, &rows));
        }
    }
    Ok(obstacles)
}

/// Fails at the first assertion that does not hold.
pub(super) async fn assert_all(
    session: &mut Session,
    assertions: &[Assertion],
    rows_shown_max: u32,
    cancel: &CancellationToken,
) -> Result<(), Error> {
    for assertion in assertions {
        let Assertion { name, violations_query } = assertion.clone();
        session
            .read_or_cancel(cancel, move |here| {
                let rows = first_rows(here, &violations_query, rows_shown_max)?;
                if rows.is_empty() {
                    return Ok(());
                }
                Err(Error::Violations { database: here.place.to_owned(), assertion: name, rows })
            })
            .await?;
    }
    Ok(())
}

/// The first rows of a query, as people read them. Refuses what is no query.
pub(super) fn first_rows(here: &Here<'_>, query: &str, rows_max: u32) -> Result<Vec<String>, Error> {
    let mut statement = here.connection.prepare(query).map_err(|error| here.meaning(query, &error))?;
    if !statement.readonly() {
        return Err(Error::Statement {
            database: here.place.to_owned(),
            statement: crate::error::beginning(query),
            message: "an assertion must be a query that changes nothing".to_owned(),
        });
    }
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.raw_query();
    let mut shown = Vec::new();
    while shown.len() < rows_max as usize {
        let Some(row) = rows.next().map_err(|error| here.meaning(query, &error))? else {
            break;
        };
        shown.push(describe(row, &names));
    }
    Ok(shown)
}

fn describe(row: &rusqlite::Row<'_>, names: &[String]) -> String {
    let value = |column: usize| match row.get_ref(column) {
        Ok(ValueRef::Null) => "NULL".to_owned(),
        Ok(ValueRef::Integer(number)) => number.to_string(),
        Ok(ValueRef::Real(number)) => number.to_string(),
        Ok(ValueRef::Text(text)) => format!("'{}'", String::from_utf8_lossy(text)),
        Ok(ValueRef::Blob(bytes)) => format!("{} bytes", bytes.len()),
        Err(error) => error.to_string(),
    };
    names
        .iter()
        .enumerate()
        .map(|(column, name)| format!("{name}={}", value(column)))
        .collect::<Vec<_>>()
        .join(" ")
}
