//! ADD CONSTRAINT: checks and foreign keys first for new rows only, then validated beside reads and writes; keys by an index that
//! was built concurrently.

use super::constraint::{self, New};
use super::index;
use super::lock::{self, ACCESS_EXCLUSIVE, Locks, SHARE_ROW_EXCLUSIVE, SHARE_UPDATE_EXCLUSIVE};
use super::{Found, Planned, Rule, not_null, on, partition_index, q};
use crate::draft::{Draft, Drafts};
use crate::name;
use crate::plan::Refusal;
use lockstep_core::schema::ConstraintKind;
use lockstep_core::step::{Action, Phase};
use sqlparser::ast::{Ident, TableConstraint};

pub(super) fn plan(rule: &mut Rule<'_>, found: &Found, written: &TableConstraint, not_valid: bool) -> Planned {
    if let TableConstraint::UniqueUsingIndex(using) | TableConstraint::PrimaryKeyUsingIndex(using) = written {
        return using_index(rule, found, written, using);
    }
    let mut drafts = steps(rule, found, written, None)?;
    if not_valid {
        drafts.steps.truncate(1);
        drafts.as_written = None;
        let name = match written {
            TableConstraint::Check(check) => check.name.clone(),
            TableConstraint::ForeignKey(key) => key.name.clone(),
            _ => None,
        };
        if let Some(name) = name
            && let Some(mine) = rule.table_mut(&found.name).constraints.get_mut(&name::meant(&name))
        {
            mine.definition.push_str(" NOT VALID");
        }
    }
    Ok(drafts)
}

/// The steps for a constraint. `of_column`: it stands beside this column.
pub(super) fn steps(
    rule: &mut Rule<'_>,
    found: &Found,
    written: &TableConstraint,
    of_column: Option<&str>,
) -> Planned {
    let new = constraint::read(rule.catalog, &found.name, &found.table, written, of_column)?;
    if found.table.constraints.contains_key(&new.name) {
        return Err(Refusal::new(
            format!("table {} has a constraint {} already", found.name.key(), new.name),
            "choose another name",
        ));
    }
    let drafts = if found.is_new { at_once(found, &new) } else { split(rule, found, &new)? };
    let table = rule.table_mut(&found.name);
    table.constraints.insert(new.name.clone(), new.in_catalog());
    if new.kind == ConstraintKind::PrimaryKey {
        let mine = |known: &&mut lockstep_core::schema::Column| new.columns.contains(&known.name);
        table.columns.iter_mut().filter(mine).for_each(|column| column.nullable = false);
    }
    Ok(drafts)
}

fn split(rule: &Rule<'_>, found: &Found, new: &New) -> Planned {
    match new.kind {
        ConstraintKind::Check => Ok(check(rule, found, new)),
        ConstraintKind::ForeignKey => foreign_key(rule, found, new),
        ConstraintKind::Unique | ConstraintKind::PrimaryKey => key(rule, found, new),
        ConstraintKind::Exclusion if rule.is_empty_here(found) => {
            let (name, query) = found.without_rows();
            let mut drafts = at_once(found, new);
            for step in &mut drafts.steps {
                *step = step.clone().only_if(&name, query.clone()).why(
                    "Its index would be built while writes wait, and is built only where the table is empty: then there is nothing to \
                     build.",
                );
            }
            drafts.hazards.push("from here on writes fail that would make two rows overlap".to_owned());
            Ok(drafts)
        }
        ConstraintKind::Exclusion => Err(Refusal::new(
            format!("the server has no way to build {} of {} beside writes", new.name, found.name.key()),
            "make a new table with the constraint and move the rows, have a trigger keep rows apart, or accept the statement with \
             `-- lockstep: opaque` when the table is small",
        )),
    }
}

fn add(found: &Found, new: &New, definition: &str) -> String {
    format!("ALTER TABLE {} ADD CONSTRAINT {} {definition}", found.name.sql(), q(&new.name))
}

fn drop(found: &Found, new: &New) -> String {
    format!("ALTER TABLE {} DROP CONSTRAINT {}", found.name.sql(), q(&new.name))
}

