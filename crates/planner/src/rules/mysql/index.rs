//! Indexes: built and dropped beside reads and writes.

use super::algorithm::{self, Algorithm};
use super::key::{self, ForeignKey, Key, KeyKind};
use super::lock::{self, EXCLUSIVE, Locks, ONLINE};
use super::text::{Reader, q, same};
use super::{Found, Planned, Rule, clause::Clause, constraint, known, nothing, on, step, undo};
use crate::catalog::Known;
use crate::draft::{Draft, Drafts};
use crate::name;
use crate::plan::Refusal;
use lockstep_core::Engine;
use lockstep_core::schema::{Index, Table};
use lockstep_core::step::{ClientRequirement, Phase};

/// `UNIQUE INDEX`, `INDEX`, ... behind CREATE.
pub(super) fn kind(reader: &mut Reader<'_>) -> Option<KeyKind> {
    for (words, kind) in [
        (&["unique", "index"][..], KeyKind::Unique),
        (&["fulltext", "index"], KeyKind::Fulltext),
        (&["spatial", "index"], KeyKind::Spatial),
        (&["index"], KeyKind::Plain),
    ] {
        if reader.words(words) {
            return Some(kind);
        }
    }
    None
}

/// CREATE INDEX: the same as ALTER TABLE ... ADD INDEX.
pub(super) fn create(rule: &mut Rule<'_>, mut reader: Reader<'_>, kind: KeyKind) -> Option<Planned> {
    let if_not_exists = reader.words(&["if", "not", "exists"]);
    let name = reader.name()?;
    let using = if reader.word("using") { format!("USING {} ", reader.name()?) } else { String::new() };
    reader.word("on").then_some(())?;
    let table = match super::table_name(&mut reader)? {
        Ok(table) => table,
        Err(refusal) => return Some(Err(refusal)),
    };
    let end = reader.find(&["algorithm", "lock", "wait", "nowait"]).unwrap_or(reader.rest.len());
    let mut reader = reader.take(end);
    let mut key = key::rest_of_key(&mut reader, kind, None)?;
    key.options = format!("{using}{}", key.options).trim().to_owned();
    (key.name, key.if_not_exists) = (Some(name), if_not_exists);
    Some(super::alter_table::of_clauses(rule, &table, vec![Clause::AddKey(key)]))
}

/// DROP INDEX name ON table.
pub(super) fn drop(rule: &mut Rule<'_>, mut reader: Reader<'_>) -> Option<Planned> {
    let if_exists = reader.words(&["if", "exists"]);
    let name = reader.name()?;
    reader.word("on").then_some(())?;
    let table = match super::table_name(&mut reader)? {
        Ok(table) => table,
        Err(refusal) => return Some(Err(refusal)),
    };
    Some(super::alter_table::of_clauses(rule, &table, vec![Clause::DropIndex { name, if_exists }]))
}

pub(super) fn add(rule: &mut Rule<'_>, found: &Found, key: &Key) -> Planned {
    let name = known::name_of_key(&found.table, key);
    if known::index(&found.table, &name).is_some() {
        if key.if_not_exists {
            return Ok(nothing(
                &found.name,
                format!("{} has an index {name} already: nothing is done", found.name),
            ));
        }
        return Err(Refusal::new(format!("{} has an index {name} already", found.name), "choose another name"));
    }
    for column in key.columns.iter().flatten() {
        found.column(column)?;
    }
    if undo::blocks(key.kind) {
        return Err(Refusal::new(
            format!("a FULLTEXT or SPATIAL index on {} is built while writes wait", found.name),
            "make it together with its table, or accept that in a window of its own with `-- lockstep: opaque` and \
             `-- lockstep: revert ...`",
        ));
    }
    if undo::is_of_expression(rule.target.engine, key) {
        return Err(Refusal::new(
            format!("an index of an expression is built while writes to {} wait", found.name),
            "add a column that is generated VIRTUAL from the expression, and an index of that column; or make the index together with \
             its table",
        ));
    }
    let named = Key { name: Some(name.clone()), ..key.clone() };
    known::put_key(rule.table_mut(&found.name), &named);
    let orders = becomes_order(found, &named);
    let mut drafts = on(&found.name, vec![built(rule, found, &named, &name, orders)]);
    if orders {
        drafts.hazards.push(format!("a rollback copies {} while writes wait: it has no primary key", found.name));
    }
    Ok(drafts)
}

/// True when the rows get the order of this key; until now they have none.
fn becomes_order(found: &Found, key: &Key) -> bool {
    let may_order = |columns: &[String]| known::may_order_rows(&found.table, columns);
    let has_order = found.table.indexes.values().any(|index| index.unique && may_order(&known::columns_of(index)));
    key.kind == KeyKind::Unique && may_order(&key.plain_columns().unwrap_or_default()) && !has_order
}

