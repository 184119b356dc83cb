//! What the rules ask of the catalog, and what their drafts have in common.

use super::text::{Token, mentions, tokens};
use crate::catalog::{Catalog, Known};
use crate::draft::{Draft, Drafts, Impact, Lock};
use crate::plan::Refusal;
use crate::script::{Directive, Statement};
use lockstep_core::schema::{Column, Table};
use lockstep_core::step::{Action, Phase};

/// The lock of everything that writes: SQLite locks the file, not a table.
pub(super) const LOCK: &str = "RESERVED";
/// What waits meanwhile.
pub(super) const BLOCKS: &str = "writes to the whole file";

/// A table that a statement names.
#[derive(Clone)]
pub(super) enum Scope {
    /// As the catalog has it.
    There(Found),
    /// Nothing is known of it.
    Unknown(String),
}

/// A table of the catalog.
#[derive(Clone)]
pub(super) struct Found {
    /// As the catalog names it.
    pub(super) name: String,
    pub(super) table: Table,
    /// True: this change made it, and nobody uses it.
    pub(super) is_new: bool,
    pub(super) rows: Option<u64>,
}

impl Scope {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::There(found) => &found.name,
            Self::Unknown(name) => name,
        }
    }

    pub(super) fn is_new(&self) -> bool {
        matches!(self, Self::There(found) if found.is_new)
    }

    pub(super) fn rows(&self) -> Option<u64> {
        match self {
            Self::There(found) => found.rows,
            Self::Unknown(_) => None,
        }
    }

    /// The table, or that it must be known.
    pub(super) fn known(self, why: &str) -> Result<Found, Refusal> {
        match self {
            Self::There(found) => Ok(found),
            Self::Unknown(name) => Err(unknown(&format!("table `{name}`"), why)),
        }
    }
}

impl Found {
    pub(super) fn column(&self, name: &str) -> Result<&Column, Refusal> {
        let found = self.table.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name));
        found.ok_or_else(|| {
            Refusal::new(
                format!("table `{}` has no column `{name}`", self.name),
                "write the name of one of its columns",
            )
        })
    }
}

/// What a plan without a cluster cannot know.
pub(super) fn unknown(what: &str, why: &str) -> Refusal {
    Refusal::new(
        format!("nothing is known of {what}, and {why}"),
        "plan against the cluster, or give the schema with the files that made it",
    )
}

/// The name as the catalog has it: SQLite compares names without regard to the case of ASCII letters.
pub(super) fn spelled(catalog: &Catalog, name: &str) -> String {
    let same = |known: &&String| known.eq_ignore_ascii_case(name);
    catalog.schema.tables.keys().find(same).cloned().unwrap_or_else(|| name.to_owned())
}

/// The table of this name, as far as it is known.
pub(super) fn find(catalog: &Catalog, name: &str) -> Option<Scope> {
    let name = spelled(catalog, name);
    match catalog.table(&name) {
        Known::Absent => None,
        Known::Unknown => Some(Scope::Unknown(name)),
        Known::Table(table) => Some(Scope::There(Found {
            table: table.clone(),
            is_new: catalog.is_created_here(&name),
            rows: catalog.rows(&name),
            name,
        })),
    }
}

/// The table of this name; refused when there is none.
pub(super) fn table(catalog: &Catalog, name: &str) -> Result<Scope, Refusal> {
    find(catalog, name).ok_or_else(|| {
        let is_view = object(catalog, "view", name).is_some();
        let what = if is_view { "is a view, not a table" } else { "is not there" };
        Refusal::new(format!("table `{name}` {what}"), "write the name of a table, or make it first")
    })
}

/// An object that is no table: its name as the catalog has it, and its definition.
pub(super) fn object<'a>(catalog: &'a Catalog, kind: &str, name: &str) -> Option<(&'a String, &'a String)> {
    catalog.schema.objects.get(kind)?.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))
}

/// Tables and views that a text names: what it touches.
pub(super) fn touched(catalog: &Catalog, text: &[Token]) -> Vec<String> {
    let views = catalog.schema.objects.get("view").into_iter().flat_map(|views| views.keys());
    catalog.schema.tables.keys().chain(views).filter(|name| mentions(text, name)).cloned().collect()
}

