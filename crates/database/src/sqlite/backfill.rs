//! Keyset batches, each its own transaction together with its cursor.
//!
//! A table without a key has the numbers of its rows, which VACUUM may change: rows must show whether they still need it, and the
//! table is gone through again until none does.

use super::execute::{Run, claim_row};
use super::ledger;
use super::session::Here;
use crate::batch_size::BatchSize;
use crate::batches::Rounds;
use crate::error::Error;
use crate::ledger::{Reached, State};
use crate::retry::milliseconds;
use crate::span::Span;
use crate::statement::quote;
use lockstep_core::in_flight::Measurement;
use lockstep_core::step::Backfill;
use rusqlite::types::{ToSql, ToSqlOutput, Value};
use rusqlite::{OptionalExtension, params_from_iter};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A batch holds the write lock of the whole file: shorter than on engines that lock rows.
const BATCH_TARGET_MAX: Duration = Duration::from_millis(25);

/// The key of a table that has none.
const ROW_NUMBER: &str = "rowid";

/// One column of a key, kept so that nothing is lost on the way through text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum KeyValue {
    Integer(i64),
    /// The bits of the number.
    Real(u64),
    Text(String),
    Blob(Vec<u8>),
}

impl KeyValue {
    fn of(value: Value) -> Option<Self> {
        match value {
            Value::Null => None,
            Value::Integer(number) => Some(Self::Integer(number)),
            Value::Real(number) => Some(Self::Real(number.to_bits())),
            Value::Text(text) => Some(Self::Text(text)),
            Value::Blob(bytes) => Some(Self::Blob(bytes)),
        }
    }
}

impl ToSql for KeyValue {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Integer(number) => ToSqlOutput::from(*number),
            Self::Real(bits) => ToSqlOutput::from(f64::from_bits(*bits)),
            Self::Text(text) => ToSqlOutput::from(text.as_str()),
            Self::Blob(bytes) => ToSqlOutput::from(bytes.as_slice()),
        })
    }
}

/// Where a batch ends.
#[derive(Clone)]
struct End {
    key: Vec<KeyValue>,
    rows: u64,
}

/// Runs the batches that are left.
pub(super) async fn run(run: &mut Run<'_>, backfill: &Backfill) -> Result<Measurement, Error> {
    check(run, backfill)?;
    let started = Instant::now();
    let backfill = Arc::new(backfill.clone());
    let rows_total_estimate = look(run, Arc::clone(&backfill), prepare).await?;
    let Some(begin) = claim_row(run).await? else {
        return Ok(run.measurement(0, 0));
    };
    let mut reached = begin.reached;
    let mut span = span_of(run, &backfill, &reached).await?;
    let mut size = BatchSize::new(backfill.batch_rows_max, run.job.patience.batch_target.min(BATCH_TARGET_MAX));
    let mut rounds = Rounds::default();
    loop {
        run.progress.send_modify(|progress| {
            progress.rows_done = reached.rows_done;
            progress.batches = reached.batches;
            progress.rows_total_estimate = rows_total_estimate;
        });
        run.go_on().await?;
        let batch_started = Instant::now();
        let (within, rows) = (span.clone(), size.rows());
        // The end of the batch is found before the write lock is taken: finding it may read pages from disk.
        let find =
            move |here: &Here<'_>, backfill: &Backfill, step: &str| find_end(here, backfill, step, &within, rows);
        let end = look(run, Arc::clone(&backfill), find).await?;
        if end.is_none()
            && is_by_number(&backfill)
            && rounds.goes_on(look(run, Arc::clone(&backfill), left_over).await?)
        {
            span = Span { after: Vec::new(), until: look(run, Arc::clone(&backfill), last_key).await? };
            continue;
        }
        let rows_before = reached.rows_done;
        let done = batch(run, &backfill, span, reached, end, rows).await?;
        (span, reached) = (done.span, done.reached);
        if done.is_last {
            break;
        }
        // What a commit takes does not depend on the rows.
        size.observe(reached.rows_done - rows_before, done.rows_took);
        give_way(run, batch_started.elapsed()).await?;
    }
    let duration_ms = milliseconds(started.elapsed());
    Ok(Measurement { duration_ms, ..run.measurement(reached.rows_written, reached.batches) })
}

