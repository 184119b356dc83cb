//! What is never planned, and what a person takes upon themselves.

use super::scope::{drafts, must_be_directed, touched};
use super::text::{Reader, Token};
use crate::catalog::Catalog;
use crate::draft::{Draft, Drafts};
use crate::plan::Refusal;
use crate::script::Statement;
use lockstep_core::step::Phase;

/// A statement that is none of those that have rules. `None`: the planner does not know it.
pub(super) fn other(tokens: &[Token]) -> Option<Result<Drafts, Refusal>> {
    let first = match tokens.first()? {
        Token::Word(word) => word.to_lowercase(),
        _ => return None,
    };
    let (reason, remedy) = match first.as_str() {
        "pragma" => return Some(pragma(tokens)),
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

/// Those that matter to one connection only were left out when the file was read.
fn pragma(tokens: &[Token]) -> Result<Drafts, Refusal> {
    let name = Reader::new(&tokens[1..]).object().unwrap_or_default().to_lowercase();
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
