//! DROP COLUMN: first nobody must need it, then it is hidden, then it goes.

use super::lock::{self, ACCESS_EXCLUSIVE, Locks, ROW_EXCLUSIVE};
use super::rename_column::{is_stable, switch};
use super::{
    BATCH_ROWS_MAX, Found, Planned, Rule, column, constraint, create_table, drop_constraint, not_null, numbering,
    on, q, rewrite, twin,
};
use crate::catalog::Known;
use crate::draft::{Draft, Drafts};
use crate::name;
use crate::plan::{Refusal, Target};
use lockstep_core::schema::{Column, ConstraintKind};
use lockstep_core::step::{Action, Backfill, Phase};
use sqlparser::ast::{DropBehavior, Ident};

pub(super) fn plan(
    rule: &mut Rule<'_>,
    found: &Found,
    written: &Ident,
    if_exists: bool,
    behavior: Option<&DropBehavior>,
) -> Planned {
    let name = name::meant(written);
    if if_exists && found.column(&name).is_err() {
        let hazard = format!("there is no {}: nothing is done", column::shown(&found.name, &name));
        return Ok(create_table::nothing(&found.name, hazard));
    }
    let known = found.column(&name)?.clone();
    if found.is_new {
        forget(rule, found, &name);
        return Ok(at_once(found, &known));
    }
    refuse_dependents(rule, found, &known, behavior)?;
    let mut steps = steps(rule, found, &known)?;
    let is_own = rule.catalog.is_column_created_here(&found.name.key(), &name);
    steps.iter_mut().for_each(|draft| draft.is_of_own = is_own);
    let mut is_lost = rule.statement.reverts().is_empty();
    if let Some(last) = steps.last_mut().filter(|_| is_own && is_lost && stands_alone(found, &known)) {
        last.step.revert = Some(made_again(found, &known));
        is_lost = false;
    }
    forget(rule, found, &name);
    let mut drafts =
        Drafts { as_written: Some(lock::impact(&found.name, ACCESS_EXCLUSIVE)), ..on(&found.name, steps) };
    let shown = column::shown(&found.name, &name);
    drafts.hazards.push(format!("as written every client that says {shown} fails from that moment on"));
    if needs_value(&known) && rule.statement.backfill_of(&name).is_none() {
        drafts.hazards.push(format!(
            "rows that clients write without {shown} have no value in it, and going back needs a value in each: `-- lockstep: backfill {} = EXPRESSION` says which",
            known.name
        ));
    }
    if is_lost {
        drafts.hazards.push("the last step cannot be taken back: the values are gone".to_owned());
    }
    Ok(drafts)
}

/// True when nothing goes with the column, and it can be made again without a look at the rows.
fn stands_alone(found: &Found, known: &Column) -> bool {
    let is_free = twin::carried(found, &known.name, &known.name, str::to_owned)
        .is_ok_and(|carried| carried.indexes.is_empty() && carried.constraints.is_empty());
    let is_plain = known.generated.is_none() && !numbering::is_numbered(known);
    is_free && is_plain && !is_of_key(found, known) && is_stable(known.default.as_deref())
}

/// What the same change made has no values that anybody misses: it comes back without them, as it was before it was dropped.
fn made_again(found: &Found, known: &Column) -> Action {
    let column = Column { nullable: known.nullable || needs_value(known), ..known.clone() };
    let definition = column::definition_of(&column);
    let add =
        format!("ALTER TABLE {} ADD COLUMN {} {definition}", found.name.sql(), q(&hidden(found, &known.name)));
    Action::Statements { statements: vec![add], transactional: true }
}

/// What a column is called while nobody sees it.
fn hidden(found: &Found, column: &str) -> String {
    name::own("dropped", &[&found.name.schema, &found.name.name, column])
}

fn at_once(found: &Found, known: &Column) -> Drafts {
    let sql = found.name.sql();
    let step = Draft::statements(
        &format!("drop {}", column::shown(&found.name, &known.name)),
        Phase::Expand,
        vec![format!("ALTER TABLE {sql} DROP COLUMN {}", q(&known.name))],
        Some(vec![format!("ALTER TABLE {sql} ADD COLUMN {} {}", q(&known.name), column::definition_of(known))]),
    )
    .holds(&found.name, ACCESS_EXCLUSIVE)
    .why("The table is new: nobody uses the column.");
    on(&found.name, vec![step])
}

fn refuse_dependents(
    rule: &Rule<'_>,
    found: &Found,
    known: &Column,
    behavior: Option<&DropBehavior>,
) -> Result<(), Refusal> {
    let shown = column::shown(&found.name, &known.name);
    if is_of_key(found, known) && known.default.is_none() && known.options.is_empty() {
        return Err(Refusal::new(
            format!("{shown} is of the primary key, and clients that leave it out could not write"),
            "make another primary key before",
        ));
    }
    if let Some((other, name)) = twin::pointing_at(rule, &found.name, Some(&known.name)) {
        return Err(Refusal::new(
            format!("foreign key {name} of {other} points at {shown}"),
            "drop it before, by its name",
        ));
    }
    if let Some(what) = twin::mentioned_elsewhere(rule, found, &known.name) {
        return Err(Refusal::new(format!("{what} uses {shown}"), "drop it before, by its name"));
    }
    if behavior == Some(&DropBehavior::Cascade) && !rule.catalog.is_complete {
        return Err(Refusal::new(
            format!("CASCADE would drop what depends on {shown} without naming it"),
            "drop what depends on it before, by its name, and leave CASCADE out",
        ));
    }
    Ok(())
}

