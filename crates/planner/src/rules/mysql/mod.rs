//! MySQL 8 and MariaDB 10.5 and later.
//!
//! Rules read statements as tokens: column definitions are taken over as they were written. Every ALTER TABLE says how it is to be
//! done (`ALGORITHM=INSTANT`, `INPLACE` or `NOCOPY` with `LOCK=NONE`), so that the server refuses instead of copying. No DDL can be
//! undone by a transaction here: a step of several statements is run one by one, and each of them leaves the database in a state in
//! which clients can work.

mod add_column;
mod algorithm;
mod alter_table;
mod apply;
mod change_column;
mod charset;
mod clause;
mod column;
mod constraint;
mod convert;
mod copy;
mod create_table;
mod dml;
mod drop_column;
mod drop_table;
mod fill;
mod index;
mod key;
mod known;
mod lock;
mod object;
mod primary_key;
mod rebuild;
mod refused;
mod rename_column;
mod rename_table;
mod sync;
mod table_option;
mod text;
mod twin;
mod types;
mod undo;

use crate::catalog::{Catalog, Known};
use crate::draft::{Draft, Drafts};
use crate::plan::{Refusal, Target};
use crate::script::{Directive, Statement};
use lockstep_core::schema::{Column, Table};
use lockstep_core::step::{Action, Phase};
use text::{Reader, same};

/// What a rule works with.
struct Rule<'a> {
    target: Target,
    statement: &'a Statement,
    /// What the change says after it.
    later: &'a [Statement],
    catalog: &'a mut Catalog,
}

/// What a rule gives.
type Planned = Result<Drafts, Refusal>;

/// What to do for the first of the statements that are left.
pub(super) fn plan(target: Target, rest: &[Statement], catalog: &mut Catalog) -> Planned {
    let (statement, later) = (&rest[0], &rest[1..]);
    let mut rule = Rule { target, statement, later, catalog };
    if statement.says(&Directive::Opaque) {
        return refused::accepted(&rule);
    }
    let tokens = text::tokens(&statement.sql);
    let reader = Reader::new(&statement.sql, &tokens);
    of_first_word(&mut rule, reader).unwrap_or_else(|| refused::not_understood(&reader))
}

/// `None`: it is not understood.
fn of_first_word(rule: &mut Rule<'_>, mut reader: Reader<'_>) -> Option<Planned> {
    if reader.word("create") {
        return create(rule, reader);
    }
    if reader.word("alter") {
        reader.word("online");
        reader.word("ignore");
        return if reader.word("table") { alter_table::plan(rule, reader) } else { object::alter(rule, reader) };
    }
    if reader.word("drop") {
        return dropped(rule, reader);
    }
    if reader.words(&["rename", "table"]) || reader.words(&["rename", "tables"]) {
        return rename_table::plan(rule, reader);
    }
    if reader.word("insert") || reader.is_word("replace") {
        return dml::insert(rule, reader);
    }
    if reader.word("update") {
        return dml::update(rule, reader);
    }
    if reader.word("delete") {
        return dml::delete(rule, reader);
    }
    refused::other(&reader)
}

fn create(rule: &mut Rule<'_>, mut reader: Reader<'_>) -> Option<Planned> {
    if reader.word("temporary") {
        return Some(Err(Refusal::new(
            "a temporary table is gone with the session that made it",
            "leave the statement out, or make a table of it",
        )));
    }
    if reader.word("table") {
        return create_table::plan(rule, reader);
    }
    let before = reader;
    let _ = reader.words(&["or", "replace"]) || reader.word("online");
    let kind = index::kind(&mut reader);
    if let Some(kind) = kind {
        return index::create(rule, reader, kind);
    }
    object::create(rule, before)
}

fn dropped(rule: &mut Rule<'_>, mut reader: Reader<'_>) -> Option<Planned> {
    reader.word("temporary");
    if reader.word("table") || reader.word("tables") {
        return drop_table::plan(rule, reader);
    }
    if reader.word("index") {
        return index::drop(rule, reader);
    }
    object::dropped(rule, reader)
}

/// A table that must be there.
#[derive(Clone, Debug)]
struct Found {
    name: String,
    table: Table,
    /// This change made it: nobody uses it.
    is_new: bool,
}

impl Found {
    fn column(&self, column: &str) -> Result<&Column, Refusal> {
        known::column(&self.table, column).ok_or_else(|| {
            Refusal::new(
                format!("table {} has no column `{column}`", self.name),
                "correct the name, or plan against a database whose schema is up to date",
            )
        })
    }

    /// Columns by which a backfill can go through the table: of the primary key, or of a unique key without NULL.
    fn key(&self) -> Option<Vec<String>> {
        if let Some(primary) = known::primary_key(&self.table) {
            return Some(primary.to_vec());
        }
        let is_not_null =
            |column: &String| known::column(&self.table, column).is_some_and(|column| !column.nullable);
        let whole = |index: &lockstep_core::schema::Index| {
            let key = key::of_index(&index.definition)?;
            let is_whole = key.parts.iter().all(|part| !part.ends_with(')'));
            key.plain_columns().filter(|columns| is_whole && columns.iter().all(is_not_null))
        };
        self.table.indexes.values().filter(|index| index.unique).find_map(whole)
    }

