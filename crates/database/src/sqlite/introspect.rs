//! The schema of a file, read from its own tables and the text of its definitions.

use super::ledger;
use super::normalise::{self, ColumnExtras, Extras};
use super::session::Here;
use crate::error::Error;
use lockstep_core::schema::{Column, Constraint, ConstraintKind, Index, Schema, Table};
use std::collections::BTreeMap;

/// One row of the file's own list of definitions.
struct Definition {
    kind: String,
    name: String,
    table: String,
    sql: String,
}

pub(super) fn schema(here: &Here<'_>) -> Result<Schema, Error> {
    let shadows = shadow_tables(here)?;
    let is_ours = |table: &str| is_own(table) || shadows.iter().any(|shadow| shadow == table);
    let mut schema = Schema::default();
    for definition in definitions(here)?.iter().filter(|definition| !is_ours(&definition.table)) {
        add(here, definition, &mut schema)?;
    }
    Ok(schema)
}

/// True for Lockstep's own tables.
pub(super) fn is_own(table: &str) -> bool {
    ledger::OBJECTS.contains(&table)
}

fn add(here: &Here<'_>, definition: &Definition, schema: &mut Schema) -> Result<(), Error> {
    let Definition { kind, name, table, sql } = definition;
    match kind.as_str() {
        "table" => {
            let owned = read_table(here, name, sql)?;
            let slot = schema.tables.entry(name.clone()).or_default();
            let (indexes, triggers) = (std::mem::take(&mut slot.indexes), std::mem::take(&mut slot.triggers));
            *slot = Table { indexes, triggers, ..owned };
        }
        "index" => {
            let definition = normalise::canonical(sql);
            let unique = definition.starts_with("create unique");
            let slot = schema.tables.entry(table.clone()).or_default();
            slot.indexes.insert(name.clone(), Index { unique, valid: true, definition });
        }
        // A trigger on a view belongs to no table.
        "trigger" if is_table(here, table)? => {
            let slot = schema.tables.entry(table.clone()).or_default();
            slot.triggers.insert(name.clone(), normalise::canonical(sql));
        }
        _ => {
            schema.objects.entry(kind.clone()).or_default().insert(name.clone(), normalise::canonical(sql));
        }
    }
    Ok(())
}

/// Without the engine's own objects and the indexes that only carry a constraint, which have no text.
fn definitions(here: &Here<'_>) -> Result<Vec<Definition>, Error> {
    list(
        here,
        "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
         ORDER BY rowid",
        (),
        |row| Ok(Definition { kind: row.get(0)?, name: row.get(1)?, table: row.get(2)?, sql: row.get(3)? }),
    )
}

/// Tables that a virtual table keeps for itself.
fn shadow_tables(here: &Here<'_>) -> Result<Vec<String>, Error> {
    list(here, "SELECT name FROM pragma_table_list WHERE type = 'shadow'", (), |row| row.get(0))
}

fn is_table(here: &Here<'_>, name: &str) -> Result<bool, Error> {
    let sql = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE";
    Ok(!list(here, sql, [name], |_| Ok(()))?.is_empty())
}

fn read_table(here: &Here<'_>, name: &str, sql: &str) -> Result<Table, Error> {
    let canonical = normalise::canonical(sql);
    if canonical.starts_with("create virtual table") {
        let options = BTreeMap::from([("virtual".to_owned(), canonical)]);
        return Ok(Table { options, ..Table::default() });
    }
    let extras = normalise::extras(sql);
    let mut constraints = BTreeMap::new();
    add_keys(here, name, &mut constraints)?;
    add_foreign_keys(here, name, &mut constraints)?;
    for check in &extras.checks {
        insert(&mut constraints, ConstraintKind::Check, Vec::new(), check.clone());
    }
    Ok(Table {
        columns: columns(here, name, &extras)?,
        constraints,
        options: options(here, name, &extras)?,
        ..Table::default()
    })
}

