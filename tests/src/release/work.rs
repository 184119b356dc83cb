//! What a release does, and what it expects to read.

use super::form::{Form, Kind, Known, KnownTable};
use anyhow::{Context as _, Result, ensure};
use lockstep_database::plain::{Connection, Value};
use lockstep_planner::name::quote;
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

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap_or(0)
    }

    /// True once in so many times.
    pub(super) fn chance(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn pick<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        choices.get(self.below(choices.len()))
    }
}

/// A row: what is known of it, by the meaning of the column.
type Row = BTreeMap<String, Value>;

/// What must be in the tables, by the meaning of the table.
#[derive(Default)]
pub(super) struct Model {
    tables: BTreeMap<String, Vec<Row>>,
    /// The highest key that each table ever gave.
    given: BTreeMap<String, i64>,
    /// No value is used twice, so that one that comes from elsewhere is seen.
    used: i64,
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
            let sql = format!("SELECT {} FROM {}", names(&table.columns), quote(&table.name));
            let rows = release.connection.query(&sql, &[]).await?;
            let row = |values: Vec<Value>| {
                let known = table.columns.iter().zip(values).filter(|(column, _)| !column.is_computed);
                known.map(|(column, value)| (column.meaning.clone(), value)).collect()
            };
            self.tables.insert(meaning.clone(), rows.into_iter().map(row).collect());
        }
        Ok(())
    }

    /// What only another release knew.
    pub(super) fn forget_all_but(&mut self, form: &Form) {
        self.forget(|table, meaning| form.knows(table, meaning));
        self.tables.retain(|table, _| form.tables.contains_key(table));
    }

    fn forget(&mut self, keeps: impl Fn(&str, &str) -> bool) {
        for (table, rows) in &mut self.tables {
            rows.iter_mut().for_each(|row| row.retain(|meaning, _| keeps(table, meaning)));
        }
    }

    fn value(&mut self, kind: Kind) -> Value {
        self.used += 1;
        match kind {
            Kind::Integer => Value::Integer(self.used),
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            Kind::Real => Value::Real(self.used as f64 + 0.5),
            Kind::Text => Value::Text(format!("Value {}", self.used)),
        }
    }

    fn rows(&mut self, table: &str) -> &mut Vec<Row> {
        self.tables.entry(table.to_owned()).or_default()
    }
}

/// A release of the application, with a connection of its own.
pub(super) struct Release {
    pub(super) name: &'static str,
    connection: Connection,
    pub(super) form: Form,
}

impl Release {
    pub(super) fn new(name: &'static str, connection: Connection, form: Form) -> Self {
        Self { name, connection, form }
    }

    /// One statement; a quiet one makes no rows and takes none away.
    pub(super) async fn work(&self, model: &mut Model, random: &mut Random, quiet: bool) -> Result<()> {
        let tables: Vec<&String> = self.form.tables.keys().collect();
        let Some(meaning) = random.pick(&tables) else { return Ok(()) };
        let table = &self.form.tables[*meaning];
        let has_rows = !model.rows(meaning).is_empty();
        match random.below(8) {
            _ if quiet && !has_rows => Ok(()),
            0 | 1 if quiet => self.update(meaning, table, model, random).await,
            4..=6 if quiet => self.read(meaning, table, model, random).await,
            0 | 1 => self.insert(meaning, table, model, random).await,
            _ if !has_rows => self.insert(meaning, table, model, random).await,
            2 | 3 => self.update(meaning, table, model, random).await,
            4 => self.upsert(meaning, table, model, random).await,
            5 if !table.is_parent => self.delete(meaning, table, model, random).await,
            6 if !table.is_parent => self.replace(meaning, table, model, random).await,
            _ => self.read(meaning, table, model, random).await,
        }
    }

    async fn run(&self, sql: &str, values: &[Value]) -> Result<u64> {
        self.connection.execute(sql, values).await.with_context(|| format!("{sql} with {values:?}"))
    }

    /// A value for a column of a new row; `None`: it is left out.
    fn fresh(&self, column: &Known, is_key: bool, model: &mut Model, random: &mut Random) -> Option<Value> {
        if column.is_computed {
            let is_needed = !column.nullable && !column.has_default && column.parent.is_none();
            return is_needed.then(|| model.value(column.kind));
        }
        if let Some((parent, parent_column)) = &column.parent {
            return if column.nullable { None } else { self.parent_value(parent, parent_column, model, random) };
        }
        if (column.nullable || column.has_default) && !is_key && random.chance(3) {
            return None;
        }
        Some(if column.nullable && !is_key && random.chance(4) { Value::Null } else { model.value(column.kind) })
    }

    fn parent_value(&self, parent: &str, column: &str, model: &mut Model, random: &mut Random) -> Option<Value> {
        let (meaning, known) =
            self.form.tables.iter().find(|(_, known)| known.name.eq_ignore_ascii_case(parent))?;
        let meaning_of_column = known.columns.iter().find(|other| other.name == column)?.meaning.clone();
        let values: Vec<Value> =
            model.rows(meaning).iter().filter_map(|row| row.get(&meaning_of_column).cloned()).collect();
        random.pick(&values).cloned()
    }