    fn key_to_fill(&self) -> Result<Vec<String>, Refusal> {
        self.key().ok_or_else(|| {
            Refusal::new(
                format!("table {} has no primary key by which its rows could be filled in batches", self.name),
                "add a primary key first, or a unique key on columns that are NOT NULL",
            )
        })
    }
}

impl Rule<'_> {
    /// A table of which facts are needed.
    fn found(&self, name: &str) -> Result<Found, Refusal> {
        match self.catalog.table(name) {
            Known::Table(table) => Ok(Found {
                name: name.to_owned(),
                table: table.clone(),
                is_new: self.catalog.is_created_here(name),
            }),
            Known::Absent => Err(Refusal::new(
                format!("there is no table {name}"),
                "correct the name, or plan against a database whose schema is up to date",
            )),
            Known::Unknown => Err(Refusal::new(
                format!("nothing is known of table {name}, and a safe plan depends on what it is like"),
                "plan against a cluster, or put the CREATE TABLE into a file of the schema that is read before",
            )),
        }
    }

    fn rows(&self, table: &str) -> Option<u64> {
        self.catalog.rows(table)
    }

    fn table_mut(&mut self, table: &str) -> &mut Table {
        self.catalog.schema.tables.entry(table.to_owned()).or_default()
    }

    /// What existing rows of a column are to get, by directive.
    fn backfill_of(&self, column: &str) -> Option<&str> {
        self.statement.directives.iter().find_map(|directive| match directive {
            Directive::Backfill { column: named, expression } if same(bare(named), column) => {
                Some(expression.as_str())
            }
            _ => None,
        })
    }

    /// What undoes the statement, by directive.
    fn directed_revert(&self) -> Option<Vec<String>> {
        Some(self.statement.reverts()).filter(|reverts| !reverts.is_empty())
    }

    /// As [`Rule::directed_revert`]; an error when it says nothing and that is not accepted.
    fn revert_by_directive(&self, reason: &str) -> Result<Option<Vec<String>>, Refusal> {
        if let Some(reverts) = self.directed_revert() {
            return Ok(Some(reverts));
        }
        if self.statement.says(&Directive::Irreversible) {
            return Ok(None);
        }
        Err(Refusal::new(
            reason,
            "say what undoes it with `-- lockstep: revert STATEMENT` above it, or accept that nothing does with \
             `-- lockstep: irreversible`",
        ))
    }
}

/// A name in a directive without its quotes.
fn bare(written: &str) -> &str {
    written.trim_matches(['`', '"'])
}

/// A table's name; its database's name before it is an error that says so.
fn table_name(reader: &mut Reader<'_>) -> Option<Result<String, Refusal>> {
    let name = reader.name()?;
    if !reader.symbol(".") {
        return Some(Ok(name));
    }
    let table = reader.name()?;
    Some(Err(Refusal::new(
        format!("`{name}.{table}` names a database, and each agent has its own"),
        format!("write `{table}` alone"),
    )))
}

/// Drafts that touch one table.
fn on(table: &str, steps: Vec<Draft>) -> Drafts {
    Drafts { steps, touches: vec![table.to_owned()], ..Drafts::default() }
}

/// Drafts that do nothing, and say why.
fn nothing(table: &str, hazard: String) -> Drafts {
    Drafts { hazards: vec![hazard], ..on(table, Vec::new()) }
}

/// A step whose statements run one by one.
fn step(name: &str, phase: Phase, forward: Vec<String>, revert: Option<Vec<String>>) -> Draft {
    let one_by_one = |statements| Action::Statements { statements, transactional: false };
    let mut draft = Draft::new(name, phase, one_by_one(forward), revert.map(one_by_one));
    draft.joins = true;
    draft
}

/// A step that only tells clients something.
fn switch(phase: Phase, name: &str) -> Draft {
    Draft::new(name, phase, Action::Nothing, Some(Action::Nothing))
        .requires_understanding()
        .why("Clients are told, and acknowledge; the next step waits until none is left that does not know.")
}

/// One clause's drafts after another's.
fn append(all: &mut Drafts, more: Drafts) {
    all.steps.extend(more.steps);
    all.hazards
        .extend(more.hazards.into_iter().filter(|hazard| !all.hazards.contains(hazard)).collect::<Vec<_>>());
    for table in more.touches {
        if !all.touches.contains(&table) {
            all.touches.push(table);
        }
    }
    all.as_written = match (all.as_written.take(), more.as_written) {
        (Some(mut one), Some(other)) => {
            one.locks.extend(other.locks.into_iter().filter(|lock| !one.locks.contains(lock)).collect::<Vec<_>>());
            one.scans |= other.scans;
            one.rewrites |= other.rewrites;
            one.rows_estimate = one.rows_estimate.max(other.rows_estimate);
            Some(one)
        }
        (one, other) => one.or(other),
    };
}

/// Rows in a batch at most: the executor starts smaller and goes by the time that a batch takes.
const BATCH_ROWS_MAX: u32 = 10_000;

/// What stands for every table, where nobody knows which ones a statement touches.
const EVERYTHING: &str = "*";
