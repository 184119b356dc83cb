//! INSERT, UPDATE and DELETE.

use super::add_column::{BATCH_ROWS_MAX, key_of};
use super::definition::key;
use super::scope::{Scope, cost, directed_revert, drafts, on, table, touched, without_trace};
use super::text::{Reader, Token, find_word, items, mentions, render};
use crate::catalog::Catalog;
use crate::draft::{Draft, Drafts};
use crate::name::quote;
use crate::plan::Refusal;
use crate::script::Statement;
use lockstep_core::step::{Action, Backfill, Phase};

/// An UPDATE, taken apart.
struct Update<'a> {
    table: String,
    set: &'a [Token],
    condition: Option<&'a [Token]>,
}

/// `None`: it has more than a table, SET and WHERE.
fn read_update(tokens: &[Token]) -> Option<Update<'_>> {
    let mut reader = Reader::new(tokens);
    reader.word("update").then_some(())?;
    let table = reader.object()?;
    reader.word("set").then_some(())?;
    let more = find_word(reader.rest, &["from", "order", "limit", "returning"]);
    if more.is_some() {
        return None;
    }
    let end = find_word(reader.rest, &["where"]).unwrap_or(reader.rest.len());
    let condition = reader.rest.get(end + 1..);
    Some(Update { table, set: &reader.rest[..end], condition })
}

impl Update<'_> {
    /// The columns that it assigns.
    fn columns(&self) -> Vec<String> {
        items(self.set).iter().filter_map(|item| Reader::new(item).name()).collect()
    }

    /// True when a second run on the same row could give something else.
    fn builds_on_itself(&self) -> bool {
        let columns = self.columns();
        items(self.set).iter().any(|item| columns.iter().any(|column| mentions(&item[1..], column)))
            || items(self.set).iter().any(|item| item.first().is_some_and(|first| first.is_symbol("(")))
    }
}

/// `UPDATE ...`. `None`: not understood.
pub(super) fn update(
    statement: &Statement,
    tokens: &[Token],
    catalog: &mut Catalog,
) -> Option<Result<Drafts, Refusal>> {
    match read_update(tokens) {
        Some(update) => Some(update_planned(statement, &update, tokens, catalog)),
        None => {
            let mut reader = Reader::new(tokens);
            reader.word("update");
            if reader.word("or") {
                reader.skip();
            }
            let scope = table(catalog, &reader.object()?);
            Some(scope.and_then(|scope| whole(statement, &scope, "update", tokens, catalog)))
        }
    }
}

fn update_planned(
    statement: &Statement,
    update: &Update<'_>,
    tokens: &[Token],
    catalog: &Catalog,
) -> Result<Drafts, Refusal> {
    let scope = table(catalog, &update.table)?;
    let is_trace_free =
        update.columns().iter().all(|column| catalog.is_column_created_here(scope.name(), &column.to_lowercase()));
    let Scope::There(found) = &scope else {
        return whole(statement, &scope, "update", tokens, catalog);
    };
    if found.is_new || update.builds_on_itself() || key(&found.table).is_none() {
        return whole(statement, &scope, "update", tokens, catalog);
    }
    let revert = match directed_revert(statement) {
        Some(directed) => directed.map(|statements| Action::Statements { statements, transactional: true }),
        // The columns go when the change is undone.
        None if is_trace_free => Some(Action::Nothing),
        None => None,
    };
    let forward = Backfill {
        table: quote(&found.name),
        key: key_of(found)?,
        set: render(update.set),
        only_where: update.condition.map(render),
        batch_rows_max: BATCH_ROWS_MAX,
    };
    let step = format!("update {}", found.name);
    let mut draft = Draft::new(&step, Phase::Backfill, Action::Backfill(forward), revert)
        .why("In small batches, between which others write; it goes on where it stopped.");
    draft.impact.rows_estimate = found.rows;
    let hazards =
        vec!["rows that clients write while the batches run may be missed or met in their new form".to_owned()];
    Ok(Drafts { hazards, as_written: cost(&scope, true, false), ..drafts(vec![draft], touched(catalog, tokens)) })
}

/// The statement as it stands, in one transaction.
fn whole(
    statement: &Statement,
    scope: &Scope,
    verb: &str,
    tokens: &[Token],
    catalog: &Catalog,
) -> Result<Drafts, Refusal> {
    let step = format!("{verb} {}", scope.name());
    let forward = vec![statement.sql.clone()];
    if scope.is_new() {
        let mut draft =
            without_trace(&step, Phase::Expand, forward).why("The rows go with the table when this is undone.");
        draft.impact.scans = tokens.iter().any(|token| token.is_word("select"));
        return Ok(drafts(vec![draft], touched(catalog, tokens)));
    }
    let revert = directed_revert(statement).flatten();
    let draft = on(scope, &step, Phase::Backfill, forward, revert)
        .scans(scope.rows())
        .why("It cannot be cut into batches: writes wait until it is through.");
    Ok(drafts(vec![draft], touched(catalog, tokens)))
}