fn columns(here: &Here<'_>, table: &str, extras: &Extras) -> Result<Vec<Column>, Error> {
    let sql = "SELECT name, type, \"notnull\", dflt_value, hidden FROM pragma_table_xinfo(?1) ORDER BY cid";
    list(here, sql, [table], |row| {
        let name: String = row.get(0)?;
        // Quoted, so that the name reads as one piece, whatever it holds.
        let quoted = normalise::canonical(&crate::statement::quote(&name));
        let ColumnExtras { generated, options } = extras.columns.get(&quoted).cloned().unwrap_or_default();
        Ok(Column {
            name,
            data_type: normalise::canonical(&row.get::<_, String>(1)?),
            nullable: !row.get::<_, bool>(2)?,
            default: row.get::<_, Option<String>>(3)?.map(|default| normalise::canonical(&default)),
            generated,
            options,
        })
    })
}

/// Primary and unique keys.
fn add_keys(here: &Here<'_>, table: &str, constraints: &mut BTreeMap<String, Constraint>) -> Result<(), Error> {
    let primary =
        list(here, "SELECT name FROM pragma_table_xinfo(?1) WHERE pk > 0 ORDER BY pk", [table], |row| row.get(0))?;
    if !primary.is_empty() {
        insert(constraints, ConstraintKind::PrimaryKey, primary, String::new());
    }
    let unique: Vec<String> =
        list(here, "SELECT name FROM pragma_index_list(?1) WHERE origin = 'u'", [table], |row| row.get(0))?;
    for index in unique {
        let columns = list(here, "SELECT name FROM pragma_index_info(?1) ORDER BY seqno", [&index], |row| {
            Ok(row.get::<_, Option<String>>(0)?.unwrap_or_default())
        })?;
        insert(constraints, ConstraintKind::Unique, columns, String::new());
    }
    Ok(())
}

fn add_foreign_keys(
    here: &Here<'_>,
    table: &str,
    constraints: &mut BTreeMap<String, Constraint>,
) -> Result<(), Error> {
    struct Part {
        id: i64,
        column: String,
        parent: String,
        parent_column: Option<String>,
        actions: String,
    }
    let sql = "SELECT id, \"from\", \"table\", \"to\", on_update, on_delete, \"match\"
               FROM pragma_foreign_key_list(?1) ORDER BY id, seq";
    let parts = list(here, sql, [table], |row| {
        let (update, delete, matching): (String, String, String) = (row.get(4)?, row.get(5)?, row.get(6)?);
        Ok(Part {
            id: row.get(0)?,
            column: row.get(1)?,
            parent: row.get(2)?,
            parent_column: row.get(3)?,
            actions: format!("on update {update} on delete {delete} match {matching}").to_lowercase(),
        })
    })?;
    for key in parts.chunk_by(|one, next| one.id == next.id) {
        let columns = key.iter().map(|part| part.column.clone()).collect();
        let parents: Vec<&str> = key.iter().filter_map(|part| part.parent_column.as_deref()).collect();
        let definition = format!("references {} ({}) {}", key[0].parent, parents.join(", "), key[0].actions);
        insert(constraints, ConstraintKind::ForeignKey, columns, definition);
    }
    Ok(())
}

/// SQLite has no way to address a constraint by name: its content is its name.
fn insert(
    constraints: &mut BTreeMap<String, Constraint>,
    kind: ConstraintKind,
    columns: Vec<String>,
    definition: String,
) {
    let constraint = Constraint { kind, columns, definition };
    constraints.insert(constraint.describe(), constraint);
}

fn options(here: &Here<'_>, table: &str, extras: &Extras) -> Result<BTreeMap<String, String>, Error> {
    let sql = "SELECT wr, strict FROM pragma_table_list WHERE schema = 'main' AND name = ?1";
    let flags: Vec<(bool, bool)> = list(here, sql, [table], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut options = BTreeMap::new();
    for (without_rowid, strict) in flags {
        for (name, set) in [("without rowid", without_rowid), ("strict", strict)] {
            if set {
                options.insert(name.to_owned(), String::new());
            }
        }
    }
    if !extras.clauses.is_empty() {
        options.insert("clauses".to_owned(), extras.clauses.join("; "));
    }
    Ok(options)
}

pub(super) fn list<T>(
    here: &Here<'_>,
    sql: &str,
    parameters: impl rusqlite::Params,
    read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, Error> {
    let rows = here
        .connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_map(parameters, read)?.collect::<rusqlite::Result<Vec<T>>>());
    rows.map_err(|error| here.meaning(sql, &error))
}
