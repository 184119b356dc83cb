//! What a statement is: whether it can be part of a transaction, and whether it may be part of a step at all.

use super::sql::{Token, tokens};
use crate::error::{Error, beginning};

/// First words of what can be rolled back. Everything else commits by itself.
const TRANSACTIONAL: [&str; 14] = [
    "select", "insert", "update", "delete", "replace", "with", "do", "set", "call", "load", "values", "table",
    "show", "explain",
];

/// First words of what ends or changes the session that is Lockstep's.
const CONTROL: [&str; 15] = [
    "begin",
    "start",
    "commit",
    "end",
    "rollback",
    "abort",
    "savepoint",
    "release",
    "prepare",
    "execute",
    "deallocate",
    "xa",
    "lock",
    "unlock",
    "use",
];

/// True when the statement can share a transaction with its ledger row.
pub(super) fn is_transactional(sql: &str) -> bool {
    let tokens = tokens(sql);
    let first = behind_set_statement(&tokens).iter().find(|token| token.text() != "(");
    first.is_some_and(|first| TRANSACTIONAL.iter().any(|word| first.is_word(word)))
}

/// What `SET STATEMENT variable = value FOR` of MariaDB stands before: that is what is done.
fn behind_set_statement<'a, 'b>(tokens: &'b [Token<'a>]) -> &'b [Token<'a>] {
    let is_one = has_words(&tokens[..tokens.len().min(2)], &["set", "statement"]);
    let at = tokens.iter().position(|token| is_one && token.is_word("for"));
    at.map_or(tokens, |at| &tokens[at + 1..])
}

/// Refuses what is not one statement, what is Lockstep's own to say, and what leaves no trace by which it could be told after a
/// crash whether it was done.
///
/// # Errors
///
/// [`Error::InvalidAction`] with the first such statement.
pub(super) fn check(step: &str, statements: &[String]) -> Result<(), Error> {
    for statement in statements {
        if let Some(reason) = problem(&tokens(statement)) {
            let reason = format!("`{}` {reason}", beginning(statement));
            return Err(Error::InvalidAction { step: step.to_owned(), reason });
        }
    }
    Ok(())
}

