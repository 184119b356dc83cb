//! What a clause of ALTER TABLE makes of the catalog.

use super::clause::Clause;
use super::column::{self, New};
use super::key::{Key, KeyKind};
use super::known;
use super::text::{q, same};
use super::types;
use lockstep_core::Engine;
use lockstep_core::schema::Table;

/// Moves the table on by one clause; a clause about something that is not there changes nothing.
pub(super) fn clause(engine: Engine, name: &str, table: &mut Table, clause: &Clause) {
    match clause {
        Clause::AddColumn { new, if_not_exists } => {
            if !(*if_not_exists && known::column(table, &new.name).is_some()) {
                add_column(engine, name, table, new);
            }
        }
        Clause::AddKey(key) => known::put_key(table, key),
        Clause::AddForeignKey(key) => {
            known::put_foreign_key(table, name, key);
        }
        Clause::AddCheck { name: check, expression, .. } => {
            known::put_check(table, engine, name, check.as_deref(), expression);
        }
        Clause::DropColumn { name, .. } => known::drop_column(table, name),
        Clause::DropIndex { name, .. } => drop_index(table, name),
        Clause::DropPrimaryKey => {
            table.constraints.remove(known::PRIMARY);
        }
        Clause::DropForeignKey { name, .. } => table.constraints.retain(|known, _| !same(known, name)),
        Clause::DropConstraint { name, .. } => drop_constraint(table, name),
        Clause::Change { from, new } => {
            known::change_column(table, engine, from, new);
            keys_of_column(table, new);
        }
        Clause::RenameColumn { from, to } => known::rename_column(table, from, to),
        Clause::RenameIndex { from, to } => rename_index(table, from, to),
        Clause::Default { column, value } => set_default(engine, table, column, value.as_deref()),
        Clause::Convert { charset, collation } => {
            convert(table, charset.as_deref(), collation.as_deref());
        }
        Clause::Option { name, value } => option(table, name, value),
        Clause::Partition(text) => partition(table, text),
        Clause::RenameTable { .. } | Clause::Hint | Clause::Other(_) => {}
    }
}

/// The column, and what its definition says of keys.
pub(super) fn add_column(engine: Engine, name: &str, table: &mut Table, new: &New) {
    known::put_column(table, engine, new);
    keys_of_column(table, new);
    if let Some(key) = &new.references {
        // MySQL reads this and does nothing.
        if engine == Engine::Mariadb {
            known::put_foreign_key(table, name, key);
        }
    }
    if let Some(check) = new.check.as_ref().filter(|_| engine == Engine::Mysql) {
        known::put_check(table, engine, name, None, check);
    }
}

fn keys_of_column(table: &mut Table, new: &New) {
    for (kind, wanted) in [(KeyKind::Primary, new.primary), (KeyKind::Unique, new.unique)] {
        if wanted {
            known::put_key(table, &single(kind, &new.name));
        }
    }
}

/// The key that `UNIQUE` or `PRIMARY KEY` in a column's definition means.
pub(super) fn single(kind: KeyKind, column: &str) -> Key {
    let name = (kind == KeyKind::Primary).then(|| known::PRIMARY.to_owned());
    let columns = vec![Some(column.to_owned())];
    Key { kind, name, if_not_exists: false, parts: vec![q(column)], columns, options: String::new() }
}

fn drop_index(table: &mut Table, name: &str) {
    if same(name, known::PRIMARY) {
        table.constraints.remove(known::PRIMARY);
    }
    table.indexes.retain(|known, _| !same(known, name));
}

/// A constraint of this name, whatever it is: a unique key is an index in the catalog.
fn drop_constraint(table: &mut Table, name: &str) {
    let before = table.constraints.len();
    table.constraints.retain(|known, _| !same(known, name));
    if table.constraints.len() == before {
        drop_index(table, name);
    }
}

fn rename_index(table: &mut Table, from: &str, to: &str) {
    let Some((name, _)) = known::index(table, from) else { return };
    let name = name.clone();
    let Some(mut index) = table.indexes.remove(&name) else { return };
    index.definition = index.definition.replacen(&format!(" {} (", q(&name)), &format!(" {} (", q(to)), 1);
    table.indexes.insert(to.to_owned(), index);
}

fn set_default(engine: Engine, table: &mut Table, name: &str, value: Option<&str>) {
    if let Some(column) = table.columns.iter_mut().find(|known| same(&known.name, name)) {
        column.default = value.and_then(|value| types::printed_default(engine, &column.data_type, value));
    }
}

/// All text columns, and the table itself, in another character set.
fn convert(table: &mut Table, charset: Option<&str>, collation: Option<&str>) {
    let collation = collation.map(str::to_owned).or_else(|| charset.map(column::default_collation));
    for column in table.columns.iter_mut().filter(|column| types::is_text(&column.data_type)) {
        column.options.retain(|option| !option.starts_with("collate "));
    }
    if let Some(collation) = collation {
        table.options.insert("collation".to_owned(), collation);
    }
}

/// An option of the table, as far as it belongs to the schema.
pub(super) fn option(table: &mut Table, name: &str, value: &str) {
    let plain = value.trim_matches(['\'', '"', '`']).to_owned();
    match name {
        "engine" => {
            table
                .options
                .insert("engine".to_owned(), if same(&plain, "innodb") { "InnoDB".to_owned() } else { plain });
        }
        "charset" => new_collation(table, column::default_collation(&plain.to_lowercase())),
        "collate" => new_collation(table, plain.to_lowercase()),
        "row_format" | "key_block_size" | "stats_persistent" | "page_compressed" | "pack_keys" | "checksum" => {
            let known = table.options.remove("options").unwrap_or_default();
            let others =
                known.split(' ').filter(|option| !option.starts_with(&format!("{name}=")) && !option.is_empty());
            let mut all: Vec<String> = others.map(str::to_owned).collect();
            if !plain.eq_ignore_ascii_case("default") {
                all.push(format!("{name}={}", plain.to_uppercase()));
            }
            if !all.is_empty() {
                table.options.insert("options".to_owned(), all.join(" "));
            }
        }
        _ => {}
    }
}

/// Columns that had the table's collation keep it, and so say it themselves from now on.
fn new_collation(table: &mut Table, collation: String) {
    let Some(old) = table.options.insert("collation".to_owned(), collation.clone()) else { return };
    for column in table.columns.iter_mut().filter(|column| types::is_text(&column.data_type)) {
        let own = column::option(column, "collate").map(str::to_owned);
        column.options.retain(|option| !option.starts_with("collate "));
        let now = own.unwrap_or_else(|| old.clone());
        if now != collation {
            column.options.insert(0, format!("collate {now}"));
        }
    }
}

fn partition(table: &mut Table, text: &str) {
    let lower = text.to_lowercase();
    if lower.starts_with("partition by") {
        table.options.insert("partition by".to_owned(), text["partition by".len()..].trim().to_owned());
    } else if lower.starts_with("remove") {
        table.options.remove("partition by");
    }
}
