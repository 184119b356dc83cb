//! INSERT, UPDATE, DELETE: over a table in use, in batches.

use super::lock::{self, Locks, ROWS};
use super::text::{Kind, Reader, q, q_list, same};
use super::{BATCH_ROWS_MAX, EVERYTHING, Found, Planned, Rule, on, table_name};
use crate::catalog::Known;
use crate::draft::{Draft, Drafts};
use crate::plan::Refusal;
use lockstep_core::Engine;
use lockstep_core::step::{Action, Backfill, Phase};

/// Rows that a literal INSERT may have.
const LITERAL_ROWS_MAX: usize = 1_000;

pub(super) fn insert(rule: &mut Rule<'_>, mut reader: Reader<'_>) -> Option<Planned> {
    let replaces = reader.word("replace");
    let ignores = ["low_priority", "delayed", "high_priority", "ignore"].iter().fold(false, |ignores, word| {
        let given = reader.word(word);
        ignores || (given && *word == "ignore")
    });
    reader.word("into");
    let table = match table_name(&mut reader)? {
        Ok(table) => table,
        Err(refusal) => return Some(Err(refusal)),
    };
    let columns = columns(&mut reader);
    let rows = rows(&reader);
    let reads_tables = reader.find(&["select"]).is_some() || reader.text().to_lowercase().contains("select ");
    let may_meet_others = replaces || ignores || reader.find(&["duplicate"]).is_some();
    let by_key =
        if may_meet_others { None } else { literal_keys(rule, &table, columns.as_deref(), rows.as_deref()) };
    Some(Ok(inserted(rule, &table, by_key, (rows.map(|rows| rows.len()), reads_tables))))
}

fn inserted(
    rule: &Rule<'_>,
    table: &str,
    by_key: Option<String>,
    (rows, reads_tables): (Option<usize>, bool),
) -> Drafts {
    let is_new = rule.catalog.is_created_here(table);
    let revert = match by_key {
        _ if is_new => Some(vec![format!("DELETE FROM {}", q(table))]),
        Some(delete) if rule.statement.reverts().is_empty() => Some(vec![delete]),
        _ => rule.directed_revert(),
    };
    let phase = if is_new { Phase::Expand } else { Phase::Backfill };
    let step = Draft::statements(&format!("insert into {table}"), phase, vec![rule.statement.sql.clone()], revert)
        .holds(table, ROWS)
        .why("New rows stand in nobody's way.");
    let mut drafts = on(table, vec![step]);
    if let Some(rows) = rows.filter(|rows| *rows > LITERAL_ROWS_MAX) {
        drafts.hazards.push(format!("{rows} rows in one statement"));
    }
    if reads_tables {
        // What it reads may be moved by statements before it.
        drafts.touches.push(EVERYTHING.to_owned());
        drafts.hazards.push("one transaction, as long as its query takes".to_owned());
    }
    drafts
}

fn columns(reader: &mut Reader<'_>) -> Option<Vec<String>> {
    let before = *reader;
    let named =
        |group: Reader<'_>| group.items().into_iter().map(|mut item| item.name()).collect::<Option<Vec<_>>>();
    let columns = reader.group().filter(|group| !group.is_word("select")).and_then(named);
    if columns.is_none() {
        *reader = before;
    }
    columns
}

/// The rows of VALUES, each as the texts of its values; `None` for anything else.
fn rows(reader: &Reader<'_>) -> Option<Vec<Vec<String>>> {
    let mut reader = *reader;
    if !reader.word("values") && !reader.word("value") {
        return None;
    }
    let mut rows = Vec::new();
    while let Some(group) = reader.group() {
        rows.push(
            group
                .items()
                .iter()
                .map(|item| if is_literal(item) { item.text().to_owned() } else { String::new() })
                .collect(),
        );
        if !reader.symbol(",") {
            return reader.is_empty().then_some(rows);
        }
    }
    None
}

fn is_literal(item: &Reader<'_>) -> bool {
    matches!(item.rest, [one] if matches!(one.kind, Kind::Text | Kind::Number))
}

