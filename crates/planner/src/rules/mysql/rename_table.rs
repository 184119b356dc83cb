//! RENAME TABLE: a view under the new name, as good as the table for reading and writing rows, until every client uses it; then the
//! table takes the view's place in one statement.
//!
//! A table cannot be renamed and a view put under its old name in one statement, so the view comes first, and under the new name.
//! `RENAME TABLE` renames several tables and views in one moment: the table and the view change places without one in which a name
//! is missing.

use super::lock::{self, EXCLUSIVE, Locks};
use super::text::{Reader, q, q_list};
use super::{Found, Planned, Rule, append, known, on, step, switch, table_name, twin};
use crate::catalog::Known;
use crate::draft::Drafts;
use crate::name;
use crate::plan::Refusal;
use lockstep_core::schema::Table;
use lockstep_core::step::Phase;

pub(super) fn plan(rule: &mut Rule<'_>, mut reader: Reader<'_>) -> Option<Planned> {
    let if_exists = reader.words(&["if", "exists"]);
    let mut pairs = Vec::new();
    loop {
        let from = table_name(&mut reader)?;
        reader.word("to").then_some(())?;
        let to = table_name(&mut reader)?;
        match (from, to) {
            (Ok(from), Ok(to)) => pairs.push((from, to)),
            (Err(refusal), _) | (_, Err(refusal)) => return Some(Err(refusal)),
        }
        if !reader.symbol(",") {
            break;
        }
    }
    if !reader.is_empty() {
        return None;
    }
    let mut all = Drafts::default();
    for (from, to) in pairs {
        if if_exists && rule.catalog.table(&from) == Known::Absent {
            append(&mut all, super::nothing(&from, format!("there is no table {from}: nothing is done")));
            continue;
        }
        match one(rule, &from, &to) {
            Ok(drafts) => append(&mut all, drafts),
            Err(refusal) => return Some(Err(refusal)),
        }
    }
    Some(Ok(all))
}

pub(super) fn one(rule: &mut Rule<'_>, from: &str, to: &str) -> Planned {
    let found = rule.found(from)?;
    if matches!(rule.catalog.table(to), Known::Table(_)) || super::object::known(rule, "view", to).is_some() {
        return Err(Refusal::new(format!("{to} is there already"), "choose another name"));
    }
    if let Some(what) = twin::used_by(rule, from, None) {
        return Err(Refusal::new(format!("{what} uses {from}"), "drop it before, and make it again after"));
    }
    let rename = |from: &str, to: &str| vec![format!("RENAME TABLE {} TO {}", q(from), q(to))];
    let drafts = if found.is_new {
        let step = step(&format!("rename {from}"), Phase::Expand, rename(from, to), Some(rename(to, from)))
            .holds(from, EXCLUSIVE)
            .why("The table is new: nobody uses the old name.");
        on(from, vec![step])
    } else {
        both_names(&found, to)?
    };
    rename_in_catalog(rule, from, to, found.is_new);
    Ok(Drafts { touches: vec![from.to_owned(), to.to_owned()], ..drafts })
}

fn view(name: &str, of: &str, columns: &str) -> String {
    format!("CREATE SQL SECURITY INVOKER VIEW {} AS SELECT {columns} FROM {}", q(name), q(of))
}

fn both_names(found: &Found, to: &str) -> Result<Drafts, Refusal> {
    let from = &found.name;
    if found.table.columns.iter().any(|column| super::column::option(column, "invisible").is_some()) {
        return Err(Refusal::new(
            format!("{from} has invisible columns, and a view cannot show them as the table does"),
            "rename it in a window of its own with `-- lockstep: opaque` and `-- lockstep: revert ...`",
        ));
    }
    let columns = q_list(&found.table.columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>());
    let aside = name::own("renamed", &[from, to]);
    let second = name::own("second", &[from, to]);
    let drop = |name: &str| format!("DROP VIEW {}", q(name));
    let introduced = step(
        &format!("the name {to} for {from}"),
        Phase::Expand,
        vec![view(to, from, &columns)],
        Some(vec![drop(to)]),
    )
    .holds(from, EXCLUSIVE)
    .why("Whoever says the new name reads and writes the same rows through a view.");
    // On the way back the view must name the table by its old name while that is still a view itself.
    let back = vec![
        view(from, to, &columns),
        view(&second, from, &columns),
        format!(
            "RENAME TABLE {} TO {}, {} TO {}, {} TO {}",
            q(from),
            q(&aside),
            q(to),
            q(from),
            q(&second),
            q(to)
        ),
        drop(&aside),
    ];
    let forward = vec![format!("RENAME TABLE {} TO {}, {} TO {}", q(to), q(&aside), q(from), q(to)), drop(&aside)];
    let mut renamed = step(&format!("rename {from}"), Phase::Contract, forward, Some(back))
        .holds(from, EXCLUSIVE)
        .why("One statement: the table takes the view's place. No client is left that says the old name.");
    renamed.joins = false;
    let steps = vec![introduced, switch(Phase::SwitchReads, &format!("say {to}")), renamed];
    let mut drafts = Drafts { as_written: Some(lock::impact(from, EXCLUSIVE)), ..on(from, steps) };
    drafts.hazards.push(format!("as written every client that says {from} fails from that moment on"));
    drafts.hazards.push("through a view TRUNCATE, ALTER TABLE and hints about indexes do not work".to_owned());
    Ok(drafts)
}

fn rename_in_catalog(rule: &mut Rule<'_>, from: &str, to: &str, is_new: bool) {
    let Some(mut table) = rule.catalog.schema.tables.remove(from) else { return };
    rename_generated(&mut table, from, to);
    if is_new {
        rule.catalog.create_table(to, table);
    } else {
        rule.catalog.schema.tables.insert(to.to_owned(), table);
    }
    for table in rule.catalog.schema.tables.values_mut() {
        for (name, mut key) in known::foreign_keys(table) {
            if key.target == from {
                to.clone_into(&mut key.target);
                if let Some(constraint) = table.constraints.get_mut(&name) {
                    constraint.definition = key.definition();
                }
            }
        }
    }
}

/// Names that the server made of the table's name follow it.
fn rename_generated(table: &mut Table, from: &str, to: &str) {
    let prefix = format!("{from}_ibfk_");
    let names: Vec<String> = table.constraints.keys().filter(|name| name.starts_with(&prefix)).cloned().collect();
    for name in names {
        if let Some(constraint) = table.constraints.remove(&name) {
            table.constraints.insert(format!("{to}_ibfk_{}", &name[prefix.len()..]), constraint);
        }
    }
}
