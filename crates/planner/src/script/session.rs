//! What a file says of its session and its transaction: left out where that changes nothing, refused where it would.
//!
//! Each step has a transaction and time limits of its own, on every node; a file cannot have them in its hands.

use super::cut::Piece;
use super::{Error, of_mysql_family, session_mysql, time_zone};
use lockstep_core::Engine;
use serde::Serialize;
use std::collections::BTreeSet;

/// A statement that is not run, and why that is right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Of its first word, counted from 1.
    pub line: usize,
    /// As written, without the semicolon.
    pub sql: String,
    /// In one sentence.
    pub why: String,
}

pub(super) const OWN_LIMITS: &str = "the agents set time limits of their own for each step";
pub(super) const NO_EFFECT: &str = "it has no bearing on what the statements make";
const OWN_TRANSACTION: &str = "each step has a transaction of its own";

/// Settings that limit how long something may take.
const LIMITS: [&str; 6] = [
    "lock_timeout",
    "statement_timeout",
    "transaction_timeout",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "deadlock_timeout",
];

/// Settings that schema changes do not depend on, with the values for which that is so; no values: all.
const WITHOUT_BEARING: [(&str, &[&str]); 14] = [
    ("application_name", &[]),
    ("check_function_bodies", &[]),
    ("client_encoding", &["utf8", "utf-8", "unicode"]),
    ("client_min_messages", &[]),
    ("default_table_access_method", &["heap"]),
    ("default_tablespace", &[""]),
    ("default_with_oids", &["false", "off"]),
    ("escape_string_warning", &[]),
    ("maintenance_work_mem", &[]),
    ("row_security", &[]),
    ("search_path", &["", "public", "$user, public", "\"$user\", public", "public, pg_catalog"]),
    ("standard_conforming_strings", &["on", "true"]),
    ("work_mem", &[]),
    ("xmloption", &["content"]),
];

/// Takes out what is not run.
///
/// # Errors
///
/// A transaction that is not ended, or given up; a setting on which the statements after it could depend; a directive above
/// something that is not run.
pub(super) fn leave_out<'a>(
    engine: Engine,
    pieces: Vec<Piece<'a>>,
) -> Result<(Vec<Piece<'a>>, Vec<LeftOut>), Error> {
    let own = transactions(&pieces)?;
    let zone_matters = engine == Engine::Postgres
        && pieces.iter().any(|piece| !is_setting(&words(piece)) && time_zone::matters(&piece.sql));
    let (mut kept, mut left_out) = (Vec::with_capacity(pieces.len()), Vec::new());
    for (index, piece) in pieces.into_iter().enumerate() {
        let why = match own.contains(&index) {
            true => Some(OWN_TRANSACTION),
            false => setting_without_bearing(engine, &piece, zone_matters)?,
        };
        let Some(why) = why else {
            kept.push(piece);
            continue;
        };
        if let Some(line) = piece.directive_line() {
            let problem = format!("the directive stands above a statement that is not run ({why}): take it out");
            return Err(Error { line, problem });
        }
        left_out.push(LeftOut { line: piece.line, sql: piece.sql.clone().into_owned(), why: why.to_owned() });
    }
    Ok((kept, left_out))
}

/// Where transactions begin and end. They do not nest, each is ended, and none is given up.
fn transactions(pieces: &[Piece<'_>]) -> Result<BTreeSet<usize>, Error> {
    let controls: Vec<usize> =
        (0..pieces.len()).filter(|index| controls_transaction(&words(&pieces[*index]))).collect();
    let stray = |at: usize| {
        let problem = format!(
            "`{}` does not go with transactions that are begun and committed one after the other, which is all that can be left \
             out: {OWN_TRANSACTION}. Take it out, or make a file of each part",
            pieces[at].sql.split_whitespace().collect::<Vec<_>>().join(" ")
        );
        Err(Error { line: pieces[at].line, problem })
    };
    for pair in controls.chunks(2) {
        match *pair {
            [begin, commit] if begins(&words(&pieces[begin])) && commits(&words(&pieces[commit])) => {}
            // The one to look at: what comes second, when the first begins a transaction.
            [begin, other] if begins(&words(&pieces[begin])) => return stray(other),
            [first, ..] => return stray(first),
            [] => {}
        }
    }
    Ok(controls.into_iter().collect())
}

/// The first words, in lower case.
fn words(piece: &Piece<'_>) -> Vec<String> {
    let words = piece.sql.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty());
    words.take(4).map(str::to_ascii_lowercase).collect()
}

fn starts(words: &[String], with: &[&str]) -> bool {
    words.len() >= with.len() && words.iter().zip(with).all(|(word, with)| word == with)
}