fn problem(tokens: &[Token<'_>]) -> Option<&'static str> {
    let tokens = behind_set_statement(tokens);
    let first = tokens.first()?;
    if is_compound(tokens) {
        return None;
    }
    if CONTROL.iter().any(|word| first.is_word(word)) {
        return Some("controls the session or the transaction, which are Lockstep's; leave it out");
    }
    if first.is_word("set") && tokens.iter().any(|token| token.is_word("autocommit")) {
        return Some("controls the transaction, which is Lockstep's; leave it out");
    }
    if first.text() == "/" {
        return Some("begins with a comment that is a statement; write it without");
    }
    if is_several(tokens) {
        return Some("is more than one statement; write each by itself");
    }
    if first.is_word("alter") && has_words(tokens, &["exchange", "partition"]) {
        return Some("exchanges a partition, after which nothing tells that it was done; rename tables instead");
    }
    if first.is_word("rename") && is_permutation(tokens) {
        return Some(
            "exchanges the names of tables, after which nothing tells that it was done; use a name of its own",
        );
    }
    None
}

/// A block of MariaDB, which is one statement: what stands in it commits by itself.
fn is_compound(tokens: &[Token<'_>]) -> bool {
    const ENDS: [&str; 4] = ["start", "commit", "rollback", "xa"];
    let begins =
        tokens.iter().zip(["begin", "not", "atomic"]).filter(|(token, word)| token.is_word(word)).count() == 3;
    let ends = tokens.last().is_some_and(|last| last.is_word("end"));
    begins && ends && !tokens.iter().any(|token| ENDS.iter().any(|word| token.is_word(word)))
}

fn has_words(tokens: &[Token<'_>], words: &[&str]) -> bool {
    tokens.windows(words.len()).any(|window| window.iter().zip(words).all(|(token, word)| token.is_word(word)))
}

/// True when something follows a semicolon. The body of a routine has semicolons of its own, and ends with END.
fn is_several(tokens: &[Token<'_>]) -> bool {
    let end = tokens.iter().rposition(|token| token.text() != ";").map_or(0, |last| last + 1);
    let tokens = &tokens[..end];
    let joined = tokens.contains(&Token::Symbol(";"));
    if !joined || !has_body(tokens) {
        return joined;
    }
    // END, or END and the label of the block.
    let mut last = tokens.iter().rev();
    let (one, two) = (last.next(), last.next());
    !(one.is_some_and(|token| token.is_word("end")) || two.is_some_and(|token| token.is_word("end")))
}

fn has_body(tokens: &[Token<'_>]) -> bool {
    const KINDS: [&str; 5] = ["trigger", "procedure", "function", "event", "package"];
    let begins = tokens.first().is_some_and(|first| first.is_word("create") || first.is_word("alter"));
    // Between the two: OR REPLACE, AGGREGATE, a definer.
    let head = &tokens[..tokens.len().min(12)];
    begins && head.iter().any(|token| KINDS.iter().any(|kind| token.is_word(kind)))
}

/// True when the tables have the same names afterwards.
fn is_permutation(tokens: &[Token<'_>]) -> bool {
    let pairs: Vec<String> = tokens
        .split(|token| {
            token.text() == "," || token.is_word("to") || token.is_word("table") || token.is_word("tables")
        })
        .skip(1)
        .map(|name| name.iter().map(|token| token.text().trim_matches('`')).collect())
        .collect();
    let mut sources: Vec<&String> = pairs.iter().step_by(2).collect();
    let mut targets: Vec<&String> = pairs.iter().skip(1).step_by(2).collect();
    sources.sort();
    targets.sort();
    sources == targets
}

/// `DROP TABLE a, b` as `DROP TABLE IF EXISTS a, b`: each table is dropped for itself, so some may have gone already. `None` for what
/// drops no list.
pub(super) fn drop_what_is_left(sql: &str) -> Option<String> {
    let tokens = tokens(sql);
    let [first, second, third, ..] = tokens.as_slice() else { return None };
    let is_list = tokens.contains(&Token::Symbol(","));
    let drops = first.is_word("drop") && (second.is_word("table") || second.is_word("view"));
    if !drops || !is_list || third.is_word("if") {
        return None;
    }
    let rest = tokens[2..].iter().map(|token| token.text()).collect::<Vec<_>>().join(" ");
    Some(format!("DROP {} IF EXISTS {rest}", second.text()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_step_may_not_say_is_refused() {
        for (sql, wanted) in [
            ("COMMIT", Some("controls")),
            (" /* x */ rollback to a", Some("controls")),
            ("/*! COMMIT */", Some("comment that is a statement")),
            ("SET SESSION autocommit = 0", Some("controls")),
            ("USE other", Some("controls")),
            ("UPDATE t SET a = 1; DELETE FROM t", Some("more than one")),
            ("UPDATE t SET a = ';'; -- done", None),
            ("CREATE TABLE commit_log (a int)", None),
            ("CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW BEGIN SET new.a = 1; SET new.b = 2; END;", None),
            (
                "SET STATEMENT sql_mode = '' FOR CREATE TRIGGER x AFTER INSERT ON t FOR EACH ROW BEGIN SET @a = 1; END",
                None,
            ),
            ("SET STATEMENT sql_mode = '' FOR COMMIT", Some("controls")),
            ("CREATE PROCEDURE p() this: BEGIN SELECT 1; END this", None),
            (
                "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET new.a = 1; DROP TABLE t",
                Some("more than one"),
            ),
            ("ALTER TABLE p EXCHANGE PARTITION p0 WITH TABLE t", Some("exchanges a partition")),
            ("RENAME TABLE a TO b, b TO c", None),
            ("RENAME TABLE a TO `x y`, b TO a, `x y` TO b", Some("exchanges the names")),
            ("RENAME TABLE s.a TO s.b", None),
        ] {
            let found = problem(&tokens(sql));
            let fits = match (found, wanted) {
                (None, None) => true,
                (Some(found), Some(wanted)) => found.contains(wanted),
                _ => false,
            };
            assert!(fits, "{sql}: {found:?}");
        }
    }

    #[test]
    fn knows_what_commits_by_itself() {
        for (sql, transactional) in [
            ("UPDATE t SET a = 1", true),
            ("SET @a = 1", true),
            ("SET STATEMENT foreign_key_checks = 0 FOR ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES b (c)", false),
            ("SET STATEMENT sql_mode = '' FOR UPDATE t SET a = 1", true),
            ("(SELECT 1)", true),
            ("WITH x AS (SELECT 1) SELECT * FROM x", true),
            ("ALTER TABLE t ADD a int", false),
            ("TRUNCATE t", false),
            ("ANALYZE TABLE t", false),
        ] {
            assert_eq!(is_transactional(sql), transactional, "{sql}");
        }
    }

    #[test]
    fn lists_of_what_is_dropped_are_found() {
        let left = |sql: &str| drop_what_is_left(sql);
        assert_eq!(left("drop table a, `b c`").as_deref(), Some("DROP table IF EXISTS a , `b c`"));
        assert_eq!(left("DROP TABLE a"), None);
        assert_eq!(left("DROP TABLE IF EXISTS a, b"), None);
        assert_eq!(left("DROP INDEX a ON t"), None);
    }
}
