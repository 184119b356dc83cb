//! A column that every row is to have a value in: a trigger fills what clients leave out, batches fill the rows that are there,
//! then it becomes NOT NULL, then clients write it themselves.

use super::lock::{ACCESS_EXCLUSIVE, Locks, ROW_EXCLUSIVE, SHARE_ROW_EXCLUSIVE};
use super::sync::{self, Trigger};
use super::{BATCH_ROWS_MAX, Found, Rule, column, not_null, q};
use crate::draft::Draft;
use crate::plan::Refusal;
use lockstep_core::step::{Action, Backfill, Phase};

/// What is to be filled.
pub(super) struct Fill<'a> {
    pub(super) column: &'a str,
    /// Over the columns of the same row.
    pub(super) expression: &'a str,
    /// What takes the values out again.
    pub(super) revert: Option<Action>,
}

/// All steps, from the trigger to its end.
pub(super) fn steps(rule: &Rule<'_>, found: &Found, fill: &Fill<'_>) -> Result<Vec<Draft>, Refusal> {
    let trigger = trigger(found, fill);
    let shown = column::shown(&found.name, fill.column);
    let rows = rule.rows(&found.name);
    let mut filled = backfill(rule, found, fill.column, fill.expression)?;
    let mut steps = Vec::new();
    if fill.revert.is_none() {
        filled.step.revert = None;
    }
    if let Some(revert @ Action::Statements { .. }) = &fill.revert {
        // First, so that it is undone last: the trigger would fill the values in again.
        steps.push(
            Draft::new(&format!("room for {shown}"), Phase::Expand, Action::Nothing, Some(revert.clone()))
                .why("Nothing is done; a rollback takes the filled values out here."),
        );
    }
    steps.extend([
        Draft::statements(
            &format!("fill {shown} as rows are written"),
            Phase::Expand,
            trigger.create(),
            Some(trigger.drop()),
        )
        .holds(&found.name, SHARE_ROW_EXCLUSIVE)
        .why("Clients that leave the column out get its value from the directive."),
        filled,
        not_null::step(&found.name, fill.column, rows),
        Draft::new(&format!("write {shown}"), Phase::SwitchWrites, Action::Nothing, Some(Action::Nothing))
            .requires_understanding()
            .why("From here on every client writes the column itself."),
        Draft::statements(
            &format!("stop filling {shown}"),
            Phase::Contract,
            trigger.drop(),
            Some(trigger.create()),
        )
        .holds(&found.name, ACCESS_EXCLUSIVE)
        .why("No client is left that leaves the column out."),
    ]);
    Ok(steps)
}

fn trigger(found: &Found, fill: &Fill<'_>) -> Trigger {
    let column = format!("NEW.{}", q(fill.column));
    let value = sync::over_new(&found.name, fill.expression);
    let body = format!("  IF {column} IS NULL THEN\n    {column} := {value};\n  END IF;\n");
    Trigger::new(&found.name, "fill", fill.column, "", &body)
}

/// Fills the rows that have NULL, in batches.
pub(super) fn backfill(rule: &Rule<'_>, found: &Found, column: &str, expression: &str) -> Result<Draft, Refusal> {
    let backfill = Backfill {
        table: found.name.sql(),
        key: found.key_or_place(rule.target)?,
        set: format!("{} = ({expression})", q(column)),
        only_where: Some(format!("{} IS NULL", q(column))),
        batch_rows_max: BATCH_ROWS_MAX,
    };
    let mut draft = Draft::new(
        &format!("fill {}", column::shown(&found.name, column)),
        Phase::Backfill,
        Action::Backfill(backfill),
        Some(Action::Nothing),
    )
    .holds(&found.name, ROW_EXCLUSIVE)
    .why("Rows are filled in short transactions, each of a few rows in the order of the key.");
    draft.impact.rows_estimate = rule.rows(&found.name);
    Ok(draft)
}
