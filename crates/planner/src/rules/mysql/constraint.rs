//! Foreign keys and checks: added without a copy where the server can, and dropped.

use super::algorithm::{self, Algorithm};
use super::key::ForeignKey;
use super::lock::{self, EXCLUSIVE, Locks};
use super::text::{q, q_list, same};
use super::{Found, Planned, Rule, known, nothing, on, step};
use crate::catalog::Known;
use crate::draft::Draft;
use crate::plan::{Refusal, Target};
use lockstep_core::Engine;
use lockstep_core::schema::{Constraint, ConstraintKind, Index, Table};
use lockstep_core::step::{Action, Assertion, Phase};

/// The clause that adds a constraint of the catalog.
pub(super) fn adding(name: &str, constraint: &Constraint) -> String {
    match constraint.kind {
        ConstraintKind::PrimaryKey => format!("ADD {}", constraint.definition),
        _ => format!("ADD CONSTRAINT {} {}", q(name), constraint.definition),
    }
}

/// The clause that drops one.
pub(super) fn dropping(name: &str, kind: ConstraintKind) -> String {
    match kind {
        ConstraintKind::PrimaryKey => "DROP PRIMARY KEY".to_owned(),
        ConstraintKind::ForeignKey => format!("DROP FOREIGN KEY {}", q(name)),
        _ => format!("DROP CONSTRAINT {}", q(name)),
    }
}

/// The statements that add a foreign key without reading the table under a lock: the server believes that there are no orphans.
pub(super) fn unchecked(target: Target, table: &str, clause: &str) -> Vec<String> {
    without_checks(target.engine, algorithm::alter(target, table, clause, Algorithm::NoCopy))
}

/// A statement for which the server does not look at foreign keys.
pub(super) fn without_checks(engine: Engine, statement: String) -> Vec<String> {
    match engine {
        Engine::Mariadb => vec![format!("SET STATEMENT foreign_key_checks = 0 FOR {statement}")],
        _ => vec![
            "SET SESSION foreign_key_checks = 0".to_owned(),
            statement,
            "SET SESSION foreign_key_checks = 1".to_owned(),
        ],
    }
}

/// Indexes that the server may have made for a foreign key.
pub(super) fn made_for<'a>(table: &'a Table, key: &ForeignKey) -> impl Iterator<Item = (&'a String, &'a Index)> {
    let is_for = |columns: &[String]| {
        columns.len() == key.columns.len()
            && key.columns.iter().all(|column| columns.iter().any(|own| same(own, column)))
    };
    table.indexes.iter().filter(move |(_, index)| !index.unique && is_for(&known::columns_of(index)))
}

/// The clause that adds a foreign key of the catalog once more. An index that the server made for it under another name is made again:
/// the server would take it away for one of the key's name.
pub(super) fn adding_again(table: &Table, name: &str, key: &ForeignKey) -> String {
    let other = made_for(table, key).filter(|(index, _)| !same(index, name));
    let mut clauses: Vec<String> =
        other.map(|(index, made)| format!("DROP KEY {}, ADD {}", q(index), made.definition)).collect();
    clauses.push(format!("ADD CONSTRAINT {} {}", q(name), key.definition()));
    clauses.join(", ")
}

/// Rows that point at nothing.
pub(super) fn orphans(table: &str, key: &ForeignKey) -> Assertion {
    let pairs = key.columns.iter().zip(&key.target_columns);
    let joined: Vec<String> =
        pairs.map(|(own, other)| format!("parent.{} = child.{}", q(other), q(own))).collect();
    let given: Vec<String> = key.columns.iter().map(|own| format!("child.{} IS NOT NULL", q(own))).collect();
    Assertion {
        name: format!("every row of {table} that points at {} finds it", key.target),
        violations_query: format!(
            "SELECT child.* FROM {} AS child WHERE {} AND NOT EXISTS (SELECT 1 FROM {} AS parent WHERE {})",
            q(table),
            given.join(" AND "),
            q(&key.target),
            joined.join(" AND ")
        ),
    }
}

pub(super) fn add_foreign_key(rule: &mut Rule<'_>, found: &Found, key: &ForeignKey) -> Planned {
    check_target(rule, found, key)?;
    let rows = rule.rows(&found.name);
    let (name, index) = known::put_foreign_key(rule.table_mut(&found.name), &found.name, key);
    // Without a name the server makes up those of the key and of its index.
    let clause = match &key.name {
        Some(name) => format!("ADD CONSTRAINT {} {}", q(name), key.definition()),
        None => format!("ADD {}", key.definition()),
    };
    let mut revert = vec![algorithm::alter(
        rule.target,
        &found.name,
        &format!("DROP FOREIGN KEY {}", q(&name)),
        Algorithm::NoCopy,
    )];
    if let Some(index) = &index {
        let clause = format!("DROP INDEX {}", q(index));
        revert.push(algorithm::alter(rule.target, &found.name, &clause, Algorithm::NoCopy));
    }
    let orphans = orphans(&found.name, key);
    let mut added = step(
        &format!("add {name} of {}", found.name),
        Phase::Validate,
        unchecked(rule.target, &found.name, &clause),
        Some(revert),
    )
    .holds(&found.name, Algorithm::NoCopy.mode())
    .only_if(&orphans.name, orphans.violations_query.clone())
    .goes_through(rows)
    .why(
        "Counts for new rows from here on; checking those that are there would copy the table while writes wait.",
    );
    if key.target != found.name {
        added = added.holds(&key.target, EXCLUSIVE);
    }
    let proven = proof(&format!("prove {name} of {}", found.name), orphans, rows)
        .why("Rows that came in between the first look and the key are looked at again; the step fails where one has no parent.");
    let mut drafts = on(&found.name, vec![added, proven]);
    drafts.touches.push(key.target.clone());
    drafts.as_written = Some(lock::copy(&found.name, rows));
    drafts.hazards.push(format!(
        "the server does not check {name} for rows that are there (foreign_key_checks = 0); the plan does, before and after"
    ));
    Ok(drafts)
}

