//! CREATE TABLE: nobody uses it yet, so it is made just so.

use super::clause::{self, Clause};
use super::column;
use super::key::{self, Constraint, ForeignKey};
use super::lock::{EXCLUSIVE, Locks};
use super::text::{self, Reader, Token, q, same};
use super::{Planned, Rule, apply, constraint, known, on, refused, step, table_name, twin};
use crate::catalog::Known;
use crate::plan::Refusal;
use crate::script::Statement;
use lockstep_core::schema::Table;
use lockstep_core::step::Phase;

/// A column or what stands beside columns, read.
enum Element {
    Column(Box<column::New>),
    Constraint(Constraint),
}

pub(super) fn plan(rule: &mut Rule<'_>, mut reader: Reader<'_>) -> Option<Planned> {
    let before = reader.rest;
    let if_not_exists = reader.words(&["if", "not", "exists"]);
    let name = match table_name(&mut reader)? {
        Ok(name) => name,
        Err(refusal) => return Some(Err(refusal)),
    };
    let known = rule.catalog.table(&name);
    if let Known::Table(_) = known {
        return Some(if if_not_exists {
            Ok(super::nothing(&name, format!("table {name} is there already: nothing is done")))
        } else {
            Err(Refusal::new(format!("table {name} is there already"), "choose another name"))
        });
    }
    let is_unknown = known == Known::Unknown;
    let read =
        if let Some(like) = like(reader) { of_like(rule, &like) } else { of_elements(rule, &name, reader)? };
    let (table, foreign) = match read {
        Ok(read) => read,
        Err(refusal) => return Some(Err(refusal)),
    };
    Some(drafts(
        rule,
        &name,
        &before[if if_not_exists { 3 } else { 0 }..],
        (table, foreign),
        is_unknown && if_not_exists,
    ))
}

fn drafts(
    rule: &mut Rule<'_>,
    name: &str,
    rest: &[Token],
    made: (Table, Vec<ForeignKey>),
    may_be_there: bool,
) -> Planned {
    let (table, foreign) = made;
    let sql = &rule.statement.sql;
    let written = rest.first().map_or("", |first| &sql[first.start..]);
    let mut targets: Vec<String> =
        foreign.into_iter().map(|key| key.target).filter(|target| target != name).collect();
    targets.sort();
    targets.dedup();
    let to_come = to_come(rule, &targets)?;
    let checked = |statement: String, is_checked: bool| match is_checked {
        true => vec![statement],
        false => constraint::without_checks(rule.target.engine, statement),
    };
    // A table that is pointed at before it is there is gone again before those that point at it.
    let is_awaited = twin::pointing_at(rule, name, None).is_some();
    let mut create = step(
        &format!("create {name}"),
        Phase::Expand,
        checked(format!("CREATE TABLE {written}"), to_come.is_empty()),
        Some(checked(format!("DROP TABLE {}", q(name)), !is_awaited)),
    )
    .why("Nobody uses a table that was not there.");
    let is_in_use = |target: &&String| !rule.catalog.is_created_here(target) && !to_come.contains(target);
    for target in targets.iter().filter(is_in_use) {
        create = create.holds(target, EXCLUSIVE);
    }
    rule.catalog.create_table(name, table);
    let mut drafts = on(name, vec![create]);
    drafts.touches.extend(targets);
    drafts.hazards.extend(to_come.iter().map(|target| {
        format!("{name} points at {target}, which comes later: until then it takes no row that points there")
    }));
    if may_be_there {
        drafts.hazards.push(format!(
            "IF NOT EXISTS is left out: a table {name} that is there already would not be this one"
        ));
    }
    Ok(drafts)
}

/// What a new table points at that is not there yet, as dumps write it with `foreign_key_checks = 0`.
fn to_come(rule: &Rule<'_>, targets: &[String]) -> Result<Vec<String>, Refusal> {
    let absent = targets.iter().filter(|target| rule.catalog.table(target) == Known::Absent);
    let to_come = absent.map(|target| match rule.later.iter().any(|statement| creates(statement, target)) {
        true => Ok(target.clone()),
        false => Err(constraint::points_at_nothing(target)),
    });
    to_come.collect()
}

fn creates(statement: &Statement, name: &str) -> bool {
    // CREATE TABLE IF NOT EXISTS name
    let tokens = text::first_tokens(&statement.sql, 6);
    let mut reader = Reader::new(&statement.sql, &tokens);
    let is_create = reader.words(&["create", "table"]);
    reader.words(&["if", "not", "exists"]);
    is_create && reader.name().is_some_and(|created| created == name)
}

/// `LIKE other`, with or without brackets.
fn like(mut reader: Reader<'_>) -> Option<String> {
    let mut inner = reader.group().unwrap_or(reader);
    inner.word("like").then(|| inner.name()).flatten()
}

