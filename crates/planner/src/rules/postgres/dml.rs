//! INSERT, and what INSERT, UPDATE and DELETE have in common.

use super::lock::{self, Locks, ROW_EXCLUSIVE};
use super::table_name::Name;
use super::{Found, Planned, Rule, constraint, on, opaque, q_list};
use crate::catalog::Known;
use crate::draft::{Draft, Drafts};
use crate::name;
use lockstep_core::step::{Action, Phase};
use sqlparser::ast::{Expr, Ident, Insert, SetExpr, TableFactor, TableObject, TableWithJoins};

/// Rows that a literal INSERT may have.
const LITERAL_ROWS_MAX: usize = 1_000;

pub(super) fn insert(rule: &mut Rule<'_>, insert: &Insert) -> Planned {
    let TableObject::TableName(written) = &insert.table else { return opaque::no_rule() };
    let name = Name::of(written)?;
    let is_new = rule.catalog.is_created_here(&name.key());
    let mut qualified = insert.clone();
    qualified.table = TableObject::TableName(name.object());
    let revert = match literal_keys(rule, &name, insert) {
        _ if is_new => Some(vec![format!("DELETE FROM {}", name.sql())]),
        Some(delete) if rule.statement.reverts().is_empty() => Some(vec![delete]),
        _ => rule.directed_revert(),
    };
    let phase = if is_new { Phase::Expand } else { Phase::Backfill };
    let step =
        Draft::statements(&format!("insert into {}", name.key()), phase, vec![qualified.to_string()], revert)
            .holds(&name, ROW_EXCLUSIVE)
            .why("New rows stand in nobody's way.");
    let mut drafts = on(&name, vec![step]);
    match insert.source.as_ref().map(|source| &*source.body) {
        Some(SetExpr::Values(values)) if values.rows.len() <= LITERAL_ROWS_MAX => {}
        Some(SetExpr::Values(values)) => {
            drafts.hazards.push(format!("{} rows in one statement", values.rows.len()));
        }
        _ => {
            // What it reads may be moved by statements before it.
            drafts.touches.push(opaque::EVERYTHING.to_owned());
            drafts.hazards.push("one transaction, as long as its query takes".to_owned());
        }
    }
    Ok(drafts)
}

/// The statement that takes literal rows away again, by their key.
fn literal_keys(rule: &Rule<'_>, table: &Name, insert: &Insert) -> Option<String> {
    let Known::Table(known) = rule.catalog.table(&table.key()) else { return None };
    let key = constraint::primary_key(Known::Table(known))?;
    let columns: Vec<String> = if insert.columns.is_empty() {
        known.columns.iter().map(|column| column.name.clone()).collect()
    } else {
        insert.columns.iter().filter_map(|column| name::parts(column).pop()).collect()
    };
    let places: Vec<usize> =
        key.iter().map(|key| columns.iter().position(|column| column == key)).collect::<Option<_>>()?;
    let SetExpr::Values(values) = &*insert.source.as_ref()?.body else { return None };
    // With ON CONFLICT a row that was there before would be taken away too.
    if insert.on.is_some() {
        return None;
    }
    let rows = values.rows.iter().map(|row| key_of(row, &places)).collect::<Option<Vec<_>>>()?;
    Some(format!("DELETE FROM {} WHERE ({}) IN ({})", table.sql(), q_list(&key), rows.join(", ")))
}

fn key_of(row: &[Expr], places: &[usize]) -> Option<String> {
    let literal = |place: &usize| match row.get(*place) {
        Some(value @ Expr::Value(_)) => Some(value.to_string()),
        _ => None,
    };
    let values = places.iter().map(literal).collect::<Option<Vec<_>>>()?;
    Some(format!("({})", values.join(", ")))
}

pub(super) fn together(statements: Vec<String>) -> Action {
    Action::Statements { statements, transactional: true }
}

pub(super) fn filter(condition: Option<&str>) -> String {
    condition.map(|condition| format!(" WHERE {condition}")).unwrap_or_default()
}

/// Nobody uses the table.
pub(super) fn at_once(found: &Found, verb: &str, forward: String) -> Drafts {
    let mut step = Draft::statements(&format!("{verb} {}", found.name.key()), Phase::Expand, vec![forward], None)
        .holds(&found.name, ROW_EXCLUSIVE)
        .why("The table is new: nobody waits for it.");
    // The table goes, and its rows with it.
    step.step.revert = Some(Action::Nothing);
    with_what_it_reads(on(&found.name, vec![step]), "SELECT")
}

/// Rows that are written in one transaction, at most.
const ROWS_AT_ONCE_MAX: u64 = 1_000;

/// The statement as it stands, where the table is known to be small.
pub(super) fn as_it_stands(rule: &Rule<'_>, table: &Name, verb: &str) -> Option<Drafts> {
    let rows = rule.rows(table).filter(|rows| *rows <= ROWS_AT_ONCE_MAX)?;
    let forward = vec![rule.statement.sql.clone()];
    let mut step = Draft::statements(&format!("{verb} {}", table.key()), Phase::Backfill, forward, None)
        .holds(table, ROW_EXCLUSIVE)
        .why("The table is small: its rows are written in one short transaction.");
    step.impact.rows_estimate = Some(rows);
    let mut drafts = with_what_it_reads(on(table, vec![step]), "SELECT");
    drafts.hazards.push(format!("one transaction: about {rows} rows here, on other nodes there may be more"));
    Some(drafts)
}

/// The drafts of one step that goes through a table in batches.
pub(super) fn over_rows(rule: &Rule<'_>, found: &Found, mut step: Draft, reads: &str) -> Drafts {
    let rows = rule.rows(&found.name);
    step.impact.rows_estimate = rows;
    let mut drafts = on(&found.name, vec![step]);
    drafts.as_written = Some(lock::scan(&found.name, ROW_EXCLUSIVE, rows));
    drafts
        .hazards
        .push("as written it holds the locks of all its rows until it is through with the last one".to_owned());
    with_what_it_reads(drafts, reads)
}

/// What it reads may be moved by statements before it.
fn with_what_it_reads(mut drafts: Drafts, sql: &str) -> Drafts {
    if sql.to_uppercase().contains("SELECT") {
        drafts.touches.push(opaque::EVERYTHING.to_owned());
    }
    drafts
}

/// A table whose rows are changed.
pub(super) struct Target {
    pub(super) name: Name,
    pub(super) alias: Option<Ident>,
}

impl Target {
    /// `None` when it is more than a table.
    pub(super) fn of(table: &TableWithJoins) -> Option<Self> {
        match (&table.relation, table.joins.as_slice()) {
            (TableFactor::Table { name, alias, args: None, .. }, []) => {
                Some(Self { name: Name::of(name).ok()?, alias: alias.as_ref().map(|alias| alias.name.clone()) })
            }
            _ => None,
        }
    }

    /// The row under its alias, for a query inside of a statement that says the table by its own name.
    pub(super) fn under_alias(&self) -> Option<String> {
        let alias = self.alias.as_ref()?;
        Some(format!("(SELECT {}.*) AS {}", name::quote(&self.name.name), name::quote(&name::meant(alias))))
    }
}
