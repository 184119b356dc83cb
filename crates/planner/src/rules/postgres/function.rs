//! Functions and triggers.

use super::lock::{ACCESS_EXCLUSIVE, Locks, SHARE_ROW_EXCLUSIVE};
use super::object::{self, anywhere, expand};
use super::opaque::Words;
use super::table_name::Name;
use super::{Found, Planned, Rule, q, types};
use crate::draft::{Draft, Drafts};
use crate::name;
use crate::plan::Refusal;
use lockstep_core::step::Phase;
use sqlparser::ast::{
    ArgMode, CreateFunction, CreateTrigger, DropBehavior, DropFunction, DropTrigger, OperateFunctionArg,
};

pub(super) fn create(rule: &mut Rule<'_>, create: &CreateFunction) -> Planned {
    let name = Name::of(&create.name)?;
    let key = signature(rule, &name, create.args.as_deref().unwrap_or_default());
    let sql = object::qualified(&rule.statement.sql, "FUNCTION", &create.name, &name)?;
    let revert = match object::known(rule, "function", &key) {
        Some(_) if !create.or_replace => {
            return Err(Refusal::new(format!("function {key} is there already"), "write OR REPLACE"));
        }
        Some(old) => Some(vec![old]),
        None if create.or_replace && !rule.catalog.is_complete => {
            rule.revert_by_directive(&format!("nothing is known of what function {key} was before"))?
        }
        None => Some(vec![drop_sql(&name, &key)]),
    };
    let again = if create.or_replace { sql.clone() } else { sql.replacen("CREATE", "CREATE OR REPLACE", 1) };
    object::put(rule, "function", &key, again);
    let why = "A function is looked up each time that it is called: the one before and this one must both suit every client.";
    Ok(anywhere(vec![expand(&format!("function {key}"), vec![sql], revert, why)]))
}

fn drop_sql(name: &Name, key: &str) -> String {
    let arguments = key.find('(').map_or("()", |at| &key[at..]);
    format!("DROP FUNCTION {}{arguments}", name.sql())
}

/// As `regprocedure` prints it.
fn signature(rule: &Rule<'_>, name: &Name, arguments: &[OperateFunctionArg]) -> String {
    let given = arguments.iter().filter(|argument| argument.mode != Some(ArgMode::Out));
    let types = given.map(|argument| {
        let printed = types::printed(rule.catalog, &argument.data_type);
        // Lengths do not count in a signature.
        printed.split('(').next().unwrap_or(&printed).to_owned()
    });
    format!("{}({})", name.key(), types.collect::<Vec<_>>().join(","))
}

pub(super) fn drop(rule: &mut Rule<'_>, dropped: &DropFunction) -> Planned {
    let mut all = Drafts::default();
    for described in &dropped.func_desc {
        let name = Name::of(&described.name)?;
        let key = match &described.args {
            Some(arguments) => signature(rule, &name, arguments),
            None => only_one(rule, &name),
        };
        let old = object::known(rule, "function", &key);
        if dropped.if_exists && old.is_none() && rule.catalog.is_complete {
            super::alter_table::append(
                &mut all,
                object::nothing(format!("there is no function {key}: nothing is done"))?,
            );
            continue;
        }
        // A function with arguments is no trigger's.
        let triggers = if key.ends_with("()") { triggers_of(rule, &name) } else { Vec::new() };
        for (table, trigger) in triggers {
            let found = rule.found_named(table)?;
            if dropped.drop_behavior != Some(DropBehavior::Cascade) {
                return Err(Refusal::new(
                    format!("trigger {trigger} of {} calls {key}", found.name.key()),
                    "drop it before, by its name, or write CASCADE",
                ));
            }
            super::alter_table::append(&mut all, without_trigger(rule, &found, &trigger));
        }
        let forward = drop_sql(&name, &key);
        let drafts = object::dropping(rule, &format!("function {key}"), forward, old.map(|old| vec![old]));
        object::forget(rule, "function", &key);
        super::alter_table::append(&mut all, drafts);
    }
    Ok(all)
}