/// Other writers poll for the lock: without a pause between two batches they would hardly ever find it free.
async fn give_way(run: &mut Run<'_>, took: Duration) -> Result<(), Error> {
    let pause = took.clamp(Duration::from_millis(1), Duration::from_millis(100));
    tokio::select! {
        () = tokio::time::sleep(pause) => Ok(()),
        () = run.cancel.cancelled() => {
            Err(Error::Cancelled { database: run.session.place().to_owned(), what: run.job.step_name.clone() })
        }
    }
}

fn check(run: &Run<'_>, backfill: &Backfill) -> Result<(), Error> {
    let reason = if backfill.key.is_empty() {
        "a backfill needs the columns of a key"
    } else if backfill.batch_rows_max == 0 {
        "`batch_rows_max` must be at least 1"
    } else if is_by_number(backfill) && backfill.only_where.is_none() {
        "rows of a table without a key must show whether they need it: give `only_where`"
    } else {
        return Ok(());
    };
    Err(Error::InvalidAction { step: run.job.step_name.clone(), reason: reason.to_owned() })
}

fn is_by_number(backfill: &Backfill) -> bool {
    backfill.key == [ROW_NUMBER]
}

/// How many rows still need it.
fn left_over(here: &Here<'_>, backfill: &Backfill, _step: &str) -> Result<u64, Error> {
    let needs = backfill.only_where.as_deref().unwrap_or("true");
    let sql = format!("SELECT count(*) FROM {} WHERE {needs}", backfill.table);
    let count = here.connection.query_row(&sql, (), |row| row.get::<_, i64>(0));
    count.map(|rows| u64::try_from(rows).unwrap_or(0)).map_err(|error| here.meaning(&sql, &error))
}

async fn look<T: Send + 'static>(
    run: &mut Run<'_>,
    backfill: Arc<Backfill>,
    work: impl FnOnce(&Here<'_>, &Backfill, &str) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let step = run.job.step_name.clone();
    run.session.read_or_cancel(run.cancel, move |here| work(here, &backfill, &step)).await
}

/// Refuses a key that can hold NULL (a row without a key is in no batch); an estimate of the rows.
fn prepare(here: &Here<'_>, backfill: &Backfill, step: &str) -> Result<Option<u64>, Error> {
    for column in &backfill.key {
        let sql = format!("SELECT 1 FROM {} WHERE {} IS NULL LIMIT 1", backfill.table, quote(column));
        let null = here.connection.query_row(&sql, (), |_| Ok(())).optional();
        if null.map_err(|error| here.meaning(&sql, &error))?.is_some() {
            return Err(Error::InvalidAction {
                step: step.to_owned(),
                reason: format!("key column `{column}` of {} holds NULL; choose a key without", backfill.table),
            });
        }
    }
    Ok(estimate(here, &backfill.table))
}

/// The span of row ids: cheap, and exact for a table without gaps.
fn estimate(here: &Here<'_>, table: &str) -> Option<u64> {
    let sql = format!("SELECT max(rowid) - min(rowid) + 1 FROM {table}");
    let span: Option<i64> = here.connection.query_row(&sql, (), |row| row.get(0)).ok()?;
    Some(span.and_then(|span| u64::try_from(span).ok()).unwrap_or(0))
}

/// A batch that is done.
struct Done {
    span: Span<KeyValue>,
    reached: Reached,
    is_last: bool,
    /// Writing the rows alone.
    rows_took: Duration,
}

async fn batch(
    run: &mut Run<'_>,
    backfill: &Arc<Backfill>,
    span: Span<KeyValue>,
    reached: Reached,
    end: Option<End>,
    rows: u32,
) -> Result<Done, Error> {
    // Where rows may have got other numbers, only a look at all of them tells.
    let is_end = |end: &End| !is_by_number(backfill) && (end.rows < u64::from(rows) || end.key == span.until);
    let is_last = end.as_ref().is_none_or(is_end);
    let backfill = Arc::clone(backfill);
    run.attempts.next_transaction();
    run.write(move |here, job| {
        ledger::check_fence(here, job.fence)?;
        let (mut span, mut next, begun) = (span.clone(), reached.clone(), Instant::now());
        if let Some(end) = &end {
            next.rows_written += update(here, &backfill, &span.after, &end.key)?;
            next.rows_done += end.rows;
            next.batches += 1;
            span.after.clone_from(&end.key);
            next.cursor = Some(span.text());
        }
        let rows_took = begun.elapsed();
        let state = if is_last { job.kind.done() } else { State::Claimed };
        ledger::write(here, job, state, &next)?;
        Ok(Done { span, reached: next, is_last, rows_took })
    })
    .await
}

