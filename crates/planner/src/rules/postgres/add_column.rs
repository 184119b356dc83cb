//! ADD COLUMN: what changes the catalog only is done at once; everything else is split off.

use super::column::New;
use super::fill::{self, Fill};
use super::lock::{self, ACCESS_EXCLUSIVE, Locks};
use super::rename_column::switch;
use super::table_name::Name;
use super::{
    Found, Planned, Rule, add_constraint, column, create_table, identity, not_null, object, on, q, volatility,
};
use crate::draft::{Draft, Drafts};
use crate::plan::Refusal;
use lockstep_core::step::{Action, Phase};
use sqlparser::ast::{ColumnDef, TableConstraint};

pub(super) fn plan(rule: &mut Rule<'_>, found: &Found, written: &ColumnDef, if_not_exists: bool) -> Planned {
    let new = column::read(rule.target, rule.catalog, written)?;
    let shown = column::shown(&found.name, &new.name);
    if found.table.columns.iter().any(|known| known.name == new.name) {
        if if_not_exists {
            let hazard = format!("{shown} is there already: nothing is done");
            return Ok(create_table::nothing(&found.name, hazard));
        }
        return Err(Refusal::new(
            format!("{shown} is there already"),
            "leave the statement out, or choose another name",
        ));
    }
    if found.is_new {
        return at_once(rule, found, &new, written);
    }
    let mut steps = pieces(rule, found, &new)?;
    let plain = New { constraints: Vec::new(), ..new.clone() };
    let mut table = found.table.clone();
    column::put(rule.catalog, &found.name, &mut table, &plain)?;
    *rule.table_mut(&found.name) = table;
    rule.catalog.create_column(&found.name.key(), &new.name);
    let as_written = cost(rule, found, &new);
    for constraint in &new.constraints {
        let mut now = rule.found_named(found.name.clone())?;
        now.is_new = false;
        steps.extend(add_constraint::steps(rule, &now, constraint, Some(&new.name))?.steps);
    }
    Ok(Drafts { as_written, ..on(&found.name, steps) })
}

/// Everything but the constraints beside it.
fn pieces(rule: &Rule<'_>, found: &Found, new: &New) -> Result<Vec<Draft>, Refusal> {
    let is_stored = new.generated.as_ref().is_some_and(|(_, stored)| *stored);
    let is_numbered = new.has_sequence();
    let default = new.default.as_ref().filter(|_| rule.statement.backfill_of(&new.name).is_none());
    let is_volatile = default.is_some_and(|default| !volatility::is_stable(default));
    let is_proven = is_checked_domain(rule, &new.data_type);
    if rule.is_empty_here(found)
        && (is_stored || is_proven || (found.key().is_none() && (is_numbered || is_volatile)))
    {
        return Ok(vec![while_empty(found, new)]);
    }
    match &new.identity {
        _ if is_stored => Err(rewriting(&column::shown(&found.name, &new.name))),
        _ if is_proven => Err(Refusal::new(
            format!(
                "{} is of a domain with constraints, and the server writes the whole table anew to prove them",
                column::shown(&found.name, &new.name)
            ),
            "give the column the type below the domain, and add the constraints as a CHECK",
        )),
        Some(identity) => identity::steps(rule, found, new, identity),
        None if new.is_serial => numbered(rule, found, new),
        None => base(rule, found, new),
    }
}

/// True for a domain that does not take every value of the type below it.
fn is_checked_domain(rule: &Rule<'_>, data_type: &str) -> bool {
    let known = object::known(rule, "type", data_type).filter(|known| known.starts_with("domain "));
    known.is_some_and(|known| {
        known.contains(" CHECK ") || known.contains(" not null") || known.contains(" NOT NULL")
    })
}

