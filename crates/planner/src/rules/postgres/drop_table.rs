//! DROP TABLE: first nobody must need it, then it is hidden, then it goes.

use super::lock::{self, ACCESS_EXCLUSIVE, Locks};
use super::rename_column::switch;
use super::table_name::Name;
use super::{Found, Planned, Rule, create_table, on, q, twin};
use crate::catalog::Known;
use crate::draft::{Draft, Drafts};
use crate::name;
use crate::plan::Refusal;
use lockstep_core::step::{Action, Phase};
use sqlparser::ast::ObjectName;

pub(super) fn plan(rule: &mut Rule<'_>, names: &[ObjectName], if_exists: bool, cascade: bool) -> Planned {
    let mut all = Drafts::default();
    let together = names.iter().map(Name::of).collect::<Result<Vec<_>, _>>()?;
    for name in &together {
        let drafts = one(rule, name, &together, if_exists, cascade)?;
        super::alter_table::append(&mut all, drafts);
    }
    Ok(all)
}

fn one(rule: &mut Rule<'_>, name: &Name, together: &[Name], if_exists: bool, cascade: bool) -> Planned {
    if if_exists && rule.catalog.table(&name.key()) == Known::Absent {
        return Ok(create_table::nothing(name, format!("there is no table {}: nothing is done", name.key())));
    }
    let found = match rule.catalog.table(&name.key()) {
        // What is dropped need not be known: nothing of it stays.
        Known::Unknown => {
            let is_new = rule.catalog.is_created_here(&name.key());
            Found { name: name.clone(), table: Default::default(), is_new }
        }
        _ => rule.found_named(name.clone())?,
    };
    refuse_dependents(rule, name, together, cascade)?;
    let is_new = found.is_new;
    let targets = super::alter_table::foreign_targets(&found.table);
    let steps = if is_new { vec![at_once(name, &targets)] } else { steps(rule, name, &targets) };
    rule.catalog.drop_table(&name.key());
    let mut drafts = on(name, steps);
    drafts.touches.extend(targets.iter().map(Name::key));
    if !is_new {
        drafts.as_written = Some(lock::impact(name, ACCESS_EXCLUSIVE));
        drafts.hazards.push(format!("as written every client that says {} fails from that moment on", name.key()));
        if rule.statement.reverts().is_empty() {
            drafts.hazards.push("the last step cannot be taken back: the rows are gone".to_owned());
        }
    }
    Ok(drafts)
}

fn refuse_dependents(rule: &Rule<'_>, name: &Name, together: &[Name], cascade: bool) -> Result<(), Refusal> {
    if let Some((other, constraint)) = twin::pointing_at(rule, name, None)
        && !together.iter().any(|name| name.key() == other)
    {
        return Err(Refusal::new(
            format!("foreign key {constraint} of {other} points at {}", name.key()),
            format!("drop it before: `ALTER TABLE {other} DROP CONSTRAINT {}`", q(&constraint)),
        ));
    }
    if let Some(view) = twin::view_on(rule, name, None) {
        return Err(Refusal::new(format!("{view} uses {}", name.key()), "drop it before, by its name"));
    }
    if cascade && !rule.catalog.is_complete {
        return Err(Refusal::new(
            format!("CASCADE would drop what depends on {} without naming it", name.key()),
            "drop what depends on it before, by its name, and leave CASCADE out",
        ));
    }
    Ok(())
}

fn at_once(name: &Name, targets: &[Name]) -> Draft {
    let forward = vec![format!("DROP TABLE {}", name.sql())];
    // Foreign keys have triggers on the tables that they point at.
    let dropped = Draft::statements(&format!("drop {}", name.key()), Phase::Expand, forward, None)
        .holds(name, ACCESS_EXCLUSIVE)
        .why("The table is new: nobody uses it.")
        .drops(&name.key());
    targets.iter().fold(dropped, |step, target| step.holds(target, ACCESS_EXCLUSIVE))
}

fn steps(rule: &Rule<'_>, name: &Name, targets: &[Name]) -> Vec<Draft> {
    let shown = name.key();
    let hidden = name.beside(&name::own("dropped", &[&name.schema, &name.name]));
    let rename = |from: &Name, to: &Name| format!("ALTER TABLE {} RENAME TO {}", from.sql(), q(&to.name));
    let hide = Draft::statements(
        &format!("hide {shown}"),
        Phase::Contract,
        vec![rename(name, &hidden)],
        Some(vec![rename(&hidden, name)]),
    )
    .holds(name, ACCESS_EXCLUSIVE)
    .why("A table that nobody sees has nobody who needs it: whoever still does fails now, while it can be brought back.");
    let mut dropped = Draft::statements(
        &format!("drop {shown}"),
        Phase::Contract,
        vec![format!("DROP TABLE {}", hidden.sql())],
        None,
    )
    .holds(&hidden, ACCESS_EXCLUSIVE)
    .why("Approve it when the table has been hidden for long enough: its rows are gone then.");
    // Foreign keys have triggers on the tables that they point at.
    for target in targets {
        dropped = dropped.holds(target, ACCESS_EXCLUSIVE);
    }
    let reverts = rule.statement.reverts();
    if !reverts.is_empty() {
        let statements = reverts.into_iter().chain([rename(name, &hidden)]).collect();
        dropped.step.revert = Some(Action::Statements { statements, transactional: true });
    }
    vec![switch(Phase::SwitchReads, &format!("do without {shown}")), hide, dropped]
}