    /// Columns and values of a new row; `None`: it needs a parent that is not there.
    fn new_row<'a>(
        &self,
        table: &'a KnownTable,
        model: &mut Model,
        random: &mut Random,
    ) -> Option<Vec<(&'a Known, Value)>> {
        let mut values = Vec::new();
        for column in &table.columns {
            let is_generated = column.is_computed && column.nullable;
            match self.fresh(column, table.key.contains(&column.name), model, random) {
                Some(value) => values.push((column, value)),
                None if column.nullable || column.has_default || is_generated => {}
                None => return None,
            }
        }
        Some(values)
    }

    async fn insert(
        &self,
        meaning: &str,
        table: &KnownTable,
        model: &mut Model,
        random: &mut Random,
    ) -> Result<()> {
        let Some(mut values) = self.new_row(table, model, random) else { return Ok(()) };
        let counted = table.key.len() == 1
            && table.columns.iter().any(|column| table.key[0] == column.name && column.kind == Kind::Integer);
        if !(counted && random.chance(2)) {
            let sql = insert_text("INSERT", table, &values);
            self.run(&sql, &plain(&values)).await?;
            return self.remember(meaning, table, &values, model).await;
        }
        values.retain(|(column, _)| column.name != table.key[0]);
        if values.is_empty() {
            return Ok(());
        }
        let sql = format!("{} RETURNING {}", insert_text("INSERT", table, &values), quote(&table.key[0]));
        let rows = self.connection.query(&sql, &plain(&values)).await.with_context(|| sql.clone())?;
        let id =
            rows.first().and_then(|row| row.first()).cloned().with_context(|| format!("{sql} gave no key"))?;
        let key = table.columns.iter().find(|column| column.name == table.key[0]).context("a key")?;
        let is_known = model.rows(meaning).iter().any(|row| row.get(&key.meaning) == Some(&id));
        ensure!(!is_known, "{sql} gave the key {id:?} of a row that is there");
        let number = id.as_integer().with_context(|| format!("{sql} gave {id:?}"))?;
        let given = model.given.entry(meaning.to_owned()).or_insert(0);
        ensure!(!table.is_counted || number > *given, "{sql} gave {number} again, after {given}");
        *given = number.max(*given);
        values.push((key, id));
        self.remember(meaning, table, &values, model).await
    }

    /// Takes into the model what was written; what was left out is what the table gave.
    async fn remember(
        &self,
        meaning: &str,
        table: &KnownTable,
        values: &[(&Known, Value)],
        model: &mut Model,
    ) -> Result<()> {
        let written = values.iter().filter(|(column, _)| !column.is_computed);
        let row: Row = written.map(|(column, value)| (column.meaning.clone(), value.clone())).collect();
        let key = key_of(table, &row)?;
        let rows = model.rows(meaning);
        rows.retain(|other| key_of(table, other).ok().as_ref() != Some(&key));
        rows.push(row);
        Ok(())
    }

    async fn update(
        &self,
        meaning: &str,
        table: &KnownTable,
        model: &mut Model,
        random: &mut Random,
    ) -> Result<()> {
        let is_free = |column: &&Known| {
            !column.is_computed
                && !column.is_referenced
                && column.parent.is_none()
                && !table.key.contains(&column.name)
        };
        let columns: Vec<&Known> = table.columns.iter().filter(is_free).collect();
        let Some(column) = random.pick(&columns).copied() else { return Ok(()) };
        let position = random.below(model.rows(meaning).len());
        let row = model.rows(meaning)[position].clone();
        let value = match row.get(&column.meaning) {
            // Differs only in case.
            Some(Value::Text(text)) if random.chance(3) => Value::Text(text.to_uppercase()),
            _ if column.nullable && random.chance(4) => Value::Null,
            _ => model.value(column.kind),
        };
        let mut values = vec![value.clone()];
        let condition = condition(table, &row, &mut values)?;
        let sql = format!("UPDATE {} SET {} = $1 WHERE {condition}", quote(&table.name), quote(&column.name));
        let changed = self.run(&sql, &values).await?;
        ensure!(changed == 1, "{sql} with {values:?} changed {changed} rows");
        model.rows(meaning)[position].insert(column.meaning.clone(), value);
        Ok(())
    }

    async fn upsert(
        &self,
        meaning: &str,
        table: &KnownTable,
        model: &mut Model,
        random: &mut Random,
    ) -> Result<()> {
        let Some(mut values) = self.new_row(table, model, random) else { return Ok(()) };
        let position = random.below(model.rows(meaning).len());
        let row = model.rows(meaning)[position].clone();
        for (column, value) in &mut values {
            if table.key.contains(&column.name) {
                *value = row.get(&column.meaning).cloned().context("a key is known")?;
            }
        }
        let is_set =
            |column: &&Known| !table.key.contains(&column.name) && !column.is_computed && !column.is_referenced;
        let set: Vec<&Known> = values.iter().map(|(column, _)| *column).filter(is_set).collect();
        if set.is_empty() {
            return Ok(());
        }
        let assignments: Vec<String> =
            set.iter().map(|column| format!("{0} = excluded.{0}", quote(&column.name))).collect();
        let key: Vec<String> = table.key.iter().map(|column| quote(column)).collect();
        let sql = format!(
            "{} ON CONFLICT ({}) DO UPDATE SET {}",
            insert_text("INSERT", table, &values),
            key.join(", "),
            assignments.join(", ")
        );
        self.run(&sql, &plain(&values)).await?;
        for (column, value) in values.iter().filter(|(column, _)| is_set(column)) {
            model.rows(meaning)[position].insert(column.meaning.clone(), value.clone());
        }
        Ok(())
    }

    async fn replace(
        &self,
        meaning: &str,
        table: &KnownTable,
        model: &mut Model,
        random: &mut Random,
    ) -> Result<()> {
        let Some(mut values) = self.new_row(table, model, random) else { return Ok(()) };
        let position = random.below(model.rows(meaning).len());
        let row = model.rows(meaning)[position].clone();
        for (column, value) in &mut values {
            if table.key.contains(&column.name) {
                *value = row.get(&column.meaning).cloned().context("a key is known")?;
            }
        }
        self.run(&insert_text("INSERT OR REPLACE", table, &values), &plain(&values)).await?;
        self.remember(meaning, table, &values, model).await
    }

    async fn delete(
        &self,
        meaning: &str,
        table: &KnownTable,
        model: &mut Model,
        random: &mut Random,
    ) -> Result<()> {
        let position = random.below(model.rows(meaning).len());
        let mut values = Vec::new();
        let condition = condition(table, &model.rows(meaning)[position].clone(), &mut values)?;
        let sql = format!("DELETE FROM {} WHERE {condition}", quote(&table.name));
        let changed = self.run(&sql, &values).await?;
        ensure!(changed == 1, "{sql} with {values:?} changed {changed} rows");
        model.rows(meaning).remove(position);
        Ok(())
    }

    async fn read(&self, meaning: &str, table: &KnownTable, model: &mut Model, random: &mut Random) -> Result<()> {
        let position = random.below(model.rows(meaning).len());
        let row = model.rows(meaning)[position].clone();
        self.expect(table, &row).await
    }

    async fn expect(&self, table: &KnownTable, row: &Row) -> Result<()> {
        let mut values = Vec::new();
        let condition = condition(table, row, &mut values)?;
        let sql = format!("SELECT {} FROM {} WHERE {condition}", names(&table.columns), quote(&table.name));
        let found = self.connection.query(&sql, &values).await.with_context(|| sql.clone())?;
        ensure!(found.len() == 1, "{sql} with {values:?} gave {} rows", found.len());
        for (column, value) in table.columns.iter().zip(&found[0]) {
            if let Some(wanted) = row.get(&column.meaning) {
                ensure!(
                    value == wanted,
                    "{sql} with {values:?}: {} is {value:?}, written was {wanted:?}",
                    column.name
                );
            }
        }
        Ok(())
    }

    /// Every row as it was written, and no other row.
    pub(super) async fn read_all(&self, model: &Model) -> Result<()> {
        for (meaning, table) in &self.form.tables {
            let empty = Vec::new();
            let rows = model.tables.get(meaning).unwrap_or(&empty);
            for row in rows {
                self.expect(table, row).await?;
            }
            let sql = format!("SELECT count(*) FROM {}", quote(&table.name));
            let count = self.connection.query(&sql, &[]).await?;
            let count = count.first().and_then(|row| row.first()).and_then(Value::as_integer);
            ensure!(count == i64::try_from(rows.len()).ok(), "{sql} is {count:?}, written were {}", rows.len());
        }
        Ok(())
    }
}

