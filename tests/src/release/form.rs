//! What a release knows of the schema.

use lockstep_core::Schema;
use lockstep_core::schema::{Column, Constraint, ConstraintKind, Table};
use std::collections::{BTreeMap, BTreeSet};

/// Values that a column takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Integer,
    Real,
    Text,
}

/// A column as a release knows it.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// The same for both releases when it is the same column.
    pub(super) meaning: String,
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) nullable: bool,
    pub(super) has_default: bool,
    /// The table that it points at, and the column there.
    pub(super) parent: Option<(String, String)>,
    /// Rows of others point at its value.
    pub(super) is_referenced: bool,
    /// Computed by the engine, or by a trigger of the application.
    pub(super) is_computed: bool,
}

/// A table as a release knows it.
#[derive(Clone, Debug)]
pub(super) struct KnownTable {
    pub(super) name: String,
    pub(super) key: Vec<String>,
    pub(super) columns: Vec<Known>,
    /// True: a key that was there once does not come again.
    pub(super) is_counted: bool,
    /// True: rows of others point at its rows.
    pub(super) is_parent: bool,
}

/// All that a release knows, by the meaning of the table.
#[derive(Clone, Debug, Default)]
pub(super) struct Form {
    pub(super) tables: BTreeMap<String, KnownTable>,
}

impl Form {
    /// The forms before and after a change. What was renamed means the same.
    pub(super) fn both(before: &Schema, after: &Schema, change: &str) -> (Self, Self) {
        let renamed_tables = renamed(&keys(&before.tables), &keys(&after.tables), change);
        let old = Self::of(before, before, after, change, |table| table.to_owned(), |_, column| column.to_owned());
        let meaning_of_table = |table: &str| {
            renamed_tables.iter().find(|(_, to)| to == table).map_or(table.to_owned(), |(from, _)| from.clone())
        };
        let meaning_of_column = |table: &str, column: &str| {
            let (Some(then), Some(now)) = (before.tables.get(&meaning_of_table(table)), after.tables.get(table))
            else {
                return column.to_owned();
            };
            let renamed = renamed(&columns(then), &columns(now), change);
            let original = renamed.iter().find(|(_, to)| to == column).map_or(column, |(from, _)| from);
            let (one, other) = (find(then, original), find(now, column));
            // A column that takes other values is another column.
            let is_same = one
                .zip(other)
                .is_none_or(|(one, other)| one.data_type == other.data_type && one.nullable == other.nullable);
            if is_same { original.to_owned() } else { format!("{column}, changed") }
        };
        (old, Self::of(after, before, after, change, meaning_of_table, meaning_of_column))
    }

    fn of(
        schema: &Schema,
        before: &Schema,
        after: &Schema,
        change: &str,
        meaning_of_table: impl Fn(&str) -> String,
        meaning_of_column: impl Fn(&str, &str) -> String,
    ) -> Self {
        let assigned = assigned(before, after, change);
        // What a release deletes may have children that only the other knows.
        let tables = before.tables.values().chain(after.tables.values());
        let constraints = tables.flat_map(|table| table.constraints.values());
        let parents: BTreeSet<(String, String)> = constraints.filter_map(parent).collect();
        let mut form = Self::default();
        for (name, table) in &schema.tables {
            let primary =
                table.constraints.values().find(|constraint| constraint.kind == ConstraintKind::PrimaryKey);
            let Some(primary) = primary else { continue };
            let known = |column: &Column| {
                let meaning = meaning_of_column(name, &column.name);
                let is_computed = column.generated.is_some()
                    || assigned.contains(&column.name.to_lowercase())
                    || assigned.contains(&meaning.to_lowercase());
                let is_referenced = parents.iter().any(|(parent, named)| {
                    parent.eq_ignore_ascii_case(name) && named.eq_ignore_ascii_case(&column.name)
                });
                Known { is_computed, is_referenced, meaning, ..read_column(table, column) }
            };
            form.tables.insert(
                meaning_of_table(name),
                KnownTable {
                    name: name.clone(),
                    key: primary.columns.clone(),
                    is_counted: table
                        .columns
                        .iter()
                        .any(|column| column.options.contains(&"autoincrement".to_owned())),
                    columns: table.columns.iter().map(known).collect(),
                    is_parent: parents.iter().any(|(parent, _)| parent.eq_ignore_ascii_case(name)),
                },
            );
        }
        form
    }

    /// True when all of it is there.
    pub(super) fn fits(&self, schema: &Schema) -> bool {
        self.tables.values().all(|known| {
            schema
                .tables
                .get(&known.name)
                .is_some_and(|table| known.columns.iter().all(|column| find(table, &column.name).is_some()))
        })
    }

    pub(super) fn knows(&self, table: &str, meaning: &str) -> bool {
        self.tables.get(table).is_some_and(|known| known.columns.iter().any(|column| column.meaning == meaning))
    }
}

fn read_column(table: &Table, column: &Column) -> Known {
    let is = |parts: &[&str]| parts.iter().any(|part| column.data_type.contains(part));
    let kind = if is(&["int"]) {
        Kind::Integer
    } else if is(&["real", "floa", "doub", "dec", "num"]) {
        Kind::Real
    } else {
        Kind::Text
    };
    let own = |constraint: &&Constraint| {
        constraint.kind == ConstraintKind::ForeignKey && constraint.columns.contains(&column.name)
    };
    Known {
        meaning: column.name.clone(),
        name: column.name.clone(),
        kind,
        nullable: column.nullable,
        has_default: column.default.is_some(),
        parent: table.constraints.values().find(own).and_then(parent),
        is_referenced: false,
        is_computed: false,
    }
}

/// The parent of a foreign key, and its column there.
fn parent(constraint: &Constraint) -> Option<(String, String)> {
    let rest = constraint.definition.strip_prefix("references ")?;
    let (table, rest) = rest.split_once(" (")?;
    Some((table.to_owned(), rest.split(')').next()?.to_owned()))
}

fn keys(tables: &BTreeMap<String, Table>) -> Vec<String> {
    tables.keys().cloned().collect()
}

fn columns(table: &Table) -> Vec<String> {
    table.columns.iter().map(|column| column.name.clone()).collect()
}

fn find<'a>(table: &'a Table, column: &str) -> Option<&'a Column> {
    table.columns.iter().find(|other| other.name.eq_ignore_ascii_case(column))
}

/// What went, and what came in its place, if the change says so.
fn renamed(before: &[String], after: &[String], change: &str) -> Vec<(String, String)> {
    let gone: Vec<&String> = before.iter().filter(|name| !after.contains(name)).collect();
    let come: Vec<&String> = after.iter().filter(|name| !before.contains(name)).collect();
    match (gone.as_slice(), come.as_slice()) {
        ([gone], [come]) if change.contains("RENAME") && !change.contains("INSERT") => {
            vec![((*gone).clone(), (*come).clone())]
        }
        _ => Vec::new(),
    }
}

/// Columns that triggers or the change itself assign: their values are not the releases' doing.
fn assigned(before: &Schema, after: &Schema, change: &str) -> BTreeSet<String> {
    let mut texts = vec![change.to_lowercase()];
    for schema in [before, after] {
        texts.extend(schema.tables.values().flat_map(|table| table.triggers.values().cloned()));
    }
    let mut names = BTreeSet::new();
    for text in texts {
        for (position, _) in text.match_indices("set ") {
            let name = text[position + 4..].trim_start().split([' ', '=']).next().unwrap_or_default();
            names.insert(name.trim_matches('"').to_owned());
        }
    }
    names
}
