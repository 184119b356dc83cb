//! What a release does, and what it expects to read.

use super::dialect::Dialect;
use super::form::{Form, Known, KnownTable};
use super::model::{Model, Random, Row, key_of};
use anyhow::{Context as _, Result, ensure};
use lockstep_database::plain::{Connection, Value};
use std::borrow::Cow;

/// A release of the application, with a connection of its own.
pub(super) struct Release {
    pub(super) name: &'static str,
    pub(super) connection: Connection,
    pub(super) form: Form,
    pub(super) dialect: Dialect,
    /// How often it was not there yet, or not any more.
    pub(super) times: u64,
}

/// Columns of a row and their values, as the old form has them.
type Values<'a> = Vec<(&'a Known, Value)>;

impl Release {
    /// One statement; a quiet one makes no rows and takes none away.
    pub(super) async fn work(&self, model: &mut Model, random: &mut Random, quiet: bool) -> Result<()> {
        let tables: Vec<&String> = self.form.tables.keys().collect();
        let Some(meaning) = random.pick(&tables) else { return Ok(()) };
        let table = &self.form.tables[*meaning];
        let has_rows = !model.rows(meaning).is_empty();
        match random.below(8) {
            _ if quiet && !has_rows => Ok(()),
            _ if !table.is_written => self.read(meaning, table, model, random).await,
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
        let sql = self.as_of_now(sql);
        self.connection.execute(&sql, values).await.with_context(|| format!("{sql} with {values:?}"))
    }

    async fn query(&self, sql: &str, values: &[Value]) -> Result<Vec<Vec<Value>>> {
        let sql = self.as_of_now(sql);
        self.connection.query(&sql, values).await.with_context(|| format!("{sql} with {values:?}"))
    }

    /// PostgreSQL does not notice that an attribute that a prepared statement uses is another one after a rollback: a release prepares
    /// its statements again when it comes again.
    fn as_of_now<'a>(&self, sql: &'a str) -> Cow<'a, str> {
        let mut columns = self.form.tables.values().flat_map(|table| &table.columns);
        if columns.any(|column| column.inside.is_some()) {
            return Cow::Owned(format!("{sql} /* {} */", self.times));
        }
        Cow::Borrowed(sql)
    }

    /// A value for a column of a new row; `None`: it is left out.
    fn fresh(&self, column: &Known, is_key: bool, model: &mut Model, random: &mut Random) -> Option<Value> {
        if column.is_generated {
            return None;
        }
        if column.is_computed {
            let is_needed = !column.is_optional && column.parent.is_none();
            return is_needed.then(|| model.value(self.dialect.0, column));
        }
        if let Some((parent, parent_column)) = &column.parent {
            let is_left_out = column.is_optional && random.chance(2);
            return if is_left_out { None } else { self.parent_value(parent, parent_column, model, random) };
        }
        if column.is_optional && !is_key && random.chance(3) {
            return None;
        }
        let is_null = column.nullable && !is_key && random.chance(4);
        Some(if is_null { Value::Null } else { model.value(self.dialect.0, column) })
    }

    fn parent_value(&self, parent: &str, column: &str, model: &mut Model, random: &mut Random) -> Option<Value> {
        let (meaning, known) =
            self.form.tables.iter().find(|(_, known)| known.name.eq_ignore_ascii_case(parent))?;
        let meaning_of_column = known.columns.iter().find(|other| other.name == column)?.meaning.clone();
        let values = model.rows(meaning).iter().filter_map(|row| row.get(&meaning_of_column).cloned());
        let values: Vec<Value> = values.filter(|value| *value != Value::Null).collect();
        random.pick(&values).cloned()
    }

    /// Columns and values of a new row; `None`: it needs a parent that is not there, or what this release does not know.
    fn new_row<'a>(&self, table: &'a KnownTable, model: &mut Model, random: &mut Random) -> Option<Values<'a>> {
        if !table.takes_rows {
            return None;
        }
        let mut values = Vec::new();
        for column in &table.columns {
            match self.fresh(column, table.key.contains(&column.name), model, random) {
                Some(value) => values.push((column, value)),
                None if column.is_optional || column.is_generated => {}
                None => return None,
            }
        }
        (!values.is_empty()).then_some(values)
    }

    /// A new row with the key of one that is there, and where that stands.
    fn row_instead<'a>(
        &self,
        meaning: &str,
        table: &'a KnownTable,
        model: &mut Model,
        random: &mut Random,
    ) -> Option<(usize, Values<'a>)> {
        let mut values = self.new_row(table, model, random).filter(|_| table.has_key)?;
        let (position, row) = model.pick(meaning, table, random)?;
        let key = |column: &Known| table.key.contains(&column.name);
        values.retain(|(column, _)| !key(column));
        for column in table.columns.iter().filter(|column| key(column)) {
            values.push((column, row.get(&column.meaning)?.clone()));
        }
        let is_given = |column: &&(&Known, Value)| key(column.0) && column.0.is_generated;
        values.iter().find(is_given).is_none().then_some((position, values))
    }

    fn insert_text(
        &self,
        verb: &str,
        table: &KnownTable,
        values: &Values<'_>,
        says_type: Option<i64>,
    ) -> (String, Vec<Value>) {
        let columns: Vec<String> = values.iter().map(|(column, _)| self.dialect.written(column)).collect();
        let mut bound = Vec::new();
        let places: Vec<String> = values
            .iter()
            .map(|(column, value)| {
                let shown = column.shown(value).unwrap_or(Value::Null);
                self.dialect.place(column, &shown, says_type, &mut bound)
            })
            .collect();
        let relation = self.dialect.relation(&table.name);
        (format!("{verb} INTO {relation} ({}) VALUES ({})", columns.join(", "), places.join(", ")), bound)
    }

    async fn insert(
        &self,
        meaning: &str,
        table: &KnownTable,
        model: &mut Model,
        random: &mut Random,
    ) -> Result<()> {
        let Some(mut values) = self.new_row(table, model, random) else { return Ok(()) };
        let says_type = random.chance(2).then_some(model.used);
        let is_given = table.key.len() == 1
            && (table.gives_key && random.chance(2)
                || values.iter().all(|(column, _)| column.name != table.key[0]));
        if !is_given {
            let (sql, bound) = self.insert_text("INSERT", table, &values, says_type);
            self.run(&sql, &bound).await?;
            remember(meaning, table, &values, model);
            return Ok(());
        }
        values.retain(|(column, _)| column.name != table.key[0]);
        if values.is_empty() {
            return Ok(());
        }
        let key = table.columns.iter().find(|column| column.name == table.key[0]).context("a key")?;
        let id = self.insert_keyless(table, key, &values, says_type).await?;
        let is_known = model.rows(meaning).iter().any(|row| row.get(&key.meaning) == Some(&id));
        ensure!(!is_known, "{} gave the key {id:?} of a row that is there", table.name);
        let number = id.as_integer().or_else(|| id.as_text()?.parse().ok());
        let number = number.with_context(|| format!("{} gave {id:?}", table.name))?;
        let given = model.given.entry(meaning.to_owned()).or_insert(0);
        ensure!(!table.is_counted || number > *given, "{} gave {number} again, after {given}", table.name);
        *given = number.max(*given);
        model.used = model.used.max(number);
        values.push((key, id));
        remember(meaning, table, &values, model);
        Ok(())
    }

    /// The key that the engine gave.
    async fn insert_keyless(
        &self,
        table: &KnownTable,
        key: &Known,
        values: &Values<'_>,
        says_type: Option<i64>,
    ) -> Result<Value> {
        let (mut sql, bound) = self.insert_text("INSERT", table, values, says_type);
        let rows = match self.dialect.asks_for_key() {
            Some(question) => {
                self.run(&sql, &bound).await?;
                self.query(question, &[]).await?
            }
            None => {
                sql.push_str(&format!(" RETURNING {}", self.dialect.told(key)));
                self.query(&sql, &bound).await?
            }
        };
        let id = rows.first().and_then(|row| row.first()).cloned();
        let id = id.with_context(|| format!("{sql} gave no key"))?;
        Ok(match id {
            Value::Integer(number) if self.dialect.asks_for_key().is_some() => Value::Text(number.to_string()),
            other => other,
        })
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
        let Some((position, row)) = model.pick(meaning, table, random) else { return Ok(()) };
        let value = match row.get(&column.meaning) {
            // Differs only in case.
            Some(Value::Text(text))
                if column.kind == super::kind::Kind::Text && !column.is_converted() && random.chance(3) =>
            {
                Value::Text(text.to_uppercase())
            }
            _ if column.nullable && random.chance(4) => Value::Null,
            _ => model.value(self.dialect.0, column),
        };
        let mut bound = Vec::new();
        let shown = column.shown(&value).unwrap_or(Value::Null);
        let place = self.dialect.place(column, &shown, random.chance(2).then_some(model.used), &mut bound);
        let condition = self.condition(table, &row, &mut bound)?;
        let (relation, name) = (self.dialect.relation(&table.name), self.dialect.written(column));
        let sql = format!("UPDATE {relation} SET {name} = {place} WHERE {condition}");
        let changed = self.run(&sql, &bound).await?;
        if changed == 0 && !table.is_whole {
            model.rows(meaning).remove(position);
            return Ok(());
        }
        ensure!(changed == 1, "{sql} with {bound:?} changed {changed} rows");
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
        let Some((position, values)) = self.row_instead(meaning, table, model, random) else { return Ok(()) };
        let is_set =
            |column: &&Known| !table.key.contains(&column.name) && !column.is_computed && !column.is_referenced;
        let set: Vec<&Known> = values.iter().map(|(column, _)| *column).filter(is_set).collect();
        if set.is_empty() {
            return Ok(());
        }
        let (sql, bound) = self.insert_text("INSERT", table, &values, random.chance(2).then_some(model.used));
        self.run(&format!("{sql} {}", self.dialect.or_update(table, &set)), &bound).await?;
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
        let Some(verb) = self.dialect.replace() else { return self.upsert(meaning, table, model, random).await };
        let Some((_, values)) = self.row_instead(meaning, table, model, random) else { return Ok(()) };
        let (sql, bound) = self.insert_text(verb, table, &values, None);
        self.run(&sql, &bound).await?;
        remember(meaning, table, &values, model);
        Ok(())
    }

    async fn delete(
        &self,
        meaning: &str,
        table: &KnownTable,
        model: &mut Model,
        random: &mut Random,
    ) -> Result<()> {
        let Some((position, row)) = model.pick(meaning, table, random) else { return Ok(()) };
        let mut values = Vec::new();
        let condition = self.condition(table, &row, &mut values)?;
        let sql = format!("DELETE FROM {} WHERE {condition}", self.dialect.relation(&table.name));
        let changed = self.run(&sql, &values).await?;
        ensure!(changed == 1 || !table.is_whole, "{sql} with {values:?} changed {changed} rows");
        model.rows(meaning).remove(position);
        Ok(())
    }

    async fn read(&self, meaning: &str, table: &KnownTable, model: &mut Model, random: &mut Random) -> Result<()> {
        let Some((position, row)) = model.pick(meaning, table, random) else { return Ok(()) };
        let mut values = Vec::new();
        let condition = self.condition(table, &row, &mut values)?;
        let sql = format!("{} WHERE {condition}", self.select(table));
        let found = self.query(&sql, &values).await?;
        if found.is_empty() && !table.is_whole {
            model.rows(meaning).remove(position);
            return Ok(());
        }
        ensure!(found.len() == 1, "{sql} with {values:?} gave {} rows", found.len());
        is_as_written(table, &row, &found[0]).with_context(|| format!("{sql} with {values:?}"))
    }

    fn select(&self, table: &KnownTable) -> String {
        let told: Vec<String> = table.columns.iter().map(|column| self.dialect.told(column)).collect();
        format!("SELECT {} FROM {}", told.join(", "), self.dialect.relation(&table.name))
    }

    /// All rows of a table.
    pub(super) async fn all(&self, table: &KnownTable) -> Result<Vec<Vec<Value>>> {
        self.query(&self.select(table), &[]).await
    }

    /// Every row as it was written, and no other row; every view can be read.
    pub(super) async fn read_all(&self, model: &mut Model) -> Result<()> {
        for (meaning, table) in &self.form.tables {
            let found = self.all(table).await?;
            let key: Option<Vec<usize>> = table
                .key
                .iter()
                .map(|name| table.columns.iter().position(|column| column.name == *name))
                .collect();
            let key = key.with_context(|| format!("{} without its key", table.name))?;
            let rows = model.rows(meaning);
            ensure!(
                found.len() == rows.len() || !table.is_whole,
                "{} has {} rows, written were {}",
                table.name,
                found.len(),
                rows.len()
            );
            let mut gone = Vec::new();
            for (position, row) in rows.iter().enumerate() {
                let Some(wanted) = key_of(table, row) else { continue };
                let here = found.iter().find(|found| key.iter().map(|index| &found[*index]).eq(wanted.iter()));
                match here {
                    Some(found) => is_as_written(table, row, found)?,
                    None => {
                        ensure!(!table.is_whole, "{} has no row {wanted:?}", table.name);
                        gone.push(position);
                    }
                }
            }
            for position in gone.into_iter().rev() {
                rows.remove(position);
            }
        }
        for view in self.form.views.keys() {
            self.query(&format!("SELECT count(*) FROM {}", self.dialect.relation(view)), &[]).await?;
        }
        Ok(())
    }

    /// Finds a row by its key.
    fn condition(&self, table: &KnownTable, row: &Row, values: &mut Vec<Value>) -> Result<String> {
        let key =
            key_of(table, row).with_context(|| format!("a row of {} without its key: {row:?}", table.name))?;
        let mut parts = Vec::new();
        for (name, value) in table.key.iter().zip(key) {
            let column = table.columns.iter().find(|column| column.name == *name).context("a key")?;
            let place = self.dialect.place(column, &value, None, values);
            parts.push(format!("{} = {place}", self.dialect.quote(name)));
        }
        Ok(parts.join(" AND "))
    }
}

/// Takes into the model what was written; what was left out is what the table gave.
fn remember(meaning: &str, table: &KnownTable, values: &Values<'_>, model: &mut Model) {
    let written = values.iter().filter(|(column, _)| !column.is_computed || table.key.contains(&column.name));
    let row: Row = written.map(|(column, value)| (column.meaning.clone(), value.clone())).collect();
    let key = key_of(table, &row);
    let rows = model.rows(meaning);
    rows.retain(|other| key.is_none() || key_of(table, other) != key);
    rows.push(row);
}

/// What is known of a row is what was found.
fn is_as_written(table: &KnownTable, row: &Row, found: &[Value]) -> Result<()> {
    for (column, value) in table.columns.iter().zip(found) {
        let wanted = row.get(&column.meaning).and_then(|value| column.shown(value));
        if let Some(wanted) = wanted {
            ensure!(
                *value == wanted,
                "{}: {} is {value:?}, written was {wanted:?} in {row:?}",
                table.name,
                column.name
            );
        }
    }
    Ok(())
}