/// What would write the whole table anew writes nothing when there is no row.
fn while_empty(found: &Found, new: &New) -> Draft {
    let mut statements = Vec::new();
    let mut rest = new.default_sql().map(|default| format!(" DEFAULT {default}")).unwrap_or_default();
    if new.is_serial {
        let (create, next, own) = column::numbers(&column::sequence_of(&found.name, &new.name), found, new, "");
        statements.push(create);
        rest = format!(" DEFAULT {next} NOT NULL");
        statements.extend([add(found, new, &rest), own]);
    } else {
        if let Some(identity) = &new.identity {
            rest = format!(" {}", identity.sql());
        } else if new.not_null {
            rest.push_str(" NOT NULL");
        }
        statements.push(add(found, new, &rest));
    }
    let (name, query) = found.without_rows();
    expand(found, new, statements)
        .only_if(&name, query)
        .why("It would write the whole table anew, and is done only where the table is empty: then there is nothing to write.")
}

/// Nobody uses the table: the statement is run just so.
fn at_once(rule: &mut Rule<'_>, found: &Found, new: &New, written: &ColumnDef) -> Planned {
    let mut table = found.table.clone();
    column::put(rule.catalog, &found.name, &mut table, new)?;
    *rule.table_mut(&found.name) = table;
    let mut qualified = written.clone();
    for option in &mut qualified.options {
        if let sqlparser::ast::ColumnOption::ForeignKey(key) = &mut option.option {
            key.foreign_table = Name::of(&key.foreign_table)?.object();
        }
    }
    let forward = format!("ALTER TABLE {} ADD COLUMN {qualified}", found.name.sql());
    let step =
        Draft::statements(&step_name(found, new), Phase::Expand, vec![forward], Some(vec![drop(found, new)]))
            .holds(&found.name, ACCESS_EXCLUSIVE)
            .why("The table is new: nobody waits for it.");
    Ok(on(&found.name, vec![step]))
}

fn step_name(found: &Found, new: &New) -> String {
    format!("add {}", column::shown(&found.name, &new.name))
}

fn drop(found: &Found, new: &New) -> String {
    format!("ALTER TABLE {} DROP COLUMN {}", found.name.sql(), q(&new.name))
}

/// The column, its values and its NOT NULL.
fn base(rule: &Rule<'_>, found: &Found, new: &New) -> Result<Vec<Draft>, Refusal> {
    let directive = rule.statement.backfill_of(&new.name);
    // NULL is noted as a default only where it is coerced to a length or the like.
    let is_none = |default: &String| default.eq_ignore_ascii_case("null") && !new.data_type.contains('(');
    let default = new.default_sql().filter(|default| !is_none(default));
    let rows = rule.rows(&found.name);
    let is_instant = default.is_none() || new.default.as_ref().is_some_and(volatility::is_stable);
    let mut steps = Vec::new();
    match (default, directive) {
        (None, None) if new.not_null && rule.is_empty_here(found) => {
            steps.push(expand(found, new, vec![add(found, new, "")]).why(
                "The server notes the column in its catalog only. The table is empty here: no row needs a value yet.",
            ));
            steps.push(written(found, new));
            steps.push(not_null::step(&found.name, &new.name, rows));
        }
        (None, None) if new.not_null => return Err(needs_values(found, new)),
        (default, None) if is_instant => {
            let not_null = if new.not_null { " NOT NULL" } else { "" };
            let default = default.map(|default| format!(" DEFAULT {default}")).unwrap_or_default();
            steps.push(expand(found, new, vec![add(found, new, &format!("{default}{not_null}"))]).why(
                "The server notes the column and its default in its catalog, and writes no row (from PostgreSQL 11 on).",
            ));
        }
        (Some(default), directive) => {
            let set_default =
                format!("ALTER TABLE {} ALTER COLUMN {} SET DEFAULT {default}", found.name.sql(), q(&new.name));
            steps.push(
                expand(found, new, vec![add(found, new, ""), set_default])
                    .why("First without values, so that no row is written; the default counts for rows to come."),
            );
            steps.push(fill::backfill(rule, found, &new.name, directive.unwrap_or(&default))?);
            if new.not_null {
                steps.push(not_null::step(&found.name, &new.name, rows));
            }
        }
        (None, Some(expression)) => {
            steps.push(
                expand(found, new, vec![add(found, new, "")])
                    .why("The server notes the column in its catalog only."),
            );
            if new.not_null {
                let filled = Fill { column: &new.name, expression, revert: Some(Action::Nothing) };
                steps.extend(fill::steps(rule, found, &filled)?);
            } else {
                steps.push(written(found, new));
                steps.push(fill::backfill(rule, found, &new.name, expression)?);
            }
        }
        (None, None) => unreachable!("a column without default and values is instant"),
    }
    Ok(steps)
}