/// What is left to do, by the ledger; up to the last row that is there now if it does not say.
async fn span_of(run: &mut Run<'_>, backfill: &Arc<Backfill>, reached: &Reached) -> Result<Span<KeyValue>, Error> {
    let until = look(run, Arc::clone(backfill), last_key).await?;
    let spans =
        Span::read_all(reached.cursor.as_deref(), until.clone()).map_err(|error| Error::DamagedLedger {
            database: run.session.place().to_owned(),
            reason: format!("the cursor of version {} is not readable: {error}", run.job.version),
        })?;
    // One writer at a time: there is one span, or nothing is left.
    Ok(spans.into_iter().next().unwrap_or_else(|| Span { after: until.clone(), until }))
}

fn last_key(here: &Here<'_>, backfill: &Backfill, step: &str) -> Result<Vec<KeyValue>, Error> {
    let sql = format!(
        "SELECT {} FROM {} ORDER BY {} LIMIT 1",
        columns(&backfill.key),
        backfill.table,
        backwards(&backfill.key)
    );
    let width = backfill.key.len();
    let found = here.connection.query_row(&sql, (), |row| values(row, width)).optional();
    let found = found.map_err(|error| here.meaning(&sql, &error))?;
    found.map_or(Ok(Vec::new()), |values| key_of(backfill, step, values))
}

fn values(row: &rusqlite::Row<'_>, width: usize) -> rusqlite::Result<Vec<Value>> {
    (0..width).map(|column| row.get(column)).collect()
}

fn key_of(backfill: &Backfill, step: &str, values: Vec<Value>) -> Result<Vec<KeyValue>, Error> {
    let key: Option<Vec<KeyValue>> = values.into_iter().map(KeyValue::of).collect();
    key.ok_or_else(|| Error::InvalidAction {
        step: step.to_owned(),
        reason: format!("a key column of {} holds NULL; choose a key without", backfill.table),
    })
}

fn find_end(
    here: &Here<'_>,
    backfill: &Backfill,
    step: &str,
    span: &Span<KeyValue>,
    rows: u32,
) -> Result<Option<End>, Error> {
    let (key, width) = (columns(&backfill.key), backfill.key.len());
    let Span { after, until } = span;
    if until.is_empty() {
        return Ok(None);
    }
    let beyond =
        if after.is_empty() { String::new() } else { format!("AND ({key}) > ({})", places(width, width)) };
    let sql = format!(
        "WITH batch AS (SELECT {key} FROM {} WHERE ({key}) <= ({}) {beyond} ORDER BY {key} LIMIT {rows})
         SELECT {key}, count(*) OVER () FROM batch ORDER BY {} LIMIT 1",
        backfill.table,
        places(width, 0),
        backwards(&backfill.key)
    );
    let found = here.connection.prepare_cached(&sql).and_then(|mut statement| {
        statement
            .query_row(params_from_iter(until.iter().chain(after)), |row| {
                Ok((values(row, width)?, row.get::<_, i64>(width)?))
            })
            .optional()
    });
    let Some((values, rows)) = found.map_err(|error| here.meaning(&sql, &error))? else {
        return Ok(None);
    };
    Ok(Some(End { key: key_of(backfill, step, values)?, rows: u64::try_from(rows).unwrap_or(0) }))
}

fn update(here: &Here<'_>, backfill: &Backfill, after: &[KeyValue], until: &[KeyValue]) -> Result<u64, Error> {
    let key = columns(&backfill.key);
    let mut conditions = vec![format!("({key}) <= ({})", places(until.len(), after.len()))];
    if !after.is_empty() {
        conditions.push(format!("({key}) > ({})", places(after.len(), 0)));
    }
    conditions.extend(backfill.only_where.iter().map(|condition| format!("({condition})")));
    let sql = format!("UPDATE {} SET {} WHERE {}", backfill.table, backfill.set, conditions.join(" AND "));
    let changed = here
        .connection
        .prepare_cached(&sql)
        .and_then(|mut statement| statement.execute(params_from_iter(after.iter().chain(until))));
    changed.map(|rows| rows as u64).map_err(|error| here.meaning(&sql, &error))
}

fn columns(key: &[String]) -> String {
    key.iter().map(|column| quote(column)).collect::<Vec<_>>().join(", ")
}

fn backwards(key: &[String]) -> String {
    key.iter().map(|column| format!("{} DESC", quote(column))).collect::<Vec<_>>().join(", ")
}

fn places(count: usize, before: usize) -> String {
    (1..=count).map(|place| format!("?{}", place + before)).collect::<Vec<_>>().join(", ")
}
