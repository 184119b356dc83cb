//! CREATE TABLE: nobody uses it yet, so it is made just so.

use super::lock::{ACCESS_EXCLUSIVE, Locks, SHARE_ROW_EXCLUSIVE, SHARE_UPDATE_EXCLUSIVE};
use super::table_name::Name;
use super::{Found, Planned, Rule, column, constraint, on, partition, reworded};
use crate::catalog::Known;
use crate::draft::{Draft, Drafts};
use crate::plan::Refusal;
use lockstep_core::schema::{ConstraintKind, Table};
use lockstep_core::step::{Action, Phase};
use sqlparser::ast::{ColumnOption, CreateTable, ObjectName, TableConstraint};

pub(super) fn plan(rule: &mut Rule<'_>, create: &CreateTable) -> Planned {
    let name = Name::of(&create.name)?;
    if create.temporary {
        return Err(Refusal::new(
            "a temporary table is gone with the session that made it",
            "leave the statement out",
        ));
    }
    let mut drafts = on(&name, Vec::new());
    match rule.catalog.table(&name.key()) {
        Known::Table(_) if create.if_not_exists => {
            drafts.hazards.push(format!("table {} is there already: nothing is done", name.key()));
            return Ok(drafts);
        }
        Known::Table(_) => {
            return Err(Refusal::new(format!("table {} is there already", name.key()), "choose another name"));
        }
        Known::Unknown if create.if_not_exists => drafts.hazards.push(format!(
            "IF NOT EXISTS is left out: a table {} that is there already would not be this one",
            name.key()
        )),
        Known::Absent | Known::Unknown => {}
    }
    if create.query.is_some() || create.like.is_some() {
        return Ok(Drafts { hazards: drafts.hazards, ..formless(rule, &name, create.query.is_some())? });
    }
    let parents = parents(rule, create)?;
    let table = in_catalog(rule, &name, create, &parents)?;
    drafts.steps = steps(&name, create, &parents)?;
    if let (Some(settings), Some(Action::Statements { statements, .. })) = (
        reworded::toast_settings(&rule.statement.sql),
        drafts.steps.first_mut().map(|draft| &mut draft.step.forward),
    ) {
        statements.push(format!("ALTER TABLE {} SET ({settings})", name.sql()));
    }
    if let (Some(_), [parent]) = (&create.partition_of, parents.as_slice()) {
        drafts.steps = drafts.steps.into_iter().map(|step| partition::with_default(rule, parent, step)).collect();
    }
    drafts.touches.extend(parents.iter().map(|parent| parent.name.key()));
    rule.catalog.create_table(&name.key(), table);
    Ok(drafts)
}

/// Tables that the new one takes its columns from and belongs to.
fn parents(rule: &Rule<'_>, create: &CreateTable) -> Result<Vec<Found>, Refusal> {
    let named = create.inherits.iter().flatten().chain(&create.partition_of);
    named.map(|parent| rule.found(parent)).collect()
}

/// A table whose columns the statement does not say: it is made as written, and nothing is known of its form.
pub(super) fn formless(rule: &mut Rule<'_>, name: &Name, reads: bool) -> Planned {
    if matches!(rule.catalog.table(&name.key()), Known::Table(_)) {
        return Err(Refusal::new(format!("table {} is there already", name.key()), "choose another name"));
    }
    let step = Draft::statements(
        &format!("create {}", name.key()),
        Phase::Expand,
        vec![rule.statement.sql.clone()],
        Some(vec![format!("DROP TABLE {}", name.sql())]),
    )
    .why("Nobody uses a table that was not there.");
    rule.catalog.create_formless_table(&name.key());
    let mut drafts = on(name, vec![step]);
    drafts.touches.push(super::opaque::EVERYTHING.to_owned());
    if reads {
        drafts.hazards.push("one transaction, as long as its query takes".to_owned());
    }
    Ok(drafts)
}