/// `DELETE FROM ...`.
pub(super) fn delete(
    statement: &Statement,
    mut reader: Reader<'_>,
    tokens: &[Token],
    catalog: &mut Catalog,
) -> Option<Result<Drafts, Refusal>> {
    let name = reader.object()?;
    Some(table(catalog, &name).and_then(|scope| whole(statement, &scope, "delete from", tokens, catalog)))
}

/// `INSERT ...` and `REPLACE ...`.
pub(super) fn insert(
    statement: &Statement,
    tokens: &[Token],
    catalog: &mut Catalog,
) -> Option<Result<Drafts, Refusal>> {
    let mut reader = Reader::new(tokens);
    let mut is_plain = reader.word("insert");
    if !is_plain {
        reader.skip();
    }
    if reader.word("or") {
        is_plain = false;
        reader.skip();
    }
    reader.word("into").then_some(())?;
    let scope = match table(catalog, &reader.object()?) {
        Ok(scope) => scope,
        Err(refusal) => return Some(Err(refusal)),
    };
    let columns = reader.group().map(names_of);
    let rows = if reader.word("values") { literal_rows(reader) } else { None };
    let undo = match (&scope, columns, rows) {
        (Scope::There(found), Some(columns), Some(rows)) if is_plain => undo(found, &columns, &rows),
        _ => None,
    };
    let reads = tokens.iter().any(|token| token.is_word("select"));
    Some(insert_planned(statement, &scope, undo, tokens, catalog).map(|mut drafts| {
        if reads {
            drafts
                .hazards
                .push("what clients write into the tables that it reads afterwards is not in it".to_owned());
        }
        drafts
    }))
}

fn insert_planned(
    statement: &Statement,
    scope: &Scope,
    undo: Option<String>,
    tokens: &[Token],
    catalog: &Catalog,
) -> Result<Drafts, Refusal> {
    let step = format!("insert into {}", scope.name());
    let Some(undo) = undo.filter(|_| !scope.is_new() && directed_revert(statement).is_none()) else {
        return whole(statement, scope, "insert into", tokens, catalog);
    };
    let draft = on(scope, &step, Phase::Backfill, vec![statement.sql.clone()], Some(vec![undo]))
        .why("A few rows, which their key finds again when this is undone.");
    Ok(drafts(vec![draft], touched(catalog, tokens)))
}

/// The rows after VALUES, if that is all there is.
fn literal_rows(mut reader: Reader<'_>) -> Option<Vec<Vec<String>>> {
    let mut rows = Vec::new();
    loop {
        let row = items(reader.group()?);
        rows.push(row.iter().map(|item| is_literal(item).then(|| render(item).trim().to_owned())).collect());
        if !reader.symbol(",") {
            break;
        }
    }
    // A value that is no literal is told by its absence: only keys need to be literals.
    let rows: Vec<Vec<Option<String>>> = rows;
    let filled = |row: Vec<Option<String>>| row.into_iter().map(Option::unwrap_or_default).collect();
    reader.rest.is_empty().then(|| rows.into_iter().map(filled).collect())
}

fn is_literal(item: &[Token]) -> bool {
    match item {
        [Token::Literal(_)] => true,
        [Token::Word(word)] => word.starts_with(|c: char| c.is_ascii_digit()),
        [sign, Token::Word(word)] => sign.is_symbol("-") && word.starts_with(|c: char| c.is_ascii_digit()),
        _ => false,
    }
}

/// What deletes the rows again, by their key.
fn undo(found: &super::scope::Found, columns: &[String], rows: &[Vec<String>]) -> Option<String> {
    let key = key(&found.table)?;
    let positions: Option<Vec<usize>> =
        key.iter().map(|column| columns.iter().position(|other| other.eq_ignore_ascii_case(column))).collect();
    let positions = positions?;
    let of_row = |row: &Vec<String>| -> Option<String> {
        let of_column = |(column, position): (&String, &usize)| {
            let value = row.get(*position).filter(|value| !value.is_empty())?;
            Some(format!("{} = {value}", quote(column)))
        };
        let parts: Option<Vec<String>> = key.iter().zip(&positions).map(of_column).collect();
        Some(parts?.join(" AND "))
    };
    let conditions: Option<Vec<String>> = rows.iter().map(of_row).collect();
    let conditions: Vec<String> = conditions?.into_iter().map(|condition| format!("({condition})")).collect();
    Some(format!("DELETE FROM {} WHERE {}", quote(&found.name), conditions.join(" OR ")))
}

fn names_of(group: &[Token]) -> Vec<String> {
    items(group).iter().filter_map(|item| Reader::new(item).name()).collect()
}
