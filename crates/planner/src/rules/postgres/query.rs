//! Queries, and what is written behind WITH.

use super::lock::{Locks, ROW_EXCLUSIVE};
use super::object::{anywhere, expand};
use super::table_name::Name;
use super::{Planned, Rule, dml, opaque, refused};
use crate::draft::Draft;
use crate::name;
use lockstep_core::step::{Action, Phase};
use sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Query, SelectItem, SetExpr, Statement, TableObject,
    Value,
};

pub(super) fn plan(rule: &mut Rule<'_>, query: &Query) -> Planned {
    let refused = || refused::or(&opaque::Words::of(&rule.statement.sql).upper(), opaque::no_rule);
    match &*query.body {
        SetExpr::Select(select)
            if query.with.is_none() && select.from.is_empty() && select.selection.is_none() =>
        {
            let [SelectItem::UnnamedExpr(only)] = select.projection.as_slice() else { return refused() };
            match only {
                Expr::Value(_) => {
                    Ok(super::create_table::nothing_at_all("it changes nothing: nothing is done".to_owned()))
                }
                Expr::Function(function)
                    if name::parts(&function.name).last().is_some_and(|name| name == "setval") =>
                {
                    Ok(counted(rule, &function.args))
                }
                _ => refused(),
            }
        }
        SetExpr::Insert(Statement::Insert(insert)) => {
            let TableObject::TableName(table) = &insert.table else { return refused() };
            let name = Name::of(table)?;
            let forward = vec![rule.statement.sql.clone()];
            let step = Draft::statements(
                &format!("insert into {}", name.key()),
                Phase::Backfill,
                forward,
                rule.directed_revert(),
            )
            .holds(&name, ROW_EXCLUSIVE)
            .why("New rows stand in nobody's way.");
            let mut drafts = anywhere(vec![step]);
            drafts.hazards.push("one transaction, as long as its query takes".to_owned());
            Ok(drafts)
        }
        SetExpr::Update(Statement::Update(update)) => {
            small(rule, dml::Target::of(&update.table), "update").map_or_else(refused, Ok)
        }
        SetExpr::Delete(Statement::Delete(delete)) => {
            let (sqlparser::ast::FromTable::WithFromKeyword(tables)
            | sqlparser::ast::FromTable::WithoutKeyword(tables)) = &delete.from;
            small(rule, tables.first().and_then(dml::Target::of), "delete from").map_or_else(refused, Ok)
        }
        _ => refused(),
    }
}

/// One statement with parts of its own, where its table is small.
fn small(rule: &Rule<'_>, target: Option<dml::Target>, verb: &str) -> Option<crate::draft::Drafts> {
    let mut drafts = dml::as_it_stands(rule, &target?.name, verb)?;
    for draft in &mut drafts.steps {
        draft.step.revert = rule.directed_revert().map(dml::together);
    }
    Some(drafts)
}

/// `setval`: where a sequence stands is no part of the schema, and no number that was given is given back.
fn counted(rule: &Rule<'_>, arguments: &FunctionArguments) -> crate::draft::Drafts {
    let FunctionArguments::List(list) = arguments else { return crate::draft::Drafts::default() };
    let first = list.args.first();
    let shown = match first {
        Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value)))) => match &value.value {
            Value::SingleQuotedString(name) => name.clone(),
            other => other.to_string(),
        },
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let mut step = expand(
        &format!("set {shown}"),
        vec![rule.statement.sql.clone()],
        None,
        "The numbers that come are counted from here on.",
    );
    step.step.phase = Phase::Backfill;
    step.step.revert = Some(Action::Nothing);
    let mut drafts = anywhere(vec![step]);
    drafts.hazards.push(format!(
        "a rollback leaves {shown} where it stands; numbers that were given meanwhile may be given again"
    ));
    drafts
}