fn written(found: &Found, new: &New) -> Draft {
    switch(Phase::SwitchWrites, &format!("write {}", column::shown(&found.name, &new.name)))
        .why("Rows that are written without the column from here on would stay without a value.")
}

/// `serial`, piece by piece: the sequence, the column, numbers for new rows, numbers for the rows that are there.
fn numbered(rule: &Rule<'_>, found: &Found, new: &New) -> Result<Vec<Draft>, Refusal> {
    let sequence = column::sequence_of(&found.name, &new.name);
    let (forward, next) = numbering(&sequence, found, new, "");
    let rows = rule.rows(&found.name);
    Ok(vec![
        expand(found, new, forward)
            .why("First without numbers, so that no row is written; rows to come get theirs from the sequence."),
        fill::backfill(rule, found, &new.name, &next)?,
        not_null::step(&found.name, &new.name, rows),
    ])
}

/// The sequence, the column, and numbers for rows to come; and the expression that gives a number.
pub(super) fn numbering(sequence: &Name, found: &Found, new: &New, options: &str) -> (Vec<String>, String) {
    let (create, next, own) = column::numbers(sequence, found, new, options);
    let set_default = format!("ALTER TABLE {} ALTER COLUMN {} SET DEFAULT {next}", found.name.sql(), q(&new.name));
    (vec![create, add(found, new, ""), set_default, own], next)
}

pub(super) fn expand(found: &Found, new: &New, forward: Vec<String>) -> Draft {
    Draft::statements(&step_name(found, new), Phase::Expand, forward, Some(vec![drop(found, new)]))
        .holds(&found.name, ACCESS_EXCLUSIVE)
}

fn add(found: &Found, new: &New, rest: &str) -> String {
    let collation = new.collation.as_ref().map(|collation| format!(" COLLATE {collation}")).unwrap_or_default();
    let generated = match &new.generated {
        Some((expression, true)) => format!(" GENERATED ALWAYS AS ({expression}) STORED"),
        Some((expression, false)) => format!(" GENERATED ALWAYS AS ({expression}) VIRTUAL"),
        None => String::new(),
    };
    format!(
        "ALTER TABLE {} ADD COLUMN {} {}{collation}{generated}{rest}",
        found.name.sql(),
        q(&new.name),
        new.data_type
    )
}

fn needs_values(found: &Found, new: &New) -> Refusal {
    Refusal::new(
        format!(
            "{} is NOT NULL and has no default: rows that are there would have no value",
            column::shown(&found.name, &new.name)
        ),
        format!(
            "give them one with a line above the statement: `-- lockstep: backfill {} = ...`",
            shown_name(&new.name)
        ),
    )
}

fn shown_name(column: &str) -> String {
    super::table_name::as_printed(column)
}

fn rewriting(shown: &str) -> Refusal {
    Refusal::new(
        format!(
            "adding {shown} as a stored generated column writes the whole table anew while nobody can read it"
        ),
        "add a plain column with `-- lockstep: backfill ...` and compute it in a trigger of your own",
    )
}

/// What the statement would have cost as it stands; `None` when it is run just so.
fn cost(rule: &Rule<'_>, found: &Found, new: &New) -> Option<crate::draft::Impact> {
    let rows = rule.rows(&found.name);
    let is_volatile =
        new.has_sequence() || new.default.as_ref().is_some_and(|default| !volatility::is_stable(default));
    let builds_index = new
        .constraints
        .iter()
        .any(|made| matches!(made, TableConstraint::Unique(_) | TableConstraint::PrimaryKey(_)));
    if is_volatile {
        return Some(lock::rewrite(&found.name, ACCESS_EXCLUSIVE, rows));
    }
    let fills = rule.statement.backfill_of(&new.name).is_some();
    (builds_index || fills || !new.constraints.is_empty()).then(|| lock::scan(&found.name, ACCESS_EXCLUSIVE, rows))
}
