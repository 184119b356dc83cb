//! ALTER TABLE: clause by clause, each as safe steps of its own.

use super::clause::{self, Clause};
use super::key::{Key, KeyKind};
use super::lock::{EXCLUSIVE, Locks};
use super::text::{Reader, q, same};
use super::{
    Found, Planned, Rule, add_column, append, apply, change_column, charset, constraint, drop_column, index,
    nothing, on, primary_key, rebuild, refused, rename_column, rename_table, step, table_name, table_option, undo,
};
use crate::catalog::Known;
use crate::draft::Drafts;
use crate::plan::Refusal;
use crate::script::Directive;
use lockstep_core::schema::Table;
use lockstep_core::step::{Action, Phase};

pub(super) fn plan(rule: &mut Rule<'_>, mut reader: Reader<'_>) -> Option<Planned> {
    let if_exists = reader.words(&["if", "exists"]);
    let name = match table_name(&mut reader)? {
        Ok(name) => name,
        Err(refusal) => return Some(Err(refusal)),
    };
    if reader.word("wait") {
        reader.skip();
    }
    reader.word("nowait");
    let clauses = match clause::read(rule.target.engine, &reader) {
        Ok(clauses) => clauses,
        Err(text) => return Some(Err(refused::clause(&text))),
    };
    if if_exists && rule.catalog.table(&name) == Known::Absent {
        return Some(Ok(nothing(&name, format!("there is no table {name}: nothing is done"))));
    }
    Some(of_clauses(rule, &name, clauses))
}

/// Plans clauses for a table.
pub(super) fn of_clauses(rule: &mut Rule<'_>, name: &str, mut clauses: Vec<Clause>) -> Planned {
    clauses.retain(|clause| *clause != Clause::Hint);
    if clauses.is_empty() {
        return Ok(nothing(name, "it says nothing of the table: nothing is done".to_owned()));
    }
    if rule.catalog.table(name) == Known::Unknown && clauses.iter().all(needs_no_facts) {
        return on_unknown(rule, name, clauses);
    }
    let found = rule.found(name)?;
    if found.is_new {
        return at_once(rule, &found, &clauses);
    }
    let before = rule.catalog.clone();
    let refusal = match in_use(rule, name, clauses.clone(), Heavy::Refused) {
        Err(refusal) => refusal,
        planned => return planned,
    };
    *rule.catalog = before;
    if rule.rows(name) == Some(0) && clauses.iter().all(asks_nothing_of_clients) {
        return while_empty(rule, &found, &clauses);
    }
    if rule.statement.directives.iter().any(|directive| matches!(directive, Directive::As { .. })) {
        return Err(refusal);
    }
    in_use(rule, name, clauses, Heavy::Copied)
}

/// What is done with clauses for which the server would copy the table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Heavy {
    Refused,
    /// The table is copied beside reads and writes.
    Copied,
}

/// True for clauses after which clients can go on as before, were it not for the time that the server takes.
fn asks_nothing_of_clients(clause: &Clause) -> bool {
    match clause {
        Clause::AddColumn { new, .. } => !new.not_null || new.default.is_some() || new.auto_increment,
        Clause::Change { from, new } => same(from, &new.name),
        Clause::AddKey(_) | Clause::AddForeignKey(_) | Clause::AddCheck { .. } => true,
        Clause::DropPrimaryKey | Clause::Convert { .. } | Clause::Option { .. } | Clause::Default { .. } => true,
        _ => false,
    }
}

/// What would copy the table does it in no time where there are no rows. Others may have some: they are asked.
fn while_empty(rule: &mut Rule<'_>, found: &Found, clauses: &[Clause]) -> Planned {
    let mut drafts = at_once(rule, found, clauses)?;
    for draft in &mut drafts.steps {
        let query = format!("SELECT * FROM {} LIMIT 1", q(&found.name));
        *draft = draft.clone().only_if(&format!("table {} is empty", found.name), query).why(
            "It would write the whole table anew, and is done only where the table is empty: then there is nothing to write.",
        );
        draft.joins = false;
    }
    Ok(drafts)
}

