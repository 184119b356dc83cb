//! CREATE INDEX and DROP INDEX.

use super::create_table::surely;
use super::scope::{Scope, cost, directed_revert, drafts, on, table, tell, unknown};
use super::text::{Reader, Token, definition_of, items, render};
use crate::catalog::Catalog;
use crate::draft::{Draft, Drafts};
use crate::name::quote;
use crate::plan::Refusal;
use crate::script::Statement;
use lockstep_core::schema::Index;
use lockstep_core::step::Phase;

/// `CREATE [UNIQUE] INDEX [IF NOT EXISTS] name ON table (...) [WHERE ...]`.
pub(super) fn create(
    statement: &Statement,
    mut reader: Reader<'_>,
    unique: bool,
    catalog: &mut Catalog,
) -> Option<Result<Drafts, Refusal>> {
    let if_not_exists = reader.words(&["if", "not", "exists"]);
    let name = reader.object()?;
    reader.word("on").then_some(())?;
    let on_table = reader.name()?;
    let terms = reader.group()?;
    let condition = if reader.word("where") { Some(reader.rest) } else { None };
    if condition.is_none() && !reader.rest.is_empty() {
        return None;
    }
    let scope = match table(catalog, &on_table) {
        Ok(scope) => scope,
        Err(refusal) => return Some(Err(refusal)),
    };
    if let Some((owner, _, _)) = find_index(catalog, &name) {
        let is_same = if_not_exists && owner.eq_ignore_ascii_case(scope.name());
        let hazards = vec![format!("index `{name}` is there already: nothing is done, whatever its columns")];
        return Some(if is_same {
            Ok(Drafts { hazards, ..Drafts::default() })
        } else {
            Err(Refusal::new(format!("the name `{name}` is taken"), "choose another name"))
        });
    }
    let sql = surely(&statement.sql, if_not_exists);
    if let Some(known) = catalog.schema.tables.get_mut(scope.name()) {
        known.indexes.insert(name.clone(), Index { unique, valid: true, definition: sql.clone() });
    }
    let draft = build(&scope, &name, sql);
    let draft = if unique && !scope.is_new() {
        draft.only_if(
            &format!("no two rows of {} are equal in {}", scope.name(), render(terms).trim()),
            duplicates(scope.name(), terms, condition),
        )
    } else {
        draft
    };
    let mut hazards = Vec::new();
    if unique && !scope.is_new() {
        hazards.push("a client that writes a duplicate fails from this step on".to_owned());
    }
    Some(Ok(Drafts { hazards, ..drafts(vec![draft], touches(&scope, &name)) }))
}

/// Its table; and its name, which an index of another table may take next.
fn touches(scope: &Scope, name: &str) -> Vec<String> {
    vec![scope.name().to_owned(), format!("index {}", name.to_lowercase())]
}

fn build(scope: &Scope, name: &str, sql: String) -> Draft {
    let revert = Some(vec![format!("DROP INDEX {}", quote(name))]);
    let draft = on(scope, &format!("build index {name}"), Phase::Expand, vec![sql], revert);
    if scope.is_new() {
        draft.why("The table is new.")
    } else {
        draft
            .scans(scope.rows())
            .why("SQLite builds an index in one go: writes wait while it reads the table, reads go on.")
    }
}

/// Rows that a unique index would not take.
pub(super) fn duplicates(table: &str, terms: &[Token], condition: Option<&[Token]>) -> String {
    let terms: Vec<String> = items(terms)
        .into_iter()
        .map(|term| {
            let is_direction = term.last().is_some_and(|last| last.is_word("asc") || last.is_word("desc"));
            render(&term[..term.len() - usize::from(is_direction)])
        })
        .collect();
    let list = terms.join(", ");
    let mut conditions: Vec<String> = terms.iter().map(|term| format!("({term}) IS NOT NULL")).collect();
    conditions.extend(condition.map(|condition| format!("({})", render(condition))));
    format!(
        "SELECT {list}, count(*) AS \"rows\" FROM {} WHERE {} GROUP BY {list} HAVING count(*) > 1",
        quote(table),
        conditions.join(" AND ")
    )
}

/// The table of an index, its name, and the index.
pub(super) fn find_index<'a>(catalog: &'a Catalog, name: &str) -> Option<(&'a String, &'a String, &'a Index)> {
    catalog.schema.tables.iter().find_map(|(table, known)| {
        let (name, index) = known.indexes.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some((table, name, index))
    })
}

/// `DROP INDEX [IF EXISTS] name`.
pub(super) fn drop_index(
    statement: &Statement,
    name: &str,
    if_exists: bool,
    catalog: &mut Catalog,
) -> Result<Drafts, Refusal> {
    let Some((owner, known, index)) = find_index(catalog, name) else {
        return not_found(statement, name, if_exists, catalog);
    };
    let definition = definition_of(known, &index.definition);
    let (scope, index) = (table(catalog, owner)?, index.clone());
    if let Some(known) = catalog.schema.tables.get_mut(scope.name()) {
        known.indexes.retain(|known, _| !known.eq_ignore_ascii_case(name));
    }
    let revert = vec![definition];
    let phase = if index.unique && !scope.is_new() { Phase::Contract } else { Phase::Expand };
    let forward = vec![format!("DROP INDEX {}", quote(name))];
    let draft = on(&scope, &format!("drop index {name}"), phase, forward, Some(revert))
        .why("Only the list of definitions is written; to undo it builds the index anew.");
    let mut steps = Vec::new();
    if phase == Phase::Contract {
        let why = "An upsert that names the columns of a unique index fails without it: clients leave it first.";
        steps.push(tell(&format!("do without index {name}"), Phase::SwitchWrites, why));
    }
    steps.push(draft);
    let hazards =
        if scope.is_new() { Vec::new() } else { vec!["queries that used the index read the table".to_owned()] };
    let as_written = if phase == Phase::Contract { cost(&scope, false, false) } else { None };
    Ok(Drafts { hazards, as_written, ..drafts(steps, touches(&scope, name)) })
}

fn not_found(statement: &Statement, name: &str, if_exists: bool, catalog: &Catalog) -> Result<Drafts, Refusal> {
    if catalog.is_complete && if_exists {
        return Ok(Drafts { hazards: vec![format!("there is no index `{name}`")], ..Drafts::default() });
    }
    if catalog.is_complete {
        return Err(Refusal::new(format!("there is no index `{name}`"), "write the name of an index"));
    }
    let revert = directed_revert(statement)
        .ok_or_else(|| unknown(&format!("index `{name}`"), "what undoes this is its definition"))?;
    let sql = format!("DROP INDEX {}", quote(name));
    let draft = Draft::statements(&format!("drop index {name}"), Phase::Expand, vec![sql], revert)
        .why("Only the list of definitions is written.");
    // Which table it belongs to is not known: nothing that follows may overtake it.
    Ok(drafts(vec![draft], catalog.schema.tables.keys().cloned().collect()))
}
