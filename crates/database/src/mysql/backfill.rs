//! Keyset batches, each its own transaction together with its cursor.

use super::connect::meaning;
use super::execute::ClaimRow;
use super::key::{KeyColumn, beyond, up_to};
use super::ledger::{self, Reached};
use super::sql::{Token, literal, tokens};
use super::transaction::{Here, Run, Work};
use crate::batch_size::BatchSize;
use crate::error::Error;
use crate::ledger::State;
use crate::retry::milliseconds;
use crate::span::Span;
use lockstep_core::in_flight::Measurement;
use lockstep_core::step::Backfill;
use mysql_async::prelude::Queryable as _;
use std::time::Instant;

/// A key, each column as the server prints it: text goes through every allowed type and back without loss.
type Key = Vec<String>;

/// Where a batch ends.
struct End {
    key: Key,
    rows: u64,
}

/// Runs the batches that are left.
pub(super) async fn run(run: &mut Run<'_>, backfill: &Backfill) -> Result<Measurement, Error> {
    let started = Instant::now();
    let columns = key_columns(run, backfill).await?;
    let Some(begin) = run.write(&ClaimRow).await? else {
        return Ok(run.measurement(0, 0));
    };
    let mut reached = begin.reached;
    let mut span = span_of(run, backfill, &columns, &reached).await?;
    let rows_total_estimate = estimate(run, backfill).await?;
    let mut size = BatchSize::new(backfill.batch_rows_max, run.job.patience.batch_target);
    let mut is_last = false;
    while !is_last {
        run.progress.send_modify(|progress| {
            progress.rows_done = reached.rows_done;
            progress.batches = reached.batches;
            progress.rows_total_estimate = rows_total_estimate;
        });
        run.go_on().await?;
        is_last = batch(run, backfill, &columns, &mut span, &mut reached, &mut size).await?;
    }
    let duration_ms = milliseconds(started.elapsed());
    Ok(Measurement { duration_ms, ..run.measurement(reached.rows_written, reached.batches) })
}

/// One batch; true when it was the last. Tried again with fewer rows when somebody was in its way, or it in somebody's.
async fn batch(
    run: &mut Run<'_>,
    backfill: &Backfill,
    columns: &[KeyColumn],
    span: &mut Span<String>,
    reached: &mut Reached,
    size: &mut BatchSize,
) -> Result<bool, Error> {
    run.attempts.next_transaction();
    loop {
        let begun = Instant::now();
        let end = find_end(run, backfill, columns, span, size.rows()).await?;
        let rows = end.as_ref().map_or(0, |end| end.rows);
        let last = end.as_ref().is_none_or(|end| rows < u64::from(size.rows()) || end.key == span.until);
        let update = end.as_ref().map(|end| update(backfill, columns, &span.after, &end.key));
        match run.try_write(&Batch { update, end, span, reached, last }).await {
            Err(Error::Busy { .. }) => {
                size.shrink();
                run.pause().await?;
            }
            Err(error) => return Err(error),
            Ok(next) => {
                size.observe(rows, begun.elapsed());
                (*span, *reached) = next;
                return Ok(last);
            }
        }
    }
}

struct Batch<'a> {
    update: Option<String>,
    end: Option<End>,
    span: &'a Span<String>,
    reached: &'a Reached,
    last: bool,
}

#[async_trait::async_trait]
impl Work for Batch<'_> {
    type Output = (Span<String>, Reached);

    async fn run(&self, here: &mut Here<'_>) -> Result<(Span<String>, Reached), Error> {
        ledger::check_fence(here).await?;
        let (mut span, mut next) = (self.span.clone(), self.reached.clone());
        if let (Some(end), Some(update)) = (&self.end, &self.update) {
            next.rows_written += here.run(update).await?;
            next.rows_done += end.rows;
            next.batches += 1;
            span.after.clone_from(&end.key);
            next.cursor = Some(span.text());
        }
        let state = if self.last { here.job.kind.done() } else { State::Claimed };
        ledger::write(here, state, &next).await?;
        Ok((span, next))
    }
}

fn update(backfill: &Backfill, columns: &[KeyColumn], start: &Key, end: &Key) -> String {
    let mut conditions = vec![up_to(columns, end)];
    if !start.is_empty() {
        conditions.push(beyond(columns, start));
    }
    conditions.extend(backfill.only_where.as_ref().map(|only| format!("({only})")));
    format!("UPDATE {} SET {} WHERE {}", backfill.table, backfill.set, conditions.join(" AND "))
}

async fn find_end(
    run: &mut Run<'_>,
    backfill: &Backfill,
    columns: &[KeyColumn],
    span: &Span<String>,
    rows: u32,
) -> Result<Option<End>, Error> {
    if span.until.is_empty() {
        return Ok(None);
    }
    let list = |form: &dyn Fn(&KeyColumn) -> String| columns.iter().map(form).collect::<Vec<_>>().join(", ");
    let key = list(&KeyColumn::quoted);
    let mut within = up_to(columns, &span.until);
    if !span.after.is_empty() {
        within = format!("{within} AND {}", beyond(columns, &span.after));
    }
    let sql = format!(
        "SELECT {}, COUNT(*) OVER () FROM (SELECT {key} FROM {} WHERE {within} ORDER BY {key} LIMIT {rows}) batch
         ORDER BY {} LIMIT 1",
        list(&KeyColumn::text),
        backfill.table,
        list(&|column| format!("{} DESC", column.quoted())),
    );
    let Some(row) = run.first_row(&sql).await? else { return Ok(None) };
    let rows: Option<u64> = row.get(columns.len());
    let rows = rows.ok_or_else(|| unreadable(run, backfill))?;
    Ok(Some(End { rows, key: key_of(run, backfill, columns, &row)? }))
}