/// True for what can be planned for a table of which nothing is known: it is taken to be large and in use.
fn needs_no_facts(clause: &Clause) -> bool {
    match clause {
        Clause::AddColumn { new, .. } => new.references.is_none(),
        Clause::AddKey(key) => key.kind != KeyKind::Primary && key.name.is_some(),
        Clause::AddForeignKey(key) => key.name.is_some(),
        _ => false,
    }
}

/// Plans for a table of which nothing is known, and leaves it unknown.
fn on_unknown(rule: &mut Rule<'_>, name: &str, clauses: Vec<Clause>) -> Planned {
    let mut table = Table::default();
    // Keys name columns that are there: whether they are, the server knows.
    let named = clauses.iter().flat_map(|clause| match clause {
        Clause::AddKey(key) => key.columns.iter().flatten().cloned().collect(),
        Clause::AddForeignKey(key) => key.columns.clone(),
        _ => Vec::new(),
    });
    for column in named.filter(|column| !clause::adds(&clauses, column)) {
        let new = super::column::New { name: column, ..Default::default() };
        table.columns.push(new.in_catalog(rule.target.engine, None));
    }
    rule.catalog.schema.tables.insert(name.to_owned(), table);
    let planned = in_use(rule, name, clauses, Heavy::Refused);
    rule.catalog.schema.tables.remove(name);
    planned
}

/// Nobody uses the table: the statement is run just so.
fn at_once(rule: &mut Rule<'_>, found: &Found, clauses: &[Clause]) -> Planned {
    let engine = rule.target.engine;
    let mut table = found.table.clone();
    let mut undone = Vec::new();
    for clause in clauses {
        refuse_absent(found, &table, clause)?;
        let clauses = undo::clause(engine, &found.name, &table, clause);
        let statements = clauses.unwrap_or_default().into_iter();
        undone.splice(0..0, statements.map(|clause| format!("ALTER TABLE {} {clause}", q(&found.name))));
        apply::clause(engine, &found.name, &mut table, clause);
    }
    *rule.table_mut(&found.name) = table;
    let mut touches = vec![found.name.clone()];
    for clause in clauses {
        if let Clause::RenameTable { to } = clause {
            rename_table::one(rule, &found.name, to)?;
            undone.insert(0, format!("RENAME TABLE {} TO {}", q(to), q(&found.name)));
            touches.push(to.clone());
        }
    }
    let forward = vec![rule.statement.sql.clone()];
    let mut step = step(&format!("alter {}", found.name), Phase::Expand, forward, Some(undone.clone()))
        .holds(&found.name, EXCLUSIVE)
        .why("The table is new: nobody waits for it.");
    if undone.is_empty() {
        step.step.revert = Some(Action::Nothing);
    }
    Ok(Drafts { touches, ..on(&found.name, vec![step]) })
}

/// What the statement is about must be there.
fn refuse_absent(found: &Found, table: &Table, clause: &Clause) -> Result<(), Refusal> {
    let now = Found { table: table.clone(), ..found.clone() };
    match clause {
        Clause::Change { from, .. } | Clause::RenameColumn { from, .. } => now.column(from).map(drop),
        Clause::DropColumn { name, if_exists: false } => now.column(name).map(drop),
        Clause::Default { column, .. } => now.column(column).map(drop),
        Clause::AddColumn { new, if_not_exists: false } => add_column::refuse_taken(&now, &new.name),
        _ => Ok(()),
    }
}

/// The order in which nothing is missing when its turn comes. What is dropped for good comes last, when nothing depends on it.
fn pass(clause: &Clause, all: &[Clause]) -> u8 {
    match clause {
        Clause::DropColumn { name, .. } => {
            if clause::adds(all, name) {
                0
            } else {
                7
            }
        }
        Clause::DropForeignKey { .. } | Clause::DropConstraint { .. } => 0,
        Clause::AddColumn { .. } => 1,
        Clause::Change { .. } | Clause::RenameColumn { .. } | Clause::Default { .. } => 2,
        Clause::AddKey(_) | Clause::DropPrimaryKey => 3,
        Clause::DropIndex { .. } | Clause::RenameIndex { .. } => 4,
        Clause::AddForeignKey(_) | Clause::AddCheck { .. } => 5,
        Clause::RenameTable { .. } => 8,
        _ => 6,
    }
}

