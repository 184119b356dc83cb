//! Views, triggers, routines and events: what is no table and belongs to none, or hangs on one.

use super::lock::{EXCLUSIVE, Locks};
use super::text::{Reader, q};
use super::{EVERYTHING, Planned, Rule, refused, step, switch, table_name};
use crate::catalog::Known;
use crate::draft::{Draft, Drafts};
use crate::plan::Refusal;
use lockstep_core::Engine;
use lockstep_core::step::{Action, Phase};

const KINDS: [&str; 6] = ["view", "trigger", "procedure", "function", "event", "sequence"];

/// What is made: its kind, its name, and where its name and all behind it begin.
struct Made<'a> {
    kind: &'static str,
    name: String,
    or_replace: bool,
    if_not_exists: bool,
    rest: Reader<'a>,
    /// From the kind's word on.
    definition: String,
}

fn made<'a>(mut reader: Reader<'a>) -> Option<Result<Made<'a>, Refusal>> {
    let or_replace = reader.words(&["or", "replace"]);
    let at = reader.find(&KINDS)?;
    // ALGORITHM, DEFINER, SQL SECURITY, AGGREGATE may stand before it.
    let before = reader.take(at);
    let kind = KINDS.into_iter().find(|kind| reader.is_word(kind))?;
    reader.skip();
    let if_not_exists = reader.words(&["if", "not", "exists"]);
    let named = reader;
    let name = match table_name(&mut reader)? {
        Ok(name) => name,
        Err(refusal) => return Some(Err(refusal)),
    };
    let head = options(&before);
    let definition = format!("{head}{} {}", kind.to_uppercase(), named.text());
    Some(Ok(Made { kind, name, or_replace, if_not_exists, rest: reader, definition }))
}

/// What stands between CREATE and the kind, without the definer: whom an object belongs to is no part of a schema.
fn options(before: &Reader<'_>) -> String {
    let words = before.text().to_lowercase();
    let mut text = String::new();
    for algorithm in ["merge", "temptable"] {
        if words.contains("algorithm") && words.contains(algorithm) {
            text.push_str(&format!("ALGORITHM={} ", algorithm.to_uppercase()));
        }
    }
    if words.contains("invoker") {
        text.push_str("SQL SECURITY INVOKER ");
    }
    if words.contains("aggregate") {
        text.push_str("AGGREGATE ");
    }
    text
}

pub(super) fn create(rule: &mut Rule<'_>, reader: Reader<'_>) -> Option<Planned> {
    let made = match made(reader) {
        None => return refused::other_created(&reader),
        Some(Err(refusal)) => return Some(Err(refusal)),
        Some(Ok(made)) => made,
    };
    if made.kind == "trigger" {
        return trigger(rule, &made);
    }
    Some(of_kind(rule, &made))
}

fn of_kind(rule: &mut Rule<'_>, made: &Made<'_>) -> Planned {
    let Made { kind, name, .. } = made;
    let old = known(rule, kind, name);
    if old.is_some() && made.if_not_exists {
        return nothing(format!("{kind} {name} is there already: nothing is done"));
    }
    if old.is_some() && !made.or_replace {
        return Err(Refusal::new(
            format!("{kind} {name} is there already"),
            "drop it before, or write OR REPLACE",
        ));
    }
    let verb = if made.or_replace { "CREATE OR REPLACE" } else { "CREATE" };
    let drop = format!("DROP {} {}", kind.to_uppercase(), q(name));
    let revert = match &old {
        Some(old) => vec![again(rule, kind, old)],
        None if made.or_replace && !rule.catalog.is_complete => rule
            .revert_by_directive(&format!("nothing is known of what {kind} {name} was before"))?
            .unwrap_or_default(),
        None => vec![drop],
    };
    put(rule, kind, name, format!("CREATE {}", made.definition));
    let mut draft = step(
        &format!("{kind} {name}"),
        Phase::Expand,
        vec![format!("{verb} {}", made.definition)],
        Some(revert.clone()),
    )
    .why("Nobody uses what was not there; what takes the place of another is exchanged in one statement.");
    if revert.is_empty() {
        draft.step.revert = None;
    }
    Ok(anywhere(vec![draft]))
}

