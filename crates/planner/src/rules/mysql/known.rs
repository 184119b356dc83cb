//! The catalog's tables as these engines have them: what a clause makes of one.

use super::column::{New, Position};
use super::key::{self, ForeignKey, Key, KeyKind};
use super::text::{q, same};
use lockstep_core::Engine;
use lockstep_core::schema::{Column, Constraint, ConstraintKind, Index, Table};

/// The name under which the primary key stands.
pub(super) const PRIMARY: &str = "PRIMARY";

pub(super) fn column<'a>(table: &'a Table, name: &str) -> Option<&'a Column> {
    table.columns.iter().find(|known| same(&known.name, name))
}

pub(super) fn collation(table: &Table) -> Option<&str> {
    table.options.get("collation").map(String::as_str)
}

/// Name and definition of an index, whatever the case of its name.
pub(super) fn index<'a>(table: &'a Table, name: &str) -> Option<(&'a String, &'a Index)> {
    table.indexes.iter().find(|(known, _)| same(known, name))
}

pub(super) fn constraint<'a>(table: &'a Table, name: &str) -> Option<(&'a String, &'a Constraint)> {
    table.constraints.iter().find(|(known, _)| same(known, name))
}

pub(super) fn primary_key(table: &Table) -> Option<&[String]> {
    table.constraints.get(PRIMARY).map(|key| key.columns.as_slice())
}

/// The columns of an index, as far as they are columns.
pub(super) fn columns_of(index: &Index) -> Vec<String> {
    key::of_index(&index.definition).map(|key| key.columns.into_iter().flatten().collect()).unwrap_or_default()
}

/// The foreign keys of a table.
pub(super) fn foreign_keys(table: &Table) -> Vec<(String, ForeignKey)> {
    let read = |(name, constraint): (&String, &Constraint)| {
        let is_one = constraint.kind == ConstraintKind::ForeignKey;
        ForeignKey::of(name, &constraint.definition).filter(|_| is_one).map(|key| (name.clone(), key))
    };
    table.constraints.iter().filter_map(read).collect()
}

pub(super) fn put_column(table: &mut Table, engine: Engine, new: &New) {
    let column = new.in_catalog(engine, collation(table));
    let place = match &new.position {
        Some(Position::First) => 0,
        Some(Position::After(before)) => table
            .columns
            .iter()
            .position(|known| same(&known.name, before))
            .map_or(table.columns.len(), |at| at + 1),
        None => table.columns.len(),
    };
    table.columns.insert(place, column);
}

/// Puts another definition in the place of a column's, under the name that it gives.
pub(super) fn change_column(table: &mut Table, engine: Engine, from: &str, new: &New) {
    rename_column(table, from, &new.name);
    let made = new.in_catalog(engine, collation(table));
    let Some(at) = table.columns.iter().position(|known| same(&known.name, &new.name)) else { return };
    // A column of the primary key is never NULL.
    let is_key = primary_key(table).is_some_and(|key| key.iter().any(|column| same(column, &new.name)));
    table.columns[at] = Column { nullable: made.nullable && !is_key, ..made };
    if new.position.is_some() {
        let column = table.columns.remove(at);
        put_column(table, engine, new);
        if let Some(moved) = table.columns.iter_mut().find(|known| same(&known.name, &new.name)) {
            *moved = column;
        }
    }
}

/// The column, and what the server drops with it.
pub(super) fn drop_column(table: &mut Table, name: &str) {
    table.columns.retain(|known| !same(&known.name, name));
    let indexes = std::mem::take(&mut table.indexes);
    for (index, mut known) in indexes {
        let Some(mut read) = key::of_index(&known.definition) else { continue };
        let keep: Vec<bool> =
            read.columns.iter().map(|column| !column.as_ref().is_some_and(|column| same(column, name))).collect();
        let mut is_kept = keep.iter();
        read.parts.retain(|_| is_kept.next() == Some(&true));
        if read.parts.is_empty() {
            continue;
        }
        if keep.contains(&false) {
            known.definition = read.definition(&index);
        }
        table.indexes.insert(index, known);
    }
    if primary_key(table).is_some_and(|key| key.len() == 1 && same(&key[0], name)) {
        table.constraints.remove(PRIMARY);
    }
}

/// The column's new name everywhere in the table.
pub(super) fn rename_column(table: &mut Table, from: &str, to: &str) {
    if from == to {
        return;
    }
    let renamed = |text: &str| super::text::with_columns(text, "", |name| same(name, from).then(|| q(to)));
    for column in &mut table.columns {
        if same(&column.name, from) {
            to.clone_into(&mut column.name);
        }
        for option in column.options.iter_mut().filter(|option| option.starts_with("check ")) {
            *option = format!("check {}", renamed(&option["check ".len()..]));
        }
        column.generated = column.generated.as_deref().map(renamed);
    }
    for index in table.indexes.values_mut() {
        if let Some((head, parts)) = index.definition.split_once(" (") {
            index.definition = format!("{head} ({}", renamed(parts));
        }
    }
    for constraint in table.constraints.values_mut() {
        for column in constraint.columns.iter_mut().filter(|column| same(column, from)) {
            to.clone_into(column);
        }
        constraint.definition = match constraint.definition.split_once(" REFERENCES ") {
            Some((own, target)) => format!("{} REFERENCES {target}", renamed(own)),
            None => renamed(&constraint.definition),
        };
    }
}