/// Who leaves it out cannot write.
fn needs_value(known: &Column) -> bool {
    !known.nullable && known.default.is_none() && known.options.is_empty()
}

fn is_of_key(found: &Found, known: &Column) -> bool {
    constraint::primary_key(Known::Table(&found.table)).is_some_and(|key| key.contains(&known.name))
}

/// The primary key goes with its column; by itself, so that it can be brought back beside writes.
fn without_key(found: &Found, known: &Column) -> Option<Draft> {
    let (name, key) = found.table.constraints.iter().find(|(_, constraint)| {
        constraint.kind == ConstraintKind::PrimaryKey && constraint.columns.contains(&known.name)
    })?;
    Some(drop_constraint::dropped(found, name, key))
}

fn steps(rule: &Rule<'_>, found: &Found, known: &Column) -> Result<Vec<Draft>, Refusal> {
    let (table, column) = (&found.name, q(&known.name));
    let shown = column::shown(table, &known.name);
    let mut steps = Vec::new();
    if needs_value(known) {
        steps.push(
            not_null::drop(table, &known.name)
                .why("Clients that no longer write the column must be able to leave it out."),
        );
        if let Some(expression) = rule.statement.backfill_of(&known.name) {
            steps.push(filled_on_rollback(rule.target, found, known, expression)?);
        }
    }
    steps.push(switch(Phase::SwitchReads, &format!("do without {shown}")));
    steps.extend(without_key(found, known));
    let hidden = hidden(found, &known.name);
    let rename = |from: &str, to: &str| format!("ALTER TABLE {} RENAME COLUMN {} TO {}", table.sql(), from, to);
    let forward = vec![rename(&column, &q(&hidden))];
    steps.push(
        Draft::statements(&format!("hide {shown}"), Phase::Contract, forward, Some(vec![rename(&q(&hidden), &column)]))
            .holds(table, ACCESS_EXCLUSIVE)
            .why("A column that nobody sees has nobody who needs it: whoever still does fails now, while it can be brought back."),
    );
    let mut dropped = Draft::statements(
        &format!("drop {shown}"),
        Phase::Contract,
        vec![format!("ALTER TABLE {} DROP COLUMN {}", table.sql(), q(&hidden))],
        None,
    )
    .holds(table, ACCESS_EXCLUSIVE)
    .why("Approve it when the column has been hidden for long enough: its values are gone then.");
    let reverts = rule.statement.reverts();
    if !reverts.is_empty() {
        // What the directive makes again has the name that clients know; until the step before is undone, it is hidden.
        let statements = reverts.into_iter().chain([rename(&column, &q(&hidden))]).collect();
        dropped.step.revert = Some(Action::Statements { statements, transactional: true });
    }
    steps.push(dropped);
    Ok(steps)
}

/// Rows that were written without the column get a value before it becomes NOT NULL again.
fn filled_on_rollback(target: Target, found: &Found, known: &Column, expression: &str) -> Result<Draft, Refusal> {
    let column = q(&known.name);
    let backfill = Backfill {
        table: found.name.sql(),
        key: found.key_or_place(target)?,
        set: format!("{column} = ({expression})"),
        only_where: Some(format!("{column} IS NULL")),
        batch_rows_max: BATCH_ROWS_MAX,
    };
    let shown = column::shown(&found.name, &known.name);
    Ok(Draft::new(
        &format!("rows without {shown}"),
        Phase::Expand,
        Action::Nothing,
        Some(Action::Backfill(backfill)),
    )
    .holds(&found.name, ROW_EXCLUSIVE)
    .why("Nothing is done; a rollback fills rows here that were written without the column."))
}

/// The catalog without the column, and without what goes with it.
fn forget(rule: &mut Rule<'_>, found: &Found, column: &str) {
    let key = found.name.key();
    let table = rule.table_mut(&found.name);
    table.columns.retain(|known| known.name != column);
    table.constraints.retain(|_, constraint| {
        let own = constraint.definition.split(" REFERENCES ").next().unwrap_or_default();
        !constraint.columns.iter().any(|known| known == column) && !rewrite::mentions(own, column)
    });
    let separator = format!(" ON {key} USING ");
    table.indexes.retain(|_, index| {
        index.definition.split_once(&separator).is_none_or(|(_, body)| !rewrite::mentions(body, column))
    });
    let sequence = column::sequence_of(&found.name, column).key();
    if let Some(sequences) = rule.catalog.schema.objects.get_mut("sequence") {
        sequences.remove(&sequence);
    }
}
