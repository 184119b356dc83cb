//! What has no safe form, with the reason and what to do instead; and what a directive accepts as it stands.

use super::text::Reader;
use super::{EVERYTHING, Planned, Rule};
use crate::draft::{Draft, Drafts};
use crate::plan::Refusal;
use lockstep_core::step::{Action, Phase};

const OPAQUE: &str = "accept it as it is with `-- lockstep: opaque` and `-- lockstep: revert ...` above it";
const BY_HAND: &str = "do it by hand on every node";

/// First words of a statement, why it is refused, and what to do instead.
const REFUSED: [(&str, &str, &str); 28] = [
    (
        "TRUNCATE",
        "it takes all rows away at once, and nothing brings them back",
        "use DELETE with `-- lockstep: irreversible`, which goes in batches",
    ),
    ("OPTIMIZE", "it is maintenance of one server, not a change of the schema", "run it by hand, or leave it out"),
    ("ANALYZE", "it is maintenance of one server, not a change of the schema", "run it by hand, or leave it out"),
    ("REPAIR", "it is maintenance of one server, not a change of the schema", "run it by hand, or leave it out"),
    (
        "CHECK TABLE",
        "it is maintenance of one server, not a change of the schema",
        "run it by hand, or leave it out",
    ),
    ("FLUSH", "it is maintenance of one server, not a change of the schema", "run it by hand, or leave it out"),
    (
        "LOCK TABLE",
        "a lock on a table makes everybody wait",
        "leave it out: each step takes the lock that it needs, shortly",
    ),
    (
        "LOCK TABLES",
        "a lock on a table makes everybody wait",
        "leave it out: each step takes the lock that it needs, shortly",
    ),
    ("UNLOCK TABLES", "a step holds no lock between its statements", "leave it out"),
    ("USE", "each agent works in its own database", "leave it out"),
    ("SELECT", "a query changes nothing, and what its functions do is not known", "leave it out"),
    ("WITH", "what its parts do is not known", "write one INSERT, UPDATE or DELETE"),
    ("SHOW", "a query changes nothing", "leave it out"),
    ("DESCRIBE", "a query changes nothing", "leave it out"),
    ("LOAD", "it reads a file of the server", "load rows from a client"),
    ("CALL", "what a procedure does is not known", OPAQUE),
    ("DO", "a query changes nothing, and what its functions do is not known", "leave it out"),
    ("PREPARE", "what is run is known only when it runs", "write the statement itself"),
    ("EXECUTE", "what is run is known only when it runs", "write the statement itself"),
    ("DEALLOCATE", "what is run is known only when it runs", "write the statement itself"),
    ("GRANT", "rights are a matter of the server, not of a change", BY_HAND),
    ("REVOKE", "rights are a matter of the server, not of a change", BY_HAND),
    ("SET", "it is a matter of the session or the server, and a session does not outlast a step", "leave it out"),
    ("INSTALL", "plugins are a matter of the server, not of a change", BY_HAND),
    ("KILL", "it is a matter of the server, not of a change", BY_HAND),
    ("BEGIN", "a step commits what it does", "leave it out"),
    ("COMMIT", "a step commits what it does", "leave it out"),
    ("ROLLBACK", "a step commits what it does", "leave it out"),
];

/// A directive accepts the statement as it stands.
pub(super) fn accepted(rule: &Rule<'_>) -> Planned {
    let reverts = rule.revert_by_directive("nothing is known of what undoes this statement")?;
    let one_by_one = |statements| Action::Statements { statements, transactional: false };
    let forward = one_by_one(vec![rule.statement.sql.clone()]);
    let step = Draft::new("run a statement as it stands", Phase::Expand, forward, reverts.map(one_by_one))
        .why("A directive accepts the statement as it stands: its locks and its effect are not known.");
    Ok(Drafts {
        steps: vec![step],
        hazards: vec!["the planner does not know what this statement locks, reads or writes".to_owned()],
        touches: vec![EVERYTHING.to_owned()],
        ..Drafts::default()
    })
}

/// A clause of ALTER TABLE or CREATE TABLE without a rule.
pub(super) fn clause(text: &str) -> Refusal {
    let lower = text.to_lowercase();
    if lower.starts_with("order by") || lower.ends_with("order by") {
        return Refusal::new(
            "ORDER BY writes the whole table anew, and later rows come in any order",
            "leave it out",
        );
    }
    if lower.contains("system versioning") || lower.starts_with("add period") || lower.starts_with("with system") {
        return Refusal::new(
            format!("`{text}`: a table with a history cannot be changed in small steps that can be taken back"),
            OPAQUE,
        );
    }
    if lower.starts_with("discard") || lower.starts_with("import") {
        return Refusal::new(format!("`{text}` is about files of one server"), "do it by hand on every node");
    }
    Refusal::new(format!("the planner does not understand `{text}`"), OPAQUE)
}

pub(super) fn not_understood(reader: &Reader<'_>) -> Planned {
    let words: Vec<&str> = reader.text().split_whitespace().take(4).collect();
    Err(Refusal::new(
        format!("the planner does not understand this statement (`{} ...`)", words.join(" ")),
        OPAQUE,
    ))
}

/// By the first words of the statement.
pub(super) fn other(reader: &Reader<'_>) -> Option<Planned> {
    let words: Vec<String> = reader.rest.iter().take(2).map(|token| token.value.to_uppercase()).collect();
    let begins = |head: &str| {
        head.split(' ').zip(&words).all(|(head, word)| head == word) && head.split(' ').count() <= words.len()
    };
    let (head, reason, remedy) = REFUSED.iter().find(|(head, _, _)| begins(head))?;
    Some(Err(Refusal::new(format!("{head}: {reason}"), *remedy)))
}

fn of_server(reader: &Reader<'_>, verb: &str) -> Option<Planned> {
    for (word, what) in [
        ("database", "a database is a matter of the server, not of a change"),
        ("schema", "a database is a matter of the server, not of a change"),
        ("user", "users are a matter of the server, not of a change"),
        ("role", "roles are a matter of the server, not of a change"),
        ("tablespace", "a tablespace is a matter of the server, not of a change"),
        ("server", "it is a matter of the server, not of a change"),
        ("logfile", "it is a matter of the server, not of a change"),
    ] {
        if reader.is_word(word) {
            return Some(Err(Refusal::new(format!("{verb} {}: {what}", word.to_uppercase()), BY_HAND)));
        }
    }
    None
}

pub(super) fn other_created(reader: &Reader<'_>) -> Option<Planned> {
    let mut reader = *reader;
    reader.words(&["or", "replace"]);
    if reader.is_word("table") {
        return Some(Err(Refusal::new(
            "CREATE OR REPLACE TABLE drops a table with its rows",
            "drop the table in a statement before, or choose another name",
        )));
    }
    of_server(&reader, "CREATE")
}

pub(super) fn other_dropped(reader: &Reader<'_>) -> Option<Planned> {
    of_server(reader, "DROP")
}

pub(super) fn other_altered(reader: &Reader<'_>) -> Option<Planned> {
    for word in ["event", "procedure", "function", "sequence"] {
        if reader.find(&[word]).is_some() {
            return Some(Err(Refusal::new(
                format!("ALTER {}: what it was before is not said", word.to_uppercase()),
                format!("write CREATE OR REPLACE {} as a whole, or {OPAQUE}", word.to_uppercase()),
            )));
        }
    }
    of_server(reader, "ALTER")
}
