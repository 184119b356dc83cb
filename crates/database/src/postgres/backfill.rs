//! What PostgreSQL does for the batches of a backfill.

use super::connect::meaning;
use super::execute::ClaimRow;
use super::ledger;
use super::pages;
use super::transaction::{Again, Here, Run, Work};
use crate::batches::{self, Around, Batch, Crew, End, Key, Seat, Shared, Table, Turn};
use crate::error::Error;
use crate::ledger::Reached;
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
    last_key: Statement,
    /// Before the first row is done.
    first: Within,
    /// Beyond the last row that is done.
    then: Within,
}

/// Statements that are bounded by keys: the last one first, and the one before the first, if there is one.
struct Within {
    end: Statement,
    count: Statement,
    update: Statement,
}

impl Prepared {
    fn within(&self, after: &Key) -> &Within {
        if after.is_empty() { &self.first } else { &self.then }
    }
}

struct Rows<'r, 'a> {
    run: &'r mut Run<'a>,
    backfill: &'r Backfill,
    prepared: Prepared,
}

/// Runs the batches that are left.
pub(super) async fn run(run: &mut Run<'_>, backfill: &Backfill) -> Result<Measurement, Error> {
    let started = Instant::now();
    if backfill.batch_rows_max == 0 {
        return Err(unusable(run, "`batch_rows_max` must be at least 1".to_owned()));
    }
    let done =
        if backfill.key == [pages::KEY] { pages::run(run, backfill).await } else { by_key(run, backfill).await };
    let Some((reached, helped)) = done? else { return Ok(run.measurement(0, 0)) };
    let duration_ms = milliseconds(started.elapsed());
    let own = Measurement { duration_ms, ..run.measurement(reached.rows_written, reached.batches) };
    Ok(batches::sum(own, &helped))
}

/// `None` when it was done before.
async fn by_key(run: &mut Run<'_>, backfill: &Backfill) -> Result<Option<(Reached, Vec<Measurement>)>, Error> {
    let prepared = prepare(run, backfill).await?;
    let Some(begin) = run.write(&ClaimRow).await? else { return Ok(None) };
    let helpers = Helpers { again: run.again(), backfill };
    let mut rows = Rows { run, backfill, prepared };
    batches::run(&mut rows, &helpers, begin.reached, backfill.batch_rows_max).await.map(Some)
}

struct Helpers<'r, 'a> {
    again: Again<'a>,
    backfill: &'r Backfill,
}

#[async_trait::async_trait]
impl Crew for Helpers<'_, '_> {
    async fn help(&self, shared: &Shared, seat: &Seat) -> Result<Option<Measurement>, Error> {
        let Some(mut run) = self.again.connect().await else { return Ok(None) };
        let prepared = prepare(&run, self.backfill).await?;
        let mut rows = Rows { run: &mut run, backfill: self.backfill, prepared };
        batches::work(&mut rows, shared, seat).await?;
        Ok(Some(run.measurement(0, 0)))
    }
}

#[async_trait::async_trait]
impl<'a> Table<'a> for Rows<'_, 'a> {
    fn around(&mut self) -> Around<'_, 'a> {
        self.run.around()
    }

    async fn estimate(&mut self) -> Result<Option<u64>, Error> {
        estimate(self.run, self.backfill).await
    }

    async fn last_key(&mut self) -> Result<Option<Key>, Error> {
        Ok(row(self.run, &self.prepared.last_key, &[], "finding the last row").await?.as_ref().map(key_of))
    }

    async fn end_of(&mut self, span: &Span<String>, rows: u32) -> Result<Option<End>, Error> {
        let before = i64::from(rows) - 1;
        let mut values: Vec<&(dyn ToSql + Sync)> = vec![&before];
        values.extend(bounds(&span.until, &span.after));
        let end = &self.prepared.within(&span.after).end;
        let row = row(self.run, end, &values, "finding the end of a batch").await?;
        Ok(row.map(|row| End { key: key_of(&row), rows: rows.into() }))
    }

    async fn count(&mut self, span: &Span<String>) -> Result<u64, Error> {
        let values: Vec<_> = bounds(&span.until, &span.after).collect();
        let count = &self.prepared.within(&span.after).count;
        let row = row(self.run, count, &values, "counting the rows of the last batch").await?;
        Ok(row.map_or(0, |row| number(&row)))
    }

    async fn write<'s>(&mut self, batch: &Batch<'s>) -> Result<Turn<'s>, Error> {
        let update = &self.prepared.within(&batch.after).update;
        self.run.try_write(&OneBatch { update, after: &batch.after, batch }).await
    }
}

/// A row of a query outside of any transaction of ours; cancelled on request.
pub(super) async fn row(
    run: &Run<'_>,
    statement: &Statement,
    values: &[&(dyn ToSql + Sync)],
    what: &str,
) -> Result<Option<tokio_postgres::Row>, Error> {
    let query = async {
        let found = run.client.query_opt(statement, values).await;
        found.map_err(|error| meaning(&run.server.place, what, &error))
    };
    run.alone(query).await
}

/// The count in the first column.
pub(super) fn number(row: &tokio_postgres::Row) -> u64 {
    u64::try_from(row.get::<_, i64>(0)).unwrap_or(0)
}