/// All of another table but its foreign keys.
fn of_like(rule: &Rule<'_>, other: &str) -> Result<(Table, Vec<ForeignKey>), Refusal> {
    let mut table = rule.found(other)?.table;
    table.triggers.clear();
    table.constraints.retain(|_, known| known.kind != lockstep_core::schema::ConstraintKind::ForeignKey);
    Ok((table, Vec::new()))
}

type Made = Result<(Table, Vec<ForeignKey>), Refusal>;

fn of_elements(rule: &Rule<'_>, name: &str, mut reader: Reader<'_>) -> Option<Made> {
    let Some(group) = reader.group() else { return Some(Err(of_query())) };
    let mut table = Table::default();
    table.options.insert("engine".to_owned(), "InnoDB".to_owned());
    if let Err(refusal) = options(reader, &mut table)? {
        return Some(Err(refusal));
    }
    let mut elements = Vec::new();
    for mut item in group.items() {
        let text = item.text();
        match element(rule, &mut item).filter(|_| item.is_empty()) {
            Some(element) => elements.push(element),
            None => return Some(Err(refused::clause(text))),
        }
    }
    Some(Ok(filled(rule, name, table, elements)))
}

fn of_query() -> Refusal {
    Refusal::new(
        "CREATE TABLE ... SELECT: the columns of the new table are not written",
        "write CREATE TABLE with its columns, then INSERT ... SELECT",
    )
}

fn element(rule: &Rule<'_>, item: &mut Reader<'_>) -> Option<Element> {
    let before = *item;
    if let Some(constraint) = key::read(item) {
        return Some(Element::Constraint(constraint));
    }
    *item = before;
    column::read(rule.target.engine, item).map(|new| Element::Column(Box::new(new)))
}

/// What stands behind the brackets.
fn options(mut reader: Reader<'_>, table: &mut Table) -> Option<Result<(), Refusal>> {
    let mut given = Vec::new();
    while !reader.is_empty() {
        reader.symbol(",");
        if reader.is_word("select")
            || reader.is_word("as")
            || reader.is_word("ignore")
            || reader.is_word("replace")
        {
            return Some(Err(of_query()));
        }
        if reader.words(&["partition", "by"]) {
            table.options.insert("partition by".to_owned(), reader.take(reader.rest.len()).text().to_owned());
            break;
        }
        match clause::table_option(&mut reader)? {
            Clause::Option { name, value } => given.push((name, value)),
            Clause::Other(text) if text.starts_with("with system") => {
                table.options.insert("versioning".to_owned(), "system".to_owned());
            }
            _ => return None,
        }
    }
    // A collation says more than its character set.
    given.sort_by_key(|(name, _)| name == "collate");
    for (name, value) in given {
        apply::option(table, &name, &value);
    }
    Some(Ok(()))
}

/// Columns first, then keys, then foreign keys, which make an index only where none is there.
fn filled(rule: &Rule<'_>, name: &str, mut table: Table, elements: Vec<Element>) -> (Table, Vec<ForeignKey>) {
    let engine = rule.target.engine;
    let mut foreign = Vec::new();
    let mut keys = Vec::new();
    for element in &elements {
        if let Element::Column(new) = element {
            let references = new.references.clone();
            let alone = column::New { references: None, unique: false, primary: false, ..(**new).clone() };
            apply::add_column(engine, name, &mut table, &alone);
            if new.primary {
                keys.push(apply::single(key::KeyKind::Primary, &new.name));
            }
            if new.unique {
                keys.push(apply::single(key::KeyKind::Unique, &new.name));
            }
            foreign.extend(references.filter(|_| engine == lockstep_core::Engine::Mariadb));
        }
    }
    let mut checks = Vec::new();
    for element in elements {
        match element {
            Element::Constraint(Constraint::Key(key)) => keys.push(key),
            Element::Constraint(Constraint::ForeignKey(key)) => foreign.push(key),
            Element::Constraint(Constraint::Check { name, expression, .. }) => checks.push((name, expression)),
            Element::Column(_) => {}
        }
    }
    // Names that are given are taken before others are made up.
    let (named, unnamed): (Vec<_>, Vec<_>) = keys.into_iter().partition(|key| key.name.is_some());
    named.iter().chain(&unnamed).for_each(|key| known::put_key(&mut table, key));
    for key in &foreign {
        known::put_foreign_key(&mut table, name, key);
    }
    for (check, expression) in checks {
        known::put_check(&mut table, engine, name, check.as_deref(), &expression);
    }
    // Other engines than InnoDB read them, and forget them.
    let keeps_them = table.options.get("engine").is_none_or(|engine| same(engine, "InnoDB"));
    foreign.retain(|key| keeps_them && !same(&key.target, ""));
    (table, foreign)
}