fn key_of(
    run: &Run<'_>,
    backfill: &Backfill,
    columns: &[KeyColumn],
    row: &mysql_async::Row,
) -> Result<Key, Error> {
    let text = |position: usize| row.get_opt::<String, _>(position).and_then(Result::ok);
    let key: Option<Key> = (0..columns.len()).map(text).collect();
    key.ok_or_else(|| unreadable(run, backfill))
}

fn unreadable(run: &Run<'_>, backfill: &Backfill) -> Error {
    Error::Engine {
        database: run.server.place.clone(),
        reason: format!("the key of {} is not readable as text", backfill.table),
    }
}

/// What is left to do, by the ledger; up to the last row that is there now if it does not say.
async fn span_of(
    run: &mut Run<'_>,
    backfill: &Backfill,
    columns: &[KeyColumn],
    reached: &Reached,
) -> Result<Span<String>, Error> {
    let list = |form: &dyn Fn(&KeyColumn) -> String| columns.iter().map(form).collect::<Vec<_>>().join(", ");
    let backwards = list(&|column| format!("{} DESC", column.quoted()));
    let sql = format!("SELECT {} FROM {} ORDER BY {backwards} LIMIT 1", list(&KeyColumn::text), backfill.table);
    let until = match run.first_row(&sql).await? {
        Some(row) => key_of(run, backfill, columns, &row)?,
        None => Key::new(),
    };
    let damaged = |reason: String| Error::DamagedLedger { database: run.server.place.clone(), reason };
    let version = run.job.version;
    let span = Span::read(reached.cursor.as_deref(), until)
        .map_err(|error| damaged(format!("the cursor of version {version} is not readable: {error}")))?;
    if [&span.after, &span.until].iter().any(|key| !key.is_empty() && key.len() != columns.len()) {
        return Err(damaged(format!("the cursor of version {version} is of another key")));
    }
    Ok(span)
}

/// The key's columns. Refuses columns that are not there or may hold NULL (a row without a key is in no batch).
async fn key_columns(run: &mut Run<'_>, backfill: &Backfill) -> Result<Vec<KeyColumn>, Error> {
    if backfill.batch_rows_max == 0 {
        return Err(unusable(run, "`batch_rows_max` must be at least 1".to_owned()));
    }
    if backfill.key.is_empty() {
        return Err(unusable(run, "a backfill needs the columns of a key".to_owned()));
    }
    let sql = format!(
        "SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE FROM information_schema.COLUMNS WHERE {}",
        is_table(backfill)
    );
    let rows: Result<Vec<(String, String, String, String)>, _> = run.connection.query(&sql).await;
    let rows = rows.map_err(|error| meaning(&run.server.place, &sql, &error))?;
    if rows.is_empty() {
        return Err(unusable(run, format!("table {} does not exist here", backfill.table)));
    }
    let column = |name: &String| {
        let table = &backfill.table;
        let found = rows.iter().find(|(column, ..)| column.eq_ignore_ascii_case(name));
        let Some((_, data_type, column_type, nullable)) = found else {
            return Err(unusable(run, format!("table {table} has no column `{name}`")));
        };
        if nullable == "YES" {
            let reason = format!("key column `{name}` of {table} may hold NULL; choose a key that is NOT NULL");
            return Err(unusable(run, reason));
        }
        KeyColumn::new(name, data_type, column_type).ok_or_else(|| {
            let reason = format!("key column `{name}` of {table} is {data_type}, which no batch can be cut by");
            unusable(run, format!("{reason}; choose a key of numbers, texts, times or bytes"))
        })
    };
    backfill.key.iter().map(column).collect()
}

fn unusable(run: &Run<'_>, reason: String) -> Error {
    Error::InvalidAction { step: run.job.step_name.clone(), reason }
}

/// A condition on `TABLE_SCHEMA` and `TABLE_NAME`.
fn is_table(backfill: &Backfill) -> String {
    let tokens = tokens(&backfill.table);
    let names: Vec<String> = tokens
        .iter()
        .filter_map(|token| match token {
            Token::Word(name) => Some((*name).to_owned()),
            Token::Name(name) => Some(name[1..].strip_suffix('`').unwrap_or(&name[1..]).replace("``", "`")),
            _ => None,
        })
        .collect();
    let table = names.last().map(|name| literal(name)).unwrap_or_else(|| "NULL".to_owned());
    let database = if names.len() > 1 { literal(&names[0]) } else { "DATABASE()".to_owned() };
    format!("TABLE_SCHEMA = {database} AND TABLE_NAME = {table}")
}

/// What the server's own statistics say.
async fn estimate(run: &mut Run<'_>, backfill: &Backfill) -> Result<Option<u64>, Error> {
    let sql = format!("SELECT TABLE_ROWS FROM information_schema.TABLES WHERE {}", is_table(backfill));
    let rows: Result<Option<Option<u64>>, _> = run.connection.query_first(&sql).await;
    Ok(rows.map_err(|error| meaning(&run.server.place, &sql, &error))?.flatten())
}