fn names(columns: &[Known]) -> String {
    columns.iter().map(|column| quote(&column.name)).collect::<Vec<_>>().join(", ")
}

fn plain(values: &[(&Known, Value)]) -> Vec<Value> {
    values.iter().map(|(_, value)| value.clone()).collect()
}

fn insert_text(verb: &str, table: &KnownTable, values: &[(&Known, Value)]) -> String {
    let columns: Vec<String> = values.iter().map(|(column, _)| quote(&column.name)).collect();
    let places: Vec<String> = (1..=values.len()).map(|place| format!("${place}")).collect();
    format!("{verb} INTO {} ({}) VALUES ({})", quote(&table.name), columns.join(", "), places.join(", "))
}

/// The values of the key.
fn key_of(table: &KnownTable, row: &Row) -> Result<Vec<Value>> {
    let value = |name: &String| {
        let column = table.columns.iter().find(|column| column.name == *name)?;
        row.get(&column.meaning).cloned()
    };
    let values: Option<Vec<Value>> = table.key.iter().map(value).collect();
    values.with_context(|| format!("a row of {} without its key: {row:?}", table.name))
}

/// Finds a row by its key.
fn condition(table: &KnownTable, row: &Row, values: &mut Vec<Value>) -> Result<String> {
    let mut parts = Vec::new();
    for (column, value) in table.key.iter().zip(key_of(table, row)?) {
        values.push(value);
        parts.push(format!("{} = ${}", quote(column), values.len()));
    }
    Ok(parts.join(" AND "))
}