/// The statement that takes literal rows away again, by their key.
fn literal_keys(
    rule: &Rule<'_>,
    table: &str,
    columns: Option<&[String]>,
    rows: Option<&[Vec<String>]>,
) -> Option<String> {
    let Known::Table(known) = rule.catalog.table(table) else { return None };
    let key = super::known::primary_key(known)?.to_vec();
    let all: Vec<String> = known.columns.iter().map(|column| column.name.clone()).collect();
    let columns = columns.unwrap_or(&all);
    let places: Vec<usize> =
        key.iter().map(|key| columns.iter().position(|column| same(column, key))).collect::<Option<_>>()?;
    let value = |row: &Vec<String>, place: &usize| {
        row.get(*place).filter(|text| !text.is_empty() && *text != "0").cloned()
    };
    let row = |row: &Vec<String>| {
        let values = places.iter().map(|place| value(row, place)).collect::<Option<Vec<_>>>()?;
        Some(format!("({})", values.join(", ")))
    };
    let rows = rows?.iter().map(row).collect::<Option<Vec<_>>>()?;
    Some(format!("DELETE FROM {} WHERE ({}) IN ({})", q(table), q_list(&key), rows.join(", ")))
}

pub(super) fn update(rule: &mut Rule<'_>, mut reader: Reader<'_>) -> Option<Planned> {
    reader.word("low_priority");
    reader.word("ignore");
    let set_at = reader.find(&["set"])?;
    let tables = reader.take(set_at);
    reader.skip();
    let table = match alone(tables) {
        Ok(table) => table,
        Err(_) => return Some(Ok(whole(rule, "update", &tables))),
    };
    let end = reader.find(&["where", "order", "limit"]).unwrap_or(reader.rest.len());
    let set = reader.take(end).text().to_owned();
    let condition = match condition(&mut reader) {
        Ok(condition) => condition,
        Err(refusal) => return Some(Err(refusal)),
    };
    Some(updated(rule, &table, &set, condition))
}

/// Several tables, or one with an alias: it cannot be gone through in batches of rows.
fn whole(rule: &Rule<'_>, verb: &str, tables: &Reader<'_>) -> Drafts {
    let named = |token: &&super::text::Token| matches!(rule.catalog.table(&token.value), Known::Table(_));
    let mut names: Vec<String> = tables.rest.iter().filter(named).map(|token| token.value.clone()).collect();
    names.sort();
    names.dedup();
    let revert = rule.directed_revert();
    let name = format!("{verb} {}", if names.is_empty() { tables.text().to_owned() } else { names.join(", ") });
    let mut step = Draft::statements(&name, Phase::Backfill, vec![rule.statement.sql.clone()], revert).why(
        "Several tables at once cannot be gone through in batches: the rows stay locked until it is through.",
    );
    for table in &names {
        step = step.holds(table, ROWS);
    }
    let rows = names.iter().filter_map(|table| rule.rows(table)).max();
    step = step.scans(rows);
    let mut drafts = Drafts { steps: vec![step], touches: vec![EVERYTHING.to_owned()], ..Drafts::default() };
    drafts.hazards.push("it holds the locks of all its rows until it is through with the last one".to_owned());
    drafts
}

/// The only table of a statement; several cannot be gone through in batches of rows.
fn alone(reader: Reader<'_>) -> Result<String, Refusal> {
    let several = || {
        Refusal::new(
            format!("`{}` is more than a table's name", reader.text()),
            "leave aliases and joins out, and write what comes from other tables as subqueries",
        )
    };
    let mut rest = reader;
    let name = table_name(&mut rest).ok_or_else(several)??;
    if rest.is_empty() { Ok(name) } else { Err(several()) }
}

fn condition(reader: &mut Reader<'_>) -> Result<Option<String>, Refusal> {
    if reader.find(&["limit"]).is_some() || (reader.is_word("order") && !reader.is_empty()) {
        return Err(Refusal::new(
            "which rows a LIMIT leaves out is not known",
            "say in WHERE which rows are meant",
        ));
    }
    let is_given = reader.word("where");
    Ok(is_given.then(|| reader.text().to_owned()))
}

fn updated(rule: &mut Rule<'_>, table: &str, set: &str, condition: Option<String>) -> Planned {
    let found = rule.found(table)?;
    if found.is_new {
        return Ok(at_once(rule, &found, "update"));
    }
    let revert = match rule.directed_revert() {
        Some(statements) => Some(together(statements)),
        // The columns go when the change is undone.
        None if assigns_only_new(rule, table, set) => Some(Action::Nothing),
        None => None,
    };
    let backfill = Backfill {
        table: q(table),
        key: found.key_to_fill()?,
        set: set.to_owned(),
        only_where: condition,
        batch_rows_max: BATCH_ROWS_MAX,
    };
    let step = Draft::new(&format!("update {table}"), Phase::Backfill, Action::Backfill(backfill), revert)
        .holds(table, ROWS)
        .why("Rows are written in short transactions, each of a few rows in the order of the key.");
    Ok(over_rows(rule, &found, step))
}