fn at_once(found: &Found, new: &New) -> Drafts {
    let mut step = Draft::statements(
        &format!("add {} of {}", new.name, found.name.key()),
        Phase::Expand,
        vec![add(found, new, &new.definition)],
        Some(vec![drop(found, new)]),
    )
    .holds(&found.name, ACCESS_EXCLUSIVE)
    .why("The table is new: nobody waits for it.");
    if let Some((target, _)) = new.refers_to.as_ref().filter(|(target, _)| *target != found.name) {
        step = step.holds(target, SHARE_ROW_EXCLUSIVE);
    }
    on(&found.name, vec![step])
}

fn check(rule: &Rule<'_>, found: &Found, new: &New) -> Drafts {
    let condition = new.condition.as_deref().unwrap_or("true");
    let add_step = Draft::statements(
        &format!("check {} for new rows", new.name),
        Phase::Validate,
        vec![add(found, new, &format!("{} NOT VALID", new.definition))],
        Some(vec![drop(found, new)]),
    )
    .holds(&found.name, ACCESS_EXCLUSIVE)
    .only_if(
        &format!("every row of {} fulfils {}", found.name.key(), new.name),
        format!("SELECT * FROM {} WHERE NOT ({condition})", found.name.sql()),
    )
    .why("From here on the server checks rows as they are written; it looks at no other row.");
    let steps = vec![add_step, validation(rule, found, &new.name, &new.definition)];
    Drafts {
        as_written: Some(lock::scan(&found.name, ACCESS_EXCLUSIVE, rule.rows(&found.name))),
        hazards: vec![format!("from here on writes fail that break {}", new.name)],
        ..on(&found.name, steps)
    }
}

fn foreign_key(rule: &Rule<'_>, found: &Found, new: &New) -> Planned {
    let Some((target, there)) = &new.refers_to else {
        return Err(Refusal::new("the foreign key points at no table", "name the table"));
    };
    if partition_index::is_whole(&found.table) {
        return Err(Refusal::new(
            format!(
                "{} is partitioned, and a foreign key over all partitions reads them while writes wait",
                found.name.key()
            ),
            "add the foreign key to each partition instead",
        ));
    }
    let add_step = Draft::statements(
        &format!("check {} for new rows", new.name),
        Phase::Validate,
        vec![add(found, new, &format!("{} NOT VALID", new.definition))],
        Some(vec![drop(found, new)]),
    )
    .holds(&found.name, SHARE_ROW_EXCLUSIVE)
    .holds(target, SHARE_ROW_EXCLUSIVE)
    .only_if(
        &format!("every row of {} has what {} points at", found.name.key(), new.name),
        orphans(found, new, there),
    )
    .why("From here on the server checks rows as they are written; it looks at no other row.");
    let mut drafts = on(&found.name, vec![add_step, validation(rule, found, &new.name, &new.definition)]);
    drafts.touches.push(target.key());
    drafts.as_written = Some(lock::scan(&found.name, SHARE_ROW_EXCLUSIVE, rule.rows(&found.name)));
    drafts.hazards.push(format!("from here on writes fail that break {}", new.name));
    Ok(drafts)
}

fn orphans(found: &Found, new: &New, there: &[String]) -> String {
    let target = new.refers_to.as_ref().map_or_else(String::new, |(target, _)| target.sql());
    let pairs =
        new.columns.iter().zip(there).map(|(here, there)| format!("there.{} = here.{}", q(there), q(here)));
    let not_null = new.columns.iter().map(|column| format!("here.{} IS NOT NULL", q(column)));
    format!(
        "SELECT here.* FROM {} AS here WHERE {} AND NOT EXISTS (SELECT FROM {target} AS there WHERE {})",
        found.name.sql(),
        not_null.collect::<Vec<_>>().join(" AND "),
        pairs.collect::<Vec<_>>().join(" AND ")
    )
}

