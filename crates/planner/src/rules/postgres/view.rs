//! Views and materialised views.

use super::alter_table::append;
use super::lock::ACCESS_EXCLUSIVE;
use super::object::{self, anywhere, expand};
use super::table_name::Name;
use super::{Planned, Rule, rewrite};
use crate::catalog::Known;
use crate::draft::{Draft, Drafts, Lock};
use crate::plan::Refusal;
use lockstep_core::schema::{Schema, Table};
use lockstep_core::step::{Action, Phase};
use sqlparser::ast::{CreateView, ObjectName};

pub(super) fn create(rule: &mut Rule<'_>, create: &CreateView) -> Planned {
    if create.temporary {
        return Err(Refusal::new(
            "a temporary view is gone with the session that made it",
            "leave the statement out",
        ));
    }
    let name = Name::of(&create.name)?;
    let sql = object::qualified(&rule.statement.sql, "VIEW", &create.name, &name)?;
    let key = name.key();
    if create.materialized {
        return materialized(rule, &name, create, sql);
    }
    let drop = format!("DROP VIEW {}", name.sql());
    let old = object::known(rule, "view", &key);
    let revert = match &old {
        Some(_) if !create.or_replace => {
            return Err(Refusal::new(format!("view {key} is there already"), "write OR REPLACE"));
        }
        Some(old) => Some(vec![drop, as_statement(&name, old)]),
        None if create.or_replace && !rule.catalog.is_complete => {
            rule.revert_by_directive(&format!("nothing is known of what view {key} was before"))?
        }
        None => Some(vec![drop]),
    };
    object::put(rule, "view", &key, create.query.to_string());
    let why = "A view holds no rows. Columns that were there stay: the server sees to it.";
    let mut drafts = anywhere(vec![expand(&format!("view {key}"), vec![sql], revert, why)]);
    if old.is_some() {
        drafts.hazards.push(format!(
            "a rollback drops view {key} and makes it again: rights on it are lost, and a view on it is in the way"
        ));
    }
    Ok(drafts)
}

/// The statement that makes a view of the catalog.
fn as_statement(name: &Name, definition: &str) -> String {
    let query = [definition.find("SELECT"), definition.find("WITH ")].into_iter().flatten().min().unwrap_or(0);
    let (options, query) = definition.split_at(query);
    let options: Vec<&str> = options.split_whitespace().collect();
    let options = if options.is_empty() { String::new() } else { format!(" WITH ({})", options.join(", ")) };
    format!("CREATE VIEW {}{options} AS {}", name.sql(), query.trim_end_matches(';'))
}

fn materialized(rule: &mut Rule<'_>, name: &Name, create: &CreateView, sql: String) -> Planned {
    let key = name.key();
    if matches!(rule.catalog.table(&key), Known::Table(_)) {
        if create.if_not_exists {
            return object::nothing(format!("materialized view {key} is there already: nothing is done"));
        }
        return Err(Refusal::new(format!("materialized view {key} is there already"), "choose another name"));
    }
    let mut table = Table::default();
    table.options.insert("definition".to_owned(), create.query.to_string());
    rule.catalog.create_table(&key, table);
    let revert = Some(vec![format!("DROP MATERIALIZED VIEW {}", name.sql())]);
    let why = "Its query reads beside reads and writes, in one transaction.";
    let mut drafts = anywhere(vec![expand(&format!("materialized view {key}"), vec![sql], revert, why)]);
    drafts.hazards.push("one transaction, as long as its query takes".to_owned());
    Ok(drafts)
}

pub(super) fn drop(
    rule: &mut Rule<'_>,
    names: &[ObjectName],
    if_exists: bool,
    cascade: bool,
    materialized: bool,
) -> Planned {
    let mut all = Drafts::default();
    let together = names.iter().map(Name::of).collect::<Result<Vec<_>, _>>()?;
    let mut gone: Vec<Name> = Vec::new();
    for name in &together {
        let key = name.key();
        if gone.contains(name) {
            continue;
        }
        let is_there = is_known(rule, &key, materialized);
        if if_exists && !is_there && rule.catalog.is_complete {
            append(&mut all, object::nothing(format!("there is no view {key}: nothing is done"))?);
            continue;
        }
        let users = users_of(rule, name);
        match users.iter().find(|user| !together.contains(user)) {
            Some(user) if !cascade => {
                return Err(Refusal::new(
                    format!("view {} uses {key}", user.key()),
                    "drop it before, by its name, or write CASCADE",
                ));
            }
            _ if cascade && !rule.catalog.is_complete => {
                return Err(Refusal::new(
                    format!("CASCADE would drop what depends on {key} without naming it"),
                    "drop what depends on it before, by its name, and leave CASCADE out",
                ));
            }
            _ => {}
        }
        for user in users.iter().rev().chain([name]) {
            append(&mut all, drop_one(rule, user, materialized && user == name));
            gone.push(user.clone());
        }
    }
    Ok(all)
}

