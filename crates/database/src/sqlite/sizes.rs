//! How large tables are, without going through them.

use super::introspect;
use super::session::Here;
use crate::error::Error;
use crate::sizes::Sizes;
use lockstep_core::schema::Size;
use std::collections::BTreeMap;

/// The one major version that there is.
const VERSION: u32 = 3;

pub(super) fn read(here: &Here<'_>) -> Result<Sizes, Error> {
    let analysed = analysed(here)?;
    let mut tables = BTreeMap::new();
    for (name, has_rowid) in ordinary_tables(here)? {
        let counted = analysed.get(&name).copied();
        let rows = match () {
            () if is_empty(here, &name)? => Some(0),
            () if counted.is_some() => counted,
            () if has_rowid => Some(highest_rowid(here, &name)?),
            () => None,
        };
        // How many pages a table has is only found by reading them.
        tables.extend(rows.map(|rows| (name, Size { rows, bytes: None })));
    }
    Ok(Sizes { engine_version: VERSION, tables })
}

/// Names, and whether their rows have numbers.
fn ordinary_tables(here: &Here<'_>) -> Result<Vec<(String, bool)>, Error> {
    let sql = "SELECT name, NOT wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table'
        AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    let tables = introspect::list(here, sql, (), |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(tables.into_iter().filter(|(name, _): &(String, bool)| !introspect::is_own(name)).collect())
}

/// Rows by table, as of the last ANALYZE: the first number of each of its lines.
fn analysed(here: &Here<'_>) -> Result<BTreeMap<String, u64>, Error> {
    let there = "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1'";
    if introspect::list(here, there, (), |_| Ok(()))?.is_empty() {
        return Ok(BTreeMap::new());
    }
    let sql = "SELECT tbl, max(CAST(stat AS INTEGER)) FROM sqlite_stat1 WHERE tbl IS NOT NULL GROUP BY tbl";
    introspect::list(here, sql, (), |row| Ok((row.get(0)?, at_least_one(row.get(1)?))))
        .map(|rows| rows.into_iter().collect())
}

fn is_empty(here: &Here<'_>, table: &str) -> Result<bool, Error> {
    let sql = format!("SELECT 1 FROM main.{} LIMIT 1", quoted(table));
    Ok(introspect::list(here, &sql, (), |_| Ok(()))?.is_empty())
}

/// What the number of rows is at most, as long as nobody chose numbers by hand.
fn highest_rowid(here: &Here<'_>, table: &str) -> Result<u64, Error> {
    let sql = format!("SELECT max(_rowid_) FROM main.{}", quoted(table));
    let found = introspect::list(here, &sql, (), |row| row.get::<_, Option<i64>>(0))?;
    Ok(at_least_one(found.into_iter().next().flatten()))
}

fn at_least_one(number: Option<i64>) -> u64 {
    u64::try_from(number.unwrap_or_default()).unwrap_or_default().max(1)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