fn validation(rule: &Rule<'_>, found: &Found, constraint: &str, definition: &str) -> Draft {
    let (table, quoted) = (found.name.sql(), q(constraint));
    let forward = vec![format!("ALTER TABLE {table} VALIDATE CONSTRAINT {quoted}")];
    let revert = vec![
        format!("ALTER TABLE {table} DROP CONSTRAINT {quoted}"),
        format!("ALTER TABLE {table} ADD CONSTRAINT {quoted} {definition} NOT VALID"),
    ];
    let mut step = Draft::statements(&format!("validate {constraint}"), Phase::Validate, forward, Some(revert))
        .holds(&found.name, SHARE_UPDATE_EXCLUSIVE)
        .scans(rule.rows(&found.name))
        .why("Reads every row beside reads and writes.");
    // What going back locks.
    let target = definition.split_once(" REFERENCES ").and_then(|(_, rest)| rest.split('(').next());
    step.step.targets.extend(target.filter(|target| *target != found.name.key()).map(str::to_owned));
    step
}

/// VALIDATE CONSTRAINT as a person writes it.
pub(super) fn validate(rule: &mut Rule<'_>, found: &Found, constraint: &Ident) -> Planned {
    let name = name::meant(constraint);
    let Some(known) = found.table.constraints.get(&name) else {
        return Err(Refusal::new(
            format!("table {} has no constraint {name}", found.name.key()),
            "correct the name, or plan against a database whose schema is up to date",
        ));
    };
    let Some(definition) = known.definition.strip_suffix(" NOT VALID").map(str::to_owned) else {
        return Ok(super::create_table::nothing(&found.name, format!("{name} is valid already: nothing is done")));
    };
    let step = validation(rule, found, &name, &definition);
    if let Some(mine) = rule.table_mut(&found.name).constraints.get_mut(&name) {
        mine.definition = definition;
    }
    Ok(on(&found.name, vec![step]))
}

fn key(rule: &Rule<'_>, found: &Found, new: &New) -> Planned {
    let mut steps = Vec::new();
    let is_whole = partition_index::is_whole(&found.table);
    let partitions = if is_whole { partition_index::partitions(rule, found)? } else { Vec::new() };
    if new.kind == ConstraintKind::PrimaryKey {
        for column in &new.columns {
            if found.column(column)?.nullable {
                let rows = rule.rows(&found.name);
                steps.push(not_null::step_over(found, &partitions, column, rows, rule.target.version));
            }
        }
    }
    steps.push(if is_whole {
        let proof = proof_of_key(found, new)?;
        partition_index::key(found, &partitions, (&new.name, &new.definition, new.kind), &new.columns)
            .only_if(&proof.0, proof.1)
    } else {
        by_index(found, new)?
    });
    Ok(Drafts {
        as_written: Some(lock::scan(&found.name, ACCESS_EXCLUSIVE, rule.rows(&found.name))),
        hazards: vec!["from here on writes fail that would make two rows equal".to_owned()],
        ..on(&found.name, steps)
    })
}

/// One step, so that its revert leaves what was there before: the constraint takes its index along.
fn by_index(found: &Found, new: &New) -> Result<Draft, Refusal> {
    let [build, attach] = key_statements(found, &new.name, &new.definition, new.kind);
    let index = found.name.beside(&new.name).sql();
    let (proof, query) = proof_of_key(found, new)?;
    let alone = |statements| Action::Statements { statements, transactional: false };
    let revert = vec![
        drop(found, new),
        // Left by work that stopped half-way.
        format!("DROP INDEX CONCURRENTLY IF EXISTS {index}"),
    ];
    Ok(Draft::new(&format!("add {} of {}", new.name, found.name.key()), Phase::Validate, alone(vec![build, attach]), Some(alone(revert)))
        .holds(&found.name, ACCESS_EXCLUSIVE)
        .only_if(&proof, query)
        .why("The index is built concurrently, beside writes; then the constraint takes it over, which looks at no row."))
}

