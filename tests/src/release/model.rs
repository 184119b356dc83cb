//! What must be in the tables of a node.

use super::form::{Form, Known, KnownTable};
use super::work::Release;
use anyhow::Result;
use lockstep_core::Engine;
use lockstep_database::plain::Value;
use std::collections::BTreeMap;

/// Numbers that look random and are the same for the same seed.
pub(super) struct Random(pub(super) u64);

impl Random {
    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap_or(0)
    }

    /// True once in so many times.
    pub(super) fn chance(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(super) fn pick<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        choices.get(self.below(choices.len()))
    }
}

/// A row: what is known of it, by the meaning of the column, as the old form has it.
pub(super) type Row = BTreeMap<String, Value>;

/// What must be in the tables, by the meaning of the table.
#[derive(Default)]
pub(super) struct Model {
    pub(super) tables: BTreeMap<String, Vec<Row>>,
    /// The highest key that each table ever gave.
    pub(super) given: BTreeMap<String, i64>,
    /// No value is used twice, so that one that comes from elsewhere is seen.
    pub(super) used: i64,
}

impl Model {
    /// Rows of tables of which nothing is known yet.
    pub(super) async fn learn(&mut self, release: &Release) -> Result<()> {
        self.used = self.used.max(1_000);
        for (meaning, table) in &release.form.tables {
            if self.tables.contains_key(meaning) {
                continue;
            }
            if table.is_counted {
                let sql = "SELECT seq FROM sqlite_sequence WHERE name = $1";
                let found = release.connection.query(sql, &[Value::Text(table.name.clone())]).await?;
                let given = found.first().and_then(|row| row.first()).and_then(Value::as_integer);
                self.given.insert(meaning.clone(), given.unwrap_or(0));
            }
            let rows = release.all(table).await?;
            let row = |values: Vec<Value>| {
                let known = table.columns.iter().zip(values);
                let known =
                    known.filter(|(column, _)| !(column.is_computed || column.is_new && column.is_converted()));
                known.map(|(column, value)| (column.meaning.clone(), value)).collect()
            };
            self.tables.insert(meaning.clone(), rows.into_iter().map(row).collect());
        }
        Ok(())
    }

    /// What only another release knew.
    pub(super) fn forget_all_but(&mut self, form: &Form) {
        for (table, rows) in &mut self.tables {
            rows.iter_mut().for_each(|row| row.retain(|meaning, _| form.knows(table, meaning)));
        }
        self.tables.retain(|table, _| form.tables.contains_key(table));
    }

    /// A value that was not there before, as the old form has it.
    pub(super) fn value(&mut self, engine: Engine, column: &Known) -> Value {
        self.used += 1;
        if column.is_converted() {
            let values: Vec<&Value> =
                column.converted.iter().map(|(old, _)| old).filter(|old| **old != Value::Null).collect();
            return values[usize::try_from(self.used).unwrap_or_default() % values.len()].clone();
        }
        column.kind.value(engine, if column.is_apart { -self.used } else { self.used })
    }

    pub(super) fn rows(&mut self, table: &str) -> &mut Vec<Row> {
        self.tables.entry(table.to_owned()).or_default()
    }

    /// A row that a release can name.
    pub(super) fn pick(&mut self, meaning: &str, table: &KnownTable, random: &mut Random) -> Option<(usize, Row)> {
        let rows = self.rows(meaning);
        let named: Vec<usize> = (0..rows.len()).filter(|index| key_of(table, &rows[*index]).is_some()).collect();
        let position = *random.pick(&named)?;
        Some((position, rows[position].clone()))
    }
}

/// The values of the key, as the release has them. `None`: the row was written by who does not know the key.
pub(super) fn key_of(table: &KnownTable, row: &Row) -> Option<Vec<Value>> {
    let value = |name: &String| {
        let column = table.columns.iter().find(|column| column.name == *name)?;
        row.get(&column.meaning).and_then(|value| column.shown(value)).filter(|value| *value != Value::Null)
    };
    table.key.iter().map(value).collect()
}
