//! Indexes and keys over a partitioned table in use: an empty one over the whole first, one for each partition beside writes, then
//! the whole takes them in. The server has no way to do so in one statement, nor to take one partition's out again: what undoes it
//! drops the whole, which takes a moment.

use super::index;
use super::lock::{ACCESS_EXCLUSIVE, Locks, Mode, ROW_EXCLUSIVE, SHARE, SHARE_UPDATE_EXCLUSIVE};
use super::table_name::{Name, as_printed, quoted};
use super::{Found, Planned, Rule, literal, naming, on, q};
use crate::catalog::Catalog;
use crate::draft::{Draft, Drafts, Lock};
use crate::plan::Refusal;
use crate::script::Directive;
use lockstep_core::schema::{ConstraintKind, Index, Table};
use lockstep_core::step::{Action, Phase};
use sqlparser::ast::{CreateIndex, ObjectName, ObjectNamePart};

/// True for a table of partitions.
pub(super) fn is_whole(table: &Table) -> bool {
    table.options.contains_key("partition by")
}

/// The partitions, all of which must be known.
pub(super) fn partitions(rule: &Rule<'_>, whole: &Found) -> Result<Vec<Found>, Refusal> {
    let mine = |table: &&Table| {
        table.options.contains_key("partition for") && table.options.get("inherits") == Some(&whole.name.key())
    };
    let keys = rule.catalog.schema.tables.iter().filter(|(_, table)| mine(table)).map(|(key, _)| key);
    let names: Vec<Name> = keys.filter_map(|key| Name::from_key(key)).collect();
    let found = names.into_iter().map(|name| rule.found_named(name)).collect::<Result<Vec<_>, _>>()?;
    if !rule.catalog.is_complete && !whole.is_new {
        return Err(Refusal::new(
            format!("not all partitions of {} are known", whole.name.key()),
            "plan against a cluster, or write `CREATE INDEX ... ON ONLY`, one CREATE INDEX for each partition, and ALTER INDEX ... \
             ATTACH PARTITION with `-- lockstep: opaque`",
        ));
    }
    match found.iter().find(|partition| is_whole(&partition.table)) {
        Some(nested) if !whole.is_new => Err(Refusal::new(
            format!("partition {} of {} is partitioned itself", nested.name.key(), whole.name.key()),
            format!("make the same index or key on {} before, in a statement of its own", nested.name.key()),
        )),
        _ => Ok(found),
    }
}

/// What is done to a whole is done to its parts, and locks them, unless a rule says which of them.
pub(super) fn lock_partitions(catalog: &Catalog, draft: &mut Draft) {
    let parts = |whole: &str| {
        let mine = |table: &Table| {
            table.options.get("inherits").is_some_and(|parents| parents.split(", ").any(|one| one == whole))
        };
        let tables = catalog.schema.tables.iter().filter(move |(_, table)| mine(table));
        let keys = tables.map(|(key, _)| key.clone());
        keys.filter(|key| !catalog.is_created_here(key)).collect::<Vec<_>>()
    };
    let mut wholes = draft.impact.locks.clone();
    while let Some(lock) = wholes.pop() {
        let parts = parts(&lock.table);
        if lock.mode == ROW_EXCLUSIVE.0 || parts.iter().any(|part| draft.step.targets.contains(part)) {
            continue;
        }
        for table in parts {
            draft.step.targets.push(table.clone());
            draft.impact.locks.push(Lock { table: table.clone(), ..lock.clone() });
            wholes.push(Lock { table, ..lock.clone() });
        }
    }
}

/// What is made for each partition.
struct Part {
    table: Name,
    index: Name,
    /// Statements that make it.
    make: Vec<String>,
    /// It was there before: what makes another one that takes its place on the way back, and is called so.
    kept: Option<(Name, String)>,
}

/// One step for all.
fn built(name: &str, whole: &Found, index: &Name, head: (String, Mode), parts: &[Part], unmake: String) -> Draft {
    let attach = |part: &Part| format!("ALTER INDEX {} ATTACH PARTITION {}", index.sql(), part.index.sql());
    let mut forward = vec![head.0];
    // The whole takes those along that were there before it.
    let kept = || parts.iter().filter_map(|part| Some((&part.index, part.kept.as_ref()?)));
    let mut revert: Vec<String> = kept().map(|(_, (_, build))| build.clone()).collect();
    revert.push(unmake);
    revert.extend(kept().map(|(index, (again, _))| in_place_of(index, again)));
    for part in parts {
        forward.extend(part.make.iter().cloned());
        forward.push(attach(part));
        // Left by work that stopped half-way.
        if part.make.len() > 1 {
            revert.push(format!(
                "ALTER TABLE {} DROP CONSTRAINT IF EXISTS {}",
                part.table.sql(),
                q(&part.index.name)
            ));
        }
        if part.kept.is_none() {
            revert.push(format!("DROP INDEX CONCURRENTLY IF EXISTS {}", part.index.sql()));
        }
    }
    let alone = |statements| Action::Statements { statements, transactional: false };
    let step = Draft::new(name, Phase::Expand, alone(forward), Some(alone(revert))).holds(&whole.name, head.1).why(
        "Over the whole it is made without the partitions, which takes a moment; for each partition it is built beside writes, and \
         taken in.",
    );
    let mode =
        if parts.iter().any(|part| part.make.len() > 1) { ACCESS_EXCLUSIVE } else { SHARE_UPDATE_EXCLUSIVE };
    parts.iter().fold(step, |step, part| step.holds(&part.table, mode))
}