/// What proves that no two rows are equal: a name, and the query that finds some.
fn proof_of_key(found: &Found, new: &New) -> Result<(String, String), Refusal> {
    let keys: Vec<String> = new.columns.iter().map(|column| q(column)).collect();
    let query = index::duplicates_of(&found.name, &keys, None, new.nulls_distinct)
        .ok_or_else(|| Refusal::new(format!("{} names no column", new.name), "name its columns"))?;
    Ok((format!("no two rows are equal by {}", new.name), query))
}

/// How a key comes to be on a table in use.
pub(super) fn key_statements(found: &Found, name: &str, definition: &str, kind: ConstraintKind) -> [String; 2] {
    let (head, rest) = definition.split_once('(').unwrap_or((definition, ""));
    let (columns, rest) = rest.split_once(')').unwrap_or((rest, ""));
    let deferring = rest.find(" DEFERRABLE").map_or("", |at| &rest[at..]);
    let including = rest.strip_suffix(deferring).unwrap_or(rest);
    let nulls = if head.contains("NULLS NOT DISTINCT") { " NULLS NOT DISTINCT" } else { "" };
    let what = if kind == ConstraintKind::PrimaryKey { "PRIMARY KEY" } else { "UNIQUE" };
    let table = found.name.sql();
    [
        format!("CREATE UNIQUE INDEX CONCURRENTLY {} ON {table} ({columns}){including}{nulls}", q(name)),
        format!("ALTER TABLE {table} ADD CONSTRAINT {} {what} USING INDEX {}{deferring}", q(name), q(name)),
    ]
}

/// A key over an index that is there.
fn using_index(
    rule: &mut Rule<'_>,
    found: &Found,
    written: &TableConstraint,
    using: &sqlparser::ast::ConstraintUsingIndex,
) -> Planned {
    let index = name::meant(&using.index_name);
    let Some(known) = found.table.indexes.get(&index).cloned() else {
        return Err(Refusal::new(
            format!("table {} has no index {index}", found.name.key()),
            "create it before, or write ADD CONSTRAINT with the columns",
        ));
    };
    let name = using.name.as_ref().map_or_else(|| index.clone(), name::meant);
    let columns = columns_of(&known.definition, found);
    let is_primary = matches!(written, TableConstraint::PrimaryKeyUsingIndex(_));
    let mut steps = Vec::new();
    if is_primary && !found.is_new {
        for column in columns.iter().filter(|column| found.column(column).is_ok_and(|column| column.nullable)) {
            steps.push(not_null::step(&found.name, column, rule.rows(&found.name)));
        }
    }
    let forward = vec![format!("ALTER TABLE {} ADD {written}", found.name.sql())];
    let alone = |statements| Action::Statements { statements, transactional: false };
    let revert = vec![
        format!("ALTER TABLE {} DROP CONSTRAINT {}", found.name.sql(), q(&name)),
        index::concurrently(&known.definition),
    ];
    steps.push(
        Draft::new(
            &format!("add {name} of {}", found.name.key()),
            Phase::Validate,
            alone(forward),
            Some(alone(revert)),
        )
        .holds(&found.name, ACCESS_EXCLUSIVE)
        .why("The constraint takes the index over, which looks at no row."),
    );
    let kind = if is_primary { ConstraintKind::PrimaryKey } else { ConstraintKind::Unique };
    let head = if is_primary { "PRIMARY KEY" } else { "UNIQUE" };
    let definition = format!("{head} ({})", constraint::list(&columns));
    let table = rule.table_mut(&found.name);
    table.indexes.remove(&index);
    for column in table.columns.iter_mut().filter(|column| is_primary && columns.contains(&column.name)) {
        column.nullable = false;
    }
    table.constraints.insert(name, lockstep_core::schema::Constraint { kind, columns, definition });
    Ok(on(&found.name, steps))
}

/// The plain columns of an index, by its definition.
pub(super) fn columns_of(definition: &str, found: &Found) -> Vec<String> {
    let inside = definition.split_once(" (").map_or("", |(_, rest)| rest.split(')').next().unwrap_or(rest));
    let known = |part: &str| found.table.columns.iter().find(|column| name::same(part.trim(), &column.name));
    inside.split(',').filter_map(known).map(|column| column.name.clone()).collect()
}
