//! ADD COLUMN: the server notes the column in its catalog only; values, keys and references come after.

use super::algorithm::{self, Algorithm};
use super::column::{self, New, shown};
use super::fill::{self, Fill};
use super::key::KeyKind;
use super::lock::{self, EXCLUSIVE, Locks};
use super::text::q;
use super::{Found, Planned, Rule, append, apply, constraint, index, known, nothing, on, step, switch, types};
use crate::draft::{Draft, Drafts};
use crate::plan::Refusal;
use lockstep_core::Engine;
use lockstep_core::step::{Action, Phase};

pub(super) fn plan(rule: &mut Rule<'_>, found: &Found, new: &New, if_not_exists: bool) -> Planned {
    let shown = shown(&found.name, &new.name);
    if if_not_exists && known::column(&found.table, &new.name).is_some() {
        return Ok(nothing(&found.name, format!("{shown} is there already: nothing is done")));
    }
    refuse_taken(found, &new.name)?;
    refuse_copies(found, new)?;
    if new.check.is_some() && rule.target.engine == Engine::Mysql {
        return Err(constraint::add_check(rule.target, found));
    }
    let plain = New { unique: false, primary: false, references: None, ..new.clone() };
    let mut drafts = base(rule, found, &plain)?;
    drafts.hazards.extend(algorithm::versions_hazard(rule.target, &found.name));
    let mut table = found.table.clone();
    apply::add_column(rule.target.engine, &found.name, &mut table, &plain);
    *rule.table_mut(&found.name) = table;
    rule.catalog.create_column(&found.name, &new.name);
    if new.unique {
        let now = rule.found(&found.name)?;
        append(&mut drafts, index::add(rule, &now, &apply::single(KeyKind::Unique, &new.name))?);
    }
    if let Some(key) = &new.references {
        match rule.target.engine {
            Engine::Mariadb => {
                let now = rule.found(&found.name)?;
                append(&mut drafts, constraint::add_foreign_key(rule, &now, key)?);
            }
            _ => drafts
                .hazards
                .push(format!("MySQL reads REFERENCES behind column {} and makes no foreign key", new.name)),
        }
    }
    Ok(drafts)
}

pub(super) fn refuse_taken(found: &Found, name: &str) -> Result<(), Refusal> {
    match known::column(&found.table, name) {
        None => Ok(()),
        Some(_) => Err(Refusal::new(
            format!("{} is there already", shown(&found.name, name)),
            "leave the clause out, or choose another name",
        )),
    }
}

fn refuse_copies(found: &Found, new: &New) -> Result<(), Refusal> {
    let shown = shown(&found.name, &new.name);
    let what = if new.auto_increment {
        "a column that counts"
    } else if new.generated.as_ref().is_some_and(|(_, stored)| *stored) {
        "a stored generated column"
    } else if new.primary {
        "the primary key"
    } else {
        return Ok(());
    };
    let remedy = match &new.generated {
        Some(_) => "make it VIRTUAL, which is computed as it is read and can be indexed",
        None => {
            "make a new table with it and move the rows, or accept it in a window of its own with `-- lockstep: opaque` and \
                 `-- lockstep: revert ...`"
        }
    };
    Err(Refusal::new(format!("adding {shown} as {what} writes the whole table anew while writes wait"), remedy))
}

/// The column, its values and its NOT NULL.
fn base(rule: &Rule<'_>, found: &Found, new: &New) -> Planned {
    let backfill = rule.backfill_of(&new.name).map(str::to_owned);
    let is_stable = types::is_stable(new.default.as_deref());
    let needs_value = new.not_null && new.default.is_none() && new.generated.is_none();
    match backfill {
        Some(expression) => filled(rule, found, new, &expression),
        None if !is_stable => {
            let expression = new.default.clone().unwrap_or_default();
            filled(rule, found, new, &expression)
        }
        None if needs_value => with_implicit(rule, found, new),
        None => Ok(on(
            &found.name,
            vec![
                added(rule, found, new)
                    .why("The server notes the column and its default in its catalog, and writes no row."),
            ],
        )),
    }
}

/// `ADD COLUMN`, done in the server's catalog only.
fn added(rule: &Rule<'_>, found: &Found, new: &New) -> Draft {
    let name = format!("add {}", shown(&found.name, &new.name));
    let clause = format!("ADD COLUMN {} {}{}", q(&new.name), new.definition(), new.place());
    let forward = algorithm::alter(
        rule.target,
        &found.name,
        &clause,
        algorithm::add_column(rule.target, new.position.is_some()),
    );
    let added = step(&name, Phase::Expand, vec![forward], Some(vec![dropped(rule, found, &new.name)]))
        .holds(&found.name, EXCLUSIVE);
    algorithm::with_room_for_versions(added, rule.target, &found.name)
}

