//! Statements about a table that this change made and whose form nobody wrote down (`CREATE TABLE AS`): they run as written, because
//! nobody uses the table.

use super::lock::{ACCESS_EXCLUSIVE, Locks, SHARE_ROW_EXCLUSIVE};
use super::table_name::Name;
use super::{Planned, Rule, constraint, on, opaque, q};
use crate::catalog::Known;
use crate::draft::Draft;
use crate::plan::Refusal;
use lockstep_core::schema::{ConstraintKind, Table};
use lockstep_core::step::{Action, Phase};
use sqlparser::ast::AlterColumnOperation;
use sqlparser::ast::{
    AlterTableOperation, ColumnOption, ColumnOptionDef, RenameTableNameKind, Statement, TableConstraint,
};

/// The plan, if the statement is about such a table.
pub(super) fn plan(rule: &mut Rule<'_>, parsed: &Statement) -> Option<Planned> {
    let (table, others) = match parsed {
        Statement::AlterTable(alter) => (&alter.name, targets(&alter.operations)),
        Statement::CreateIndex(create) => (&create.table_name, Vec::new()),
        _ => return None,
    };
    let name = Name::of(table).ok()?;
    let is_formless =
        rule.catalog.table(&name.key()) == Known::Unknown && rule.catalog.is_created_here(&name.key());
    if !is_formless {
        return None;
    }
    let mut step = Draft::statements(
        &format!("complete {}", name.key()),
        Phase::Expand,
        vec![rule.statement.sql.clone()],
        None,
    )
    .holds(&name, ACCESS_EXCLUSIVE)
    .why("The table is new: nobody waits for it.");
    step.step.revert = match undone(rule, &name, parsed) {
        Ok(revert) => revert.map(|statements| Action::Statements { statements, transactional: true }),
        Err(refusal) => return Some(Err(refusal)),
    };
    for other in others {
        step = step.holds(&other, SHARE_ROW_EXCLUSIVE);
    }
    let mut drafts = on(&name, vec![step]);
    drafts.touches.push(opaque::EVERYTHING.to_owned());
    if let Statement::AlterTable(alter) = parsed {
        let renamed = alter.operations.iter().find_map(|operation| match operation {
            AlterTableOperation::RenameTable {
                table_name: RenameTableNameKind::To(to) | RenameTableNameKind::As(to),
            } => Some(to),
            _ => None,
        });
        if let Some(to) = renamed.and_then(|to| crate::name::parts(to).pop()) {
            rule.catalog.drop_table(&name.key());
            rule.catalog.create_formless_table(&name.beside(&to).key());
        }
    }
    Some(Ok(drafts))
}

/// What undoes the statement, the last of it first; `None`: nothing is known that does.
fn undone(rule: &Rule<'_>, name: &Name, parsed: &Statement) -> Result<Option<Vec<String>>, Refusal> {
    let table = name.sql();
    match parsed {
        Statement::CreateIndex(create) => {
            let Some(index) = create.name.as_ref().and_then(|index| crate::name::parts(index).pop()) else {
                return Err(Refusal::new(
                    "the index has no name, and the form of its table is not known",
                    "give it a name",
                ));
            };
            Ok(Some(vec![format!("DROP INDEX {}", name.beside(&index).sql())]))
        }
        Statement::AlterTable(alter) => {
            let mut reverts = Vec::new();
            for operation in alter.operations.iter().rev() {
                let change = match operation {
                    AlterTableOperation::AddColumn { column_def, .. } => {
                        format!("DROP COLUMN {}", q(&crate::name::meant(&column_def.name)))
                    }
                    AlterTableOperation::AddConstraint { constraint: written, .. } => {
                        let made = constraint::read(rule.catalog, name, &Table::default(), written, None)?;
                        let is_primary = made.kind == ConstraintKind::PrimaryKey;
                        reverts.push(format!("ALTER TABLE {table} DROP CONSTRAINT {}", q(&made.name)));
                        let columns = made.columns.iter().filter(|_| is_primary);
                        reverts.extend(columns.map(|column| {
                            format!("ALTER TABLE {table} ALTER COLUMN {} DROP NOT NULL", q(column))
                        }));
                        continue;
                    }
                    AlterTableOperation::AlterColumn { column_name, op } => {
                        let change = match op {
                            AlterColumnOperation::SetNotNull => "DROP NOT NULL",
                            AlterColumnOperation::SetDefault { .. } => "DROP DEFAULT",
                            _ => return Ok(None),
                        };
                        format!("ALTER COLUMN {} {change}", q(&crate::name::meant(column_name)))
                    }
                    AlterTableOperation::RenameTable {
                        table_name: RenameTableNameKind::To(to) | RenameTableNameKind::As(to),
                    } => {
                        let to = crate::name::parts(to).pop().unwrap_or_default();
                        reverts.push(format!(
                            "ALTER TABLE {} RENAME TO {}",
                            name.beside(&to).sql(),
                            q(&name.name)
                        ));
                        continue;
                    }
                    _ => return Ok(None),
                };
                reverts.push(format!("ALTER TABLE {table} {change}"));
            }
            Ok(Some(reverts))
        }
        _ => Ok(None),
    }
}

/// Tables that new foreign keys point at.
fn targets(operations: &[AlterTableOperation]) -> Vec<Name> {
    let of_column = |option: &ColumnOptionDef| match &option.option {
        ColumnOption::ForeignKey(key) => Name::of(&key.foreign_table).ok(),
        _ => None,
    };
    let target = |operation: &AlterTableOperation| match operation {
        AlterTableOperation::AddConstraint { constraint: TableConstraint::ForeignKey(key), .. } => {
            Name::of(&key.foreign_table).into_iter().collect()
        }
        AlterTableOperation::AddColumn { column_def, .. } => {
            column_def.options.iter().filter_map(of_column).collect()
        }
        _ => Vec::new(),
    };
    operations.iter().flat_map(target).collect()
}