/// The statement that puts the catalog's object in the place of what is there.
fn again(rule: &Rule<'_>, kind: &str, definition: &str) -> String {
    let definition = &super::text::executable(definition.split(" (sql_mode ").next().unwrap_or(definition));
    let replaces = kind == "view" || rule.target.engine == Engine::Mariadb;
    if replaces && !definition.to_uppercase().starts_with("CREATE OR REPLACE") {
        return definition.replacen("CREATE ", "CREATE OR REPLACE ", 1);
    }
    definition.to_owned()
}

fn trigger(rule: &mut Rule<'_>, made: &Made<'_>) -> Option<Planned> {
    let mut rest = made.rest;
    let before = rest;
    let timing = if rest.word("before") { "BEFORE" } else { rest.word("after").then_some("AFTER")? };
    let event = ["insert", "update", "delete"].into_iter().find(|event| rest.word(event))?;
    rest.word("on").then_some(())?;
    let table = match table_name(&mut rest)? {
        Ok(table) => table,
        Err(refusal) => return Some(Err(refusal)),
    };
    rest.words(&["for", "each", "row"]).then_some(())?;
    let body = rest.text();
    Some(of_trigger(
        rule,
        made,
        (&table, &format!("{timing} {} FOR EACH ROW {body}", event.to_uppercase()), before.text()),
    ))
}

fn of_trigger(rule: &mut Rule<'_>, made: &Made<'_>, (table, definition, written): (&str, &str, &str)) -> Planned {
    let name = &made.name;
    let there = trigger_named(rule, name);
    if there.is_some() && made.if_not_exists {
        return nothing(format!("trigger {name} is there already: nothing is done"));
    }
    if there.is_some() {
        return Err(Refusal::new(
            format!("trigger {name} is there already"),
            "drop it in a statement before: between the two rows are written without it",
        ));
    }
    if rule.catalog.is_complete && rule.catalog.table(table) == Known::Absent {
        return Err(Refusal::new(format!("there is no table {table}"), "correct the name"));
    }
    if let Known::Table(_) = rule.catalog.table(table) {
        rule.table_mut(table).triggers.insert(name.clone(), definition.to_owned());
    }
    let verb = if made.or_replace { "CREATE OR REPLACE" } else { "CREATE" };
    let draft = step(
        &format!("trigger {name} of {table}"),
        Phase::Expand,
        vec![format!("{verb} TRIGGER {} {written}", q(name))],
        Some(vec![format!("DROP TRIGGER {}", q(name))]),
    )
    .holds(table, EXCLUSIVE)
    .why("The server notes it; rows that are there are not looked at.");
    Ok(anywhere(vec![draft]))
}

/// The table that has this trigger, and what it does.
fn trigger_named(rule: &Rule<'_>, name: &str) -> Option<(String, String)> {
    let tables = &rule.catalog.schema.tables;
    tables.iter().find_map(|(table, known)| known.triggers.get(name).map(|text| (table.clone(), text.clone())))
}

/// What is dropped, behind DROP.
pub(super) fn dropped(rule: &mut Rule<'_>, mut reader: Reader<'_>) -> Option<Planned> {
    let Some(kind) = KINDS.into_iter().find(|kind| reader.is_word(kind)) else {
        return refused::other_dropped(&reader);
    };
    reader.skip();
    let if_exists = reader.words(&["if", "exists"]);
    let mut all = Drafts::default();
    loop {
        let name = match table_name(&mut reader)? {
            Ok(name) => name,
            Err(refusal) => return Some(Err(refusal)),
        };
        match drop_one(rule, kind, &name, if_exists) {
            Ok(drafts) => super::append(&mut all, drafts),
            Err(refusal) => return Some(Err(refusal)),
        }
        if !reader.symbol(",") {
            return Some(Ok(all));
        }
    }
}

