//! Bodies between BEGIN and END, in which a semicolon does not end the statement.

use super::of_mysql_family;
use lockstep_core::Engine;

/// How deep in bodies between BEGIN and END the text is after `word`; `words` are those of the statement so far.
pub(super) fn depth_after(engine: Engine, depth: usize, words: &[String], word: &str) -> usize {
    if of_mysql_family(engine) {
        return of_routine(depth, words, word);
    }
    let is_in_body = depth > 0;
    let is_create = words.first().is_some_and(|first| first == "create");
    match word {
        "begin" if is_in_body => depth + 1,
        // A trigger of SQLite.
        "begin" if is_create && words.iter().any(|word| word == "trigger") => 1,
        // A function of PostgreSQL whose body is SQL: BEGIN ATOMIC.
        "atomic" if is_create && words.last().is_some_and(|last| last == "begin") => 1,
        "case" if is_in_body => depth + 1,
        "end" if is_in_body => depth - 1,
        _ => depth,
    }
}

/// A trigger, routine or event of MySQL and MariaDB. `END IF`, `END LOOP` and the like end what is not counted; `END CASE` and the
/// `END` of a CASE that is an expression end what is.
fn of_routine(depth: usize, words: &[String], word: &str) -> usize {
    let follows_end = words.last().is_some_and(|last| last == "end");
    match word {
        "begin" if depth > 0 => depth + 1,
        "begin" if makes_routine(words) => 1,
        "case" if depth > 0 && !follows_end => depth + 1,
        "if" | "loop" | "while" | "repeat" if follows_end && makes_routine(words) => depth + 1,
        "end" if depth > 0 => depth - 1,
        _ => depth,
    }
}

/// True when what is created has a body.
fn makes_routine(words: &[String]) -> bool {
    const KINDS: [&str; 6] = ["table", "trigger", "procedure", "function", "event", "view"];
    let creates = words.first().is_some_and(|first| first == "create" || first == "alter");
    let kind = words.iter().find(|word| KINDS.contains(&word.as_str()));
    creates && kind.is_some_and(|kind| kind != "table" && kind != "view")
}
