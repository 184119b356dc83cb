//! DROP CONSTRAINT: quick, and it asks nothing of anybody; taking it back goes the careful way.

use super::lock::{ACCESS_EXCLUSIVE, Locks};
use super::{Found, Planned, Rule, add_constraint, create_table, on, q};
use crate::draft::Draft;
use crate::name;
use crate::plan::Refusal;
use lockstep_core::schema::{Constraint, ConstraintKind};
use lockstep_core::step::{Action, Phase};
use sqlparser::ast::{DropBehavior, Ident};

pub(super) fn plan(
    rule: &mut Rule<'_>,
    found: &Found,
    written: &Ident,
    if_exists: bool,
    behavior: Option<&DropBehavior>,
) -> Planned {
    let name = name::meant(written);
    let Some(known) = found.table.constraints.get(&name).cloned() else {
        if if_exists {
            let hazard = format!("table {} has no constraint {name}: nothing is done", found.name.key());
            return Ok(create_table::nothing(&found.name, hazard));
        }
        return Err(Refusal::new(
            format!("table {} has no constraint {name}", found.name.key()),
            "correct the name, or plan against a database whose schema is up to date",
        ));
    };
    if behavior == Some(&DropBehavior::Cascade) {
        return Err(Refusal::new(
            format!("CASCADE would drop what depends on {name} without naming it"),
            "drop the foreign keys that point at it first, each by its name",
        ));
    }
    rule.table_mut(&found.name).constraints.remove(&name);
    let is_key = matches!(known.kind, ConstraintKind::PrimaryKey | ConstraintKind::Unique);
    if let Some((other, key)) = pointing_by(rule, found, &known) {
        return Err(Refusal::new(
            format!("foreign key {key} of {other} relies on {name}"),
            "drop it before, by its name",
        ));
    }
    let mut drafts = on(&found.name, vec![dropped(found, &name, &known)]);
    drafts.hazards.push(format!("rows that break {name} from here on stand in the way of a rollback"));
    if is_key {
        drafts.hazards.push(format!("ON CONFLICT that relies on {name} fails from here on"));
    }
    Ok(drafts)
}

/// A foreign key that needs this key to be there, as no other one has its columns.
fn pointing_by(rule: &Rule<'_>, found: &Found, known: &Constraint) -> Option<(String, String)> {
    if !matches!(known.kind, ConstraintKind::PrimaryKey | ConstraintKind::Unique) {
        return None;
    }
    let same = |other: &&Constraint| {
        matches!(other.kind, ConstraintKind::PrimaryKey | ConstraintKind::Unique) && other.columns == known.columns
    };
    if found.table.constraints.values().filter(same).count() > 1 {
        return None;
    }
    let tail = format!(" REFERENCES {}({})", found.name.key(), super::constraint::list(&known.columns));
    rule.catalog.schema.tables.iter().find_map(|(key, table)| {
        let (name, _) = table.constraints.iter().find(|(_, other)| other.definition.contains(&tail))?;
        Some((key.clone(), name.clone()))
    })
}

/// The step that drops it.
pub(super) fn dropped(found: &Found, name: &str, known: &Constraint) -> Draft {
    let is_key = matches!(known.kind, ConstraintKind::PrimaryKey | ConstraintKind::Unique);
    let forward = vec![format!("ALTER TABLE {} DROP CONSTRAINT {}", found.name.sql(), q(name))];
    let phase = if is_key { Phase::Contract } else { Phase::Expand };
    let mut step = Draft::statements(&format!("drop {name} of {}", found.name.key()), phase, forward, None)
        .holds(&found.name, ACCESS_EXCLUSIVE)
        .why("Less is checked from here on: no row is looked at.");
    step.step.revert = Some(back(found, name, known));
    if let Some(target) = target_of(known) {
        step = step.holds(&target, ACCESS_EXCLUSIVE);
    }
    step
}

/// The table that a foreign key points at.
pub(super) fn target_of(known: &Constraint) -> Option<super::table_name::Name> {
    let (_, rest) = known.definition.split_once(" REFERENCES ")?;
    super::table_name::Name::from_key(rest.split('(').next()?)
}

/// The statements that bring a constraint back without a lock across a scan.
pub(super) fn back(found: &Found, name: &str, known: &Constraint) -> Action {
    let (table, quoted) = (found.name.sql(), q(name));
    let statements = match known.kind {
        ConstraintKind::Check | ConstraintKind::ForeignKey => {
            let definition = known.definition.trim_end_matches(" NOT VALID");
            let mut statements =
                vec![format!("ALTER TABLE {table} ADD CONSTRAINT {quoted} {definition} NOT VALID")];
            if definition == known.definition {
                statements.push(format!("ALTER TABLE {table} VALIDATE CONSTRAINT {quoted}"));
            }
            statements
        }
        ConstraintKind::PrimaryKey | ConstraintKind::Unique => {
            add_constraint::key_statements(found, name, &known.definition, known.kind).to_vec()
        }
        ConstraintKind::Exclusion => {
            vec![format!("ALTER TABLE {table} ADD CONSTRAINT {quoted} {}", known.definition)]
        }
    };
    Action::Statements { statements, transactional: false }
}
