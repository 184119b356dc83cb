//! Keyset batches, each its own transaction together with its cursor.

use super::connect::meaning;
use super::execute::ClaimRow;
use super::ledger::{self, Reached};
use super::transaction::{Here, Run, Work};
use crate::batch_size::BatchSize;
use crate::error::Error;
use crate::ledger::State;
use crate::retry::milliseconds;
use crate::span::Span;
use crate::statement::quote;
use lockstep_core::in_flight::Measurement;
use lockstep_core::step::Backfill;
use std::time::Instant;
use tokio_postgres::Statement;
use tokio_postgres::types::ToSql;

/// The statements of a backfill, prepared once.
struct Prepared {
    find_last: Statement,
    find_first_end: Statement,
    find_end: Statement,
    update_first: Statement,
    update: Statement,
}

/// A key, each column as the server prints it: text goes through every type and back without loss.
type Key = Vec<String>;

/// Where a batch ends.
struct End {
    key: Key,
    rows: u64,
}

/// Runs the batches that are left.
pub(super) async fn run(run: &mut Run<'_>, backfill: &Backfill) -> Result<Measurement, Error> {
    let started = Instant::now();
    let prepared = prepare(run, backfill).await?;
    let Some(begin) = run.write(&ClaimRow).await? else {
        return Ok(run.measurement(0, 0));
    };
    let mut reached = begin.reached;
    let mut span = span_of(run, &prepared, &reached).await?;
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
        is_last = batch(run, &prepared, &mut span, &mut reached, &mut size).await?;
    }
    let duration_ms = milliseconds(started.elapsed());
    Ok(Measurement { duration_ms, ..run.measurement(reached.rows_written, reached.batches) })
}

