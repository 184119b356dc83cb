//! A backfill of a table without a key: batches are ranges of its pages.
//!
//! A row that is written moves, and may come to lie on a page that was gone through before. So rows must show whether they still need
//! it, and the table is gone through again until none does.

use super::backfill::{OneBatch, bounds, estimate, number, row, statement, unusable};
use super::connect::meaning;
use super::execute::ClaimRow;
use super::transaction::{Again, Run};
use crate::batches::{self, Around, Batch, Crew, End, Key, Seat, Shared, Table, Turn};
use crate::error::Error;
use crate::ledger::Reached;
use crate::span::Span;
use lockstep_core::in_flight::Measurement;
use lockstep_core::step::Backfill;
use tokio_postgres::Statement;
use tokio_postgres::types::ToSql;

/// The key of a table that has none: where a row lies.
pub(super) const KEY: &str = "ctid";

/// Only from this release on does the server read a range of pages without reading the others.
const RANGES_SINCE: i32 = 14_00_00;

/// Of small rows, so that a batch is rather too small.
const ROWS_A_PAGE_UNKNOWN: f64 = 200.0;

/// Places of rows on a page are below it.
const ROWS_MAX: u16 = u16::MAX;

struct Pages<'r, 'a> {
    run: &'r mut Run<'a>,
    backfill: &'r Backfill,
    /// As the server believes.
    rows_a_page: f64,
    count: Statement,
    update: Statement,
    left_over: Statement,
}

/// `None` when it was done before.
pub(super) async fn run(
    run: &mut Run<'_>,
    backfill: &Backfill,
) -> Result<Option<(Reached, Vec<Measurement>)>, Error> {
    let rows_a_page = rows_a_page(run, backfill).await?;
    let helpers = Helpers { again: run.again(), backfill, rows_a_page };
    let mut pages = Pages::new(run, backfill, rows_a_page).await?;
    let Some(begin) = pages.run.write(&ClaimRow).await? else { return Ok(None) };
    batches::run(&mut pages, &helpers, begin.reached, backfill.batch_rows_max).await.map(Some)
}

struct Helpers<'r, 'a> {
    again: Again<'a>,
    backfill: &'r Backfill,
    rows_a_page: f64,
}

#[async_trait::async_trait]
impl Crew for Helpers<'_, '_> {
    async fn help(&self, shared: &Shared, seat: &Seat) -> Result<Option<Measurement>, Error> {
        let Some(mut run) = self.again.connect().await else { return Ok(None) };
        let mut pages = Pages::new(&mut run, self.backfill, self.rows_a_page).await?;
        batches::work(&mut pages, shared, seat).await?;
        Ok(Some(run.measurement(0, 0)))
    }
}

impl<'r, 'a> Pages<'r, 'a> {
    async fn new(run: &'r mut Run<'a>, backfill: &'r Backfill, rows_a_page: f64) -> Result<Self, Error> {
        let Backfill { table, set, only_where, .. } = backfill;
        let Some(needs) = only_where else {
            let reason =
                format!("rows of {table} without a key must show whether they need it: give `only_where`");
            return Err(unusable(run, reason));
        };
        let within = "ctid <= $1::text::tid AND ctid > $2::text::tid";
        let count = statement(run, &format!("SELECT count(*) FROM {table} WHERE {within}")).await?;
        let update = statement(run, &format!("UPDATE {table} SET {set} WHERE {within} AND ({needs})")).await?;
        let left_over = statement(run, &format!("SELECT count(*) FROM {table} WHERE {needs}")).await?;
        Ok(Self { run, backfill, rows_a_page, count, update, left_over })
    }
}

async fn rows_a_page(run: &Run<'_>, backfill: &Backfill) -> Result<f64, Error> {
    let sql = "SELECT current_setting('server_version_num')::integer, relkind::text,
            CASE WHEN reltuples > 0 AND relpages > 0 THEN greatest(reltuples / relpages, 1)::float8 END
        FROM pg_class WHERE oid = to_regclass($1)";
    let found = run.client.query_opt(sql, &[&backfill.table]).await;
    let found = found.map_err(|error| meaning(&run.server.place, sql, &error))?;
    let Some(row) = found else {
        return Err(unusable(run, format!("table {} does not exist here", backfill.table)));
    };
    let because = match (row.get::<_, i32>(0) >= RANGES_SINCE, row.get(1)) {
        (true, "r") => return Ok(row.get::<_, Option<f64>>(2).unwrap_or(ROWS_A_PAGE_UNKNOWN)),
        (true, _) => "has partitions",
        (false, _) => "is on a server before PostgreSQL 14",
    };
    Err(unusable(run, format!("table {} has no key, and {because}; add a primary key first", backfill.table)))
}

#[async_trait::async_trait]
impl<'a> Table<'a> for Pages<'_, 'a> {
    fn around(&mut self) -> Around<'_, 'a> {
        self.run.around()
    }

    async fn estimate(&mut self) -> Result<Option<u64>, Error> {
        estimate(self.run, self.backfill).await
    }

    async fn last_key(&mut self) -> Result<Option<Key>, Error> {
        let sql = "SELECT pg_relation_size(to_regclass($1)) / current_setting('block_size')::bigint";
        let row = self.run.client.query_one(sql, &[&self.backfill.table]).await;
        let pages = number(&row.map_err(|error| meaning(&self.run.server.place, sql, &error))?);
        Ok(pages.checked_sub(1).map(end_of_page))
    }

    async fn end_of(&mut self, span: &Span<String>, rows: u32) -> Result<Option<End>, Error> {
        let pages = (f64::from(rows) / self.rows_a_page).floor().max(1.0) as u64;
        let end = page_after(&span.after) + pages - 1;
        if end >= page_after(&span.until) - 1 {
            return Ok(None);
        }
        let until = end_of_page(end);
        let rows = self.count(&Span { after: span.after.clone(), until: until.clone() }).await?;
        Ok(Some(End { key: until, rows }))
    }

    async fn count(&mut self, span: &Span<String>) -> Result<u64, Error> {
        let after = from_the_beginning(&span.after);
        let values: Vec<&(dyn ToSql + Sync)> = bounds(&span.until, &after).collect();
        let row = row(self.run, &self.count, &values, "counting the rows of a batch").await?;
        Ok(row.map_or(0, |row| number(&row)))
    }

    async fn write<'s>(&mut self, batch: &Batch<'s>) -> Result<Turn<'s>, Error> {
        let after = from_the_beginning(&batch.after);
        self.run.try_write(&OneBatch { update: &self.update, after: &after, batch }).await
    }

    async fn left_over(&mut self) -> Result<Option<u64>, Error> {
        let row = row(self.run, &self.left_over, &[], "counting the rows that still need it").await?;
        Ok(row.map(|row| number(&row)))
    }
}

/// Behind every row of a page.
fn end_of_page(page: u64) -> Key {
    vec![format!("({page},{ROWS_MAX})")]
}

/// The page behind that of a key; the first one where there is no key.
fn page_after(key: &Key) -> u64 {
    let page = key.first().and_then(|text| text.trim_start_matches('(').split(',').next()?.parse::<u64>().ok());
    page.map_or(0, |page| page + 1)
}

fn from_the_beginning(after: &Key) -> Key {
    if after.is_empty() { vec!["(0,0)".to_owned()] } else { after.clone() }
}
