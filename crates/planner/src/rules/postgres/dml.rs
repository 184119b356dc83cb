//! INSERT, UPDATE, DELETE: over a table in use, in batches.

use super::lock::{self, Locks, ROW_EXCLUSIVE};
use super::table_name::Name;
use super::{BATCH_ROWS_MAX, Found, Planned, Rule, constraint, on, opaque, q_list, sync};
use crate::catalog::Known;
use crate::draft::{Draft, Drafts};
use crate::name;
use crate::plan::Refusal;
use lockstep_core::step::{Action, Backfill, Phase};
use sqlparser::ast::{
    AssignmentTarget, Delete, Expr, FromTable, Insert, ObjectName, SetExpr, TableFactor, TableObject,
    TableWithJoins, Update,
};

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

pub(super) fn update(rule: &mut Rule<'_>, update: &Update) -> Planned {
    let name = plain_table(&update.table)?;
    if update.from.is_some() || update.returning.is_some() {
        return Err(Refusal::new(
            "UPDATE ... FROM cannot be done in batches of one table's rows",
            "write what it takes from other tables as subqueries",
        ));
    }
    let found = rule.found_named(name)?;
    let set = update.assignments.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let condition = update.selection.as_ref().map(ToString::to_string);
    if found.is_new {
        let forward = format!("UPDATE {} SET {set}{}", found.name.sql(), filter(condition.as_deref()));
        return Ok(at_once(&found, "update", forward));
    }
    let revert = match rule.directed_revert() {
        Some(statements) => Some(together(statements)),
        // The columns go when the change is undone.
        None if assigns_only_new(rule, &found, update) => Some(Action::Nothing),
        None => None,
    };
    let backfill = Backfill {
        table: found.name.sql(),
        key: found.key_to_fill()?,
        set,
        only_where: condition,
        batch_rows_max: BATCH_ROWS_MAX,
    };
    let name = format!("update {}", found.name.key());
    let step = Draft::new(&name, Phase::Backfill, Action::Backfill(backfill), revert)
        .holds(&found.name, ROW_EXCLUSIVE)
        .why("Rows are written in short transactions, each of a few rows in the order of the key.");
    Ok(over_rows(rule, &found, step, update.to_string()))
}

/// True when this change itself added every column that is assigned.
fn assigns_only_new(rule: &Rule<'_>, found: &Found, update: &Update) -> bool {
    let is_new = |column: &ObjectName| {
        name::parts(column)
            .pop()
            .is_some_and(|column| rule.catalog.is_column_created_here(&found.name.key(), &column))
    };
    update.assignments.iter().all(|assignment| match &assignment.target {
        AssignmentTarget::ColumnName(column) => is_new(column),
        AssignmentTarget::Tuple(columns) => columns.iter().all(is_new),
    })
}

fn together(statements: Vec<String>) -> Action {
    Action::Statements { statements, transactional: true }
}

fn filter(condition: Option<&str>) -> String {
    condition.map(|condition| format!(" WHERE {condition}")).unwrap_or_default()
}

/// Nobody uses the table.
fn at_once(found: &Found, verb: &str, forward: String) -> Drafts {
    let mut step = Draft::statements(&format!("{verb} {}", found.name.key()), Phase::Expand, vec![forward], None)
        .holds(&found.name, ROW_EXCLUSIVE)
        .why("The table is new: nobody waits for it.");
    // The table goes, and its rows with it.
    step.step.revert = Some(Action::Nothing);
    on(&found.name, vec![step])
}

fn over_rows(rule: &Rule<'_>, found: &Found, mut step: Draft, written: String) -> Drafts {
    let rows = rule.rows(&found.name);
    step.impact.rows_estimate = rows;
    let mut drafts = on(&found.name, vec![step]);
    drafts.as_written = Some(lock::scan(&found.name, ROW_EXCLUSIVE, rows));
    drafts
        .hazards
        .push("as written it holds the locks of all its rows until it is through with the last one".to_owned());
    if written.to_uppercase().contains("SELECT") {
        drafts.touches.push(opaque::EVERYTHING.to_owned());
    }
    drafts
}

pub(super) fn delete(rule: &mut Rule<'_>, delete: &Delete) -> Planned {
    let (FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables)) = &delete.from;
    let [table] = tables.as_slice() else { return opaque::no_rule() };
    let name = plain_table(table)?;
    if delete.using.is_some() || delete.returning.is_some() {
        return Err(Refusal::new(
            "DELETE ... USING cannot be done in batches of one table's rows",
            "write what it takes from other tables as subqueries",
        ));
    }
    let found = rule.found_named(name)?;
    let condition = delete.selection.as_ref().map(ToString::to_string);
    if found.is_new {
        let forward = format!("DELETE FROM {}{}", found.name.sql(), filter(condition.as_deref()));
        return Ok(at_once(&found, "delete from", forward));
    }
    let revert = rule.directed_revert();
    let name = format!("delete from {}", found.name.key());
    let mut step = Draft::alone(&name, Phase::Backfill, in_batches(&found, condition.as_deref())?, None)
        .holds(&found.name, ROW_EXCLUSIVE)
        .why("Rows go in short transactions of a few rows each; what stopped half-way goes on where it stopped.");
    step.step.revert = revert.map(together);
    Ok(over_rows(rule, &found, step, delete.to_string()))
}

/// Rows of one batch of a DELETE: its loop knows no time that a batch should take.
const DELETE_ROWS_MAX: u32 = 1_000;

/// A loop that commits after each batch; it runs outside of a transaction.
fn in_batches(found: &Found, condition: Option<&str>) -> Result<String, Refusal> {
    let key = q_list(&found.key_to_fill()?);
    let table = found.name.sql();
    let filter = filter(condition);
    let body = format!(
        "\nDECLARE\n  gone bigint;\nBEGIN\n  LOOP\n    DELETE FROM {table} WHERE ({key}) IN\n      \
         (SELECT {key} FROM {table}{filter} ORDER BY {key} LIMIT {DELETE_ROWS_MAX});\n    GET DIAGNOSTICS gone = ROW_COUNT;\n    \
         COMMIT;\n    EXIT WHEN gone = 0;\n  END LOOP;\nEND "
    );
    Ok(format!("DO {}", sync::dollar_quoted(&body)))
}

fn plain_table(table: &TableWithJoins) -> Result<Name, Refusal> {
    match (&table.relation, table.joins.as_slice()) {
        (TableFactor::Table { name, alias: None, args: None, .. }, []) => Name::of(name),
        _ => Err(Refusal::new(
            format!("`{table}` is more than a table's name"),
            "leave aliases and joins out, and name the table itself",
        )),
    }
}