fn drop_one(rule: &mut Rule<'_>, kind: &'static str, name: &str, if_exists: bool) -> Planned {
    if kind == "trigger" {
        return drop_trigger(rule, name, if_exists);
    }
    let old = known(rule, kind, name);
    if old.is_none() && if_exists && rule.catalog.is_complete {
        return nothing(format!("there is no {kind} {name}: nothing is done"));
    }
    forget(rule, kind, name);
    let reverts = rule.statement.reverts();
    let back = old.map(|old| vec![super::text::executable(old.split(" (sql_mode ").next().unwrap_or(&old))]);
    let back = if reverts.is_empty() { back } else { Some(reverts) };
    let revert = back.map(|statements| Action::Statements { statements, transactional: false });
    let mut dropped = step(
        &format!("drop {kind} {name}"),
        Phase::Contract,
        vec![format!("DROP {} {}", kind.to_uppercase(), q(name))],
        None,
    )
    .why("No client is left that needs it.");
    dropped.step.revert = revert;
    let is_lost = dropped.step.revert.is_none();
    let mut drafts = anywhere(vec![switch(Phase::SwitchReads, &format!("do without {kind} {name}")), dropped]);
    if is_lost {
        drafts.hazards.push("the last step cannot be taken back: nothing is known of what it was".to_owned());
    }
    Ok(drafts)
}

fn drop_trigger(rule: &mut Rule<'_>, name: &str, if_exists: bool) -> Planned {
    let Some((table, text)) = trigger_named(rule, name) else {
        if if_exists && rule.catalog.is_complete {
            return nothing(format!("there is no trigger {name}: nothing is done"));
        }
        let revert = rule.revert_by_directive(&format!("nothing is known of trigger {name}"))?;
        let drop = vec![format!("DROP TRIGGER {}", q(name))];
        return Ok(anywhere(vec![
            step(&format!("drop trigger {name}"), Phase::Expand, drop, revert)
                .why("It does no more from here on."),
        ]));
    };
    rule.table_mut(&table).triggers.remove(name);
    let text = text.split(" (sql_mode ").next().unwrap_or(&text);
    let (when, body) = text.split_once(" FOR EACH ROW").unwrap_or((text, ""));
    let body = body.split_once(") ").filter(|_| body.starts_with(" (number")).map_or(body, |(_, body)| body);
    let back = format!(
        "CREATE TRIGGER {} {when} ON {} FOR EACH ROW {}",
        q(name),
        q(&table),
        super::text::executable(body.trim())
    );
    let reverts = rule.statement.reverts();
    let back = if reverts.is_empty() { vec![back] } else { reverts };
    let dropped = step(
        &format!("drop trigger {name} of {table}"),
        Phase::Expand,
        vec![format!("DROP TRIGGER {}", q(name))],
        Some(back),
    )
    .holds(&table, EXCLUSIVE)
    .why("It does no more from here on; rows that are there are not looked at.");
    Ok(anywhere(vec![dropped]))
}

/// ALTER VIEW is CREATE OR REPLACE VIEW; others are refused.
pub(super) fn alter(rule: &mut Rule<'_>, reader: Reader<'_>) -> Option<Planned> {
    match made(reader) {
        Some(Ok(made)) if made.kind == "view" => Some(of_kind(rule, &Made { or_replace: true, ..made })),
        Some(Err(refusal)) => Some(Err(refusal)),
        _ => refused::other_altered(&reader),
    }
}

/// Objects may use any table: no statement overtakes one that makes or drops them.
fn anywhere(steps: Vec<Draft>) -> Drafts {
    Drafts { steps, touches: vec![EVERYTHING.to_owned()], ..Drafts::default() }
}

fn nothing(hazard: String) -> Planned {
    Ok(Drafts { hazards: vec![hazard], ..Drafts::default() })
}

/// The catalog's object of this kind and name.
pub(super) fn known(rule: &Rule<'_>, kind: &str, name: &str) -> Option<String> {
    rule.catalog.schema.objects.get(kind)?.get(name).cloned()
}

fn put(rule: &mut Rule<'_>, kind: &str, name: &str, definition: String) {
    rule.catalog.schema.objects.entry(kind.to_owned()).or_default().insert(name.to_owned(), definition);
}

fn forget(rule: &mut Rule<'_>, kind: &str, name: &str) {
    if let Some(objects) = rule.catalog.schema.objects.get_mut(kind) {
        objects.remove(name);
    }
}