/// Triggers that call a function: their tables and their names.
fn triggers_of(rule: &Rule<'_>, function: &Name) -> Vec<(Name, String)> {
    let tables = rule.catalog.schema.tables.iter().filter_map(|(key, table)| Some((Name::from_key(key)?, table)));
    let of_table = |(table, known): (Name, &lockstep_core::schema::Table)| {
        let triggers = known.triggers.iter().filter(|(_, definition)| calls(definition, function));
        triggers.map(|(trigger, _)| (table.clone(), trigger.clone())).collect::<Vec<_>>()
    };
    tables.flat_map(of_table).collect()
}

fn calls(trigger: &str, function: &Name) -> bool {
    let mut words = Words::of(trigger);
    while !words.is_at_end() {
        if words.skip(&["EXECUTE", "FUNCTION"]) || words.skip(&["EXECUTE", "PROCEDURE"]) {
            return words.name().is_ok_and(|called| called == *function);
        }
        words.step();
    }
    false
}

/// The signature of the only function of this name.
fn only_one(rule: &Rule<'_>, name: &Name) -> String {
    let head = format!("{}(", name.key());
    let functions = rule.catalog.schema.objects.get("function");
    let found = functions.and_then(|functions| functions.keys().find(|key| key.starts_with(&head)));
    found.cloned().unwrap_or_else(|| format!("{head})"))
}

pub(super) fn create_trigger(rule: &mut Rule<'_>, create: &CreateTrigger) -> Planned {
    let found = rule.found(&create.table_name)?;
    let trigger = name::parts(&create.name).pop().unwrap_or_default();
    let sql = object::qualified(&rule.statement.sql, " ON ", &create.table_name, &found.name)
        .or_else(|_| object::qualified(&rule.statement.sql, "ON", &create.table_name, &found.name))?;
    let drop = format!("DROP TRIGGER {} ON {}", q(&trigger), found.name.sql());
    let revert = match found.table.triggers.get(&trigger) {
        // From PostgreSQL 14 on.
        Some(old) if create.or_replace => vec![old.replacen("CREATE TRIGGER", "CREATE OR REPLACE TRIGGER", 1)],
        Some(_) => {
            return Err(Refusal::new(
                format!("trigger {trigger} of {} is there already", found.name.key()),
                "drop it first, or choose another name",
            ));
        }
        None => vec![drop],
    };
    let definition = sql.replacen("OR REPLACE ", "", 1);
    rule.table_mut(&found.name).triggers.insert(trigger.clone(), definition);
    let step = expand(
        &format!("trigger {trigger} of {}", found.name.key()),
        vec![sql],
        Some(revert),
        "From here on it fires for every client, whatever release it is of.",
    )
    .holds(&found.name, SHARE_ROW_EXCLUSIVE);
    let mut drafts = anywhere(vec![step]);
    drafts.touches.push(found.name.key());
    Ok(drafts)
}

pub(super) fn drop_trigger(rule: &mut Rule<'_>, dropped: &DropTrigger) -> Planned {
    let Some(table) = &dropped.table_name else {
        return Err(Refusal::new("the trigger's table is missing", "write DROP TRIGGER ... ON ..."));
    };
    let found = rule.found(table)?;
    let trigger = name::parts(&dropped.trigger_name).pop().unwrap_or_default();
    if !found.table.triggers.contains_key(&trigger) {
        if dropped.if_exists {
            return object::nothing(format!(
                "there is no trigger {trigger} of {}: nothing is done",
                found.name.key()
            ));
        }
        return Err(Refusal::new(
            format!("there is no trigger {trigger} of {}", found.name.key()),
            "correct the name",
        ));
    }
    Ok(without_trigger(rule, &found, &trigger))
}

/// Takes away a trigger that is known.
fn without_trigger(rule: &mut Rule<'_>, found: &Found, trigger: &str) -> Drafts {
    let old = rule.table_mut(&found.name).triggers.remove(trigger);
    let forward = vec![format!("DROP TRIGGER {} ON {}", q(trigger), found.name.sql())];
    let name = format!("drop trigger {trigger} of {}", found.name.key());
    let phase = if found.is_new { Phase::Expand } else { Phase::Contract };
    let mut step = Draft::statements(&name, phase, forward, Some(old.into_iter().collect()))
        .holds(&found.name, ACCESS_EXCLUSIVE)
        .why("From here on it fires for nobody: what it did, clients must do themselves.");
    step.step.needs_approval = !found.is_new;
    let mut drafts = anywhere(vec![step]);
    drafts.touches.push(found.name.key());
    drafts
}
