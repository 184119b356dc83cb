//! How a table is given another definition in SQLite: CREATE TABLE new, INSERT INTO new SELECT FROM old, DROP TABLE old,
//! ALTER TABLE new RENAME TO old; or the old one is renamed first. Tools write it so, and SQLite's manual does.

use super::copy::Value;
use super::definition::read_table;
use super::redefine::{Redefinition, copy_name};
use super::scope::{Scope, cost, drafts, table};
use super::text::{Reader, Token, find_word, items, renamed, render, tokens};
use crate::catalog::Catalog;
use crate::draft::Drafts;
use crate::name::quote;
use crate::plan::Refusal;
use crate::script::{Directive, Statement};
use lockstep_core::schema::{Index, Table};

/// A sequence that was recognised.
struct Sequence {
    /// The table that gets another definition.
    name: String,
    /// Its name in the sequence while it is not in place.
    interim: String,
    body: Vec<Token>,
    options: Vec<Token>,
    columns: Option<Vec<String>>,
    selected: Vec<Token>,
    /// CREATE INDEX and CREATE TRIGGER right after it.
    belongings: Vec<Belonging>,
    /// Indexes of the old table that are dropped right before it is.
    dropped: Vec<String>,
    /// Statements in between that put rows elsewhere.
    aside: Vec<Statement>,
    /// Statements that belong to it.
    length: usize,
}

struct Belonging {
    is_trigger: bool,
    unique: bool,
    name: String,
    sql: String,
}

/// The steps of the sequence that begins here, and how many statements it has. `None`: none begins here.
pub(super) fn plan(statements: &[Statement], catalog: &mut Catalog) -> Option<(usize, Result<Drafts, Refusal>)> {
    let sequence = recognise(statements)?;
    let scope = table(catalog, &sequence.name).ok()?;
    if scope.is_new() {
        return None;
    }
    Some((sequence.length, all_planned(&sequence, scope, catalog)))
}

/// Rows that are put elsewhere do not mind whether the copy is there: they go first.
fn all_planned(sequence: &Sequence, scope: Scope, catalog: &mut Catalog) -> Result<Drafts, Refusal> {
    let mut all = Drafts::default();
    for statement in &sequence.aside {
        all.append(super::plan_one(statement, catalog)?);
    }
    all.append(planned(sequence, scope, catalog)?);
    Ok(all)
}

fn recognise(statements: &[Statement]) -> Option<Sequence> {
    let mut rest = Rest { statements, at: 0 };
    let first = rest.next()?;
    let (name, interim, create, insert);
    let (mut indexes, mut aside) = (Vec::new(), Vec::new());
    if let Some((old, set_aside)) = rename(&first) {
        create = rest.next()?;
        insert = rest.next()?;
        dropped(&rest.next()?)?.eq_ignore_ascii_case(&set_aside).then_some(())?;
        (name, interim) = (old, set_aside);
    } else {
        create = first;
        insert = rest.next()?;
        inserted(&insert)?;
        let old = loop {
            let tokens = rest.next()?;
            if let Some(old) = dropped(&tokens) {
                break old;
            }
            if let Some(index) = dropped_index(&tokens) {
                indexes.push(index);
            } else {
                // Whatever else stands here makes it no sequence; looking further would read the file once a statement.
                tokens.first()?.is_word("insert").then_some(())?;
                aside.push((tokens, statements[rest.at - 1].clone()));
            }
        };
        let (new, to) = rename(&rest.next()?)?;
        to.eq_ignore_ascii_case(&old).then_some(())?;
        (name, interim) = (old, new);
    }
    let (made, body, options) = created(&create)?;
    let (into, columns, selected, from) = inserted(&insert)?;
    let is_made =
        made.eq_ignore_ascii_case(&into) && [&name, &interim].into_iter().any(|n| n.eq_ignore_ascii_case(&made));
    let is_from =
        [&name, &interim].into_iter().any(|n| n.eq_ignore_ascii_case(&from)) && !from.eq_ignore_ascii_case(&made);
    let is_elsewhere = |tokens: &[Token]| inserts_elsewhere(tokens, &[&name, &interim]);
    (is_made && is_from && aside.iter().all(|(tokens, _)| is_elsewhere(tokens))).then_some(())?;
    let aside = aside.into_iter().map(|(_, statement)| statement).collect();
    let mut length = rest.at;
    let mut belongings = Vec::new();
    while let Some(belonging) = rest.next().and_then(|tokens| belonging(&tokens, &name, &statements[rest.at - 1]))
    {
        belongings.push(belonging);
        length = rest.at;
    }
    Some(Sequence { name, interim, body, options, columns, selected, belongings, dropped: indexes, aside, length })
}