/// What the planner of the server believes; nothing before the table was analysed.
pub(super) async fn estimate(run: &Run<'_>, backfill: &Backfill) -> Result<Option<u64>, Error> {
    let sql = "SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass($1)";
    let row = run.client.query_opt(sql, &[&backfill.table]).await;
    let row = row.map_err(|error| meaning(&run.server.place, sql, &error))?;
    Ok(row.and_then(|row| u64::try_from(row.get::<_, i64>(0)).ok()))
}

pub(super) struct OneBatch<'a, 's> {
    pub(super) update: &'a Statement,
    /// Where it begins, as the statement takes it.
    pub(super) after: &'a Key,
    pub(super) batch: &'a Batch<'s>,
}

#[async_trait::async_trait]
impl<'s> Work for OneBatch<'_, 's> {
    type Output = Turn<'s>;

    async fn run(&self, here: &Here<'_>) -> Result<Turn<'s>, Error> {
        let written = match &self.batch.until {
            None => 0,
            Some(until) => together(commit_at_leisure(here), self.update(here, until)).await?,
        };
        let turn = self.batch.turn(written).await;
        together(ledger::check_fence(here), ledger::write(here, self.batch.state, &turn.reached)).await?;
        Ok(turn)
    }
}

/// Two statements of a transaction, sent together. Behind one that fails the server says of the other only that the transaction is over,
/// whichever answer is seen first.
async fn together<T>(
    first: impl Future<Output = Result<(), Error>>,
    then: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let (first, then) = tokio::join!(first, then);
    first.and(then)
}

impl OneBatch<'_, '_> {
    async fn update(&self, here: &Here<'_>, until: &Key) -> Result<u64, Error> {
        let values: Vec<_> = bounds(until, self.after).collect();
        let written = here.transaction.execute(self.update, &values).await;
        written.map_err(|error| here.meaning("UPDATE of a batch", &error))
    }
}

/// A crash of the server may take the newest batches back: each with its cursor, so they are done again. What ends the backfill is
/// committed after them, and waits for the disk. Applications, whose commits wait for the same disk, have it to themselves meanwhile.
async fn commit_at_leisure(here: &Here<'_>) -> Result<(), Error> {
    let sql = "SET LOCAL synchronous_commit = off";
    here.transaction.batch_execute(sql).await.map_err(|error| here.meaning(sql, &error))
}

pub(super) fn bounds<'k>(until: &'k Key, after: &'k Key) -> impl Iterator<Item = &'k (dyn ToSql + Sync)> {
    until.iter().chain(after).map(|value| value as &(dyn ToSql + Sync))
}

fn key_of(row: &tokio_postgres::Row) -> Key {
    (0..row.len()).map(|column| row.get(column)).collect()
}

async fn prepare(run: &Run<'_>, backfill: &Backfill) -> Result<Prepared, Error> {
    // Texts of times must not depend on the role's taste, and plans must know how small a batch is.
    let settings = "SET DateStyle = ISO; SET plan_cache_mode = force_custom_plan";
    run.client.batch_execute(settings).await.map_err(|error| meaning(&run.server.place, settings, &error))?;
    let types = key_types(run, backfill).await?;
    let list = |of: &dyn Fn(String) -> String| {
        backfill.key.iter().map(|column| of(quote(column))).collect::<Vec<_>>().join(", ")
    };
    // With the table's name before it: a bare name would mean the text beside it, and `9` comes after `10` as text.
    let backwards = list(&|column| format!("keys.{column} DESC"));
    let last_key = format!("SELECT {} FROM {} keys ORDER BY {backwards} LIMIT 1", list(&as_text), backfill.table);
    Ok(Prepared {
        last_key: statement(run, &last_key).await?,
        first: within(run, backfill, &types, false).await?,
        then: within(run, backfill, &types, true).await?,
    })
}

fn as_text(column: String) -> String {
    format!("{column}::text")
}

async fn within(run: &Run<'_>, backfill: &Backfill, types: &[String], is_beyond: bool) -> Result<Within, Error> {
    let Backfill { table, set, only_where, .. } = backfill;
    let key = backfill.key.iter().map(|column| quote(column)).collect::<Vec<_>>();
    let (texts, key) = (key.iter().cloned().map(as_text).collect::<Vec<_>>().join(", "), key.join(", "));
    let bounds = |before: usize| {
        let up_to = format!("({key}) <= ({})", places(types, before));
        let after = || format!(" AND ({key}) > ({})", places(types, before + types.len()));
        up_to + &if is_beyond { after() } else { String::new() }
    };
    let end = format!(
        "SELECT {texts} FROM (SELECT {key} FROM {table} WHERE {} ORDER BY {key} OFFSET $1 LIMIT 1) last",
        bounds(1)
    );
    let condition = only_where.as_ref().map(|only| format!(" AND ({only})")).unwrap_or_default();
    Ok(Within {
        end: statement(run, &end).await?,
        count: statement(run, &format!("SELECT count(*) FROM {table} WHERE {}", bounds(0))).await?,
        update: statement(run, &format!("UPDATE {table} SET {set} WHERE {}{condition}", bounds(0))).await?,
    })
}

pub(super) async fn statement(run: &Run<'_>, sql: &str) -> Result<Statement, Error> {
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

pub(super) fn unusable(run: &Run<'_>, reason: String) -> Error {
    Error::InvalidAction { step: run.job.step_name.clone(), reason }
}
