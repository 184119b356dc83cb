//! CREATE INDEX, and what is like it: built concurrently, so that writes go on.

use super::lock::{self, ACCESS_EXCLUSIVE, Locks, SHARE, SHARE_UPDATE_EXCLUSIVE};
use super::table_name::{Name, as_printed, quoted};
use super::{Found, Planned, Rule, create_table, naming, on, partition_index, reworded};
use crate::catalog::Known;
use crate::draft::{Draft, Drafts};
use crate::name;
use crate::plan::Refusal;
use lockstep_core::schema::Index;
use lockstep_core::step::{Action, ClientRequirement, Phase};
use sqlparser::ast::{CreateIndex, Expr, ObjectName, ObjectNamePart, OrderBySort};

pub(super) fn create(rule: &mut Rule<'_>, create: &CreateIndex) -> Planned {
    let table = Name::of(&create.table_name)?;
    // A concurrent build suits any table; its name must be sure, for the way back.
    if rule.catalog.table(&table.key()) == Known::Unknown && create.name.is_some() {
        return super::alter_table::on_unknown(rule, &table, |rule, found| create_on(rule, found, create));
    }
    let found = rule.found_named(table)?;
    create_on(rule, &found, create)
}

fn create_on(rule: &mut Rule<'_>, found: &Found, create: &CreateIndex) -> Planned {
    let is_taken =
        |name: &str| found.table.indexes.contains_key(name) || found.table.constraints.contains_key(name);
    let index = match &create.name {
        Some(written) => found.name.beside(&name::parts(written).pop().unwrap_or_default()),
        None => found.name.beside(&naming::choose(&found.name.name, &columns_in_name(create), "idx", is_taken)),
    };
    if create.if_not_exists && is_taken(&index.name) {
        let hazard = format!("index {} is there already: nothing is done", index.key());
        return Ok(create_table::nothing(&found.name, hazard));
    }
    let mut written = create.clone();
    written.name = Some(ObjectName(vec![ObjectNamePart::Identifier(quoted(&index.name))]));
    written.table_name = found.name.object();
    written.if_not_exists = false;
    let is_whole = partition_index::is_whole(&found.table);
    let is_only = is_whole && reworded::is_on_only(&rule.statement.sql);
    let partitions = if is_whole && !is_only { partition_index::partitions(rule, found)? } else { Vec::new() };
    let mut definition = definition(&found.name, &index, create);
    if is_whole {
        definition = definition.replacen(
            &format!(" ON {}", found.name.key()),
            &format!(" ON ONLY {}", found.name.key()),
            1,
        );
    }
    let made = Index { unique: create.unique, valid: true, definition };
    let drafts = if is_only {
        partition_index::create_only(found, &index, &written)
    } else {
        drafts(rule, found, &partitions, (&index, &made), &mut written)?
    };
    partition_index::put(rule, &partitions, &made, &columns_in_name(create));
    rule.table_mut(&found.name).indexes.insert(index.name, made);
    Ok(drafts)
}

fn drafts(
    rule: &Rule<'_>,
    found: &Found,
    partitions: &[Found],
    (index, made): (&Name, &Index),
    written: &mut CreateIndex,
) -> Planned {
    let name = format!("index {}", index.key());
    // A whole without partitions has no row.
    if found.is_new || (partition_index::is_whole(&found.table) && partitions.is_empty()) {
        written.concurrently = false;
        let revert = vec![format!("DROP INDEX {}", index.sql())];
        let step = Draft::statements(&name, Phase::Expand, vec![written.to_string()], Some(revert))
            .holds(&found.name, SHARE)
            .why("The table is new: nobody waits for it.");
        return Ok(on(&found.name, vec![step]));
    }
    let as_written = (!written.concurrently).then(|| lock::scan(&found.name, SHARE, rule.rows(&found.name)));
    written.concurrently = true;
    let mut step = if partitions.is_empty() {
        build(&name, &found.name, written.to_string(), index).scans(rule.rows(&found.name)).why("Built concurrently: writes go on while it is built. A build that stopped half-way is dropped and begun again.")
    } else {
        partition_index::create(found, partitions, (index, made), written, &columns_in_name(written))
    };
    if written.unique
        && let Some(query) = duplicates(found, written)
    {
        step = step.only_if(&format!("no two rows are equal by {}", index.key()), query);
    }
    let mut drafts = Drafts { as_written, ..on(&found.name, vec![step]) };
    if written.unique {
        drafts.hazards.push("from here on writes fail that would make two rows equal".to_owned());
    }
    drafts.touches.extend(partitions.iter().map(|partition| partition.name.key()));
    Ok(drafts)
}

