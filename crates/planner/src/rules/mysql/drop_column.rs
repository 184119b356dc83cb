//! DROP COLUMN: first nobody must need it, then it is hidden, then it goes.

use super::algorithm::{self, Algorithm};
use super::column::{self, shown};
use super::key;
use super::lock::{self, EXCLUSIVE, Locks};
use super::text::{q, same};
use super::{Found, Planned, Rule, index, known, nothing, on, step, switch, twin, types, undo};
use crate::draft::{Draft, Drafts};
use crate::name;
use crate::plan::Refusal;
use lockstep_core::schema::Column;
use lockstep_core::step::{Action, Phase};

pub(super) fn plan(rule: &mut Rule<'_>, found: &Found, name: &str, if_exists: bool) -> Planned {
    if if_exists && known::column(&found.table, name).is_none() {
        return Ok(nothing(&found.name, format!("there is no {}: nothing is done", shown(&found.name, name))));
    }
    let known = found.column(name)?.clone();
    refuse_dependents(rule, found, &known)?;
    let mut steps = steps(rule, found, &known)?;
    let is_own = rule.catalog.is_column_created_here(&found.name, &known.name);
    steps.iter_mut().for_each(|draft| draft.is_of_own = is_own);
    let mut is_lost = rule.statement.reverts().is_empty();
    if let Some(last) = steps.last_mut().filter(|_| is_own && is_lost && stands_alone(found, &known)) {
        last.step.revert = Some(made_again(rule, found, &known));
        is_lost = false;
    }
    known::drop_column(rule.table_mut(&found.name), name);
    let mut drafts = Drafts { as_written: Some(lock::impact(&found.name, EXCLUSIVE)), ..on(&found.name, steps) };
    drafts.hazards.extend(algorithm::versions_hazard(rule.target, &found.name));
    let shown = shown(&found.name, &known.name);
    drafts.hazards.push(format!("as written every client that says {shown} fails from that moment on"));
    if is_lost {
        drafts.hazards.push("the last step cannot be taken back: the values are gone".to_owned());
    }
    Ok(drafts)
}

/// True when nothing goes with the column, and it can be made again at once.
fn stands_alone(found: &Found, column: &Column) -> bool {
    let is_plain = column.generated.is_none() && !column::counts(column) && !needs_value(column);
    is_plain
        && types::is_stable(column.default.as_deref())
        && indexes(found, column).is_ok_and(|own| own.is_empty())
}

/// What the same change made has no values that anybody misses: it comes back without them, as it was before it was dropped.
fn made_again(rule: &Rule<'_>, found: &Found, column: &Column) -> Action {
    let hidden = hidden(found, column);
    let mut with_hidden = found.table.clone();
    known::rename_column(&mut with_hidden, &column.name, &hidden);
    let clause = undo::back(&with_hidden, &hidden);
    let add = algorithm::alter(rule.target, &found.name, &clause, algorithm::add_column(rule.target, true));
    Action::Statements { statements: vec![add], transactional: false }
}

/// What a column is called while nobody sees it.
fn hidden(found: &Found, column: &Column) -> String {
    name::own("dropped", &[&found.name, &column.name])
}

/// Who leaves it out cannot write.
fn needs_value(column: &Column) -> bool {
    !column.nullable && column.default.is_none() && column.generated.is_none() && !column::counts(column)
}

fn refuse_dependents(rule: &Rule<'_>, found: &Found, column: &Column) -> Result<(), Refusal> {
    let shown = shown(&found.name, &column.name);
    if known::primary_key(&found.table).is_some_and(|key| key.iter().any(|known| same(known, &column.name))) {
        return Err(Refusal::new(format!("{shown} is of the primary key"), "make another primary key before"));
    }
    let own = known::foreign_keys(&found.table);
    if let Some((name, _)) = own.iter().find(|(_, key)| key.columns.iter().any(|known| same(known, &column.name)))
    {
        return Err(Refusal::new(
            format!("foreign key {name} uses {shown}"),
            format!("drop it before, by its name: `ALTER TABLE {} DROP FOREIGN KEY {}`", q(&found.name), q(name)),
        ));
    }
    if let Some((other, name)) = twin::pointing_at(rule, &found.name, Some(&column.name)) {
        return Err(Refusal::new(
            format!("foreign key {name} of {other} points at {shown}"),
            "drop it before, by its name",
        ));
    }
    if let Some(what) = twin::mentioned_elsewhere(rule, found, &column.name) {
        return Err(Refusal::new(format!("{what} uses {shown}"), "drop it before, by its name"));
    }
    Ok(())
}