fn built(rule: &Rule<'_>, found: &Found, key: &Key, name: &str, orders: bool) -> Draft {
    let alter = |clause: String, algorithm| vec![algorithm::alter(rule.target, &found.name, &clause, algorithm)];
    let (there, back) =
        if orders { (Algorithm::Inplace, Algorithm::Copy) } else { (Algorithm::NoCopy, Algorithm::NoCopy) };
    let parents = given_up(rule.target.engine, &found.table, key);
    let undone = undone(rule.target.engine, &found.name, &found.table, key, name).into_iter();
    let revert = undone.flat_map(|clause| match back {
        Algorithm::NoCopy if !parents.is_empty() => constraint::unchecked(rule.target, &found.name, &clause),
        back => alter(clause, back),
    });
    let revert = revert.collect();
    let mut step = step(
        &format!("index {name} of {}", found.name),
        Phase::Expand,
        alter(format!("ADD {}", key.written(name)), there),
        Some(revert),
    )
    .holds(&found.name, ONLINE)
    .goes_through(rule.rows(&found.name))
    .why("Built beside reads and writes.");
    for (foreign, _) in parents.iter().filter(|(foreign, _)| foreign.target != found.name) {
        step = step.holds(&foreign.target, EXCLUSIVE);
    }
    if key.kind == KeyKind::Unique {
        step.step.phase = Phase::Validate;
        if let Some(columns) = key.plain_columns() {
            let assertion = constraint::duplicates(&found.name, &columns);
            step = step.only_if(&assertion.name, assertion.violations_query);
        }
        step.why = "Built beside reads and writes; the server stops where it meets two rows that are the same."
            .to_owned();
    }
    step
}

/// Foreign keys whose index the server itself made and gives up when the new one serves as well, each with that index. One that a person
/// made stays; which it was cannot be seen.
pub(super) fn given_up<'a>(engine: Engine, table: &'a Table, key: &Key) -> Vec<(ForeignKey, &'a str)> {
    let begins = |columns: &[String]| {
        let mut pairs = columns.iter().zip(&key.columns);
        columns.len() <= key.columns.len()
            && pairs.all(|(one, other)| other.as_ref().is_some_and(|other| same(one, other)))
    };
    let mut given_up = Vec::new();
    for (_, foreign) in known::foreign_keys(table).into_iter().filter(|_| engine == Engine::Mariadb) {
        let made = constraint::made_for(table, &foreign).find(|(name, index)| {
            // Where another one serves, it is gone already, or stays.
            let columns = known::columns_of(index);
            begins(&columns) && !known::has_index_for(table, &columns, Some(name.as_str()))
        });
        if let Some((name, _)) = made {
            given_up.push((foreign, name.as_str()));
        }
    }
    given_up
}

/// What drops a new index, as the clauses of one statement or two. Foreign keys are made anew with it, so that the server makes their
/// indexes again, too: under another name first, as one name cannot go and come in one statement. The server calls the index by what
/// stands where a constraint's name does.
fn undone(engine: Engine, table_name: &str, table: &Table, key: &Key, name: &str) -> Vec<String> {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for (foreign, index) in given_up(engine, table, key) {
        let own = foreign.name.as_deref().unwrap_or_default();
        let between = name::own("again", &[table_name, own]);
        let add = |index: &str, own: &str| {
            let definition = foreign.definition().replacen("FOREIGN KEY ", &format!("FOREIGN KEY {} ", q(own)), 1);
            format!("ADD CONSTRAINT {} {definition}", q(index))
        };
        first.push(format!("DROP FOREIGN KEY {}, {}", q(own), add(&between, &between)));
        second.push(format!("DROP FOREIGN KEY {}, {}", q(&between), add(index, own)));
    }
    first.push(format!("DROP INDEX {}", q(name)));
    [first, second].into_iter().filter(|clauses| !clauses.is_empty()).map(|clauses| clauses.join(", ")).collect()
}

pub(super) fn drop_of(rule: &mut Rule<'_>, found: &Found, name: &str, if_exists: bool) -> Planned {
    let Some((name, known)) = known::index(&found.table, name).map(|(name, known)| (name.clone(), known.clone()))
    else {
        if if_exists {
            return Ok(nothing(&found.name, format!("{} has no index {name}: nothing is done", found.name)));
        }
        if same(name, known::PRIMARY) {
            return Err(super::primary_key::dropping_alone(found));
        }
        return Err(Refusal::new(
            format!("{} has no index {name}", found.name),
            "correct the name, or plan against a database whose schema is up to date",
        ));
    };
    refuse_needed(rule, found, &name)?;
    if known.unique && known::may_order_rows(&found.table, &known::columns_of(&known)) {
        return Err(Refusal::new(
            format!(
                "rows of {} may be in the order of {name}: dropping it copies the table while writes wait",
                found.name
            ),
            "add a primary key first",
        ));
    }
    rule.table_mut(&found.name).indexes.remove(&name);
    let step = dropped(rule, found, &name, &known);
    let mut drafts = on(&found.name, vec![step]);
    if known.unique {
        drafts.hazards.push(format!(
            "ON DUPLICATE KEY UPDATE and REPLACE that rely on {name} make second rows from here on"
        ));
    }
    Ok(drafts)
}