fn is_materialized(rule: &Rule<'_>, key: &str) -> bool {
    matches!(rule.catalog.table(key), Known::Table(table) if table.options.contains_key("definition"))
}

fn is_known(rule: &Rule<'_>, key: &str, materialized: bool) -> bool {
    if materialized {
        matches!(rule.catalog.table(key), Known::Table(_))
    } else {
        object::known(rule, "view", key).is_some()
    }
}

/// All views, plain and materialised: what kind each is, its name and its query.
pub(super) fn all(schema: &Schema) -> impl Iterator<Item = (&'static str, &str, &str)> {
    let views = schema.objects.get("view").into_iter().flatten();
    let materialized =
        schema.tables.iter().filter_map(|(key, table)| Some((key, table.options.get("definition")?)));
    views
        .map(|(key, text)| ("view", key.as_str(), text.as_str()))
        .chain(materialized.map(|(key, text)| ("materialized view", key.as_str(), text.as_str())))
}

/// Views that read a view, and those that read these: each after those that it reads.
fn users_of(rule: &Rule<'_>, name: &Name) -> Vec<Name> {
    let all: Vec<(Name, &str)> =
        all(&rule.catalog.schema).filter_map(|(_, key, text)| Some((Name::from_key(key)?, text))).collect();
    let mut found: Vec<Name> = Vec::new();
    let mut reached = vec![name.clone()];
    while let Some(read) = reached.pop() {
        for (user, _) in all.iter().filter(|(user, text)| *user != read && rewrite::mentions(text, &read.name)) {
            // Found once more: it reads what was found meanwhile.
            found.retain(|known| known != user);
            found.push(user.clone());
            if found.len() > all.len() * all.len() {
                return found;
            }
            reached.push(user.clone());
        }
    }
    found
}

fn drop_one(rule: &mut Rule<'_>, name: &Name, materialized: bool) -> Drafts {
    let key = name.key();
    let is_materialized = materialized || is_materialized(rule, &key);
    let (kind, of_catalog) = if is_materialized { ("MATERIALIZED VIEW", "table") } else { ("VIEW", "view") };
    let back = if is_materialized {
        match rule.catalog.table(&key) {
            Known::Table(table) => table.options.get("definition").map(|text| {
                let query = text.trim_end().trim_end_matches(';');
                let made = format!("CREATE MATERIALIZED VIEW {} AS {query}", name.sql());
                [made].into_iter().chain(table.indexes.values().map(|index| index.definition.clone())).collect()
            }),
            _ => None,
        }
    } else {
        object::known(rule, "view", &key).map(|old| vec![as_statement(name, &old)])
    };
    let forward = format!("DROP {kind} {}", name.sql());
    let mut drafts = object::dropping_known(rule, (of_catalog, &key), &format!("view {key}"), forward, back);
    if is_materialized {
        for draft in drafts.steps.iter_mut().filter(|draft| draft.step.forward != Action::Nothing) {
            draft.step.targets.push(key.clone());
            draft.impact.locks.push(Lock {
                table: key.clone(),
                mode: ACCESS_EXCLUSIVE.0,
                blocks: ACCESS_EXCLUSIVE.1,
            });
        }
    }
    object::forget(rule, "view", &key);
    rule.catalog.drop_table(&key);
    drafts
}

/// REFRESH MATERIALIZED VIEW, which the parser does not know.
pub(super) fn refresh(rule: &Rule<'_>, name: &Name) -> Planned {
    let (key, sql) = (name.key(), name.sql());
    let is_unique = match rule.catalog.table(&key) {
        Known::Table(table) => table.indexes.values().any(|index| index.unique),
        _ => false,
    };
    let label = format!("refresh {key}");
    let mut step = if rule.catalog.is_created_here(&key) {
        // One without data cannot be refreshed concurrently.
        let forward = vec![format!("REFRESH MATERIALIZED VIEW {sql}")];
        expand(&label, forward, None, "Nobody reads a view that was not there.")
    } else if is_unique {
        let forward = format!("REFRESH MATERIALIZED VIEW CONCURRENTLY {sql}");
        Draft::alone(&label, Phase::Backfill, forward, None).why("Refreshed beside readers.")
    } else {
        return Err(Refusal::new(
            format!("without a unique index REFRESH locks {key} against readers while its query runs"),
            "create a unique index on it first",
        ));
    };
    step.step.revert = Some(Action::Nothing);
    Ok(anywhere(vec![step]))
}