pub(super) fn dropped(rule: &Rule<'_>, found: &Found, column: &str) -> String {
    let clause = format!("DROP COLUMN {}", q(column));
    algorithm::alter(rule.target, &found.name, &clause, algorithm::drop_column(rule.target))
}

/// NOT NULL and no default: rows that are there get what the server itself would put in; so do those that clients of an older
/// release write, until there are none.
fn with_implicit(rule: &Rule<'_>, found: &Found, new: &New) -> Planned {
    let shown = shown(&found.name, &new.name);
    let Some(value) = types::implicit(rule.target.engine, &new.data_type) else {
        return Err(needs_values(&shown, new));
    };
    let first = New { default: Some(value.clone()), ..new.clone() };
    let change = |what: &str| {
        let clause = format!("ALTER COLUMN {} {what}", q(&new.name));
        vec![algorithm::alter(rule.target, &found.name, &clause, Algorithm::Instant)]
    };
    let back = change(&format!("SET DEFAULT {value}"));
    let mut strict = step(&format!("no default for {shown}"), Phase::Contract, change("DROP DEFAULT"), Some(back))
        .holds(&found.name, EXCLUSIVE)
        .why("No client is left that leaves the column out.");
    strict.step.needs_approval = false;
    let steps = vec![
        added(rule, found, &first).why(
            "With a default for as long as clients may leave the column out; the server notes both in its catalog, and writes no row.",
        ),
        switch(Phase::SwitchWrites, &format!("write {shown}")),
        strict,
    ];
    let mut drafts = Drafts { as_written: Some(lock::impact(&found.name, EXCLUSIVE)), ..on(&found.name, steps) };
    drafts.hazards.push(format!("as written every client that leaves {shown} out fails from that moment on"));
    drafts.hazards.push(format!(
        "rows that are there get {value}, which is what the server puts in; `-- lockstep: backfill {} = ...` gives them another value",
        q(&new.name)
    ));
    Ok(drafts)
}

fn needs_values(shown: &str, new: &New) -> Refusal {
    Refusal::new(
        format!("{shown} is NOT NULL and has no default: rows that are there would have no value"),
        format!("give them one with a line above the statement: `-- lockstep: backfill {} = ...`", q(&new.name)),
    )
}

/// First without values; then they come in batches.
fn filled(rule: &Rule<'_>, found: &Found, new: &New, expression: &str) -> Planned {
    let (shown, rows) = (shown(&found.name, &new.name), rule.rows(&found.name));
    let nullable = New {
        not_null: false,
        default: new.default.clone().filter(|_| types::is_stable(new.default.as_deref())),
        ..new.clone()
    };
    let first = New { default: None, ..nullable.clone() };
    let add = added(rule, found, &first).why("First without values, so that no row is written.");
    let mut with = found.clone();
    known::put_column(&mut with.table, rule.target.engine, &first);
    let mut steps = vec![add];
    if let Some(default) = new.default.as_deref().filter(|default| !new.not_null || *default == expression) {
        // Rows to come have the default, whoever leaves the column out: no trigger is needed, and no client has to know.
        steps.push(set_default(rule, found, &first, default));
        steps.push(fill::backfill(&with, &new.name, expression, rows)?);
        if new.not_null {
            let nullable = New { not_null: false, position: None, ..new.clone() };
            known::change_column(&mut with.table, rule.target.engine, &new.name, &nullable);
            steps.push(fill::not_null(rule, &with, new)?);
        }
    } else if new.not_null {
        let fill = Fill { column: new, expression, revert: Some(Action::Nothing) };
        steps.extend(fill::steps(rule, &with, &fill)?);
    } else {
        steps.push(switch(Phase::SwitchWrites, &format!("write {shown}")));
        steps.push(fill::backfill(&with, &new.name, expression, rows)?);
    }
    let as_written =
        if new.default.is_some() { lock::copy(&found.name, rows) } else { lock::impact(&found.name, EXCLUSIVE) };
    Ok(Drafts { as_written: Some(as_written), ..on(&found.name, steps) })
}

fn set_default(rule: &Rule<'_>, found: &Found, new: &New, default: &str) -> Draft {
    let alter = |clause: &str| vec![algorithm::alter(rule.target, &found.name, clause, Algorithm::Instant)];
    let set = alter(&column::set_default(rule.target.engine, new, default));
    let unset = alter(&format!("ALTER COLUMN {} SET DEFAULT NULL", q(&new.name)));
    step(&format!("default of {}", shown(&found.name, &new.name)), Phase::Expand, set, Some(unset))
        .holds(&found.name, EXCLUSIVE)
        .why("The default counts for rows to come.")
}