/// The table as it will be. Constraints are named as the server names them.
fn in_catalog(
    rule: &mut Rule<'_>,
    name: &Name,
    create: &CreateTable,
    parents: &[Found],
) -> Result<Table, Refusal> {
    let mut table = inherited(name, parents);
    // Columns first: a constraint may name one that comes after it.
    let mut of_columns: Vec<(String, TableConstraint)> = Vec::new();
    for written in &create.columns {
        let mut new = column::read(rule.target, rule.catalog, written)?;
        of_columns.extend(std::mem::take(&mut new.constraints).into_iter().map(|made| (new.name.clone(), made)));
        column::put(rule.catalog, name, &mut table, &new)?;
    }
    let of_columns = of_columns.iter().map(|(column, written)| (Some(column.as_str()), written));
    let all: Vec<_> = of_columns.chain(create.constraints.iter().map(|written| (None, written))).collect();
    // The server names checks first, then keys, then foreign keys.
    let rank = |written: &TableConstraint| match written {
        TableConstraint::Check(_) => 0,
        TableConstraint::ForeignKey(_) => 2,
        _ => 1,
    };
    for wanted in 0..=2 {
        for (column, written) in all.iter().filter(|(_, written)| rank(written) == wanted) {
            let made = constraint::read(rule.catalog, name, &table, written, *column)?;
            if made.kind == ConstraintKind::PrimaryKey {
                let mine = |known: &&mut lockstep_core::schema::Column| made.columns.contains(&known.name);
                table.columns.iter_mut().filter(mine).for_each(|known| known.nullable = false);
            }
            table.constraints.insert(made.name.clone(), made.in_catalog());
        }
    }
    if create.unlogged {
        table.options.insert("persistence".to_owned(), "unlogged".to_owned());
    }
    if let Some(by) = &create.partition_by {
        table.options.insert("partition by".to_owned(), by.to_string());
    }
    if let Some(bound) = &create.for_values {
        table.options.insert("partition for".to_owned(), bound.to_string());
    }
    if !parents.is_empty() {
        let keys: Vec<String> = parents.iter().map(|parent| parent.name.key()).collect();
        table.options.insert("inherits".to_owned(), keys.join(", "));
    }
    Ok(table)
}

/// Columns and constraints of the parents, named as the server names them here.
fn inherited(name: &Name, parents: &[Found]) -> Table {
    let mut table = Table::default();
    for parent in parents {
        table.columns.extend(parent.table.columns.iter().cloned());
        for (known, constraint) in &parent.table.constraints {
            let is_key = matches!(constraint.kind, ConstraintKind::PrimaryKey | ConstraintKind::Unique);
            let own = known.strip_prefix(&parent.name.name).filter(|_| is_key);
            let own = own.map_or_else(|| known.clone(), |rest| format!("{}{rest}", name.name));
            table.constraints.insert(own, constraint.clone());
        }
    }
    table
}

fn steps(name: &Name, create: &CreateTable, parents: &[Found]) -> Result<Vec<Draft>, Refusal> {
    let mut qualified = create.clone();
    qualified.name = name.object();
    qualified.if_not_exists = false;
    qualified.partition_of = create.partition_of.as_ref().map(Name::of).transpose()?.map(|parent| parent.object());
    qualified.inherits =
        create.inherits.as_ref().map(|_| parents.iter().map(|parent| parent.name.object()).collect());
    let mut referred = Vec::new();
    for key in foreign_tables(&mut qualified) {
        let target = Name::of(key)?;
        *key = target.object();
        referred.push(target);
    }
    let mut step = Draft::statements(
        &format!("create {}", name.key()),
        Phase::Expand,
        vec![qualified.to_string()],
        Some(vec![format!("DROP TABLE {}", name.sql())]),
    )
    .why("Nobody uses a table that was not there.");
    referred.retain(|target| target != name);
    referred.sort();
    referred.dedup();
    for target in &referred {
        step = step.holds(target, SHARE_ROW_EXCLUSIVE);
    }
    for parent in parents {
        let mode = if create.partition_of.is_some() { ACCESS_EXCLUSIVE } else { SHARE_UPDATE_EXCLUSIVE };
        step = step.holds(&parent.name, mode);
        for target in super::alter_table::foreign_targets(&parent.table) {
            step = step.holds(&target, SHARE_ROW_EXCLUSIVE);
        }
    }
    Ok(vec![step])
}

fn foreign_tables(create: &mut CreateTable) -> Vec<&mut ObjectName> {
    let of_columns = create.columns.iter_mut().flat_map(|column| &mut column.options).filter_map(|option| {
        match &mut option.option {
            ColumnOption::ForeignKey(key) => Some(&mut key.foreign_table),
            _ => None,
        }
    });
    let of_table = create.constraints.iter_mut().filter_map(|constraint| match constraint {
        TableConstraint::ForeignKey(key) => Some(&mut key.foreign_table),
        _ => None,
    });
    of_columns.chain(of_table).collect()
}

/// Drafts that do nothing, and say why.
pub(super) fn nothing(touches: &Name, hazard: String) -> Drafts {
    Drafts { hazards: vec![hazard], ..on(touches, Vec::new()) }
}

/// The same, for what belongs to no table.
pub(super) fn nothing_at_all(hazard: String) -> Drafts {
    Drafts { hazards: vec![hazard], ..Drafts::default() }
}
