//! DROP TABLE: first nobody must need it, then it is hidden, then it goes.

use super::lock::{self, EXCLUSIVE, Locks};
use super::text::{Reader, q};
use super::{Planned, Rule, append, known, nothing, on, step, switch, table_name, twin};
use crate::catalog::Known;
use crate::draft::{Draft, Drafts};
use crate::name;
use crate::plan::Refusal;
use lockstep_core::step::{Action, Phase};

pub(super) fn plan(rule: &mut Rule<'_>, mut reader: Reader<'_>) -> Option<Planned> {
    let if_exists = reader.words(&["if", "exists"]);
    let mut names = Vec::new();
    loop {
        match table_name(&mut reader)? {
            Ok(name) => names.push(name),
            Err(refusal) => return Some(Err(refusal)),
        }
        if !reader.symbol(",") {
            break;
        }
    }
    let is_read = reader.is_empty() || reader.word("cascade") || reader.word("restrict");
    is_read.then(|| all(rule, &names, if_exists))
}

fn all(rule: &mut Rule<'_>, names: &[String], if_exists: bool) -> Planned {
    let mut all = Drafts::default();
    for name in names {
        let drafts = one(rule, name, names, if_exists)?;
        append(&mut all, drafts);
    }
    Ok(all)
}

fn one(rule: &mut Rule<'_>, name: &str, together: &[String], if_exists: bool) -> Planned {
    let known = rule.catalog.table(name);
    if if_exists && known == Known::Absent {
        return Ok(nothing(name, format!("there is no table {name}: nothing is done")));
    }
    let table = match known {
        Known::Unknown => Default::default(),
        _ => rule.found(name)?.table,
    };
    if let Some((other, key)) = twin::pointing_at(rule, name, None)
        && other != name
        && !together.contains(&other)
    {
        return Err(Refusal::new(
            format!("foreign key {key} of {other} points at {name}"),
            format!("drop it before: `ALTER TABLE {} DROP FOREIGN KEY {}`", q(&other), q(&key)),
        ));
    }
    if let Some(what) = twin::used_by(rule, name, None) {
        return Err(Refusal::new(format!("{what} uses {name}"), "drop it before, by its name"));
    }
    let targets: Vec<String> = known::foreign_keys(&table)
        .into_iter()
        .map(|(_, key)| key.target)
        .filter(|target| target != name)
        .collect();
    let is_new = rule.catalog.is_created_here(name);
    let steps = if is_new { vec![at_once(name, &targets)] } else { steps(rule, name, &targets) };
    rule.catalog.schema.tables.remove(name);
    let mut drafts = on(name, steps);
    drafts.touches.extend(targets);
    if !is_new {
        drafts.as_written = Some(lock::impact(name, EXCLUSIVE));
        drafts.hazards.push(format!("as written every client that says {name} fails from that moment on"));
        if rule.statement.reverts().is_empty() {
            drafts.hazards.push("the last step cannot be taken back: the rows are gone".to_owned());
        }
    }
    Ok(drafts)
}

fn at_once(name: &str, targets: &[String]) -> Draft {
    let dropped = step(&format!("drop {name}"), Phase::Expand, vec![format!("DROP TABLE {}", q(name))], None)
        .holds(name, EXCLUSIVE)
        .why("The table is new: nobody uses it.")
        .drops(name);
    targets.iter().fold(dropped, |step, target| step.holds(target, EXCLUSIVE))
}

fn steps(rule: &Rule<'_>, name: &str, targets: &[String]) -> Vec<Draft> {
    let hidden = name::own("dropped", &[name]);
    let rename = |from: &str, to: &str| vec![format!("RENAME TABLE {} TO {}", q(from), q(to))];
    let hide = step(&format!("hide {name}"), Phase::Contract, rename(name, &hidden), Some(rename(&hidden, name)))
        .holds(name, EXCLUSIVE)
        .why("A table that nobody sees has nobody who needs it: whoever still does fails now, while it can be brought back.");
    let mut dropped =
        step(&format!("drop {name}"), Phase::Contract, vec![format!("DROP TABLE {}", q(&hidden))], None)
            .holds(&hidden, EXCLUSIVE)
            .why("Approve it when the table has been hidden for long enough: its rows are gone then.");
    for target in targets {
        dropped = dropped.holds(target, EXCLUSIVE);
    }
    let reverts = rule.statement.reverts();
    if !reverts.is_empty() {
        let statements = reverts.into_iter().chain(rename(name, &hidden)).collect();
        dropped.step.revert = Some(Action::Statements { statements, transactional: false });
    }
    vec![switch(Phase::SwitchReads, &format!("do without {name}")), hide, dropped]
}
