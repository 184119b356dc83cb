//! What only one of two columns can be at a time goes from the one to the other in one short transaction: the primary key with the
//! foreign keys that point at it, and what numbers the column.
//!
//! Everything that takes long is built before: a unique index on the new form, foreign keys that point at it, and a unique index on
//! the old form for the way back. A foreign key keeps the index by which it was made, so those that point at the primary key have to
//! go in the very transaction that exchanges it; at no moment is a child without one.

use super::index;
use super::lock::{ACCESS_EXCLUSIVE, Locks};
use super::numbering::{self, Move};
use super::pointing::Pointing;
use super::twin;
use super::{Found, Rule, add_constraint, constraint, drop_constraint, literal, q, rewrite, sync};
use crate::draft::Draft;
use crate::plan::Refusal;
use lockstep_core::schema::{Column, ConstraintKind, Table};
use lockstep_core::step::{Action, Phase};

/// A primary key over the column, and who points at it.
pub(super) struct Key {
    name: String,
    definition: String,
    pointing: Vec<Pointing>,
}

/// A column before and after the exchange: in its own type, under the names that both forms have then.
pub(super) struct Sides<'a> {
    /// The old form before and after.
    pub(super) old: [&'a str; 2],
    /// The new form before and after.
    pub(super) new: [&'a str; 2],
    /// Types of the old and the new form.
    pub(super) types: [&'a str; 2],
}

/// The primary key, if the column is of it.
pub(super) fn key(rule: &Rule<'_>, found: &Found, column: &str) -> Option<Key> {
    let (name, known) =
        primary(&found.table).filter(|(_, known)| known.columns.iter().any(|one| one == column))?;
    let mut pointing = super::pointing::at(rule.catalog, &found.name, column);
    pointing.retain(|key| key.is_at(&found.name, &known.columns));
    Some(Key { name: name.clone(), definition: known.definition.clone(), pointing })
}

fn primary(table: &Table) -> Option<(&String, &lockstep_core::schema::Constraint)> {
    table.constraints.iter().find(|(_, constraint)| constraint.kind == ConstraintKind::PrimaryKey)
}

impl Key {
    fn own(&self, found: &Found, form: &str) -> String {
        crate::name::own(form, &[&found.name.schema, &found.name.name, &self.name])
    }

    fn over(&self, column: &str, other: &str) -> Result<String, Refusal> {
        rewrite::with_column(&self.definition, column, other).ok_or_else(|| {
            Refusal::new(
                format!("the definition of {} cannot be read", self.name),
                "make another primary key before",
            )
        })
    }

    fn index(&self, found: &Found, form: &str, column: &str, other: &str) -> Result<(String, String), Refusal> {
        let (name, definition) = (self.own(found, form), self.over(column, other)?);
        let [build, _] = add_constraint::key_statements(found, &name, &definition, ConstraintKind::PrimaryKey);
        Ok((name, build))
    }

    /// The unique index on the new form, by its name before the exchange.
    pub(super) fn coming(&self, found: &Found, column: &str, other: &str) -> Result<(String, String), Refusal> {
        self.index(found, "new_key", column, other)
    }

    /// The unique index on the old form, by the name that it has when the index is built.
    pub(super) fn going(&self, found: &Found, column: &str, other: &str) -> Result<(String, String), Refusal> {
        self.index(found, "old_key", column, other)
    }

    /// True for a foreign key that goes with the primary key.
    pub(super) fn takes_along(&self, other: &Pointing) -> bool {
        self.pointing.iter().any(|mine| mine.of == other.of && mine.name == other.name)
    }
}

/// The steps of the exchange: `also`, which is one transaction, with what is handed over in the same. `column` is the old form as
/// it is known in the catalog.
pub(super) fn steps(
    found: &Found,
    column: &Column,
    key: Option<&Key>,
    sides: &Sides<'_>,
    mut also: Draft,
) -> Result<Vec<Draft>, Refusal> {
    let [mut forward, mut revert] = numbers_moved(found, column, sides);
    if let Action::Statements { statements, .. } = &mut also.step.forward {
        forward.append(statements);
    }
    if let Some(Action::Statements { statements, .. }) = &mut also.step.revert {
        revert.splice(0..0, statements.drain(..));
    }
    let Some(key) = key else {
        if forward.is_empty() {
            return Ok(Vec::new());
        }
        let in_transaction = |statements| Action::Statements { statements, transactional: true };
        also.step.forward = in_transaction(forward);
        also.step.revert = Some(in_transaction(revert));
        return Ok(vec![also]);
    };
    let (spare, build) = key.going(found, &column.name, sides.old[0])?;
    let index = found.name.beside(&spare);
    let mut spare = index::build(&format!("index {}", index.key()), &found.name, build, &index)
        .why("A unique index on the old form, by which a rollback makes it the primary key again.");
    spare.step.phase = Phase::Contract;
    spare.step.requires = lockstep_core::step::ClientRequirement::Understands;
    let alone = |statements| Action::Statements { statements, transactional: false };
    also.step.forward = alone(vec![exchanged(found, key, column, sides, &forward)?]);
    also.step.revert = Some(alone(exchanged_back(found, key, column, sides, &revert)?));
    let others = key.pointing.iter().filter(|pointing| pointing.of != found.name);
    let exchange = others.fold(also, |step, pointing| step.holds(&pointing.of, ACCESS_EXCLUSIVE));
    Ok(vec![spare, exchange])
}

fn numbers_moved(found: &Found, column: &Column, sides: &Sides<'_>) -> [Vec<String>; 2] {
    if !numbering::is_numbered(column) {
        return [Vec::new(), Vec::new()];
    }
    let [old_type, new_type] = sides.types;
    // Forward before other names are given, back after they are: by the names before the exchange.
    let there = Move { table: &found.name, from: sides.old[0], to: sides.new[0] };
    let back = Move { table: &found.name, from: sides.new[0], to: sides.old[0] };
    [
        vec![numbering::moved(&there, column, [old_type, new_type])],
        vec![numbering::moved(&back, column, [new_type, old_type])],
    ]
}

/// One statement, and so one transaction. Done once more, it finds no index to exchange and does nothing.
fn exchanged(
    found: &Found,
    key: &Key,
    column: &Column,
    sides: &Sides<'_>,
    also: &[String],
) -> Result<String, Refusal> {
    let (coming, _) = key.coming(found, &column.name, sides.new[0])?;
    let mut statements: Vec<String> = key.pointing.iter().map(dropped).collect();
    statements.push(taken_over(found, key, &coming));
    statements.extend(key.pointing.iter().map(|key| key.renamed(&key.own(), &key.name)));
    statements.extend(also.iter().cloned());
    Ok(unless(&format!("{} IS NULL", regclass(found, &coming)), &statements))
}

fn exchanged_back(
    found: &Found,
    key: &Key,
    column: &Column,
    sides: &Sides<'_>,
    also: &[String],
) -> Result<Vec<String>, Refusal> {
    let (coming, build) = key.coming(found, &column.name, sides.new[0])?;
    let (going, rebuild) = key.going(found, &column.name, sides.old[0])?;
    let mut statements: Vec<String> = key.pointing.iter().map(dropped).collect();
    statements.extend(also.iter().cloned());
    statements.push(taken_over(found, key, &going));
    let not_valid = |definition: &str| format!("{} NOT VALID", definition.trim_end_matches(" NOT VALID"));
    statements.extend(key.pointing.iter().map(|key| {
        let definition = not_valid(&key.constraint.definition);
        format!("ALTER TABLE {} ADD CONSTRAINT {} {definition}", key.of.sql(), q(&key.name))
    }));
    let mut all = vec![
        unless(
            &format!("{} IS NOT NULL OR {} IS NULL", regclass(found, &coming), regclass(found, &going)),
            &statements,
        ),
        or_there(&build),
        or_there(&rebuild),
    ];
    for pointing in &key.pointing {
        let own = pointing.own();
        let twin = pointing.at(&found.name, &column.name, sides.new[0], &own);
        // Left by work that stopped half-way.
        all.push(format!("ALTER TABLE {} DROP CONSTRAINT IF EXISTS {}", pointing.of.sql(), q(&own)));
        if let Action::Statements { statements, .. } = drop_constraint::back(&twin.found(), &own, &twin.constraint)
        {
            all.extend(statements);
        }
        if !pointing.constraint.definition.ends_with(" NOT VALID") {
            all.push(format!("ALTER TABLE {} VALIDATE CONSTRAINT {}", pointing.of.sql(), q(&pointing.name)));
        }
    }
    Ok(all)
}

fn or_there(build: &str) -> String {
    build.replacen("INDEX CONCURRENTLY ", "INDEX CONCURRENTLY IF NOT EXISTS ", 1)
}

fn regclass(found: &Found, index: &str) -> String {
    format!("pg_catalog.to_regclass({})", literal(&found.name.beside(index).sql()))
}

fn dropped(key: &Pointing) -> String {
    format!("ALTER TABLE {} DROP CONSTRAINT {}", key.of.sql(), q(&key.name))
}

fn taken_over(found: &Found, key: &Key, index: &str) -> String {
    format!(
        "ALTER TABLE {} DROP CONSTRAINT {}, ADD CONSTRAINT {} PRIMARY KEY USING INDEX {}",
        found.name.sql(),
        q(&key.name),
        q(&key.name),
        q(index)
    )
}

fn unless(condition: &str, statements: &[String]) -> String {
    // A block within a block is no statement of the language: its text is run.
    let say = |statement: &String| match statement.strip_prefix("DO ") {
        Some(_) => format!("  EXECUTE {};\n", sync::dollar_quoted(statement)),
        None => format!("  {statement};\n"),
    };
    let body: String = statements.iter().map(say).collect();
    let block = format!("\nBEGIN\n  IF {condition} THEN\n    RETURN;\n  END IF;\n{body}END ");
    format!("DO {}", sync::dollar_quoted(&block))
}

/// Refuses primary keys that cannot be exchanged.
pub(super) fn check(found: &Found, column: &str) -> Result<(), Refusal> {
    let is_mine = constraint::primary_key(crate::catalog::Known::Table(&found.table))
        .is_some_and(|columns| columns.iter().any(|one| one == column));
    let is_deferred = primary(&found.table).is_some_and(|(_, known)| known.definition.contains(" DEFERRABLE"));
    if is_mine && is_deferred {
        return Err(Refusal::new(
            format!(
                "{} is of a primary key that is checked late, and an index checks at once",
                twin::shown(found, column)
            ),
            "make the primary key one that is NOT DEFERRABLE before",
        ));
    }
    Ok(())
}
