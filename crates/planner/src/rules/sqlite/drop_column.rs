//! ALTER TABLE DROP COLUMN.

use super::copy::plain_values;
use super::definition::{foreign_parts, is_constant, write_table};
use super::redefine::{Redefinition, copy_name};
use super::scope::{Found, Scope, backfill_of, cost, drafts, on, tell, users_of};
use super::text::{mentions, tokens};
use crate::catalog::Catalog;
use crate::draft::{Draft, Drafts};
use crate::name::quote;
use crate::plan::Refusal;
use crate::script::Statement;
use lockstep_core::schema::{Column, Constraint, ConstraintKind};
use lockstep_core::step::{Action, Phase};

/// `ALTER TABLE table DROP [COLUMN] column`.
pub(super) fn plan(
    statement: &Statement,
    scope: Scope,
    column: &str,
    catalog: &mut Catalog,
) -> Result<Drafts, Refusal> {
    let found = scope.known("whether clients can do without a value in the column depends on its definition")?;
    let known = found.column(column)?.clone();
    check_uses(catalog, &found, &known.name)?;
    let scope = Scope::There(found.clone());
    let forward = vec![format!("ALTER TABLE {} DROP COLUMN {}", quote(&found.name), quote(&known.name))];
    let step = format!("drop {}.{}", found.name, known.name);
    let steps = if found.is_new {
        let revert = super::add_column::statement(&found, &known)?;
        vec![on(&scope, &step, Phase::Expand, forward, Some(vec![revert])).why("The table is new.")]
    } else {
        let why = "Clients stop reading and writing the column before it goes.";
        let mut drop = on(&scope, &step, Phase::Contract, forward, None).why(
            "Its values are gone for good after this. SQLite writes the table anew: all other writes wait for it.",
        );
        drop.impact.rewrites = known.generated.is_none();
        drop.impact.rows_estimate = found.rows;
        let mut steps = if known.nullable || known.default.is_some() || known.generated.is_some() {
            Vec::new()
        } else {
            optional(statement, &found, &known)?
        };
        steps.push(tell(&format!("do without {}.{}", found.name, known.name), Phase::SwitchReads, why));
        drop.is_of_own = catalog.is_column_created_here(&found.name, &known.name.to_lowercase());
        if drop.is_of_own && stands_alone(&found, &known) {
            // It has no values that anybody misses: it comes back without them.
            let statements = vec![super::add_column::statement(&found, &known)?];
            drop.step.revert = Some(Action::Statements { statements, transactional: true });
        }
        steps.push(drop);
        steps
    };
    if let Some(table) = catalog.schema.tables.get_mut(&found.name) {
        table.columns.retain(|other| other.name != known.name);
        table.constraints.retain(|_, constraint| !is_own(constraint, &known.name));
    }
    let as_written = if found.is_new { None } else { cost(&scope, true, true) };
    Ok(Drafts { as_written, ..drafts(steps, vec![found.name]) })
}

/// True when nothing goes with the column, and SQLite adds it as it was.
fn stands_alone(found: &Found, known: &Column) -> bool {
    let has_value = known.nullable || known.default.is_some();
    let is_plain = known.generated.is_none() && known.default.as_deref().is_none_or(is_constant);
    has_value && is_plain && !found.table.constraints.values().any(|constraint| is_own(constraint, &known.name))
}

/// Steps after which rows can be inserted without the column.
fn optional(statement: &Statement, found: &Found, column: &Column) -> Result<Vec<Draft>, Refusal> {
    let default = backfill_of(statement, &column.name).map(str::to_owned).or_else(|| plain_default(column));
    let default = default.ok_or_else(|| {
        Refusal::new(
            format!(
                "`{}.{}` is NOT NULL without a default: a release that does not know it any more inserts rows without it, \
                 and old releases must read something there",
                found.name, column.name
            ),
            format!("put `-- lockstep: backfill {} = VALUE` above it: what they read", quote(&column.name)),
        )
    })?;
    let mut becomes = found.table.clone();
    for other in becomes.columns.iter_mut().filter(|other| other.name == column.name) {
        other.default = Some(default.clone());
    }
    let purpose = format!("give {}.{} a default", found.name, column.name);
    let create = write_table(&copy_name(&found.name), &becomes)?;
    Redefinition { found, becomes, values: plain_values(&found.table), purpose }.steps(create)
}

