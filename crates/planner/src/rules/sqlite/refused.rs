//! What is never planned, and what a person takes upon themselves.

use super::scope::{drafts, must_be_directed, touched};
use super::text::{Reader, Token};
use crate::catalog::Catalog;
use crate::draft::{Draft, Drafts};
use crate::plan::Refusal;
use crate::script::Statement;
use lockstep_core::step::Phase;

/// A statement that is none of those that have rules. `None`: the planner does not know it.
pub(super) fn other(statement: &Statement, tokens: &[Token]) -> Option<Result<Drafts, Refusal>> {
    let first = match tokens.first()? {
        Token::Word(word) => word.to_lowercase(),
        _ => return None,
    };
    let (reason, remedy) = match first.as_str() {
        "pragma" => return Some(pragma(statement, tokens)),
        "vacuum" => (
            "VACUUM writes the whole file anew under a lock that blocks everybody",
            "leave it out; `PRAGMA incremental_vacuum` or a VACUUM in a maintenance window is an operator's work",
        ),
        "attach" | "detach" => (
            "ATTACH and DETACH last for one connection only",
            "leave it out; a change is about the one file of its node",
        ),
        "begin" | "commit" | "end" | "rollback" | "savepoint" | "release" => (
            "transactions are the executor's work: each step is one",
            "leave it out; what must be one step is planned as one",
        ),
        "reindex" => (
            "REINDEX builds indexes anew under a lock that blocks all writes, and changes no schema",
            "leave it out; to replace an index, CREATE the new one and DROP the old one",
        ),
        "analyze" => (
            "ANALYZE reads all indexes under the write lock, and changes no schema",
            "leave it out, and let the application run `PRAGMA optimize`",
        ),
        "select" | "values" | "explain" => ("a query changes nothing", "leave it out"),
        "with" => (
            "a statement that begins with WITH cannot be cut into batches",
            "write it as UPDATE, DELETE or INSERT with subqueries, or accept it as it is with `-- lockstep: opaque`",
        ),
        _ => return None,
    };
    Some(Err(Refusal::new(reason, remedy)))
}

/// Pragmas that matter to one connection only are left out; the executor's own has foreign keys off, and checks them.
fn pragma(statement: &Statement, tokens: &[Token]) -> Result<Drafts, Refusal> {
    const OF_THE_CONNECTION: [&str; 9] = [
        "foreign_keys",
        "defer_foreign_keys",
        "foreign_key_check",
        "legacy_alter_table",
        "integrity_check",
        "quick_check",
        "busy_timeout",
        "recursive_triggers",
        "ignore_check_constraints",
    ];
    let name = Reader::new(&tokens[1..]).object().unwrap_or_default().to_lowercase();
    if OF_THE_CONNECTION.contains(&name.as_str()) {
        let sql = &statement.sql;
        let hazard = format!("`{sql}` is left out: it is about one connection only, and the executor has its own");
        return Ok(Drafts { hazards: vec![hazard], ..Drafts::default() });
    }
    Err(Refusal::new(
        format!("PRAGMA {name} is a setting of the file or of a connection, not of the schema"),
        "leave it out, and set it where the application opens its connections",
    ))
}

pub(super) fn temporary() -> Refusal {
    Refusal::new(
        "what is temporary lives in one connection, and goes with it",
        "leave it out, or make an ordinary table and drop it in the same file",
    )
}

/// A statement that a person accepts as it stands.
pub(super) fn opaque(statement: &Statement, tokens: &[Token], catalog: &Catalog) -> Result<Drafts, Refusal> {
    let revert = must_be_directed(statement, "a statement that the planner does not look into")?;
    let draft =
        Draft::statements("run a statement as it stands", Phase::Expand, vec![statement.sql.clone()], revert)
            .why("It was accepted as it is: nothing is known of what it does to others.");
    let hazards = vec!["nothing is known of what it does, and later statements are planned without it".to_owned()];
    Ok(Drafts { hazards, ..drafts(vec![draft], touched(catalog, tokens)) })
}