fn in_use(rule: &mut Rule<'_>, name: &str, mut clauses: Vec<Clause>, heavy: Heavy) -> Planned {
    let mut all = Drafts::default();
    let pairs = redefined(&mut clauses);
    for (dropped, key) in pairs {
        let found = rule.found(name)?;
        append(&mut all, index::replaced(rule, &found, &dropped, &key)?);
    }
    let has_new_key = |clause: &Clause| matches!(clause, Clause::AddKey(key) if key.kind == KeyKind::Primary);
    let is_key_replaced = clauses.contains(&Clause::DropPrimaryKey) && clauses.iter().any(has_new_key);
    if is_key_replaced {
        clauses.retain(|clause| *clause != Clause::DropPrimaryKey);
    }
    let mut order: Vec<&Clause> = clauses.iter().collect();
    order.sort_by_key(|clause| pass(clause, &clauses));
    let mut copied = Vec::new();
    for clause in order {
        let (found, before) = (rule.found(name)?, rule.catalog.clone());
        match one(rule, &found, clause, is_key_replaced) {
            Err(_) if heavy == Heavy::Copied && rebuild::can(&found, &copied, clause) => {
                *rule.catalog = before;
                copied.push(clause.clone());
            }
            planned => append(&mut all, planned?),
        }
    }
    if !copied.is_empty() {
        let found = rule.found(name)?;
        append(&mut all, rebuild::plan(rule, &found, &copied)?);
    }
    Ok(all)
}

/// Keys that are dropped and added under the same name: they are exchanged at once.
fn redefined(clauses: &mut Vec<Clause>) -> Vec<(String, Key)> {
    let mut pairs = Vec::new();
    while let Some((at, name, key)) = clauses.iter().enumerate().find_map(|(at, clause)| {
        let Clause::DropIndex { name, .. } = clause else { return None };
        let key = clauses.iter().find_map(|other| match other {
            Clause::AddKey(key) if key.name.as_ref().is_some_and(|added| same(added, name)) => Some(key.clone()),
            _ => None,
        })?;
        Some((at, name.clone(), key))
    }) {
        clauses.remove(at);
        clauses.retain(|clause| *clause != Clause::AddKey(key.clone()));
        pairs.push((name, key));
    }
    pairs
}

fn one(rule: &mut Rule<'_>, found: &Found, clause: &Clause, is_key_replaced: bool) -> Planned {
    match clause {
        Clause::AddColumn { new, if_not_exists } => add_column::plan(rule, found, new, *if_not_exists),
        Clause::AddKey(key) if key.kind == KeyKind::Primary => primary_key::add(rule, found, key, is_key_replaced),
        Clause::AddKey(key) => index::add(rule, found, key),
        Clause::AddForeignKey(key) => constraint::add_foreign_key(rule, found, key),
        Clause::AddCheck { .. } => Err(constraint::add_check(rule.target, found)),
        Clause::DropColumn { name, if_exists } => drop_column::plan(rule, found, name, *if_exists),
        Clause::DropIndex { name, if_exists } => index::drop_of(rule, found, name, *if_exists),
        Clause::DropPrimaryKey => Err(primary_key::dropping_alone(found)),
        Clause::DropForeignKey { name, if_exists } => constraint::drop_foreign_key(rule, found, name, *if_exists),
        Clause::DropConstraint { name, if_exists } => constraint::drop_named(rule, found, name, *if_exists),
        Clause::Change { from, new } => change_column::plan(rule, found, from, new),
        Clause::RenameColumn { from, to } => rename_column::plan(rule, found, from, to),
        Clause::RenameIndex { from, to } => index::rename(rule, found, from, to),
        Clause::RenameTable { to } => rename_table::one(rule, &found.name, to),
        Clause::Default { column, value } => change_column::default(rule, found, column, value.as_deref()),
        Clause::Convert { charset, collation } => {
            charset::convert(rule, found, charset.as_deref(), collation.as_deref())
        }
        Clause::Option { name, value } => table_option::plan(rule, found, name, value),
        Clause::Partition(text) => table_option::partition(found, text),
        Clause::Hint => Ok(Drafts::default()),
        Clause::Other(text) if same(text, "force") => table_option::anew(rule, found),
        Clause::Other(text) => Err(refused::clause(text)),
    }
}