/// One concurrent build.
pub(super) fn build(name: &str, table: &Name, forward: String, index: &Name) -> Draft {
    let revert = format!("DROP INDEX CONCURRENTLY {}", index.sql());
    Draft::alone(name, Phase::Expand, forward, Some(revert)).holds(table, SHARE_UPDATE_EXCLUSIVE)
}

/// DROP INDEX.
pub(super) fn drop(rule: &mut Rule<'_>, names: &[ObjectName], if_exists: bool) -> Planned {
    let mut all = Drafts::default();
    for written in names {
        let index = Name::of(written)?;
        let drafts = match find(rule, &index) {
            Some((table, known)) => {
                refuse_needed(rule, &table, &index, &known)?;
                partition_index::refuse_part(rule, &table, &index)?;
                let found = rule.found_named(table.clone())?;
                let partitions = if partition_index::is_whole(&found.table) {
                    partition_index::partitions(rule, &found)?
                } else {
                    Vec::new()
                };
                rule.table_mut(&table).indexes.remove(&index.name);
                let drafts = drop_known(rule, &found, &partitions, &index, &known)?;
                partition_index::forget(rule, &partitions, &known);
                drafts
            }
            None if if_exists && rule.catalog.is_complete => {
                create_table::nothing(&index, format!("there is no index {}: nothing is done", index.key()))
            }
            None => drop_unknown(rule, &index)?,
        };
        super::alter_table::append(&mut all, drafts);
    }
    Ok(all)
}

/// A foreign key may point at columns that only a unique index makes unique.
fn refuse_needed(rule: &Rule<'_>, table: &Name, index: &Name, known: &Index) -> Result<(), Refusal> {
    let found = rule.found_named(table.clone())?;
    let columns = super::add_constraint::columns_of(&known.definition, &found);
    let is_other = |name: &String, columns_of_other: &[String]| *name != index.name && columns_of_other == columns;
    let has_other = found.table.constraints.iter().any(|(name, other)| {
        !other.definition.starts_with("FOREIGN")
            && !other.definition.starts_with("CHECK")
            && is_other(name, &other.columns)
    });
    if !known.unique || has_other {
        return Ok(());
    }
    let tail = format!(" REFERENCES {}({})", table.key(), super::constraint::list(&columns));
    for (key, other) in &rule.catalog.schema.tables {
        if let Some((name, _)) =
            other.constraints.iter().find(|(_, constraint)| constraint.definition.contains(&tail))
        {
            return Err(Refusal::new(
                format!("foreign key {name} of {key} relies on index {}", index.key()),
                "drop it before, by its name",
            ));
        }
    }
    Ok(())
}

fn drop_known(rule: &Rule<'_>, found: &Found, partitions: &[Found], index: &Name, known: &Index) -> Planned {
    let table = &found.name;
    let is_whole = partition_index::is_whole(&found.table);
    let name = format!("drop index {}", index.key());
    let is_new = rule.catalog.is_created_here(&table.key());
    let mut step = if is_new {
        let forward = vec![format!("DROP INDEX {}", index.sql())];
        Draft::statements(&name, Phase::Expand, forward, Some(vec![known.definition.clone()]))
    } else if is_whole {
        partition_index::drop(found, partitions, index, known)?
    } else {
        let forward = format!("DROP INDEX CONCURRENTLY {}", index.sql());
        Draft::alone(&name, Phase::Contract, forward, Some(concurrently(&known.definition)))
    };
    if !known.unique {
        // Nobody says an index's name: no client has to know.
        step.step.requires = ClientRequirement::Nothing;
    }
    let step = if is_whole && !is_new {
        step
    } else {
        step.holds(table, SHARE_UPDATE_EXCLUSIVE).why("Dropped beside reads and writes. Queries that used it may be slow from here on; a rollback builds it again.")
    };
    let mut drafts = on(table, vec![step]);
    if !is_new {
        drafts.as_written = Some(lock::impact(table, ACCESS_EXCLUSIVE));
    }
    if known.unique {
        drafts.hazards.push(format!("ON CONFLICT that relies on {} fails from here on", index.key()));
    }
    drafts.touches.extend(partitions.iter().map(|partition| partition.name.key()));
    Ok(drafts)
}

fn drop_unknown(rule: &Rule<'_>, index: &Name) -> Planned {
    let reverts = rule.revert_by_directive(&format!("nothing is known of index {}", index.key()))?;
    let forward = format!("DROP INDEX CONCURRENTLY {}", index.sql());
    let mut step = Draft::alone(&format!("drop index {}", index.key()), Phase::Contract, forward, None)
        .why("Dropped beside reads and writes.");
    step.step.revert = reverts.map(|statements| Action::Statements { statements, transactional: false });
    Ok(Drafts { touches: vec![super::opaque::EVERYTHING.to_owned()], ..on(index, vec![step]) })
}