/// Fails where the assertion does not hold; nothing is locked.
pub(super) fn proof(name: &str, assertion: Assertion, rows: Option<u64>) -> Draft {
    let forward = Action::Assert { assertions: vec![assertion] };
    Draft::new(name, Phase::Validate, forward, Some(Action::Nothing)).goes_through(rows)
}

fn check_target(rule: &Rule<'_>, found: &Found, key: &ForeignKey) -> Result<(), Refusal> {
    for column in &key.columns {
        found.column(column)?;
    }
    match rule.catalog.table(&key.target) {
        Known::Absent => Err(points_at_nothing(&key.target)),
        _ => Ok(()),
    }
}

pub(super) fn points_at_nothing(target: &str) -> Refusal {
    Refusal::new(format!("there is no table {target} for the foreign key to point at"), "create it before")
}

pub(super) fn drop_foreign_key(rule: &mut Rule<'_>, found: &Found, name: &str, if_exists: bool) -> Planned {
    let known =
        known::constraint(&found.table, name).filter(|(_, known)| known.kind == ConstraintKind::ForeignKey);
    let Some((name, known)) = known.map(|(name, known)| (name.clone(), known.clone())) else {
        return absent(found, name, if_exists);
    };
    rule.table_mut(&found.name).constraints.remove(&name);
    let clause = dropping(&name, known.kind);
    let key = ForeignKey::of(&name, &known.definition);
    let again = key.as_ref().map_or_else(|| adding(&name, &known), |key| adding_again(&found.table, &name, key));
    let revert = unchecked(rule.target, &found.name, &again);
    let target = key.map(|key| key.target);
    let forward = vec![algorithm::alter(rule.target, &found.name, &clause, Algorithm::NoCopy)];
    let mut step = step(&format!("drop {name} of {}", found.name), Phase::Expand, forward, Some(revert))
        .holds(&found.name, EXCLUSIVE)
        .why("Less is checked from here on: no row is looked at.");
    if let Some(target) = target.as_ref().filter(|target| **target != found.name) {
        step = step.holds(target, EXCLUSIVE);
    }
    let mut drafts = on(&found.name, vec![step]);
    drafts.touches.extend(target);
    drafts.hazards.push(format!("a rollback brings {name} back without a look at rows that break it"));
    Ok(drafts)
}

fn absent(found: &Found, name: &str, if_exists: bool) -> Planned {
    if if_exists {
        return Ok(nothing(&found.name, format!("table {} has no {name}: nothing is done", found.name)));
    }
    Err(Refusal::new(
        format!("table {} has no constraint {name}", found.name),
        "correct the name, or plan against a database whose schema is up to date",
    ))
}

pub(super) fn add_check(target: Target, found: &Found) -> Refusal {
    let alone = if target.engine == Engine::Mariadb {
        "write it as the check of a column, `ALTER TABLE ... MODIFY column ... CHECK (...)`, which copies nothing, or "
    } else {
        ""
    };
    Refusal::new(
        format!("adding a check to {} copies the whole table while writes wait", found.name),
        format!(
            "{alone}accept that in a window of its own with `-- lockstep: opaque` and `-- lockstep: revert ...`"
        ),
    )
}

/// DROP CONSTRAINT and DROP CHECK: what it is, the catalog knows.
pub(super) fn drop_named(rule: &mut Rule<'_>, found: &Found, name: &str, if_exists: bool) -> Planned {
    let Some((known_name, known)) =
        known::constraint(&found.table, name).map(|(name, known)| (name.clone(), known.clone()))
    else {
        if known::index(&found.table, name).is_some() {
            return super::index::drop_of(rule, found, name, if_exists);
        }
        return absent(found, name, if_exists);
    };
    match known.kind {
        ConstraintKind::ForeignKey => drop_foreign_key(rule, found, &known_name, if_exists),
        ConstraintKind::PrimaryKey => Err(super::primary_key::dropping_alone(found)),
        _ => {
            rule.table_mut(&found.name).constraints.remove(&known_name);
            let drop = |algorithm| {
                algorithm::alter(rule.target, &found.name, &dropping(&known_name, known.kind), algorithm)
            };
            let forward = vec![drop(algorithm::catalog_only(rule.target))];
            let revert =
                vec![algorithm::alter(rule.target, &found.name, &adding(&known_name, &known), Algorithm::Copy)];
            let step = step(&format!("drop {known_name} of {}", found.name), Phase::Expand, forward, Some(revert))
                .holds(&found.name, EXCLUSIVE)
                .why("Less is checked from here on: no row is looked at.");
            let mut drafts = on(&found.name, vec![step]);
            drafts.hazards.push(format!(
                "a rollback copies {} while writes wait, and fails where a row breaks {known_name} by then",
                found.name
            ));
            Ok(drafts)
        }
    }
}

/// Groups of rows that are equal in these columns.
pub(super) fn duplicates(table: &str, columns: &[String]) -> Assertion {
    let list = q_list(columns);
    let given: Vec<String> = columns.iter().map(|column| format!("{} IS NOT NULL", q(column))).collect();
    Assertion {
        name: format!("no two rows of {table} have the same {}", columns.join(", ")),
        violations_query: format!(
            "SELECT {list}, count(*) AS how_many FROM {} WHERE {} GROUP BY {list} HAVING count(*) > 1",
            q(table),
            given.join(" AND ")
        ),
    }
}
