//! CREATE TABLE: nobody uses it yet.

use super::definition::read_table;
use super::scope::{drafts, find, object, touched};
use super::text::{Reader, render, tokens};
use crate::catalog::Catalog;
use crate::draft::{Draft, Drafts};
use crate::name::quote;
use crate::plan::Refusal;
use crate::script::Statement;
use lockstep_core::schema::Table;
use lockstep_core::step::Phase;

/// `CREATE TABLE [IF NOT EXISTS] name (...)`.
pub(super) fn plan(
    statement: &Statement,
    mut reader: Reader<'_>,
    catalog: &mut Catalog,
) -> Option<Result<Drafts, Refusal>> {
    let if_not_exists = reader.words(&["if", "not", "exists"]);
    let name = reader.object()?;
    if reader.word("as") {
        return Some(Err(Refusal::new(
            "CREATE TABLE AS copies all rows under the write lock, and its columns are whatever the query gives",
            "write CREATE TABLE with its columns, then INSERT INTO it with the query",
        )));
    }
    let body = reader.group()?;
    let table = read_table(body, reader.rest)?;
    Some(added(statement, &name, table, if_not_exists, catalog))
}

/// `CREATE VIRTUAL TABLE [IF NOT EXISTS] name USING module (...)`.
pub(super) fn plan_virtual(
    statement: &Statement,
    mut reader: Reader<'_>,
    catalog: &mut Catalog,
) -> Option<Result<Drafts, Refusal>> {
    let if_not_exists = reader.words(&["if", "not", "exists"]);
    let name = reader.object()?;
    let mut table = Table::default();
    table.options.insert("virtual".to_owned(), statement.sql.clone());
    Some(added(statement, &name, table, if_not_exists, catalog))
}

fn added(
    statement: &Statement,
    name: &str,
    table: Table,
    if_not_exists: bool,
    catalog: &mut Catalog,
) -> Result<Drafts, Refusal> {
    let is_taken = matches!(find(catalog, name), Some(super::scope::Scope::There(_)));
    if is_taken && if_not_exists {
        let hazards = vec![format!("`{name}` is there already: nothing is done, whatever its columns")];
        return Ok(Drafts { hazards, ..Drafts::default() });
    }
    if is_taken || object(catalog, "view", name).is_some() {
        return Err(Refusal::new(
            format!("the name `{name}` is taken"),
            "choose another name, or drop what has it first, in a change of its own",
        ));
    }
    let mut touches = touched(catalog, &tokens(&statement.sql));
    touches.push(name.to_owned());
    let draft = Draft::statements(
        &format!("create {name}"),
        Phase::Expand,
        vec![surely(&statement.sql, if_not_exists)],
        Some(vec![format!("DROP TABLE {}", quote(name))]),
    );
    catalog.create_table(name, table);
    Ok(drafts(vec![draft.why("Nobody uses a table that is not there yet.")], touches))
}

/// Without IF NOT EXISTS: a revert must know that the table is the step's own.
pub(super) fn surely(sql: &str, if_not_exists: bool) -> String {
    if !if_not_exists {
        return sql.to_owned();
    }
    let mut tokens = tokens(sql);
    if let Some(position) = tokens.iter().position(|token| token.is_word("if")) {
        tokens.drain(position..position + 3);
    }
    render(&tokens)
}