/// Statements one after the other; pragmas in between say nothing to the executor.
struct Rest<'a> {
    statements: &'a [Statement],
    at: usize,
}

impl Rest<'_> {
    fn next(&mut self) -> Option<Vec<Token>> {
        loop {
            let statement = self.statements.get(self.at)?;
            let tokens = tokens(&statement.sql);
            if statement.says(&Directive::Opaque) {
                return None;
            }
            let is_pragma = tokens.first().is_some_and(|first| first.is_word("pragma"));
            if is_pragma && self.at == 0 {
                return None;
            }
            self.at += 1;
            if !is_pragma {
                return Some(tokens);
            }
        }
    }
}

fn rename(tokens: &[Token]) -> Option<(String, String)> {
    let mut reader = Reader::new(tokens);
    reader.words(&["alter", "table"]).then_some(())?;
    let from = reader.object()?;
    reader.words(&["rename", "to"]).then_some(())?;
    Some((from, reader.name()?)).filter(|_| reader.rest.is_empty())
}

fn dropped(tokens: &[Token]) -> Option<String> {
    let mut reader = Reader::new(tokens);
    reader.words(&["drop", "table"]).then_some(())?;
    let _ = reader.words(&["if", "exists"]);
    reader.object()
}

fn dropped_index(tokens: &[Token]) -> Option<String> {
    let mut reader = Reader::new(tokens);
    reader.words(&["drop", "index"]).then_some(())?;
    let _ = reader.words(&["if", "exists"]);
    reader.object().filter(|_| reader.rest.is_empty())
}

/// True for an INSERT into a table other than these.
fn inserts_elsewhere(tokens: &[Token], tables: &[&str]) -> bool {
    let mut reader = Reader::new(tokens);
    let into = reader.words(&["insert", "into"]).then(|| reader.object()).flatten();
    into.is_some_and(|into| tables.iter().all(|table| !table.eq_ignore_ascii_case(&into)))
}

fn created(tokens: &[Token]) -> Option<(String, Vec<Token>, Vec<Token>)> {
    let mut reader = Reader::new(tokens);
    reader.words(&["create", "table"]).then_some(())?;
    let _ = reader.words(&["if", "not", "exists"]);
    let name = reader.object()?;
    let body = reader.group()?.to_vec();
    Some((name, body, reader.rest.to_vec()))
}

type Inserted = (String, Option<Vec<String>>, Vec<Token>, String);

fn inserted(tokens: &[Token]) -> Option<Inserted> {
    let mut reader = Reader::new(tokens);
    reader.words(&["insert", "into"]).then_some(())?;
    let into = reader.object()?;
    let columns =
        reader.group().map(|group| items(group).iter().filter_map(|item| Reader::new(item).name()).collect());
    reader.word("select").then_some(())?;
    let end = find_word(reader.rest, &["from"])?;
    let selected = reader.rest[..end].to_vec();
    let mut reader = Reader::new(&reader.rest[end + 1..]);
    let from = reader.object()?;
    // Rows that are left out, or come from elsewhere, are no copy.
    reader.rest.is_empty().then_some((into, columns, selected, from))
}