/// Indexes on the column: those on it alone go with it; those that have other columns too would be built anew.
fn indexes(found: &Found, column: &Column) -> Result<Vec<String>, Refusal> {
    let mut own = Vec::new();
    for (name, index) in &found.table.indexes {
        let read = key::of_index(&index.definition);
        let columns = read.map(|key| key.columns).unwrap_or_default();
        let is_on_it = columns.iter().flatten().any(|known| same(known, &column.name));
        if is_on_it && columns.len() == 1 {
            own.push(name.clone());
        } else if is_on_it {
            return Err(Refusal::new(
                format!("index {name} of {} is on {} and other columns", found.name, column.name),
                format!(
                    "say before what is to become of it, e.g. `ALTER TABLE {} DROP INDEX {}`",
                    q(&found.name),
                    q(name)
                ),
            ));
        }
    }
    Ok(own)
}

fn steps(rule: &Rule<'_>, found: &Found, column: &Column) -> Result<Vec<Draft>, Refusal> {
    let table = &found.name;
    let shown = shown(table, &column.name);
    let indexes = indexes(found, column)?;
    let mut steps = Vec::new();
    if needs_value(column) {
        steps.push(optional(rule, found, column));
    }
    steps.push(switch(Phase::SwitchReads, &format!("do without {shown}")));
    let hidden = hidden(found, column);
    let alter = |clause: String, algorithm| algorithm::alter(rule.target, table, &clause, algorithm);
    let rename = |from: &str, to: &str| {
        vec![alter(format!("RENAME COLUMN {} TO {}", q(from), q(to)), algorithm::catalog_only(rule.target))]
    };
    steps.push(
        step(&format!("hide {shown}"), Phase::Contract, rename(&column.name, &hidden), Some(rename(&hidden, &column.name)))
            .holds(table, EXCLUSIVE)
            .why("A column that nobody sees has nobody who needs it: whoever still does fails now, while it can be brought back."),
    );
    let reverts = rule.statement.reverts();
    let mut with_hidden = found.clone();
    known::rename_column(&mut with_hidden.table, &column.name, &hidden);
    let mut forward = Vec::new();
    for name in &indexes {
        let known = with_hidden.table.indexes[name].clone();
        if reverts.is_empty() {
            let mut dropped = index::dropped(rule, &with_hidden, name, &known);
            dropped.step.needs_approval = true;
            dropped.step.requires = lockstep_core::step::ClientRequirement::Understands;
            steps.push(dropped);
        } else {
            forward.push(alter(format!("DROP INDEX {}", q(name)), Algorithm::NoCopy));
        }
    }
    forward.push(super::add_column::dropped(rule, found, &hidden));
    let mut dropped = step(&format!("drop {shown}"), Phase::Contract, forward, None)
        .holds(table, EXCLUSIVE)
        .why("Approve it when the column has been hidden for long enough: its values are gone then.");
    dropped.joins = false;
    dropped = algorithm::with_room_for_versions(dropped, rule.target, table);
    if !reverts.is_empty() {
        // What the directive makes again has the name that clients know; until the step before is undone, it is hidden.
        let statements = reverts.into_iter().chain(rename(&column.name, &hidden)).collect();
        dropped.step.revert = Some(Action::Statements { statements, transactional: false });
    }
    steps.push(dropped);
    Ok(steps)
}

/// Clients that no longer write the column must be able to leave it out.
fn optional(rule: &Rule<'_>, found: &Found, column: &Column) -> Draft {
    let shown = shown(&found.name, &column.name);
    let why = "Clients that no longer write the column must be able to leave it out.";
    if let Some(value) = types::implicit(rule.target.engine, &column.data_type) {
        let alter = |what: String| {
            let clause = format!("ALTER COLUMN {} {what}", q(&column.name));
            vec![algorithm::alter(rule.target, &found.name, &clause, Algorithm::Instant)]
        };
        let back = Some(alter("DROP DEFAULT".to_owned()));
        return step(&format!("default {shown}"), Phase::Expand, alter(format!("SET DEFAULT {value}")), back)
            .holds(&found.name, EXCLUSIVE)
            .why(why);
    }
    let modify = |definition: &str| {
        let clause = format!("MODIFY COLUMN {} {definition}", q(&column.name));
        vec![algorithm::alter(rule.target, &found.name, &clause, Algorithm::Inplace)]
    };
    let nullable = Column { nullable: true, ..column.clone() };
    let back = Some(modify(&column::definition_of(column)));
    step(&format!("null allowed in {shown}"), Phase::Expand, modify(&column::definition_of(&nullable)), back)
        .holds(&found.name, lock::ONLINE)
        .goes_through(rule.rows(&found.name))
        .why(why)
}
