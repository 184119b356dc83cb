//! ALTER TABLE: operation by operation, in order.

use super::table_name::Name;
use super::{
    Found, Planned, Rule, add_column, add_constraint, alter_column, alter_table_more, drop_column,
    drop_constraint, rename_column, rename_table,
};
use crate::catalog::Known;
use crate::draft::Drafts;
use crate::name;
use crate::plan::Refusal;
use lockstep_core::schema::Table;
use sqlparser::ast::{AlterTable, AlterTableOperation, RenameTableNameKind, TableConstraint};

pub(super) fn plan(rule: &mut Rule<'_>, alter: &AlterTable) -> Planned {
    let name = Name::of(&alter.name)?;
    if alter.if_exists && rule.catalog.table(&name.key()) == Known::Absent {
        return Ok(super::create_table::nothing(
            &name,
            format!("there is no table {}: nothing is done", name.key()),
        ));
    }
    let mut all = Drafts::default();
    let mut operations: Vec<_> = alter.operations.iter().collect();
    operations.sort_by_key(|operation| pass(operation, &alter.operations));
    for operation in operations {
        append(&mut all, one(rule, alter, &name, operation)?);
    }
    Ok(all)
}

/// The server does not go through the operations in their order, but in passes. What is dropped for good comes last here, when
/// nothing else depends on it: everything else need not wait for it.
fn pass(operation: &AlterTableOperation, all: &[AlterTableOperation]) -> u8 {
    use sqlparser::ast::AlterColumnOperation::{DropDefault, DropNotNull, SetDataType};
    let is_added = |name: &str| {
        all.iter().any(|other| {
            matches!(other, AlterTableOperation::AddColumn { column_def, .. } if name::meant(&column_def.name) == name)
        })
    };
    match operation {
        AlterTableOperation::DropColumn { column_names, .. } => {
            if column_names.iter().any(|column| is_added(&name::meant(column))) { 0 } else { 6 }
        }
        AlterTableOperation::DropConstraint { .. }
        | AlterTableOperation::AlterColumn { op: DropNotNull | DropDefault, .. } => 0,
        AlterTableOperation::AlterColumn { op: SetDataType { .. }, .. } => 1,
        AlterTableOperation::AddColumn { .. } => 2,
        AlterTableOperation::AlterColumn { .. } => 3,
        AlterTableOperation::AddConstraint { .. } => 4,
        _ => 5,
    }
}

fn one(rule: &mut Rule<'_>, alter: &AlterTable, name: &Name, operation: &AlterTableOperation) -> Planned {
    if rule.catalog.table(&name.key()) == Known::Unknown && needs_no_facts(operation) {
        return on_unknown(rule, name, |rule, found| of_kind(rule, name, found, operation));
    }
    let found = rule.found_named(name.clone())?;
    if alter.only && found.table.options.contains_key("partition by") {
        return Err(Refusal::new(
            format!("ONLY on the partitioned table {} leaves its partitions as they are", name.key()),
            "leave ONLY out",
        ));
    }
    of_kind(rule, name, &found, operation)
}

/// True for what can be planned for a table of which nothing is known: it is taken to be large and in use.
fn needs_no_facts(operation: &AlterTableOperation) -> bool {
    match operation {
        AlterTableOperation::AddColumn { .. } => true,
        AlterTableOperation::AddConstraint { constraint, .. } => {
            matches!(
                constraint,
                TableConstraint::Check(_) | TableConstraint::ForeignKey(_) | TableConstraint::Unique(_)
            )
        }
        _ => false,
    }
}

/// Plans for a table of which nothing is known, and leaves it unknown.
pub(super) fn on_unknown(
    rule: &mut Rule<'_>,
    name: &Name,
    plan: impl FnOnce(&mut Rule<'_>, &Found) -> Planned,
) -> Planned {
    let found = Found { name: name.clone(), table: Table::default(), is_new: false };
    rule.catalog.schema.tables.insert(name.key(), Table::default());
    let planned = plan(rule, &found);
    rule.catalog.schema.tables.remove(&name.key());
    planned
}

fn of_kind(rule: &mut Rule<'_>, name: &Name, found: &Found, operation: &AlterTableOperation) -> Planned {
    match operation {
        AlterTableOperation::AddColumn { column_def, if_not_exists, .. } => {
            add_column::plan(rule, found, column_def, *if_not_exists)
        }
        AlterTableOperation::AddConstraint { constraint, not_valid } => {
            add_constraint::plan(rule, found, constraint, *not_valid)
        }
        AlterTableOperation::ValidateConstraint { name } => add_constraint::validate(rule, found, name),
        AlterTableOperation::DropConstraint { if_exists, name, drop_behavior } => {
            drop_constraint::plan(rule, found, name, *if_exists, drop_behavior.as_ref())
        }
        AlterTableOperation::AlterColumn { column_name, op } => alter_column::plan(rule, found, column_name, op),
        AlterTableOperation::RenameColumn { old_column_name, new_column_name } => {
            rename_column::plan(rule, found, old_column_name, new_column_name)
        }
        AlterTableOperation::RenameTable { table_name } => {
            let (RenameTableNameKind::As(to) | RenameTableNameKind::To(to)) = table_name;
            let to = found.name.beside(&name::parts(to).pop().unwrap_or_default());
            rename_table::plan(rule, found, &to)
        }
        AlterTableOperation::DropColumn { column_names, if_exists, drop_behavior, .. } => {
            let mut all = Drafts::default();
            for column in column_names {
                let found = rule.found_named(name.clone())?;
                append(&mut all, drop_column::plan(rule, &found, column, *if_exists, drop_behavior.as_ref())?);
            }
            Ok(all)
        }
        other => alter_table_more::plan(rule, found, other),
    }
}

/// One statement's drafts after another's.
pub(super) fn append(all: &mut Drafts, more: Drafts) {
    all.append(more);
}

/// The tables that a table's foreign keys point at.
pub(super) fn foreign_targets(table: &Table) -> Vec<Name> {
    let target = |definition: &str| {
        let (_, rest) = definition.split_once(" REFERENCES ")?;
        Name::from_key(rest.split('(').next()?)
    };
    table.constraints.values().filter_map(|constraint| target(&constraint.definition)).collect()
}