/// Notes a key, under the name that the server gives it.
pub(super) fn put_key(table: &mut Table, key: &Key) {
    let name = name_of_key(table, key);
    if key.kind == KeyKind::Primary {
        let columns = key.columns.iter().flatten().cloned().collect::<Vec<_>>();
        for column in &mut table.columns {
            column.nullable &= !columns.iter().any(|named| same(named, &column.name));
        }
        // As the column writes itself.
        let columns = columns
            .iter()
            .map(|name| column(table, name).map_or(name.clone(), |known| known.name.clone()))
            .collect();
        let definition = key.definition(&name);
        table.constraints.insert(name, Constraint { kind: ConstraintKind::PrimaryKey, columns, definition });
        return;
    }
    let definition = key.definition(&name);
    table.indexes.insert(name, Index { unique: key.kind == KeyKind::Unique, valid: true, definition });
}

/// The name that the server gives a key: that of its first column, numbered, unless it has one.
pub(super) fn name_of_key(table: &Table, key: &Key) -> String {
    let first = key.columns.first().cloned().flatten().unwrap_or_else(|| "functional_index".to_owned());
    let plain = match &key.name {
        Some(name) => return name.clone(),
        None if same(&first, PRIMARY) => format!("{first}_2"),
        None => first.clone(),
    };
    let mut name = plain;
    let mut number = 2;
    while index(table, &name).is_some() {
        name = format!("{first}_{number}");
        number += 1;
    }
    name
}

/// Notes a foreign key, and the index that the server makes for it where none is there. Gives the names of both.
pub(super) fn put_foreign_key(table: &mut Table, table_name: &str, key: &ForeignKey) -> (String, Option<String>) {
    let name = key.name.clone().unwrap_or_else(|| {
        let numbers = table
            .constraints
            .keys()
            .filter_map(|name| name.strip_prefix(table_name)?.strip_prefix("_ibfk_")?.parse::<u32>().ok());
        format!("{table_name}_ibfk_{}", numbers.max().unwrap_or(0) + 1)
    });
    let index = (!has_index_for(table, &key.columns, None)).then(|| {
        let parts = key.columns.iter().map(|column| q(column)).collect();
        let columns = key.columns.iter().cloned().map(Some).collect();
        let index = Key {
            kind: KeyKind::Plain,
            name: key.name.clone(),
            if_not_exists: false,
            parts,
            columns,
            options: String::new(),
        };
        let index_name = name_of_key(table, &index);
        put_key(table, &Key { name: Some(index_name.clone()), ..index });
        index_name
    });
    let constraint = Constraint {
        kind: ConstraintKind::ForeignKey,
        columns: key.columns.clone(),
        definition: key.definition(),
    };
    table.constraints.insert(name.clone(), constraint);
    (name, index)
}

/// True when an index, or the primary key, begins with these columns. `without` is an index that does not count.
pub(super) fn has_index_for(table: &Table, columns: &[String], without: Option<&str>) -> bool {
    let begins = |with: &[String]| {
        with.len() >= columns.len()
            && columns.iter().all(|column| with[..columns.len()].iter().any(|other| same(column, other)))
    };
    let indexes = table.indexes.iter().filter(|(name, _)| !without.is_some_and(|without| same(name, without)));
    primary_key(table).is_some_and(begins) || indexes.into_iter().any(|(_, index)| begins(&columns_of(index)))
}

/// True when InnoDB may keep the rows in the order of a unique key on these columns: none is ever NULL, and there is no primary key.
pub(super) fn may_order_rows(table: &Table, columns: &[String]) -> bool {
    let is_never_null = |name: &String| column(table, name).is_some_and(|known| !known.nullable);
    primary_key(table).is_none() && !columns.is_empty() && columns.iter().all(is_never_null)
}

/// Notes a check of the table under the name that the server gives it.
pub(super) fn put_check(
    table: &mut Table,
    engine: Engine,
    table_name: &str,
    name: Option<&str>,
    expression: &str,
) -> String {
    let numbered = |number: u32| match engine {
        Engine::Mysql => format!("{table_name}_chk_{number}"),
        _ => format!("CONSTRAINT_{number}"),
    };
    let first_free = || (1..).map(numbered).find(|name| constraint(table, name).is_none()).unwrap_or_default();
    let name = name.map_or_else(first_free, str::to_owned);
    let definition = format!("CHECK ({expression})");
    table
        .constraints
        .insert(name.clone(), Constraint { kind: ConstraintKind::Check, columns: Vec::new(), definition });
    name
}