fn belonging(tokens: &[Token], table: &str, statement: &Statement) -> Option<Belonging> {
    let mut reader = Reader::new(tokens);
    reader.word("create").then_some(())?;
    let unique = reader.word("unique");
    let is_trigger = reader.word("trigger");
    (is_trigger || reader.word("index")).then_some(())?;
    let if_not_exists = reader.words(&["if", "not", "exists"]);
    let name = reader.object()?;
    let on = find_word(reader.rest, &["on"])?;
    let owner = Reader::new(&reader.rest[on + 1..]).object()?;
    let sql = super::create_table::surely(&statement.sql, if_not_exists);
    owner.eq_ignore_ascii_case(table).then_some(Belonging { is_trigger, unique, name, sql })
}

fn planned(sequence: &Sequence, scope: Scope, catalog: &mut Catalog) -> Result<Drafts, Refusal> {
    let found = scope.known("its rows are copied by its key")?;
    let is_there = |name: &&String| found.table.indexes.keys().any(|known| known.eq_ignore_ascii_case(name));
    if let Some(missing) = sequence.dropped.iter().find(|name| !is_there(name)) {
        let reason = format!("there is no index `{missing}` on `{}`, which is to be dropped with it", found.name);
        return Err(Refusal::new(reason, "leave that DROP INDEX out, or write it before the new definition"));
    }
    // What points at the copy means the table.
    let body = renamed(&sequence.body, &sequence.interim, &found.name);
    let mut becomes = read_table(&body, &sequence.options).ok_or_else(|| {
        Refusal::new(format!("the new definition of `{}` is not understood", found.name), "correct it")
    })?;
    for belonging in &sequence.belongings {
        if belonging.is_trigger {
            becomes.triggers.insert(belonging.name.clone(), belonging.sql.clone());
        } else {
            let index = Index { unique: belonging.unique, valid: true, definition: belonging.sql.clone() };
            becomes.indexes.insert(belonging.name.clone(), index);
        }
    }
    let values = values(sequence, &found.table, &becomes)?;
    let purpose = format!("give {} its new definition", found.name);
    let options = render(&sequence.options);
    let create = format!("CREATE TABLE {} ({}) {options}", quote(&copy_name(&found.name)), render(&body))
        .trim_end()
        .to_owned();
    let redefinition = Redefinition { found: &found, becomes, values, purpose };
    let steps = redefinition.steps(create)?;
    let touches = vec![found.name.clone(), sequence.interim.clone()];
    let as_written = cost(&Scope::There(found.clone()), true, true);
    catalog.schema.tables.insert(found.name.clone(), redefinition.becomes);
    let hazards = vec![format!("the {} statements from here on are taken together", sequence.length)];
    Ok(Drafts { as_written, hazards, ..drafts(steps, touches) })
}

/// Which column gets what.
fn values(sequence: &Sequence, old: &Table, new: &Table) -> Result<Vec<Value>, Refusal> {
    let names = |table: &Table| -> Vec<String> {
        let written = table.columns.iter().filter(|column| column.generated.is_none());
        written.map(|column| column.name.clone()).collect()
    };
    let columns = sequence.columns.clone().unwrap_or_else(|| names(new));
    let is_all = matches!(sequence.selected.as_slice(), [star] if star.is_symbol("*"));
    let expressions: Vec<String> = if is_all {
        names(old).iter().map(|name| quote(name)).collect()
    } else {
        items(&sequence.selected).into_iter().map(expression).collect()
    };
    if columns.len() != expressions.len() {
        return Err(Refusal::new(
            format!(
                "the copy of `{}` gives {} values to {} columns",
                sequence.name,
                expressions.len(),
                columns.len()
            ),
            "name the columns in INSERT INTO and in SELECT",
        ));
    }
    Ok(columns.into_iter().zip(expressions).map(|(column, expression)| Value { column, expression }).collect())
}

/// Without the name that SELECT gives it, and without the name of the one table before a column.
fn expression(item: &[Token]) -> String {
    let item = &item[..find_word(item, &["as"]).unwrap_or(item.len())];
    match item {
        [_, dot, column] if dot.is_symbol(".") => render(std::slice::from_ref(column)).trim().to_owned(),
        _ => render(item).trim().to_owned(),
    }
}