fn begins(words: &[String]) -> bool {
    starts(words, &["begin"]) || starts(words, &["start", "transaction"])
}

fn commits(words: &[String]) -> bool {
    let commits = starts(words, &["commit"]) || starts(words, &["end"]);
    commits && words.get(1).is_none_or(|word| word == "work" || word == "transaction")
}

fn controls_transaction(words: &[String]) -> bool {
    const FIRST: [&str; 7] = ["begin", "commit", "end", "rollback", "abort", "savepoint", "release"];
    words.first().is_some_and(|word| FIRST.contains(&word.as_str()))
        || starts(words, &["start", "transaction"])
        || starts(words, &["prepare", "transaction"])
        || starts(words, &["set", "transaction"])
}

fn is_setting(words: &[String]) -> bool {
    const FIRST: [&str; 3] = ["set", "reset", "pragma"];
    words.first().is_some_and(|word| FIRST.contains(&word.as_str()))
        || starts(words, &["select", "set_config"])
        || starts(words, &["select", "pg_catalog", "set_config"])
}

/// Why a setting of the session can be left out; `None` when the piece is no setting. SQLite's have rules of their own.
fn setting_without_bearing(
    engine: Engine,
    piece: &Piece<'_>,
    zone_matters: bool,
) -> Result<Option<&'static str>, Error> {
    if of_mysql_family(engine) {
        return session_mysql::without_bearing(piece);
    }
    if engine != Engine::Postgres || !is_setting(&words(piece)) {
        return Ok(None);
    }
    let (name, value) = setting(&piece.sql);
    if LIMITS.contains(&name.as_str()) {
        return Ok(Some(OWN_LIMITS));
    }
    let known = WITHOUT_BEARING.iter().find(|(known, _)| *known == name);
    let is_without =
        |values: &[&str]| value.as_deref().is_none_or(|value| values.is_empty() || values.contains(&value));
    let is_unused_zone = name == "timezone" && !zone_matters;
    if is_unused_zone || known.is_some_and(|(_, values)| is_without(values)) {
        return Ok(Some(NO_EFFECT));
    }
    let remedy = match name.as_str() {
        "search_path" => "write the schema before each name instead",
        "role" | "session" => "let the role that the agents connect as own what the file makes, or grant after it",
        "timezone" => {
            "write each time with its zone ('2020-01-01 10:00+00'), convert with AT TIME ZONE, and take this out"
        }
        "constraints" => "give the constraints that need it as DEFERRABLE INITIALLY DEFERRED",
        _ => "say in each statement what it would have changed, or set it for the role that the agents connect as",
    };
    let problem = format!(
        "`{}` would have to hold for what comes after it, and a session does not outlast a step: {remedy}",
        piece.sql.split_whitespace().collect::<Vec<_>>().join(" ")
    );
    Err(Error { line: piece.line, problem })
}

/// Name and value of a setting; no value: it is reset. Both in lower case and without quotes around them.
fn setting(sql: &str) -> (String, Option<String>) {
    let lower = sql.to_lowercase();
    if let Some((_, arguments)) = lower.split_once("set_config") {
        let mut quoted = arguments.split('\'').skip(1).step_by(2);
        let name = quoted.next().unwrap_or_default().to_owned();
        return (name, Some(quoted.next().unwrap_or_default().to_owned()));
    }
    let mut rest = lower.trim_start_matches(|c: char| c.is_alphabetic()).trim_start();
    for scope in ["session ", "local "] {
        rest = rest.strip_prefix(scope).map_or(rest, str::trim_start);
    }
    let zone = rest.strip_prefix("time").and_then(|rest| rest.trim_start().strip_prefix("zone"));
    if let Some(zone) = zone.filter(|zone| !zone.starts_with(|c: char| c.is_alphanumeric() || c == '_')) {
        return ("timezone".to_owned(), Some(zone.trim().to_owned()));
    }
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.')).unwrap_or(rest.len());
    let (name, value) = (rest[..end].to_owned(), rest[end..].trim_start());
    let value = value.strip_prefix('=').or_else(|| value.strip_prefix("to ")).map(str::trim);
    let value = value.filter(|value| *value != "default").map(|value| value.trim_matches('\'').to_owned());
    (name, value)
}

#[cfg(test)]
mod tests {
    use crate::script::parse;
    use lockstep_core::Engine;

