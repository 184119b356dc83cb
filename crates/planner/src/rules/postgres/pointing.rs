//! Foreign keys that point at a column, as they are to point at another one.

use super::table_name::Name;
use super::{Found, Rule, constraint, q, rewrite, twin};
use crate::catalog::Catalog;
use crate::name;
use crate::plan::Refusal;
use lockstep_core::schema::{Column, Constraint, Table};

/// A foreign key that points at a table.
#[derive(Clone, Debug)]
pub(super) struct Pointing {
    /// The table that has it.
    pub(super) of: Name,
    pub(super) name: String,
    pub(super) constraint: Constraint,
}

impl Pointing {
    /// The columns that it points at, as the definition says them.
    fn columns(definition: &str, head: &str) -> Option<String> {
        let (_, rest) = definition.split_once(head)?;
        rest.split_once(')').map(|(columns, _)| columns.to_owned())
    }

    /// The same key under its other name, pointing at `other` in the place of `column`.
    pub(super) fn at(&self, target: &Name, column: &str, other: &str, name: &str) -> Self {
        let definition = with_target(&self.constraint.definition, target, column, other);
        let constraint = Constraint { definition, ..self.constraint.clone() };
        Self { of: self.of.clone(), name: name.to_owned(), constraint }
    }

    /// A name of our own for the one that takes its place.
    pub(super) fn own(&self) -> String {
        name::own("twin", &[&self.of.schema, &self.of.name, &self.name])
    }

    /// Gives it another name.
    pub(super) fn renamed(&self, from: &str, to: &str) -> String {
        format!("ALTER TABLE {} RENAME CONSTRAINT {} TO {}", self.of.sql(), q(from), q(to))
    }

    /// A table that has nothing but this key.
    pub(super) fn found(&self) -> Found {
        Found { name: self.of.clone(), table: Table::default(), is_new: false }
    }

    /// True when it points at just these columns.
    pub(super) fn is_at(&self, target: &Name, columns: &[String]) -> bool {
        let written = Self::columns(&self.constraint.definition, &head(target));
        written.is_some_and(|written| written == constraint::list(columns))
    }
}

fn head(target: &Name) -> String {
    format!(" REFERENCES {}(", target.key())
}

fn with_target(definition: &str, target: &Name, column: &str, other: &str) -> String {
    let head = head(target);
    let replaced = definition.split_once(&head).and_then(|(own, rest)| {
        let (columns, rest) = rest.split_once(')')?;
        Some(format!("{own}{head}{}){rest}", rewrite::with_column(columns, column, other)?))
    });
    replaced.unwrap_or_else(|| definition.to_owned())
}

/// All that point at the column, in the order of their tables.
pub(super) fn at(catalog: &Catalog, target: &Name, column: &str) -> Vec<Pointing> {
    let head = head(target);
    let mut found = Vec::new();
    for (key, table) in &catalog.schema.tables {
        for (name, constraint) in &table.constraints {
            let there = Pointing::columns(&constraint.definition, &head);
            if there.is_some_and(|there| rewrite::mentions(&there, column))
                && let Some(of) = Name::from_key(key)
            {
                found.push(Pointing { of, name: name.clone(), constraint: constraint.clone() });
            }
        }
    }
    found
}

/// Refuses keys that cannot point at both forms of a column.
pub(super) fn check(rule: &Rule<'_>, found: &Found, column: &Column, to: &str) -> Result<(), Refusal> {
    for key in at(rule.catalog, &found.name, &column.name) {
        let shown = format!("foreign key {} of {}", key.name, key.of.key());
        let remedy = "drop the foreign key before, and add it after";
        let table = rule.catalog.schema.tables.get(&key.of.key());
        if table.is_some_and(|table| table.options.contains_key("partition by")) {
            return Err(Refusal::new(
                format!("{shown}, which is partitioned, cannot get a second one beside reads and writes"),
                remedy,
            ));
        }
        if key.of == found.name && key.constraint.columns.contains(&column.name) {
            return Err(Refusal::new(
                format!("{shown} has {} on both sides", twin::shown(found, &column.name)),
                remedy,
            ));
        }
        if family(&column.data_type) != family(to) {
            return Err(Refusal::new(
                format!("{shown} compares {} with its own column, and cannot do so with {to}", column.data_type),
                "drop the foreign key before, change the columns on both sides, and add it after",
            ));
        }
    }
    Ok(())
}

/// Types that a foreign key compares with each other by an index.
fn family(data_type: &str) -> &str {
    match data_type.split('(').next().unwrap_or(data_type) {
        "smallint" | "integer" | "bigint" => "integer",
        "text" | "character varying" => "text",
        other => other,
    }
}

/// The new name of a column wherever a foreign key points at it.
pub(super) fn rename_in_catalog(catalog: &mut Catalog, target: &Name, from: &str, to: &str) {
    for table in catalog.schema.tables.values_mut() {
        for constraint in table.constraints.values_mut() {
            constraint.definition = with_target(&constraint.definition, target, from, to);
        }
    }
}