/// Rows that a unique index would refuse.
fn duplicates(found: &Found, create: &CreateIndex) -> Option<String> {
    let keys: Vec<String> = create.columns.iter().map(|column| column.column.expr.to_string()).collect();
    let condition = create.predicate.as_ref().map(|predicate| format!("({predicate})"));
    duplicates_of(&found.name, &keys, condition, create.nulls_distinct != Some(false))
}

/// Groups of rows that are equal by these expressions.
pub(super) fn duplicates_of(
    table: &Name,
    keys: &[String],
    condition: Option<String>,
    nulls_distinct: bool,
) -> Option<String> {
    let not_null = keys.iter().filter(|_| nulls_distinct).map(|key| format!("({key}) IS NOT NULL"));
    let conditions: Vec<String> = condition.into_iter().chain(not_null).collect();
    let filter =
        if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
    // By their places: a constant, which holds a table to one row, cannot stand in GROUP BY itself.
    let places = (1..=keys.len()).map(|place| place.to_string()).collect::<Vec<_>>().join(", ");
    let keys = keys.join(", ");
    (!keys.is_empty()).then(|| {
        format!(
            "SELECT {keys}, count(*) AS rows FROM {}{filter} GROUP BY {places} HAVING count(*) > 1",
            table.sql()
        )
    })
}

/// As `ChooseIndexColumnNames` does it.
fn columns_in_name(create: &CreateIndex) -> String {
    let part = |expression: &Expr| match expression {
        Expr::Identifier(ident) => name::meant(ident),
        Expr::Function(function) => name::parts(&function.name).pop().unwrap_or_default(),
        _ => "expr".to_owned(),
    };
    let mut parts: Vec<String> = Vec::new();
    for column in &create.columns {
        let plain = part(&column.column.expr);
        let mut unique = plain.clone();
        let mut number = 1;
        while parts.contains(&unique) {
            unique = format!("{plain}{number}");
            number += 1;
        }
        parts.push(unique);
    }
    parts.join("_")
}

/// As the server prints it, as far as that is plain.
fn definition(table: &Name, index: &Name, create: &CreateIndex) -> String {
    let unique = if create.unique { "UNIQUE " } else { "" };
    let method = create.using.as_ref().map_or("btree".to_owned(), |using| using.to_string().to_lowercase());
    let column = |column: &sqlparser::ast::IndexColumn| {
        let mut text = match &column.column.expr {
            Expr::Identifier(ident) => as_printed(&name::meant(ident)),
            Expr::Function(function) => function.to_string(),
            Expr::Nested(inner) => format!("({inner})"),
            other => format!("({other})"),
        };
        if let Some(class) = &column.operator_class {
            text.push_str(&format!(" {class}"));
        }
        let descends = matches!(column.column.options.sort, Some(OrderBySort::Desc));
        if descends {
            text.push_str(" DESC");
        }
        match column.column.options.nulls_first {
            Some(true) if !descends => text.push_str(" NULLS FIRST"),
            Some(false) if descends => text.push_str(" NULLS LAST"),
            _ => {}
        }
        text
    };
    let columns = create.columns.iter().map(column).collect::<Vec<_>>().join(", ");
    let including =
        create.include.iter().map(|ident| as_printed(&name::meant(ident))).collect::<Vec<_>>().join(", ");
    let including = if including.is_empty() { including } else { format!(" INCLUDE ({including})") };
    let nulls = if create.nulls_distinct == Some(false) { " NULLS NOT DISTINCT" } else { "" };
    let condition = create.predicate.as_ref().map(|predicate| format!(" WHERE ({predicate})")).unwrap_or_default();
    format!(
        "CREATE {unique}INDEX {} ON {} USING {method} ({columns}){including}{nulls}{condition}",
        as_printed(&index.name),
        table.key()
    )
}

/// An index's definition as a statement that builds it concurrently.
pub(super) fn concurrently(definition: &str) -> String {
    definition.replacen("INDEX ", "INDEX CONCURRENTLY ", 1)
}

/// The index of this name, and its table.
pub(super) fn find(rule: &Rule<'_>, index: &Name) -> Option<(Name, Index)> {
    rule.catalog.schema.tables.iter().find_map(|(key, table)| {
        let name = Name::from_key(key).filter(|name| name.schema == index.schema)?;
        table.indexes.get(&index.name).map(|found| (name, found.clone()))
    })
}
