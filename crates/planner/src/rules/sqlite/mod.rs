//! SQLite 3.35 and later.
//!
//! Rules read statements as tokens: SQLite's grammar is small, and its types and definitions are whatever people wrote.
//! All that writes takes one lock, on the whole file; readers go on (WAL). Nothing can be built concurrently.

mod add_column;
mod copy;
mod create_table;
mod definition;
mod dml;
mod drop_column;
mod drop_table;
mod index;
mod redefine;
mod refused;
mod rename_column;
mod rename_table;
mod scope;
mod sequence;
mod text;
mod view_trigger;

use crate::catalog::Catalog;
use crate::draft::Drafts;
use crate::plan::{Refusal, Target};
use crate::script::{Directive, Statement};
use text::Reader;

/// What to do for the first of the statements that are left, and how many it takes together.
pub(super) fn plan(
    _target: Target,
    rest: &[Statement],
    catalog: &mut Catalog,
) -> (usize, Result<Drafts, Refusal>) {
    sequence::plan(rest, catalog).unwrap_or_else(|| (1, plan_one(&rest[0], catalog)))
}

fn plan_one(statement: &Statement, catalog: &mut Catalog) -> Result<Drafts, Refusal> {
    let tokens = text::tokens(&statement.sql);
    let mut reader = Reader::new(&tokens);
    if statement.says(&Directive::Opaque) {
        return refused::opaque(statement, &tokens, catalog);
    }
    if reader.word("create") {
        return create(statement, reader, catalog);
    }
    if reader.word("drop") {
        return drop_object(statement, reader, catalog);
    }
    if reader.words(&["alter", "table"]) {
        return alter_table(statement, reader, catalog).unwrap_or_else(|| Err(not_understood(statement)));
    }
    let planned = if reader.word("insert") || reader.word("replace") {
        dml::insert(statement, &tokens, catalog)
    } else if reader.word("update") {
        dml::update(statement, &tokens, catalog)
    } else if reader.words(&["delete", "from"]) {
        dml::delete(statement, reader, &tokens, catalog)
    } else {
        refused::other(statement, &tokens)
    };
    planned.unwrap_or_else(|| Err(not_understood(statement)))
}

fn create(statement: &Statement, mut reader: Reader<'_>, catalog: &mut Catalog) -> Result<Drafts, Refusal> {
    if reader.word("temp") || reader.word("temporary") {
        return Err(refused::temporary());
    }
    let planned = if reader.word("table") {
        create_table::plan(statement, reader, catalog)
    } else if reader.words(&["virtual", "table"]) {
        create_table::plan_virtual(statement, reader, catalog)
    } else if reader.word("index") {
        index::create(statement, reader, false, catalog)
    } else if reader.words(&["unique", "index"]) {
        index::create(statement, reader, true, catalog)
    } else if reader.word("view") {
        view_trigger::create_view(statement, reader, catalog)
    } else if reader.word("trigger") {
        view_trigger::create_trigger(statement, reader, catalog)
    } else {
        None
    };
    planned.unwrap_or_else(|| Err(not_understood(statement)))
}

fn drop_object(statement: &Statement, mut reader: Reader<'_>, catalog: &mut Catalog) -> Result<Drafts, Refusal> {
    let kind = ["table", "index", "view", "trigger"].into_iter().find(|kind| reader.word(kind));
    let if_exists = reader.words(&["if", "exists"]);
    let planned = reader.object().filter(|_| reader.rest.is_empty()).and_then(|name| match kind? {
        "table" => Some(drop_table::plan(&name, if_exists, catalog)),
        "index" => Some(index::drop_index(statement, &name, if_exists, catalog)),
        "view" => Some(view_trigger::drop_view(statement, &name, if_exists, catalog)),
        _ => Some(view_trigger::drop_trigger(statement, &name, if_exists, catalog)),
    });
    planned.unwrap_or_else(|| Err(not_understood(statement)))
}

fn alter_table(
    statement: &Statement,
    mut reader: Reader<'_>,
    catalog: &mut Catalog,
) -> Option<Result<Drafts, Refusal>> {
    let table = match scope::table(catalog, &reader.object()?) {
        Ok(table) => table,
        Err(refusal) => return Some(Err(refusal)),
    };
    if reader.word("add") {
        let _ = reader.word("column");
        return add_column::plan(statement, table, reader, catalog);
    }
    if reader.word("drop") {
        let _ = reader.word("column");
        let column = reader.name()?;
        return reader.rest.is_empty().then(|| drop_column::plan(statement, table, &column, catalog));
    }
    if reader.words(&["rename", "to"]) {
        let name = reader.name()?;
        return reader.rest.is_empty().then(|| rename_table::plan(table, &name, catalog));
    }
    reader.word("rename").then_some(())?;
    let _ = reader.word("column");
    let from = reader.name()?;
    reader.word("to").then_some(())?;
    let to = reader.name()?;
    reader.rest.is_empty().then(|| rename_column::plan(table, &from, &to, catalog))
}

fn not_understood(statement: &Statement) -> Refusal {
    let beginning: String = statement.sql.split_whitespace().take(4).collect::<Vec<_>>().join(" ");
    Refusal::new(
        format!("the planner does not understand `{beginning} ...`"),
        "correct it, or accept it as it is with `-- lockstep: opaque` and `-- lockstep: revert STATEMENT` above it",
    )
}