/// The one that was built anew gets the name of the one that went with the whole; where that did not go, it is not needed.
fn in_place_of(index: &Name, again: &Name) -> String {
    let there = literal(&index.sql());
    let body = format!(
        "\nBEGIN\n  IF pg_catalog.to_regclass({there}) IS NULL THEN\n    ALTER INDEX {} RENAME TO {};\n  ELSE\n    \
         DROP INDEX IF EXISTS {};\n  END IF;\nEND ",
        again.sql(),
        q(&index.name),
        again.sql(),
    );
    format!("DO {}", super::sync::dollar_quoted(&body))
}

/// An index over all partitions; one that a partition has already is taken in, as the server does it. `written` says the name of the index and of the whole.
pub(super) fn create(
    whole: &Found,
    partitions: &[Found],
    (index, made): (&Name, &Index),
    written: &CreateIndex,
    columns_in_name: &str,
) -> Draft {
    let mut parts = Vec::new();
    for partition in partitions {
        if let Some((own, there)) = part_of(partition, made) {
            let own = partition.name.beside(&own);
            let again = partition.name.beside(&crate::name::own("again", &[&own.schema, &own.name]));
            let (head, to) =
                (format!("INDEX {} ON ", as_printed(&own.name)), format!("INDEX {} ON ", q(&again.name)));
            let build = index::concurrently(&there.definition.replacen(&head, &to, 1));
            parts.push(Part {
                table: partition.name.clone(),
                index: own,
                make: Vec::new(),
                kept: Some((again, build)),
            });
            continue;
        }
        let own = partition.name.beside(&own_name(partition, columns_in_name, "idx"));
        let mut build = written.clone();
        build.name = Some(ObjectName(vec![ObjectNamePart::Identifier(quoted(&own.name))]));
        build.table_name = partition.name.object();
        build.concurrently = true;
        parts.push(Part { table: partition.name.clone(), index: own, make: vec![build.to_string()], kept: None });
    }
    let name = format!("index {}", index.key());
    let only = (on_only(index, written), SHARE);
    built(&name, whole, index, only, &parts, format!("DROP INDEX IF EXISTS {}", index.sql()))
}

/// The index of the whole, without those of its partitions.
fn on_only(index: &Name, written: &CreateIndex) -> String {
    let plain = CreateIndex { concurrently: false, ..written.clone() };
    let head = format!("INDEX {} ON ", q(&index.name));
    plain.to_string().replacen(&head, &format!("{head}ONLY "), 1)
}

/// `CREATE INDEX ... ON ONLY`: the file goes on with the partitions by itself.
pub(super) fn create_only(whole: &Found, index: &Name, written: &CreateIndex) -> Drafts {
    let revert = vec![format!("DROP INDEX {}", index.sql())];
    let step = Draft::statements(
        &format!("index {}", index.key()),
        Phase::Expand,
        vec![on_only(index, written)],
        Some(revert),
    )
    .holds(&whole.name, SHARE)
    .why("Over the whole alone it reads no row.");
    let hazard = format!("no query uses index {} until one of each partition is attached to it", index.key());
    Drafts { hazards: vec![hazard], ..on(&whole.name, vec![step]) }
}

/// `ALTER INDEX ... ATTACH PARTITION`. Nothing but dropping the whole takes it out again.
pub(super) fn attach(rule: &Rule<'_>, whole: &Name, part: &Name) -> Planned {
    let revert = match rule.directed_revert() {
        None if !rule.statement.says(&Directive::Irreversible) => {
            return Err(Refusal::new(
                format!("the server has no way to take {} out of {} again", part.key(), whole.key()),
                "write `CREATE INDEX ... ON` the partitioned table without ONLY, and no statement for its partitions: each is built \
                 beside writes, and the whole can be dropped; or accept that nothing undoes it with `-- lockstep: irreversible`",
            ));
        }
        revert => revert,
    };
    let forward = vec![format!("ALTER INDEX {} ATTACH PARTITION {}", whole.sql(), part.sql())];
    let step =
        Draft::statements(&format!("attach {} to {}", part.key(), whole.key()), Phase::Validate, forward, revert)
            .why("The server compares the two definitions, and reads no row.");
    let tables = [whole, part].into_iter().filter_map(|index| index::find(rule, index)).map(|(table, _)| table);
    let step = tables.fold(step, |step, table| step.holds(&table, SHARE_UPDATE_EXCLUSIVE));
    Ok(Drafts { touches: vec![super::opaque::EVERYTHING.to_owned()], ..on(whole, vec![step]) })
}