/// A value that says nothing, for types where there is one.
fn plain_default(column: &Column) -> Option<String> {
    let is = |part: &str| column.data_type.contains(part);
    if is("int") {
        Some("0".to_owned())
    } else if is("char") || is("clob") || is("text") {
        Some("''".to_owned())
    } else {
        None
    }
}

/// True for a constraint that goes with the column.
fn is_own(constraint: &Constraint, column: &str) -> bool {
    match constraint.kind {
        ConstraintKind::Check => mentions(&tokens(&constraint.definition), column),
        _ => constraint.columns.len() == 1 && constraint.columns[0].eq_ignore_ascii_case(column),
    }
}

/// What SQLite refuses to drop, said before it is tried, with what to do.
fn check_uses(catalog: &Catalog, found: &Found, column: &str) -> Result<(), Refusal> {
    let names = |columns: &[String]| columns.iter().any(|other| other.eq_ignore_ascii_case(column));
    for constraint in found.table.constraints.values() {
        let what = match constraint.kind {
            ConstraintKind::PrimaryKey if names(&constraint.columns) => "the primary key",
            ConstraintKind::Unique if names(&constraint.columns) => "a UNIQUE constraint",
            ConstraintKind::ForeignKey if names(&constraint.columns) && constraint.columns.len() > 1 => {
                "a foreign key"
            }
            ConstraintKind::Check if is_own(constraint, column) && names_others(found, constraint, column) => {
                "a CHECK"
            }
            _ => continue,
        };
        return Err(Refusal::new(
            format!("`{}.{column}` is part of {what}, which SQLite cannot drop", found.name),
            "rebuild the table without it: CREATE TABLE new, INSERT INTO new SELECT, DROP TABLE, ALTER TABLE new RENAME TO",
        ));
    }
    let mut users: Vec<String> = Vec::new();
    let indexes = found.table.indexes.iter();
    users.extend(
        indexes
            .filter(|(_, index)| mentions(&tokens(&index.definition), column))
            .map(|(n, _)| format!("index `{n}`")),
    );
    let triggers = found.table.triggers.iter();
    users.extend(
        triggers.filter(|(_, text)| mentions(&tokens(text), column)).map(|(n, _)| format!("trigger `{n}`")),
    );
    let generated = found.table.columns.iter().filter(|other| other.name != column);
    let computes = |text: &Option<String>| text.as_ref().is_some_and(|text| mentions(&tokens(text), column));
    users.extend(
        generated.filter(|other| computes(&other.generated)).map(|c| format!("generated column `{}`", c.name)),
    );
    users.extend(users_of(catalog, &[&found.name, column], Some(&found.name)));
    users.extend(parents(catalog, found, column));
    match users.first() {
        None => Ok(()),
        Some(user) => Err(Refusal::new(
            format!("{user} uses `{}.{column}`", found.name),
            "drop that one first, in the same file or in an earlier change",
        )),
    }
}

fn names_others(found: &Found, constraint: &Constraint, column: &str) -> bool {
    let text = tokens(&constraint.definition);
    found
        .table
        .columns
        .iter()
        .any(|other| !other.name.eq_ignore_ascii_case(column) && mentions(&text, &other.name))
}

/// Foreign keys of other tables that point at the column.
fn parents(catalog: &Catalog, found: &Found, column: &str) -> Vec<String> {
    let points_here = |constraint: &Constraint| {
        foreign_parts(&constraint.definition).is_some_and(|(parent, columns, _)| {
            parent.eq_ignore_ascii_case(&found.name)
                && columns.split(", ").any(|named| named.eq_ignore_ascii_case(column))
        })
    };
    let tables = catalog.schema.tables.iter();
    tables
        .filter(|(_, table)| table.constraints.values().any(&points_here))
        .map(|(name, _)| format!("a foreign key of table `{name}`"))
        .collect()
}
