//! What has no safe form, with the reason and what to do instead.

use super::Planned;
use crate::plan::Refusal;

/// First words of a statement, why it is refused, and what to do instead.
const REFUSED: [(&str, &str, &str); 41] = [
    (
        "VACUUM FULL",
        "it writes the whole table anew while nobody can read it",
        "use plain VACUUM by hand, or a tool that repacks beside reads and writes",
    ),
    (
        "VACUUM",
        "it is maintenance of one server, not a change of the schema",
        "leave it to autovacuum, or run it by hand",
    ),
    (
        "CLUSTER",
        "it writes the whole table anew while nobody can read it",
        "leave it out, or use a tool that repacks beside reads and writes",
    ),
    (
        "LOCK",
        "a lock on a table makes everybody wait",
        "leave it out: each step takes the lock that it needs, shortly",
    ),
    (
        "TRUNCATE",
        "it takes all rows away at once, and nothing brings them back",
        "use DELETE with `-- lockstep: irreversible`, which goes in batches",
    ),
    (
        "SELECT",
        "a query changes nothing, and what its functions do is not known",
        "leave it out, or accept it with `-- lockstep: opaque` and `-- lockstep: revert ...`",
    ),
    (
        "WITH",
        "what its functions and parts do is not known",
        "write one INSERT, UPDATE or DELETE, or accept it with `-- lockstep: opaque` and `-- lockstep: revert ...`",
    ),
    ("COPY", "it reads a file of the server", "load rows from a client"),
    ("CREATE DATABASE", "a database is a matter of the server, not of a change", "do it by hand on every node"),
    ("DROP DATABASE", "a database is a matter of the server, not of a change", "do it by hand on every node"),
    ("ALTER DATABASE", "a database is a matter of the server, not of a change", "do it by hand on every node"),
    ("ALTER SYSTEM", "settings are a matter of the server, not of a change", "do it by hand on every node"),
    ("CREATE ROLE", "roles are a matter of the server, not of a change", "do it by hand on every node"),
    ("CREATE USER", "roles are a matter of the server, not of a change", "do it by hand on every node"),
    ("ALTER ROLE", "roles are a matter of the server, not of a change", "do it by hand on every node"),
    ("DROP ROLE", "roles are a matter of the server, not of a change", "do it by hand on every node"),
    (
        "CREATE TABLESPACE",
        "a tablespace is a matter of the server, not of a change",
        "do it by hand on every node",
    ),
    (
        "CREATE EVENT TRIGGER",
        "it would run within every later step, and could stop it",
        "do it by hand on every node, while no change is under way",
    ),
    (
        "DROP EVENT TRIGGER",
        "what fires at schema changes is a matter of the server, not of a change",
        "do it by hand on every node",
    ),
    (
        "CREATE SUBSCRIPTION",
        "it says where another server is, and each node would have its own",
        "do it by hand on every node",
    ),
    (
        "ALTER EXTENSION",
        "which versions are there is a matter of each server, and nothing brings the old one back",
        "do it by hand on every node, while no change is under way",
    ),
    ("ALTER SUBSCRIPTION", "each node has its own", "do it by hand on every node"),
    ("DROP SUBSCRIPTION", "each node has its own", "do it by hand on every node"),
    (
        "CREATE USER MAPPING",
        "it holds a password, which would stand in the log of the cluster",
        "do it by hand on every node",
    ),
    (
        "CREATE SERVER",
        "it says where another server is, and each node would have its own",
        "do it by hand on every node",
    ),
    ("ALTER SERVER", "each node has its own", "do it by hand on every node"),
    ("DROP SERVER", "each node has its own", "do it by hand on every node"),
    (
        "ALTER USER MAPPING",
        "it holds a password, which would stand in the log of the cluster",
        "do it by hand on every node",
    ),
    ("DROP USER MAPPING", "each node has its own", "do it by hand on every node"),
    (
        "CREATE FOREIGN DATA WRAPPER",
        "what reads other servers is a matter of each node",
        "do it by hand on every node",
    ),
    (
        "ALTER FOREIGN DATA WRAPPER",
        "what reads other servers is a matter of each node",
        "do it by hand on every node",
    ),
    (
        "DROP FOREIGN DATA WRAPPER",
        "what reads other servers is a matter of each node",
        "do it by hand on every node",
    ),
    (
        "IMPORT FOREIGN SCHEMA",
        "which tables it makes depends on what another server has",
        "write CREATE FOREIGN TABLE for each",
    ),
    (
        "ALTER FOREIGN TABLE",
        "its rows are another server's, which no step can fill or prove",
        "drop it and make it anew, or accept the statement with `-- lockstep: opaque` and `-- lockstep: revert ...`",
    ),
    ("DROP OWNED", "it drops objects without naming them", "drop each by its name"),
    ("REASSIGN OWNED", "owners are a matter of the server, not of a change", "do it by hand on every node"),
    ("BEGIN", "a step is a transaction already", "leave it out"),
    ("COMMIT", "a step is a transaction already", "leave it out"),
    ("ROLLBACK", "a step is a transaction already", "leave it out"),
    ("SAVEPOINT", "a step is a transaction already", "leave it out"),
    ("START TRANSACTION", "a step is a transaction already", "leave it out"),
];

/// Forms of ALTER TABLE that write a table anew, wherever they stand.
const REWRITES: [(&str, &str); 4] = [
    ("SET TABLESPACE", "it writes the whole table anew while nobody can use it"),
    ("SET LOGGED", "it writes the whole table anew while nobody can use it"),
    ("SET UNLOGGED", "it writes the whole table anew while nobody can use it"),
    ("SET ACCESS METHOD", "it writes the whole table anew while nobody can use it"),
];

/// The refusal, if the statement is one of these.
pub(super) fn refusal(words: &str) -> Option<Refusal> {
    let begins =
        |head: &str| words.strip_prefix(head).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
    if let Some((head, reason, remedy)) = REFUSED.iter().find(|(head, _, _)| begins(head)) {
        return Some(Refusal::new(format!("{head}: {reason}"), *remedy));
    }
    if !begins("ALTER TABLE") && !begins("ALTER INDEX") {
        return None;
    }
    let (form, reason) = REWRITES.iter().find(|(form, _)| words.contains(&format!(" {form}")))?;
    Some(Refusal::new(
        format!("{form}: {reason}"),
        "make a new table and move the rows, or accept it with `-- lockstep: opaque` in a window of its own",
    ))
}

/// The refusal, or what else is to be done.
pub(super) fn or(words: &str, otherwise: impl FnOnce() -> Planned) -> Planned {
    match refusal(words) {
        Some(refusal) => Err(refusal),
        None => otherwise(),
    }
}
