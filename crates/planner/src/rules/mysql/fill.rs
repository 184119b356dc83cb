//! A column that every row is to have a value in: triggers fill what clients leave out, batches fill the rows that are there, clients
//! write it themselves, then it becomes NOT NULL.

use super::algorithm::{self, Algorithm};
use super::column::{self, New, shown};
use super::lock::{EXCLUSIVE, Locks, ONLINE, ROWS};
use super::sync::{self, Trigger};
use super::text::q;
use super::{BATCH_ROWS_MAX, Found, Rule, known, step, switch};
use crate::draft::Draft;
use crate::plan::Refusal;
use lockstep_core::step::{Action, Backfill, Phase};

/// What is to be filled.
pub(super) struct Fill<'a> {
    /// As it is to be in the end.
    pub(super) column: &'a New,
    /// Over the columns of the same row.
    pub(super) expression: &'a str,
    /// What takes the values out again.
    pub(super) revert: Option<Action>,
}

/// All steps, from the triggers to their end. The column is there, and may be NULL.
pub(super) fn steps(rule: &Rule<'_>, found: &Found, fill: &Fill<'_>) -> Result<Vec<Draft>, Refusal> {
    let name = &fill.column.name;
    let shown = shown(&found.name, name);
    let rows = rule.rows(&found.name);
    let triggers = triggers(found, name, fill.expression);
    let mut filled = backfill(found, name, fill.expression, rows)?;
    if fill.revert.is_none() {
        filled.step.revert = None;
    }
    let mut steps = Vec::new();
    if let Some(revert @ Action::Statements { .. }) = &fill.revert {
        // First, so that it is undone last: the triggers would fill the values in again.
        steps.push(
            Draft::new(&format!("room for {shown}"), Phase::Expand, Action::Nothing, Some(revert.clone()))
                .why("Nothing is done; a rollback takes the filled values out here."),
        );
    }
    let mut stop = step(
        &format!("stop filling {shown}"),
        Phase::Contract,
        sync::drop(&triggers),
        Some(sync::create(&triggers)),
    )
    .holds(&found.name, EXCLUSIVE)
    .why("No client is left that leaves the column out.");
    stop.step.needs_approval = false;
    steps.extend([
        step(
            &format!("fill {shown} as rows are written"),
            Phase::Expand,
            sync::create(&triggers),
            Some(sync::drop(&triggers)),
        )
        .holds(&found.name, EXCLUSIVE)
        .why("Clients that leave the column out get its value from the directive."),
        filled,
        switch(Phase::SwitchWrites, &format!("write {shown}")),
        not_null(rule, found, fill.column)?,
        stop,
    ]);
    Ok(steps)
}

fn triggers(found: &Found, name: &str, expression: &str) -> Vec<Trigger> {
    let (column, value) = (format!("NEW.{}", q(name)), sync::over_new(found, expression));
    let body = format!("SET {column} = IFNULL({column}, {value})");
    sync::EVENTS.map(|event| Trigger::new(&found.name, "fill", event, name, &body)).into()
}

/// Makes a column NOT NULL: no row may have NULL by then, and nobody may write one.
pub(super) fn not_null(rule: &Rule<'_>, found: &Found, new: &New) -> Result<Draft, Refusal> {
    let there = found.column(&new.name)?;
    algorithm::refuse_copied_not_null(rule.target, &shown(&found.name, &new.name), &there.data_type)?;
    let modify = |definition: &str| {
        let clause = format!("MODIFY COLUMN {} {definition}", q(&new.name));
        vec![algorithm::alter(rule.target, &found.name, &clause, Algorithm::Inplace)]
    };
    let shown = shown(&found.name, &new.name);
    Ok(step(
        &format!("not null {shown}"),
        Phase::Validate,
        modify(&format!("{}{}", new.definition(), new.place())),
        Some(modify(&column::definition_of(there))),
    )
    .holds(&found.name, ONLINE)
    .only_if(
        &format!("every row has a value in {shown}"),
        format!("SELECT * FROM {} WHERE {} IS NULL", q(&found.name), q(&new.name)),
    )
    .goes_through(rule.rows(&found.name))
    .why("The table is written anew beside reads and writes; the server stops where it meets a NULL."))
}

/// Fills the rows that have NULL, in batches.
pub(super) fn backfill(
    found: &Found,
    name: &str,
    expression: &str,
    rows_estimate: Option<u64>,
) -> Result<Draft, Refusal> {
    let backfill = Backfill {
        table: q(&found.name),
        key: found.key_to_fill()?,
        set: set(found, &format!("{} = ({expression})", q(name))),
        only_where: Some(format!("{} IS NULL", q(name))),
        batch_rows_max: BATCH_ROWS_MAX,
    };
    let draft = Draft::new(
        &format!("fill {}", shown(&found.name, name)),
        Phase::Backfill,
        Action::Backfill(backfill),
        Some(Action::Nothing),
    );
    Ok(draft
        .holds(&found.name, ROWS)
        .goes_through(rows_estimate)
        .why("Rows are filled in short transactions, each of a few rows in the order of the key."))
}

/// What a backfill sets: columns that the server would move to the present time stay as they are.
pub(super) fn set(found: &Found, assignments: &str) -> String {
    let moving = found.table.columns.iter().filter(|column| column::moves_by_itself(column));
    let kept: Vec<String> = moving.map(|column| format!("{0} = {0}", q(&column.name))).collect();
    let is_set = |kept: &&String| !assignments.contains(kept.split(" = ").next().unwrap_or_default());
    let kept: Vec<&str> = kept.iter().filter(is_set).map(String::as_str).collect();
    [assignments].into_iter().chain(kept).collect::<Vec<_>>().join(", ")
}

/// The catalog's column as a statement writes it, under another name perhaps.
pub(super) fn as_new(found: &Found, name: &str) -> Option<New> {
    known::column(&found.table, name).map(|column| {
        let generated = column.generated.as_deref().and_then(|text| text.rsplit_once(' '));
        let is_json = column::is_json(column);
        New {
            is_json,
            name: column.name.clone(),
            data_type: column.data_type.clone(),
            collation: column::option(column, "collate").filter(|_| !is_json).map(str::to_owned),
            not_null: !column.nullable,
            default: column.default.as_deref().map(super::undo::in_brackets),
            on_update: column::option(column, "on update").map(str::to_owned),
            auto_increment: column::counts(column),
            generated: generated.map(|(expression, kept)| (expression.to_owned(), kept == "stored")),
            check: column::option(column, "check").filter(|_| !is_json).map(|check| inner(check).to_owned()),
            invisible: column::option(column, "invisible").is_some(),
            ..New::default()
        }
    })
}

fn inner(check: &str) -> &str {
    check.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(check)
}
