//! ALTER COLUMN: defaults and NOT NULL.

use super::fill::{self, Fill};
use super::lock::{self, ACCESS_EXCLUSIVE, Locks};
use super::{Found, Planned, Rule, alter_type, column, identity_change, not_null, on, q, rename_column, types};
use crate::draft::{Draft, Drafts};
use crate::name;
use crate::plan::Refusal;
use lockstep_core::step::{Action, Phase};
use sqlparser::ast::{AlterColumnOperation, Expr, GeneratedAs, Ident};

pub(super) fn plan(
    rule: &mut Rule<'_>,
    found: &Found,
    column: &Ident,
    operation: &AlterColumnOperation,
) -> Planned {
    let column = name::meant(column);
    match operation {
        AlterColumnOperation::SetDefault { value } => set_default(rule, found, &column, Some(value)),
        AlterColumnOperation::DropDefault => set_default(rule, found, &column, None),
        AlterColumnOperation::SetNotNull => set_not_null(rule, found, &column),
        AlterColumnOperation::DropNotNull => drop_not_null(rule, found, &column),
        AlterColumnOperation::SetDataType { data_type, using, .. } => {
            alter_type::plan(rule, found, &column, data_type, using.as_ref())
        }
        AlterColumnOperation::AddGenerated { generated_as, sequence_options } => {
            let options = sequence_options.iter().flatten().map(ToString::to_string).collect::<String>();
            let always = *generated_as != Some(GeneratedAs::ByDefault);
            identity_change::add(rule, found, &column, always, options.trim())
        }
    }
}

fn set_default(rule: &mut Rule<'_>, found: &Found, column: &str, value: Option<&Expr>) -> Planned {
    let known = found.column(column)?.clone();
    if known.generated.is_some() {
        return Err(Refusal::new(
            format!("{} is computed, it has no default", column::shown(&found.name, column)),
            "leave the statement out",
        ));
    }
    let after = value.and_then(|value| types::kept_default(value, &known.data_type));
    if let Some(mine) = rule.column_mut(&found.name, column) {
        mine.default = after;
    }
    let change = |default: Option<String>| match default {
        Some(default) => {
            format!("ALTER TABLE {} ALTER COLUMN {} SET DEFAULT {default}", found.name.sql(), q(column))
        }
        None => format!("ALTER TABLE {} ALTER COLUMN {} DROP DEFAULT", found.name.sql(), q(column)),
    };
    let shown = column::shown(&found.name, column);
    let verb = if value.is_some() { "default" } else { "no default" };
    let is_missed = value.is_none() && known.default.is_some() && !known.nullable && !found.is_new;
    let forward = change(value.map(ToString::to_string));
    let phase = if is_missed { Phase::Contract } else { Phase::Expand };
    let mut step =
        Draft::statements(&format!("{verb} {shown}"), phase, vec![forward], Some(vec![change(known.default)]))
            .holds(&found.name, ACCESS_EXCLUSIVE)
            .why("A default counts for rows to come: no row is looked at.");
    if !is_missed {
        return Ok(on(&found.name, vec![step]));
    }
    // Whoever leaves the column out fails from then on.
    step.step.needs_approval = false;
    Ok(on(&found.name, vec![rename_column::switch(Phase::SwitchWrites, &format!("write {shown}")), step]))
}

fn set_not_null(rule: &mut Rule<'_>, found: &Found, column: &str) -> Planned {
    let known = found.column(column)?.clone();
    if !known.nullable {
        let hazard = format!("{} is NOT NULL already: nothing is done", column::shown(&found.name, column));
        return Ok(super::create_table::nothing(&found.name, hazard));
    }
    if let Some(mine) = rule.column_mut(&found.name, column) {
        mine.nullable = false;
    }
    if found.is_new {
        return Ok(on(&found.name, vec![at_once(found, column)]));
    }
    let rows = rule.rows(&found.name);
    let steps = match rule.statement.backfill_of(column) {
        Some(expression) => {
            let reverts = rule.revert_by_directive("nothing tells the filled rows from those that had a value")?;
            let revert = reverts.map(|statements| Action::Statements { statements, transactional: true });
            fill::steps(rule, found, &Fill { column, expression, revert })?
        }
        None => vec![
            switch(&format!("write no NULL into {}", column::shown(&found.name, column))),
            not_null::step(&found.name, column, rows),
        ],
    };
    let as_written = Some(lock::scan(&found.name, ACCESS_EXCLUSIVE, rows));
    Ok(Drafts { as_written, ..on(&found.name, steps) })
}

/// Clients that write NULL would fail: from here on there are none.
fn switch(name: &str) -> Draft {
    Draft::new(name, Phase::SwitchWrites, Action::Nothing, Some(Action::Nothing))
        .requires_understanding()
        .why("Clients of an older release may write NULL; the next step waits until none of them is left.")
}

fn at_once(found: &Found, column: &str) -> Draft {
    let change =
        |verb: &str| format!("ALTER TABLE {} ALTER COLUMN {} {verb} NOT NULL", found.name.sql(), q(column));
    Draft::statements(
        &format!("not null {}", column::shown(&found.name, column)),
        Phase::Expand,
        vec![change("SET")],
        Some(vec![change("DROP")]),
    )
    .holds(&found.name, ACCESS_EXCLUSIVE)
    .why("The table is new: nobody waits for it.")
}

fn drop_not_null(rule: &mut Rule<'_>, found: &Found, column: &str) -> Planned {
    let known = found.column(column)?;
    if known.nullable {
        let hazard = format!("{} allows NULL already: nothing is done", column::shown(&found.name, column));
        return Ok(super::create_table::nothing(&found.name, hazard));
    }
    if let Some(mine) = rule.column_mut(&found.name, column) {
        mine.nullable = true;
    }
    let mut drafts = on(&found.name, vec![not_null::drop(&found.name, column)]);
    drafts.hazards.push(format!(
        "clients of an older release may not expect NULL in {}; rows with NULL stand in the way of a rollback",
        column::shown(&found.name, column)
    ));
    Ok(drafts)
}