    /// What is kept, then what is left out, or the error.
    fn check(engine: Engine, text: &str, expected: &str) {
        let shown = match parse(engine, text) {
            Ok(script) => {
                let kept: Vec<_> = script.statements.iter().map(|statement| statement.sql.as_str()).collect();
                let left_out: Vec<_> = script.left_out.iter().map(|left_out| left_out.sql.as_str()).collect();
                format!("{} | {}", kept.join("; "), left_out.join("; "))
            }
            Err(error) => error.to_string(),
        };
        assert!(shown.starts_with(expected), "{text}\n     got: {shown}\nexpected: {expected}");
    }

    #[test]
    fn transactions_are_left_out() {
        for engine in [Engine::Postgres, Engine::Sqlite] {
            check(engine, "BEGIN; a; b; COMMIT;", "a; b | BEGIN; COMMIT");
            check(engine, "begin transaction; a; end transaction", "a | begin transaction; end transaction");
            check(engine, "a; BEGIN; b; COMMIT; BEGIN; c; COMMIT; d", "a; b; c; d | BEGIN; COMMIT; BEGIN; COMMIT");
            check(engine, "-- remark\nBEGIN;\na;\nCOMMIT;\n-- end", "a | BEGIN; COMMIT");
        }
        check(Engine::Postgres, "start transaction isolation level serializable; a; commit work", "a | start");
        check(
            Engine::Postgres,
            "SET lock_timeout='1s'; BEGIN; a; COMMIT;",
            "a | SET lock_timeout='1s'; BEGIN; COMMIT",
        );
        check(
            Engine::Sqlite,
            "PRAGMA foreign_keys=off; BEGIN; a; COMMIT; PRAGMA foreign_keys=on",
            "PRAGMA foreign_keys=off; a; PRAGMA foreign_keys=on | BEGIN; COMMIT",
        );
    }

    #[test]
    fn any_other_transaction_is_refused_where_it_stands() {
        for (text, expected) in [
            ("BEGIN;\na;\nBEGIN;\nb;\nCOMMIT", "line 3: `BEGIN` does not go with"),
            ("BEGIN;\na;\nCOMMIT;\nb;\nCOMMIT", "line 5: `COMMIT` does not go with"),
            ("BEGIN;\na", "line 1: `BEGIN` does not go with"),
            ("a;\nCOMMIT", "line 2: `COMMIT` does not go with"),
            ("BEGIN;\na;\nSAVEPOINT x;\nb;\nCOMMIT", "line 3: `SAVEPOINT x` does not go with"),
            ("BEGIN;\na;\nROLLBACK", "line 3: `ROLLBACK` does not go with"),
            ("a; COMMIT PREPARED 'x'", "line 1: `COMMIT PREPARED 'x'` does not go with"),
        ] {
            check(Engine::Postgres, text, expected);
        }
    }

    #[test]
    fn settings_are_left_out_only_when_nothing_depends_on_them() {
        for text in [
            "SET lock_timeout = '2s'",
            "set local statement_timeout to 0",
            "SET SESSION lock_timeout TO DEFAULT",
            "RESET lock_timeout",
            "SET client_encoding = 'UTF8'",
            "SET standard_conforming_strings = on",
            "SELECT pg_catalog.set_config('search_path', '', false)",
            "SET search_path TO public",
            "SET default_table_access_method = heap",
            "SET timezone = 'UTC'",
            "SET SESSION TIME ZONE INTERVAL '+00:00' HOUR TO MINUTE",
            "RESET timezone",
        ] {
            check(Engine::Postgres, &format!("{text}; a"), &format!("a | {text}"));
        }
        for (text, remedy) in [
            ("SET search_path = app", "write the schema before each name instead"),
            ("SET standard_conforming_strings = off", "say in each statement"),
            ("SET ROLE owner", "let the role"),
            ("SET CONSTRAINTS ALL DEFERRED", "give the constraints"),
            ("SET default_tablespace = fast", "say in each statement"),
            ("SET client_encoding = 'LATIN1'", "say in each statement"),
            ("SET TIME ZONE 'UTC'; UPDATE a SET b = c", "write each time with its zone"),
        ] {
            let setting = text.split(';').next().unwrap_or(text);
            let expected =
                format!("line 1: `{setting}` would have to hold for what comes after it, and a session does not");
            check(Engine::Postgres, &format!("{text}; a"), &expected);
            let error = parse(Engine::Postgres, text).unwrap_err().to_string();
            assert!(error.contains(remedy), "{error}");
        }
    }

    #[test]
    fn directives_above_what_is_not_run_are_refused() {
        check(
            Engine::Postgres,
            "-- lockstep: irreversible\nBEGIN;\na;\nCOMMIT",
            "line 1: the directive stands above a statement that is not run",
        );
    }
}