/// Views and triggers whose text names all of these; triggers of `except` aside.
pub(super) fn users_of(catalog: &Catalog, names: &[&str], except: Option<&str>) -> Vec<String> {
    let is_user = |definition: &String| {
        let text = tokens(definition);
        names.iter().all(|name| mentions(&text, name))
    };
    let mut users = Vec::new();
    for (kind, objects) in &catalog.schema.objects {
        let of_kind = objects.iter().filter(|(_, definition)| is_user(definition));
        users.extend(of_kind.map(|(name, _)| format!("{kind} `{name}`")));
    }
    for (table, known) in &catalog.schema.tables {
        if except.is_none_or(|except| !except.eq_ignore_ascii_case(table)) {
            let triggers = known.triggers.iter().filter(|(_, definition)| is_user(definition));
            users.extend(triggers.map(|(name, _)| format!("trigger `{name}`")));
        }
    }
    users
}

/// How a file gives a table another form by hand.
pub(super) fn another_form(name: &str) -> String {
    format!(
        "to give `{name}` another form write all of it in one file: CREATE TABLE new, INSERT INTO new SELECT, DROP TABLE {name}, ALTER \
         TABLE new RENAME TO {name}"
    )
}

/// Tables with a foreign key that points at this one, itself aside.
pub(super) fn children(catalog: &Catalog, parent: &str) -> Vec<String> {
    let points_here = |table: &Table| {
        table.constraints.values().any(|constraint| {
            super::definition::foreign_parts(&constraint.definition)
                .is_some_and(|(named, _, _)| named.eq_ignore_ascii_case(parent))
        })
    };
    let tables = catalog.schema.tables.iter();
    tables
        .filter(|(name, table)| !name.eq_ignore_ascii_case(parent) && points_here(table))
        .map(|(name, _)| name.clone())
        .collect()
}

/// Statements in one transaction on a table; no lock counts on a table that nobody uses yet.
pub(super) fn on(
    scope: &Scope,
    name: &str,
    phase: Phase,
    forward: Vec<String>,
    revert: Option<Vec<String>>,
) -> Draft {
    let draft = Draft::statements(name, phase, forward, revert);
    if scope.is_new() { draft } else { draft.locks(scope.name(), LOCK, BLOCKS) }
}

/// A statement that leaves no trace for a revert to undo.
pub(super) fn without_trace(name: &str, phase: Phase, forward: Vec<String>) -> Draft {
    let forward = Action::Statements { statements: forward, transactional: true };
    Draft::new(name, phase, forward, Some(Action::Nothing))
}

/// A version that only tells clients something, and that only those can follow who understand it.
pub(super) fn tell(name: &str, phase: Phase, why: &str) -> Draft {
    Draft::new(name, phase, Action::Nothing, Some(Action::Nothing)).requires_understanding().why(why)
}

/// The executor takes no step that drops a table unless every foreign key points at a row: said before it is tried.
pub(super) fn without_orphans(draft: Draft) -> Draft {
    draft.only_if(
        "every foreign key points at a row",
        "SELECT \"table\", rowid, parent FROM pragma_foreign_key_check".to_owned(),
    )
}

/// What a statement as written would cost on a table.
pub(super) fn cost(scope: &Scope, scans: bool, rewrites: bool) -> Option<Impact> {
    let lock = Lock { table: scope.name().to_owned(), mode: LOCK, blocks: BLOCKS };
    let locks = if scope.is_new() { Vec::new() } else { vec![lock] };
    Some(Impact { locks, scans, rewrites, rows_estimate: scope.rows() })
}

/// Drafts of one statement.
pub(super) fn drafts(steps: Vec<Draft>, touches: Vec<String>) -> Drafts {
    Drafts { steps, touches, ..Drafts::default() }
}

/// What a directive says undoes the statement: `Some(None)` that nothing does; `None` when there is no directive.
pub(super) fn directed_revert(statement: &Statement) -> Option<Option<Vec<String>>> {
    let reverts = statement.reverts();
    if !reverts.is_empty() {
        return Some(Some(reverts));
    }
    statement.says(&Directive::Irreversible).then_some(None)
}

/// As [`directed_revert`]; refused without one.
pub(super) fn must_be_directed(statement: &Statement, what: &str) -> Result<Option<Vec<String>>, Refusal> {
    directed_revert(statement).ok_or_else(|| {
        Refusal::new(
            format!("nothing is known that undoes {what}"),
            "put `-- lockstep: revert STATEMENT` above it, or `-- lockstep: irreversible` if that is accepted",
        )
    })
}

/// What existing rows of a column are to get, by directive.
pub(super) fn backfill_of<'a>(statement: &'a Statement, column: &str) -> Option<&'a str> {
    statement.directives.iter().find_map(|directive| match directive {
        Directive::Backfill { column: named, expression } => {
            let is_same = matches!(tokens(named).as_slice(), [token] if token.names(column));
            is_same.then_some(expression.as_str())
        }
        _ => None,
    })
}