/// What the server calls it on a partition.
fn own_name(partition: &Found, columns: &str, label: &str) -> String {
    let table = &partition.table;
    let is_taken = |name: &str| table.indexes.contains_key(name) || table.constraints.contains_key(name);
    naming::choose(&partition.name.name, columns, label, is_taken)
}

/// Notes the index of each partition.
pub(super) fn put(rule: &mut Rule<'_>, partitions: &[Found], made: &Index, columns_in_name: &str) {
    for partition in partitions.iter().filter(|partition| part_of(partition, made).is_none()) {
        let own = own_name(partition, columns_in_name, "idx");
        let Some((_, body)) = made.definition.split_once(" USING ") else { continue };
        let unique = if made.unique { "UNIQUE " } else { "" };
        let head = format!("CREATE {unique}INDEX {} ON {}", as_printed(&own), partition.name.key());
        let definition = format!("{head} USING {body}");
        rule.table_mut(&partition.name).indexes.insert(own, Index { definition, ..made.clone() });
    }
}

/// A key over all partitions.
pub(super) fn key(
    whole: &Found,
    partitions: &[Found],
    (name, definition, kind): (&str, &str, ConstraintKind),
    columns: &[String],
) -> Draft {
    let (in_name, label) =
        if kind == ConstraintKind::PrimaryKey { (String::new(), "pkey") } else { (columns.join("_"), "key") };
    let mut parts = Vec::new();
    for partition in partitions {
        let own = own_name(partition, &in_name, label);
        let make = super::add_constraint::key_statements(partition, &own, definition, kind).to_vec();
        parts.push(Part { table: partition.name.clone(), index: partition.name.beside(&own), make, kept: None });
    }
    let table = whole.name.sql();
    let only = format!("ALTER TABLE ONLY {table} ADD CONSTRAINT {} {definition}", q(name));
    let unmake = format!("ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {}", q(name));
    let step = format!("add {name} of {}", whole.name.key());
    let mut step = built(&step, whole, &whole.name.beside(name), (only, ACCESS_EXCLUSIVE), &parts, unmake);
    step.step.phase = Phase::Validate;
    step
}

/// The index of a partition that belongs to an index of the whole: what follows the table's name is the same.
fn part_of(partition: &Found, whole: &Index) -> Option<(String, Index)> {
    let body = |definition: &str| definition.split_once(" USING ").map(|(_, body)| body.to_owned());
    let same = |index: &Index| index.unique == whole.unique && body(&index.definition) == body(&whole.definition);
    let (name, index) = partition.table.indexes.iter().find(|(_, index)| same(index))?;
    Some((name.clone(), index.clone()))
}

/// DROP INDEX over all partitions: the server knows no way beside reads and writes, and it reads no row.
pub(super) fn drop(whole: &Found, partitions: &[Found], index: &Name, known: &Index) -> Result<Draft, Refusal> {
    let mut revert = vec![known.definition.clone()];
    for partition in partitions {
        let (own, part) = part_of(partition, known).ok_or_else(|| {
            Refusal::new(
                format!(
                    "nothing is known of the index of {} that belongs to {}",
                    partition.name.key(),
                    index.key()
                ),
                "say what makes it again with `-- lockstep: revert STATEMENT` and `-- lockstep: opaque`",
            )
        })?;
        revert.push(index::concurrently(&part.definition));
        revert.push(format!("ALTER INDEX {} ATTACH PARTITION {}", index.sql(), partition.name.beside(&own).sql()));
    }
    let forward =
        Action::Statements { statements: vec![format!("DROP INDEX {}", index.sql())], transactional: true };
    let revert = Action::Statements { statements: revert, transactional: false };
    let step = Draft::new(&format!("drop index {}", index.key()), Phase::Contract, forward, Some(revert))
        .holds(&whole.name, ACCESS_EXCLUSIVE)
        .why("The server drops it from all partitions at once, and reads no row. A rollback builds it again, beside writes.");
    Ok(partitions.iter().fold(step, |step, partition| step.holds(&partition.name, ACCESS_EXCLUSIVE)))
}

/// Forgets the indexes of the partitions.
pub(super) fn forget(rule: &mut Rule<'_>, partitions: &[Found], known: &Index) {
    for partition in partitions {
        if let Some((own, _)) = part_of(partition, known) {
            rule.table_mut(&partition.name).indexes.remove(&own);
        }
    }
}

/// Refuses an index of a partition that belongs to one of the whole.
pub(super) fn refuse_part(rule: &Rule<'_>, table: &Name, index: &Name) -> Result<(), Refusal> {
    let found = rule.found_named(table.clone())?;
    let whole = found.table.options.get("inherits").filter(|_| found.table.options.contains_key("partition for"));
    let Some(whole) = whole.and_then(|key| Name::from_key(key)) else { return Ok(()) };
    let whole = rule.found_named(whole)?;
    let owner = whole
        .table
        .indexes
        .iter()
        .find(|(_, over)| part_of(&found, over).is_some_and(|(name, _)| name == index.name));
    match owner {
        Some((name, _)) => Err(Refusal::new(
            format!("{} belongs to index {name} of {}", index.key(), whole.name.key()),
            format!("drop {name}, which drops it from all partitions"),
        )),
        None => Ok(()),
    }
}
