//! UPDATE: over a table in use, in batches.

use super::dml::{Target, as_it_stands, at_once, filter, over_rows, together};
use super::lock::{Locks, ROW_EXCLUSIVE};
use super::rename_column::switch;
use super::{BATCH_ROWS_MAX, Found, Planned, Rule, column};
use crate::draft::Draft;
use crate::name;
use crate::plan::Refusal;
use lockstep_core::step::{Action, Backfill, Phase};
use sqlparser::ast::{Assignment, AssignmentTarget, Expr, ObjectName, Update, UpdateTableFromKind, Value};

pub(super) fn plan(rule: &mut Rule<'_>, update: &Update) -> Planned {
    let target = Target::of(&update.table).ok_or_else(|| more_than_a_table(update))?;
    let found = rule.found_named(target.name.clone())?;
    if found.is_new {
        return Ok(at_once(&found, "update", rule.statement.sql.clone()));
    }
    let columns: Vec<String> = update.assignments.iter().flat_map(assigned).collect();
    let is_of_the_change =
        columns.iter().all(|column| rule.catalog.is_column_created_here(&found.name.key(), column));
    let revert = match rule.directed_revert() {
        Some(statements) => Some(together(statements)),
        // The columns go when the change is undone.
        None => is_of_the_change.then_some(Action::Nothing),
    };
    let mut drafts = match in_batches(&target, &found, update)? {
        Some(step) => over_rows(rule, &found, step, &update.to_string()),
        None => as_it_stands(rule, &found.name, "update").ok_or_else(|| in_no_batches(&found))?,
    };
    for draft in &mut drafts.steps {
        draft.step.revert.clone_from(&revert);
    }
    if is_of_the_change {
        let shown: Vec<String> = columns.iter().map(|column| column::shown(&found.name, column)).collect();
        let told = switch(Phase::SwitchWrites, &format!("write {}", shown.join(", ")))
            .why("Rows that are written without it from here on would stay as they are.");
        drafts.steps.insert(0, told);
    }
    Ok(drafts)
}

fn more_than_a_table(update: &Update) -> Refusal {
    Refusal::new(
        format!("`{}` is more than a table", update.table),
        "name the table after UPDATE, and what is joined to it after FROM",
    )
}

fn in_no_batches(found: &Found) -> Refusal {
    match found.key_to_fill() {
        Err(refusal) => refusal,
        Ok(_) => Refusal::new(
            "this UPDATE cannot be done in batches of rows",
            "write `SET column = expression` for each column, and what comes from other tables after FROM",
        ),
    }
}

/// The columns that are set.
fn assigned(assignment: &Assignment) -> Vec<String> {
    let names = match &assignment.target {
        AssignmentTarget::ColumnName(name) => std::slice::from_ref(name),
        AssignmentTarget::Tuple(names) => names,
    };
    names.iter().filter_map(|name| name::parts(name).into_iter().next()).collect()
}

/// The batches; `None` when it cannot be done so.
fn in_batches(target: &Target, found: &Found, update: &Update) -> Result<Option<Draft>, Refusal> {
    let Some(key) = found.key() else { return Ok(None) };
    if update.returning.is_some() {
        return Ok(None);
    }
    let condition = update.selection.as_ref().map(ToString::to_string);
    let others = match &update.from {
        None => Vec::new(),
        Some(UpdateTableFromKind::AfterSet(tables) | UpdateTableFromKind::BeforeSet(tables)) => {
            tables.iter().map(ToString::to_string).collect()
        }
    };
    let sources: Vec<String> = target.under_alias().into_iter().chain(others.iter().cloned()).collect();
    let (set, only_where) = if sources.is_empty() {
        (update.assignments.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "), condition)
    } else {
        let Some(set) = from_others(found, update, &sources, condition.as_deref()) else { return Ok(None) };
        let matching = format!("EXISTS (SELECT FROM {}{})", sources.join(", "), filter(condition.as_deref()));
        (set, (condition.is_some() || !others.is_empty()).then_some(matching))
    };
    let backfill = Backfill { table: found.name.sql(), key, set, only_where, batch_rows_max: BATCH_ROWS_MAX };
    let name = format!("update {}", found.name.key());
    let step = Draft::new(&name, Phase::Backfill, Action::Backfill(backfill), None)
        .holds(&found.name, ROW_EXCLUSIVE)
        .why("Rows are written in short transactions, each of a few rows in the order of the key.");
    Ok(Some(step))
}

/// What is set, when it comes from other tables: of several rows that match, any one gives the values, as the server has it.
fn from_others(found: &Found, update: &Update, sources: &[String], condition: Option<&str>) -> Option<String> {
    let is_default =
        |value: &Expr| matches!(value, Expr::Identifier(ident) if ident.value.eq_ignore_ascii_case("default"));
    let mut columns = Vec::new();
    let mut values = Vec::new();
    for assignment in &update.assignments {
        match &assignment.target {
            AssignmentTarget::ColumnName(name) if !is_default(&assignment.value) => {
                columns.push(name.to_string());
                values.push(typed(found, name, &assignment.value));
            }
            _ => return None,
        }
    }
    Some(format!(
        "({}) = (SELECT {} FROM {}{} LIMIT 1)",
        columns.join(", "),
        values.join(", "),
        sources.join(", "),
        filter(condition)
    ))
}

/// A value as a query gives it: there a plain text would be of type text, whatever column it is for.
fn typed(found: &Found, column: &ObjectName, value: &Expr) -> String {
    let is_plain =
        matches!(value, Expr::Value(plain) if matches!(plain.value, Value::SingleQuotedString(_) | Value::Null));
    let known = name::parts(column).pop().and_then(|column| found.column(&column).ok());
    match known.filter(|_| is_plain) {
        // Without its length, which is looked at when the value is assigned.
        Some(known) if known.data_type.starts_with("character") => format!("({value}::text)"),
        Some(known) => format!("({value}::{})", known.data_type),
        None => format!("({value})"),
    }
}