/// One batch; true when it was the last. Tried again with fewer rows when somebody was in its way, or it in somebody's.
async fn batch(
    run: &mut Run<'_>,
    prepared: &Prepared,
    span: &mut Span<String>,
    reached: &mut Reached,
    size: &mut BatchSize,
) -> Result<bool, Error> {
    run.attempts.next_transaction();
    loop {
        let begun = Instant::now();
        let end = run.alone(find_end(run, prepared, span, size.rows())).await?;
        let rows = end.as_ref().map_or(0, |end| end.rows);
        let last = end.as_ref().is_none_or(|end| rows < u64::from(size.rows()) || end.key == span.until);
        match run.try_write(&Batch { prepared, span, end, reached, last }).await {
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
    prepared: &'a Prepared,
    span: &'a Span<String>,
    end: Option<End>,
    reached: &'a Reached,
    last: bool,
}

#[async_trait::async_trait]
impl Work for Batch<'_> {
    type Output = (Span<String>, Reached);

    async fn run(&self, here: &Here<'_>) -> Result<(Span<String>, Reached), Error> {
        ledger::check_fence(here).await?;
        let (mut span, mut next) = (self.span.clone(), self.reached.clone());
        if let Some(end) = &self.end {
            next.rows_written += self.update(here, end).await?;
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

impl Batch<'_> {
    async fn update(&self, here: &Here<'_>, end: &End) -> Result<u64, Error> {
        let after = &self.span.after;
        let statement = if after.is_empty() { &self.prepared.update_first } else { &self.prepared.update };
        let values: Vec<_> = parameters(after).chain(parameters(&end.key)).collect();
        here.transaction
            .execute(statement, &values)
            .await
            .map_err(|error| here.meaning("UPDATE of a batch", &error))
    }
}

fn parameters(key: &Key) -> impl Iterator<Item = &(dyn ToSql + Sync)> {
    key.iter().map(|value| value as &(dyn ToSql + Sync))
}

async fn find_end(
    run: &Run<'_>,
    prepared: &Prepared,
    span: &Span<String>,
    rows: u32,
) -> Result<Option<End>, Error> {
    if span.until.is_empty() {
        return Ok(None);
    }
    let statement = if span.after.is_empty() { &prepared.find_first_end } else { &prepared.find_end };
    let limit = i64::from(rows);
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![&limit];
    values.extend(parameters(&span.until).chain(parameters(&span.after)));
    let found = run.client.query_opt(statement, &values).await;
    let found = found.map_err(|error| meaning(&run.server.place, "finding the end of a batch", &error))?;
    Ok(found.map(|row| End {
        rows: u64::try_from(row.get::<_, i64>(0)).unwrap_or(0),
        key: (1..row.len()).map(|column| row.get(column)).collect(),
    }))
}

/// What is left to do, by the ledger; up to the last row that is there now if it does not say.
async fn span_of(run: &Run<'_>, prepared: &Prepared, reached: &Reached) -> Result<Span<String>, Error> {
    let last = run.client.query_opt(&prepared.find_last, &[]).await;
    let last = last.map_err(|error| meaning(&run.server.place, "finding the last row", &error))?;
    let until = last.map(|row| (0..row.len()).map(|column| row.get(column)).collect()).unwrap_or_default();
    Span::read(reached.cursor.as_deref(), until).map_err(|error| Error::DamagedLedger {
        database: run.server.place.clone(),
        reason: format!("the cursor of version {} is not readable: {error}", run.job.version),
    })
}

async fn prepare(run: &Run<'_>, backfill: &Backfill) -> Result<Prepared, Error> {
    if backfill.batch_rows_max == 0 {
        return Err(unusable(run, "`batch_rows_max` must be at least 1".to_owned()));
    }
    // Texts of times must not depend on the role's taste, and plans must know how small a batch is.
    let settings = "SET DateStyle = ISO; SET plan_cache_mode = force_custom_plan";
    run.client.batch_execute(settings).await.map_err(|error| meaning(&run.server.place, settings, &error))?;
    let types = key_types(run, backfill).await?;
    let key = backfill.key.iter().map(|column| quote(column)).collect::<Vec<_>>().join(", ");
    let texts =
        backfill.key.iter().map(|column| format!("{}::text", quote(column))).collect::<Vec<_>>().join(", ");
    // With the table's name before it: a bare name would mean the text beside it, and `9` comes after `10` as text.
    let backwards =
        backfill.key.iter().map(|column| format!("batch.{} DESC", quote(column))).collect::<Vec<_>>().join(", ");
    let find_end = |within: &str| {
        format!(
            "WITH batch AS (SELECT {key} FROM {} {within} ORDER BY {key} LIMIT $1)
             SELECT count(*) OVER (), {texts} FROM batch ORDER BY {backwards} LIMIT 1",
            backfill.table
        )
    };
    let condition = backfill.only_where.as_ref().map(|only| format!(" AND ({only})")).unwrap_or_default();
    let update = |beyond: &str, before: usize| {
        format!(
            "UPDATE {} SET {} WHERE {beyond} ({key}) <= ({}){condition}",
            backfill.table,
            backfill.set,
            places(&types, before)
        )
    };
    let find_last = format!("SELECT {texts} FROM {} batch ORDER BY {backwards} LIMIT 1", backfill.table);
    let until = format!("WHERE ({key}) <= ({})", places(&types, 1));
    let after = format!("{until} AND ({key}) > ({})", places(&types, 1 + types.len()));
    Ok(Prepared {
        find_last: statement(run, &find_last).await?,
        find_first_end: statement(run, &find_end(&until)).await?,
        find_end: statement(run, &find_end(&after)).await?,
        update_first: statement(run, &update("", 0)).await?,
        update: statement(run, &update(&format!("({key}) > ({}) AND", places(&types, 0)), types.len())).await?,
    })
}

async fn statement(run: &Run<'_>, sql: &str) -> Result<Statement, Error> {
    run.client.prepare(sql).await.map_err(|error| meaning(&run.server.place, sql, &error))
}

/// `$2::text::bigint, $3::text::uuid`
fn places(types: &[String], before: usize) -> String {
    let place = |(position, data_type): (usize, &String)| format!("${}::text::{data_type}", position + 1 + before);
    types.iter().enumerate().map(place).collect::<Vec<_>>().join(", ")
}

/// The types of the key's columns. Refuses columns that are not there or may hold NULL (a row without a key is in no batch).
async fn key_types(run: &Run<'_>, backfill: &Backfill) -> Result<Vec<String>, Error> {
    if backfill.key.is_empty() {
        return Err(unusable(run, "a backfill needs the columns of a key".to_owned()));
    }
    let sql = "SELECT attname::text, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute
               WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped";
    let rows = run.client.query(sql, &[&backfill.table]).await;
    let rows = rows.map_err(|error| meaning(&run.server.place, sql, &error))?;
    if rows.is_empty() {
        return Err(unusable(run, format!("table {} does not exist here", backfill.table)));
    }
    let type_of = |column: &String| match rows.iter().find(|row| row.get::<_, &str>(0) == column) {
        None => Err(unusable(run, format!("table {} has no column `{column}`", backfill.table))),
        Some(row) if !row.get::<_, bool>(2) => Err(unusable(
            run,
            format!("key column `{column}` of {} may hold NULL; choose a key that is NOT NULL", backfill.table),
        )),
        Some(row) => Ok(row.get(1)),
    };
    backfill.key.iter().map(type_of).collect()
}

fn unusable(run: &Run<'_>, reason: String) -> Error {
    Error::InvalidAction { step: run.job.step_name.clone(), reason }
}

/// What the planner of the server believes; nothing before the table was analysed.
async fn estimate(run: &Run<'_>, backfill: &Backfill) -> Result<Option<u64>, Error> {
    let sql = "SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass($1)";
    let row = run.client.query_opt(sql, &[&backfill.table]).await;
    let row = row.map_err(|error| meaning(&run.server.place, sql, &error))?;
    Ok(row.and_then(|row| u64::try_from(row.get::<_, i64>(0)).ok()))
}