/// A step that drops an index, and builds it again when it is undone.
pub(super) fn dropped(rule: &Rule<'_>, found: &Found, name: &str, known: &Index) -> Draft {
    let alter = |clause: String, algorithm| vec![algorithm::alter(rule.target, &found.name, &clause, algorithm)];
    let mut step = step(
        &format!("drop index {name} of {}", found.name),
        Phase::Contract,
        alter(format!("DROP INDEX {}", q(name)), Algorithm::NoCopy),
        Some(alter(format!("ADD {}", known.definition), building(rule, known))),
    )
    .holds(&found.name, EXCLUSIVE)
    .why("Queries that used it may be slow from here on; a rollback builds it again.");
    if !known.unique {
        // Nobody says an index's name but in a hint.
        step.step.requires = ClientRequirement::Nothing;
    }
    step
}

/// How an index comes back.
fn building(rule: &Rule<'_>, known: &Index) -> Algorithm {
    let key = key::of_index(&known.definition);
    let blocks = |key: Key| undo::blocks(key.kind) || undo::is_of_expression(rule.target.engine, &key);
    if key.is_some_and(blocks) { Algorithm::Copy } else { Algorithm::NoCopy }
}

/// An index that a foreign key needs, on either side of it.
fn refuse_needed(rule: &Rule<'_>, found: &Found, name: &str) -> Result<(), Refusal> {
    let own = known::foreign_keys(&found.table).into_iter().map(|(key, foreign)| (key, foreign.columns));
    let others = rule.catalog.schema.tables.values().flat_map(known::foreign_keys);
    let pointing = others
        .filter(|(_, foreign)| foreign.target == found.name)
        .map(|(key, foreign)| (key, foreign.target_columns));
    let needs = |columns: &[String]| {
        known::has_index_for(&found.table, columns, None)
            && !known::has_index_for(&found.table, columns, Some(name))
    };
    match own.chain(pointing).find(|(_, columns)| needs(columns)) {
        None => Ok(()),
        Some((key, _)) => Err(Refusal::new(
            format!("foreign key {key} needs index {name} of {}", found.name),
            "drop the foreign key before, or make another index on the same columns before",
        )),
    }
}

/// Dropped and added under the same name, in one statement.
pub(super) fn replaced(rule: &mut Rule<'_>, found: &Found, name: &str, key: &Key) -> Planned {
    let Some((name, known)) = known::index(&found.table, name).map(|(name, known)| (name.clone(), known.clone()))
    else {
        return add(rule, found, key);
    };
    if undo::blocks(key.kind) || undo::is_of_expression(rule.target.engine, key) {
        return add(rule, found, key);
    }
    let old = known.definition.clone();
    let table = rule.table_mut(&found.name);
    table.indexes.remove(&name);
    known::put_key(table, key);
    let back = building(rule, &known);
    let alter = |added: &str, algorithm| {
        let clause = format!("DROP INDEX {}, ADD {added}", q(&name));
        vec![algorithm::alter(rule.target, &found.name, &clause, algorithm)]
    };
    let mut step = step(
        &format!("index {name} of {} anew", found.name),
        Phase::Validate,
        alter(&key.written(&name), Algorithm::NoCopy),
        Some(alter(&old, back)),
    )
    .holds(&found.name, ONLINE)
    .goes_through(rule.rows(&found.name))
    .why("The new one is built beside reads and writes, and takes the place of the old one in the same moment.");
    if let (KeyKind::Unique, Some(columns)) = (key.kind, key.plain_columns()) {
        let assertion = constraint::duplicates(&found.name, &columns);
        step = step.only_if(&assertion.name, assertion.violations_query);
    }
    Ok(on(&found.name, vec![step]))
}

pub(super) fn rename(rule: &mut Rule<'_>, found: &Found, from: &str, to: &str) -> Planned {
    if known::index(&found.table, from).is_none() {
        return Err(Refusal::new(format!("{} has no index {from}", found.name), "correct the name"));
    }
    let clause = Clause::RenameIndex { from: from.to_owned(), to: to.to_owned() };
    super::apply::clause(rule.target.engine, &found.name, rule.table_mut(&found.name), &clause);
    let rename = |from: &str, to: &str| {
        let clause = format!("RENAME INDEX {} TO {}", q(from), q(to));
        vec![algorithm::alter(rule.target, &found.name, &clause, algorithm::catalog_only(rule.target))]
    };
    let name = format!("rename index {from} of {}", found.name);
    let step = step(&name, Phase::Expand, rename(from, to), Some(rename(to, from)))
        .holds(&found.name, EXCLUSIVE)
        .why("Changes the server's catalog only; nobody says an index's name but in a hint.");
    let mut drafts: Drafts = on(&found.name, vec![step]);
    if matches!(rule.catalog.table(&found.name), Known::Table(_)) {
        drafts.as_written = Some(lock::impact(&found.name, EXCLUSIVE));
    }
    Ok(drafts)
}
