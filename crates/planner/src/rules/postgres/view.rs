//! Views and materialised views.

use super::object::{self, anywhere, expand};
use super::table_name::Name;
use super::{Planned, Rule};
use crate::catalog::Known;
use crate::draft::Draft;
use crate::plan::Refusal;
use lockstep_core::schema::Table;
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

pub(super) fn drop(rule: &mut Rule<'_>, names: &[ObjectName], if_exists: bool, materialized: bool) -> Planned {
    let mut all = crate::draft::Drafts::default();
    for written in names {
        let name = Name::of(written)?;
        let key = name.key();
        let old = object::known(rule, "view", &key);
        let is_there =
            if materialized { matches!(rule.catalog.table(&key), Known::Table(_)) } else { old.is_some() };
        if if_exists && !is_there && rule.catalog.is_complete {
            super::alter_table::append(
                &mut all,
                object::nothing(format!("there is no view {key}: nothing is done"))?,
            );
            continue;
        }
        let kind = if materialized { "MATERIALIZED VIEW" } else { "VIEW" };
        let back = old.map(|old| vec![as_statement(&name, &old)]);
        let drafts = object::dropping(rule, &format!("view {key}"), format!("DROP {kind} {}", name.sql()), back);
        object::forget(rule, "view", &key);
        rule.catalog.schema.tables.remove(&key);
        super::alter_table::append(&mut all, drafts);
    }
    Ok(all)
}

/// REFRESH MATERIALIZED VIEW, which the parser does not know.
pub(super) fn refresh(rule: &Rule<'_>, name: &Name) -> Planned {
    let is_unique = match rule.catalog.table(&name.key()) {
        Known::Table(table) => table.indexes.values().any(|index| index.unique),
        _ => false,
    };
    if !is_unique {
        return Err(Refusal::new(
            format!("without a unique index REFRESH locks {} against readers while its query runs", name.key()),
            "create a unique index on it first",
        ));
    }
    let forward = format!("REFRESH MATERIALIZED VIEW CONCURRENTLY {}", name.sql());
    let mut step = Draft::alone(&format!("refresh {}", name.key()), Phase::Backfill, forward, None)
        .why("Refreshed beside readers.");
    step.step.revert = Some(Action::Nothing);
    Ok(anywhere(vec![step]))
}
