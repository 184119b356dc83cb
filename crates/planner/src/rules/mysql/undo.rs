//! What undoes a clause of ALTER TABLE, as clauses: for tables that nobody uses, where each is simply done.

use super::clause::Clause;
use super::column::{self, Position};
use super::key::{Key, KeyKind};
use super::known;
use super::text::{q, same};
use lockstep_core::Engine;
use lockstep_core::schema::Table;

/// What brings the table back from `clause` to `before`; `None` when that is not known.
pub(super) fn clause(engine: Engine, name: &str, before: &Table, clause: &Clause) -> Option<Vec<String>> {
    let mut after = before.clone();
    super::apply::clause(engine, name, &mut after, clause);
    let mut undone = match clause {
        Clause::AddColumn { new, .. } if known::column(before, &new.name).is_none() => {
            vec![format!("DROP COLUMN {}", q(&new.name))]
        }
        Clause::DropColumn { name, .. } => {
            known::column(before, name).map(|_| vec![back(before, name)]).unwrap_or_default()
        }
        Clause::Change { from, new } => {
            let column = known::column(before, from)?;
            let place = if new.position.is_some() { place(before, from) } else { String::new() };
            vec![format!(
                "CHANGE COLUMN {} {} {}{place}",
                q(&new.name),
                q(&column.name),
                column::definition_of(column)
            )]
        }
        Clause::RenameColumn { from, to } => vec![format!("RENAME COLUMN {} TO {}", q(to), q(from))],
        Clause::RenameIndex { from, to } => vec![format!("RENAME INDEX {} TO {}", q(to), q(from))],
        Clause::Default { column, .. } => vec![default(&known::column(before, column)?.clone())],
        Clause::Convert { .. } => vec![format!("CONVERT TO {}", charset_of(before)?)],
        Clause::Option { name, .. } => option(before, name),
        Clause::Partition(_) | Clause::Other(_) => return None,
        _ => Vec::new(),
    };
    // Keys and constraints that came or went.
    for (index, known) in &after.indexes {
        let is_other = before.indexes.get(index).is_some_and(|old| old.definition != known.definition);
        let is_added = !before.indexes.contains_key(index) && !matches!(clause, Clause::RenameIndex { .. });
        if is_added && let Clause::AddKey(key) = clause {
            // In a table that goes with the change, an index of the same form serves a foreign key as well as the server's own.
            let again = |own: &str| before.indexes[own].definition.replacen("KEY ", "KEY IF NOT EXISTS ", 1);
            let given_up = super::index::given_up(engine, before, key);
            undone.extend(given_up.into_iter().map(|(_, own)| format!("ADD {}", again(own))));
        }
        if is_added || (is_other && is_drop(clause)) {
            undone.push(format!("DROP INDEX {}", q(index)));
        }
    }
    let (mut dropped, mut added) = constraints(before, &after);
    if matches!(clause, Clause::AddColumn { new, .. } if new.primary) {
        // It goes with its column, and one that counts is not without it.
        dropped.retain(|clause| clause != "DROP PRIMARY KEY");
    }
    for (index, known) in &before.indexes {
        let is_back =
            after.indexes.get(index).is_none_or(|new| new.definition != known.definition && is_drop(clause));
        if is_back && !matches!(clause, Clause::RenameIndex { .. }) {
            added.push(format!("ADD {}", known.definition));
        }
    }
    // What depends goes first and comes last.
    dropped.extend(undone);
    dropped.extend(added);
    Some(dropped)
}

fn is_drop(clause: &Clause) -> bool {
    matches!(clause, Clause::DropColumn { .. })
}

/// Constraints that are to go, and those that are to come back.
fn constraints(before: &Table, after: &Table) -> (Vec<String>, Vec<String>) {
    let (mut dropped, mut added) = (Vec::new(), Vec::new());
    for (name, constraint) in &after.constraints {
        if !before.constraints.contains_key(name) {
            dropped.push(super::constraint::dropping(name, constraint.kind));
        }
    }
    for (name, constraint) in &before.constraints {
        if !after.constraints.contains_key(name) {
            added.push(super::constraint::adding(name, constraint));
        }
    }
    (dropped, added)
}

/// The clause that brings a column back to its place.
pub(super) fn back(before: &Table, name: &str) -> String {
    let definition = known::column(before, name).map(column::definition_of).unwrap_or_default();
    format!("ADD COLUMN {} {definition}{}", q(name), place(before, name))
}

/// Where a column stands.
pub(super) fn place(table: &Table, name: &str) -> String {
    let at = table.columns.iter().position(|known| same(&known.name, name)).unwrap_or(0);
    let position = match at.checked_sub(1) {
        Some(before) => Position::After(table.columns[before].name.clone()),
        None => Position::First,
    };
    super::column::New { position: Some(position), ..Default::default() }.place()
}

/// The clause that gives a column the default that it has in the catalog.
pub(super) fn default(column: &lockstep_core::schema::Column) -> String {
    match &column.default {
        // See `column::set_default`.
        Some(default) if default.starts_with(MYSQL_NOW) => {
            format!("MODIFY COLUMN {} {}", q(&column.name), column::definition_of(column))
        }
        Some(default) => format!("ALTER COLUMN {} SET DEFAULT {}", q(&column.name), in_brackets(default)),
        None if column.nullable => format!("ALTER COLUMN {} SET DEFAULT NULL", q(&column.name)),
        None => format!("ALTER COLUMN {} DROP DEFAULT", q(&column.name)),
    }
}

/// The present time as MySQL prints it; MariaDB writes it small.
const MYSQL_NOW: &str = "CURRENT_TIMESTAMP";

/// An expression stands in brackets; a literal need not, and MySQL's present time must not.
pub(super) fn in_brackets(default: &str) -> String {
    let is_expression =
        default.contains('(') && !default.starts_with(['\'', '(']) && !default.starts_with(MYSQL_NOW);
    if is_expression { format!("({default})") } else { default.to_owned() }
}

fn charset_of(table: &Table) -> Option<String> {
    let collation = known::collation(table)?;
    Some(format!("CHARACTER SET {} COLLATE {collation}", column::charset_of(collation)))
}

fn option(before: &Table, name: &str) -> Vec<String> {
    match name {
        "charset" | "collate" => charset_of(before).map(|text| format!("DEFAULT {text}")).into_iter().collect(),
        "engine" => before.options.get("engine").map(|engine| format!("ENGINE={engine}")).into_iter().collect(),
        "row_format" | "key_block_size" => {
            let known = before.options.get("options").map(String::as_str).unwrap_or_default();
            let old = known.split(' ').find_map(|option| option.strip_prefix(&format!("{name}=")));
            let default = if name == "row_format" { "DEFAULT" } else { "0" };
            vec![format!("{name}={}", old.unwrap_or(default))]
        }
        _ => Vec::new(),
    }
}

/// True when a key of this kind keeps others from writing while it is built.
pub(super) fn blocks(kind: KeyKind) -> bool {
    matches!(kind, KeyKind::Fulltext | KeyKind::Spatial)
}

/// True when a key of MySQL has an expression among its parts: the server adds a hidden column for it, and others cannot write meanwhile.
pub(super) fn is_of_expression(engine: Engine, key: &Key) -> bool {
    engine == Engine::Mysql && key.columns.iter().any(Option::is_none)
}
