//! What MariaDB and MySQL do for the batches of a backfill.

use super::connect::meaning;
use super::execute::ClaimRow;
use super::key::{KeyColumn, beyond, up_to};
use super::ledger;
use super::sql::{Token, literal, tokens};
use super::transaction::{Again, Here, Run, Work};
use crate::batches::{self, Around, Batch, Crew, End, Key, Seat, Shared, Table, Turn};
use crate::error::Error;
use crate::retry::milliseconds;
use crate::span::Span;
use lockstep_core::in_flight::Measurement;
use lockstep_core::step::Backfill;
use mysql_async::prelude::Queryable as _;
use std::time::Instant;

struct Rows<'r, 'a> {
    run: &'r mut Run<'a>,
    backfill: &'r Backfill,
    columns: Vec<KeyColumn>,
}

/// Runs the batches that are left.
pub(super) async fn run(run: &mut Run<'_>, backfill: &Backfill) -> Result<Measurement, Error> {
    let started = Instant::now();
    let columns = key_columns(run, backfill).await?;
    let Some(begin) = run.write(&ClaimRow).await? else {
        return Ok(run.measurement(0, 0));
    };
    let helpers = Helpers { again: run.again(), backfill, columns: columns.clone() };
    let mut rows = Rows { run: &mut *run, backfill, columns };
    let (reached, helped) = batches::run(&mut rows, &helpers, begin.reached, backfill.batch_rows_max).await?;
    let duration_ms = milliseconds(started.elapsed());
    let own = Measurement { duration_ms, ..run.measurement(reached.rows_written, reached.batches) };
    Ok(batches::sum(own, &helped))
}

struct Helpers<'r, 'a> {
    again: Again<'a>,
    backfill: &'r Backfill,
    columns: Vec<KeyColumn>,
}

#[async_trait::async_trait]
impl Crew for Helpers<'_, '_> {
    async fn help(&self, shared: &Shared, seat: &Seat) -> Result<Option<Measurement>, Error> {
        let Some(mut run) = self.again.connect().await else { return Ok(None) };
        let mut rows = Rows { run: &mut run, backfill: self.backfill, columns: self.columns.clone() };
        let done = batches::work(&mut rows, shared, seat).await;
        let measurement = run.measurement(0, 0);
        run.finish().await;
        done.map(|()| Some(measurement))
    }
}

#[async_trait::async_trait]
impl<'a> Table<'a> for Rows<'_, 'a> {
    fn around(&mut self) -> Around<'_, 'a> {
        self.run.around()
    }

    async fn estimate(&mut self) -> Result<Option<u64>, Error> {
        // What the server's own statistics say.
        let sql = format!("SELECT TABLE_ROWS FROM information_schema.TABLES WHERE {}", is_table(self.backfill));
        let rows: Result<Option<Option<u64>>, _> = self.run.connection.query_first(&sql).await;
        Ok(rows.map_err(|error| meaning(&self.run.server.place, &sql, &error))?.flatten())
    }

    async fn last_key(&mut self) -> Result<Option<Key>, Error> {
        let backwards = self.list(&|column| format!("{} DESC", column.quoted()));
        let texts = self.list(&KeyColumn::text);
        self.key(&format!("SELECT {texts} FROM {} ORDER BY {backwards} LIMIT 1", self.backfill.table)).await
    }

    async fn end_of(&mut self, span: &Span<String>, rows: u32) -> Result<Option<End>, Error> {
        let (key, before) = (self.list(&KeyColumn::quoted), rows - 1);
        let within = format!("SELECT {key} FROM {} WHERE {}", self.backfill.table, self.within(span)?);
        let texts = self.list(&KeyColumn::text);
        let sql = format!("SELECT {texts} FROM ({within} ORDER BY {key} LIMIT 1 OFFSET {before}) last");
        Ok(self.key(&sql).await?.map(|key| End { key, rows: rows.into() }))
    }

    async fn count(&mut self, span: &Span<String>) -> Result<u64, Error> {
        let sql = format!("SELECT COUNT(*) FROM {} WHERE {}", self.backfill.table, self.within(span)?);
        let row = self.run.first_row(&sql).await?;
        row.and_then(|row| row.get(0)).ok_or_else(|| unreadable(self.run, self.backfill))
    }

    async fn write<'s>(&mut self, batch: &Batch<'s>) -> Result<Turn<'s>, Error> {
        let until = batch.until.as_ref();
        let update = until.map(|until| update(self.backfill, &self.columns, &batch.after, until));
        self.run.try_write(&OneBatch { update, batch }).await
    }
}

impl Rows<'_, '_> {
    fn list(&self, form: &dyn Fn(&KeyColumn) -> String) -> String {
        self.columns.iter().map(form).collect::<Vec<_>>().join(", ")
    }

    async fn key(&mut self, sql: &str) -> Result<Option<Key>, Error> {
        let Some(row) = self.run.first_row(sql).await? else { return Ok(None) };
        let text = |position: usize| row.get_opt::<String, _>(position).and_then(Result::ok);
        let key: Option<Key> = (0..self.columns.len()).map(text).collect();
        key.map(Some).ok_or_else(|| unreadable(self.run, self.backfill))
    }

    fn within(&self, span: &Span<String>) -> Result<String, Error> {
        if [&span.after, &span.until].iter().any(|key| !key.is_empty() && key.len() != self.columns.len()) {
            return Err(Error::DamagedLedger {
                database: self.run.server.place.clone(),
                reason: format!("the cursor of version {} is of another key", self.run.job.version),
            });
        }
        Ok(within(&self.columns, &span.after, &span.until))
    }
}

struct OneBatch<'a, 's> {
    update: Option<String>,
    batch: &'a Batch<'s>,
}

#[async_trait::async_trait]
impl<'s> Work for OneBatch<'_, 's> {
    type Output = Turn<'s>;

    fn begins_with(&self) -> Option<&str> {
        self.update.as_deref()
    }

    async fn run(&self, here: &mut Here<'_>) -> Result<Turn<'s>, Error> {
        let turn = self.batch.turn(here.rows_at_begin).await;
        ledger::write(here, self.batch.state, &turn.reached).await?;
        Ok(turn)
    }
}

fn update(backfill: &Backfill, columns: &[KeyColumn], after: &Key, until: &Key) -> String {
    let condition = backfill.only_where.as_ref().map(|only| format!(" AND ({only})")).unwrap_or_default();
    format!("UPDATE {} SET {} WHERE {}{condition}", backfill.table, backfill.set, within(columns, after, until))
}

fn within(columns: &[KeyColumn], after: &Key, until: &Key) -> String {
    let mut conditions = vec![up_to(columns, until)];
    if !after.is_empty() {
        conditions.push(beyond(columns, after));
    }
    conditions.join(" AND ")
}

fn unreadable(run: &Run<'_>, backfill: &Backfill) -> Error {
    Error::Engine {
        database: run.server.place.clone(),
        reason: format!("the key of {} is not readable as text", backfill.table),
    }
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