/// True when this change itself added every column that is assigned.
fn assigns_only_new(rule: &Rule<'_>, table: &str, set: &str) -> bool {
    let tokens = super::text::tokens(set);
    let column = |mut item: Reader<'_>| {
        let first = item.name();
        if item.symbol(".") { item.name() } else { first }
    };
    let is_new = |item| column(item).is_some_and(|column| rule.catalog.is_column_created_here(table, &column));
    Reader::new(set, &tokens).items().into_iter().all(is_new)
}

fn together(statements: Vec<String>) -> Action {
    Action::Statements { statements, transactional: true }
}

/// Nobody uses the table.
fn at_once(rule: &Rule<'_>, found: &Found, verb: &str) -> Drafts {
    let forward = vec![rule.statement.sql.clone()];
    let mut step = Draft::statements(&format!("{verb} {}", found.name), Phase::Expand, forward, None)
        .holds(&found.name, ROWS)
        .why("The table is new: nobody waits for it.");
    // The table goes, and its rows with it.
    step.step.revert = Some(Action::Nothing);
    on(&found.name, vec![step])
}

fn over_rows(rule: &Rule<'_>, found: &Found, mut step: Draft) -> Drafts {
    let rows = rule.rows(&found.name);
    step.impact.rows_estimate = rows;
    let mut drafts = on(&found.name, vec![step]);
    drafts.as_written = Some(lock::rows(&found.name, rows));
    drafts
        .hazards
        .push("as written it holds the locks of all its rows until it is through with the last one".to_owned());
    if rule.statement.sql.to_lowercase().contains("select") {
        drafts.touches.push(EVERYTHING.to_owned());
    }
    drafts
}

pub(super) fn delete(rule: &mut Rule<'_>, mut reader: Reader<'_>) -> Option<Planned> {
    for word in ["low_priority", "quick", "ignore"] {
        reader.word(word);
    }
    let is_plain = reader.word("from");
    let end = reader.find(&["where", "order", "limit", "returning"]).unwrap_or(reader.rest.len());
    let tables = reader.take(end);
    let table = match alone(tables) {
        Ok(table) if is_plain => table,
        _ => return Some(Ok(whole(rule, "delete from", &tables))),
    };
    Some(condition(&mut reader).and_then(|condition| deleted(rule, &table, condition)))
}

fn deleted(rule: &mut Rule<'_>, table: &str, condition: Option<String>) -> Planned {
    let found = rule.found(table)?;
    if found.is_new {
        return Ok(at_once(rule, &found, "delete from"));
    }
    let revert = rule.directed_revert().map(together);
    let name = format!("delete from {table}");
    if rule.target.engine == Engine::Mysql {
        let forward = Action::Statements { statements: vec![rule.statement.sql.clone()], transactional: true };
        let step = Draft::new(&name, Phase::Backfill, forward, revert)
            .holds(table, ROWS)
            .why("MySQL runs no loop outside of a procedure: the rows stay locked until it is through with the last one.");
        return Ok(over_rows(rule, &found, step));
    }
    let forward =
        Action::Statements { statements: vec![in_batches(&found, condition.as_deref())?], transactional: false };
    let step = Draft::new(&name, Phase::Backfill, forward, revert)
        .holds(table, ROWS)
        .why("Rows go in short transactions of a few rows each; what stopped half-way goes on where it stopped.");
    Ok(over_rows(rule, &found, step))
}

/// Rows of one batch of a DELETE: its loop knows no time that a batch should take.
const DELETE_ROWS_MAX: u32 = 1_000;

/// A loop of MariaDB, each round of which commits; it runs outside of a transaction.
fn in_batches(found: &Found, condition: Option<&str>) -> Result<String, Refusal> {
    let key = q_list(&found.key_to_fill()?);
    let filter = condition.map(|condition| format!(" WHERE {condition}")).unwrap_or_default();
    let delete = format!("DELETE FROM {}{filter} ORDER BY {key} LIMIT {DELETE_ROWS_MAX}", q(&found.name));
    Ok(format!("BEGIN NOT ATOMIC REPEAT {delete}; UNTIL ROW_COUNT() = 0 END REPEAT; END"))
}
