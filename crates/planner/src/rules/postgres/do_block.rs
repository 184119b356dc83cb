//! DO blocks that only wrap plain statements: what is in them is planned as if it stood in the file.
//!
//! Three forms are known: statements one after the other; one statement with `EXCEPTION WHEN duplicate_... THEN NULL`; statements
//! behind `IF [NOT] EXISTS (...) THEN` whose query asks the server's catalog for something that they name. `EXECUTE 'statement'`
//! counts as the statement. Everything else, such as loops and variables, stays opaque.

use super::alter_table::append;
use super::create_table::nothing_at_all;
use super::{Planned, Rule, parsed_statement};
use crate::draft::Drafts;
use crate::plan::Refusal;
use crate::script::{self, Kind, Statement};
use lockstep_core::Engine;
use sqlparser::ast;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

/// A statement of a block, and whether it may find its work done.
struct Inner {
    statement: Statement,
    is_guarded: bool,
}

/// The plan for what is in the block; `None` when it is more than a wrapping.
pub(super) fn plan(rule: &mut Rule<'_>) -> Option<Planned> {
    let inner = statements(&body(&rule.statement.sql)?)?;
    let mut all = Drafts::default();
    for Inner { mut statement, is_guarded } in inner {
        statement.line = rule.statement.line;
        statement.directives.clone_from(&rule.statement.directives);
        let Kind::Parsed(parsed) = &statement.kind else { return None };
        let before = rule.catalog.clone();
        let mut within = Rule { target: rule.target, statement: &statement, catalog: rule.catalog };
        match parsed_statement(&mut within, parsed) {
            Ok(drafts) => append(&mut all, drafts),
            Err(refusal) if is_guarded && before.is_complete && is_done(&refusal) => {
                *rule.catalog = before;
                append(&mut all, nothing_at_all(format!("{}: nothing is done", refusal.reason)));
            }
            Err(refusal) => return Some(Err(refusal)),
        }
    }
    Some(Ok(all))
}

/// True when the refusal says that what is wanted is there, or that what is to go is not.
fn is_done(refusal: &Refusal) -> bool {
    let reason = &refusal.reason;
    reason.ends_with(" already") || reason.starts_with("there is no ") || reason.contains(" has no ")
}

fn tokens(sql: &str) -> Option<Vec<Token>> {
    Tokenizer::new(&PostgreSqlDialect {}, sql).with_unescape(false).tokenize().ok()
}

/// The tokens but for the blanks between them.
fn words(sql: &str) -> Option<Vec<Token>> {
    Some(tokens(sql)?.into_iter().filter(|token| !matches!(token, Token::Whitespace(_))).collect())
}

fn is_word(token: &Token, word: &str) -> bool {
    matches!(token, Token::Word(found) if found.quote_style.is_none() && found.value.eq_ignore_ascii_case(word))
}

fn text(tokens: &[Token]) -> String {
    tokens.iter().map(ToString::to_string).collect()
}

/// What stands between the dollar quotes.
fn body(sql: &str) -> Option<String> {
    let words = words(sql)?;
    let (first, rest) = words.split_first()?;
    let is_language = |token: &&Token| {
        is_word(token, "language")
            || is_word(token, "plpgsql")
            || matches!(token, Token::SingleQuotedString(name) if name.eq_ignore_ascii_case("plpgsql"))
    };
    let rest: Vec<&Token> = rest.iter().filter(|token| !is_language(token)).collect();
    match rest.as_slice() {
        [Token::DollarQuotedString(quoted)] if is_word(first, "do") => Some(quoted.value.clone()),
        _ => None,
    }
}

/// The statements between BEGIN and END.
fn statements(body: &str) -> Option<Vec<Inner>> {
    let tokens: Vec<Token> = tokens(body)?;
    let is_blank = |token: &Token| matches!(token, Token::Whitespace(_) | Token::SemiColon);
    let begin = tokens.iter().position(|token| !is_blank(token)).filter(|at| is_word(&tokens[*at], "begin"))?;
    let end = tokens.iter().rposition(|token| !is_blank(token)).filter(|at| is_word(&tokens[*at], "end"))?;
    let inside = tokens.get(begin + 1..end)?;
    let (inside, is_tolerant) = match inside.iter().position(|token| is_word(token, "exception")) {
        Some(at) if passes_over_duplicates(&inside[at + 1..]) => (&inside[..at], true),
        Some(_) => return None,
        None => (inside, false),
    };
    let mut found = Vec::new();
    let mut guard: Option<String> = None;
    for statement in script::parse(Engine::Postgres, &text(&without_end_of_if(inside))).ok()?.statements {
        if statement.sql.eq_ignore_ascii_case("if") {
            guard.take()?;
            continue;
        }
        let statement = match guarded(&statement.sql) {
            Some(_) if guard.is_some() => return None,
            Some((query, sql)) => {
                guard = Some(query);
                only(&sql)?
            }
            None => statement,
        };
        let statement = match executed(&statement.sql) {
            Some(sql) => only(&sql)?,
            None => statement,
        };
        if !is_plain(&statement) || guard.as_ref().is_some_and(|query| !asks_for(query, &statement.sql)) {
            return None;
        }
        found.push(Inner { statement, is_guarded: is_tolerant || guard.is_some() });
    }
    // Of several, all would be undone by what goes wrong in one.
    (guard.is_none() && !(is_tolerant && found.len() > 1)).then_some(found)
}

/// The statement that the text consists of.
fn only(sql: &str) -> Option<Statement> {
    let mut statements = script::parse(Engine::Postgres, sql).ok()?.statements;
    statements.pop().filter(|_| statements.is_empty())
}

/// What `EXECUTE 'statement'` runs: a text that stands there is no other than the statement itself.
fn executed(sql: &str) -> Option<String> {
    match words(sql)?.as_slice() {
        [execute, Token::SingleQuotedString(text)] if is_word(execute, "execute") => Some(text.replace("''", "'")),
        _ => None,
    }
}

/// `END IF` as `IF`: in a file, END is the end of a transaction.
fn without_end_of_if(tokens: &[Token]) -> Vec<Token> {
    let mut kept = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let mut after = tokens[at + 1..].iter().filter(|token| !matches!(token, Token::Whitespace(_)));
        if !(is_word(token, "end") && after.next().is_some_and(|after| is_word(after, "if"))) {
            kept.push(token.clone());
        }
    }
    kept
}

/// `WHEN duplicate_object OR duplicate_table THEN NULL`
fn passes_over_duplicates(tokens: &[Token]) -> bool {
    let words: Vec<String> = tokens
        .iter()
        .filter(|token| !matches!(token, Token::Whitespace(_) | Token::SemiColon))
        .map(|token| token.to_string().to_lowercase())
        .collect();
    let is_known =
        |word: &String| ["when", "or", "then", "null"].contains(&word.as_str()) || word.starts_with("duplicate_");
    words.first().is_some_and(|word| word == "when")
        && words.last().is_some_and(|word| word == "null")
        && words.iter().all(is_known)
}

/// Of `IF [NOT] EXISTS (...) THEN statement`: the query and the statement.
fn guarded(sql: &str) -> Option<(String, String)> {
    let tokens = tokens(sql)?;
    let words: Vec<&Token> = tokens.iter().filter(|token| !matches!(token, Token::Whitespace(_))).collect();
    let mut rest =
        words.iter().filter(|token| ***token != Token::LParen).skip_while(|token| is_word(token, "not"));
    if !rest.next().is_some_and(|token| is_word(token, "if")) {
        return None;
    }
    let mut rest = rest.skip_while(|token| is_word(token, "not"));
    if !rest.next().is_some_and(|token| is_word(token, "exists")) {
        return None;
    }
    let then = tokens.iter().position(|token| is_word(token, "then"))?;
    Some((text(&tokens[..then]), text(&tokens[then + 1..]).trim().to_owned()))
}

/// True when the query asks the server's catalog for a name that the statement says.
fn asks_for(query: &str, statement: &str) -> bool {
    let lower = query.to_lowercase();
    let asks_catalog = lower.contains("pg_") || lower.contains("information_schema.");
    let is_one_question = [" and not ", " or ", " join "].iter().all(|word| !lower.contains(word));
    let names = |sql: &str| -> Vec<String> {
        let name = |token: Token| match token {
            Token::SingleQuotedString(name) => Some(name.to_lowercase()),
            Token::Word(word) => Some(word.value.to_lowercase()),
            _ => None,
        };
        tokens(sql).unwrap_or_default().into_iter().filter_map(name).collect()
    };
    let said = names(statement);
    let asked = tokens(query).unwrap_or_default().into_iter().filter_map(|token| match token {
        Token::SingleQuotedString(name) => Some(name.to_lowercase()),
        _ => None,
    });
    asks_catalog && is_one_question && asked.filter(|name| said.contains(name)).count() > 0
}

/// True for what means in a block what it means in a file.
fn is_plain(statement: &Statement) -> bool {
    use ast::Statement as S;
    let Kind::Parsed(parsed) = &statement.kind else { return false };
    matches!(
        **parsed,
        S::CreateTable(_)
            | S::AlterTable(_)
            | S::CreateIndex(_)
            | S::AlterIndex { .. }
            | S::CreateType { .. }
            | S::AlterType(_)
            | S::CreateDomain(_)
            | S::CreateView(_)
            | S::CreateFunction(_)
            | S::CreateTrigger(_)
            | S::CreateExtension(_)
            | S::CreateSchema { .. }
            | S::CreateSequence { .. }
            | S::CreatePolicy(_)
            | S::Drop { .. }
            | S::DropTrigger(_)
            | S::DropFunction(_)
            | S::DropPolicy(_)
            | S::DropExtension(_)
            | S::Comment { .. }
            | S::Grant(_)
            | S::Revoke(_)
            | S::Insert(_)
            | S::Update(_)
            | S::Delete(_)
    )
}

#[cfg(test)]
mod tests {
    use super::{body, statements};

    /// The statements of a block, with a mark behind those that may find their work done; or that it stays opaque.
    fn check(sql: &str, expected: &str) {
        let inner = body(sql).and_then(|body| statements(&body));
        let shown = inner.map(|inner| {
            let shown = |inner: &super::Inner| {
                format!("{}{}", inner.statement.sql, if inner.is_guarded { " ?" } else { "" })
            };
            inner.iter().map(shown).collect::<Vec<_>>().join("; ")
        });
        assert_eq!(shown.as_deref().unwrap_or("opaque"), expected, "{sql}");
    }

    #[test]
    fn blocks_that_only_wrap_are_opened() {
        check("DO $$ BEGIN CREATE TABLE a (b int); DROP TABLE c; END $$", "CREATE TABLE a (b int); DROP TABLE c");
        check(
            "do language plpgsql $x$ begin create type a as enum ('b'); exception when duplicate_object then null; end; $x$",
            "create type a as enum ('b') ?",
        );
        check(
            "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_type WHERE typname = 'a') THEN CREATE TYPE a AS ENUM ('b'); END IF; END $$",
            "CREATE TYPE a AS ENUM ('b') ?",
        );
        check(
            "DO $$ BEGIN IF ( NOT EXISTS (select extname from pg_extension where extname = 'x') ) THEN CREATE EXTENSION x; END IF; END $$",
            "CREATE EXTENSION x ?",
        );
    }

    #[test]
    fn a_statement_that_is_executed_as_a_text_is_the_statement() {
        check(
            "DO $$ BEGIN EXECUTE 'ALTER TABLE a ALTER COLUMN b SET DEFAULT ''c'''; END $$",
            "ALTER TABLE a ALTER COLUMN b SET DEFAULT 'c'",
        );
        check(
            "DO $$ BEGIN IF EXISTS (SELECT FROM pg_class WHERE relname = 'a') THEN EXECUTE 'DROP TABLE a'; END IF; END $$",
            "DROP TABLE a ?",
        );
    }

    #[test]
    fn blocks_that_do_more_stay_closed() {
        for sql in [
            "DO $$ DECLARE n int; BEGIN DROP TABLE a; END $$",
            "DO $$ BEGIN FOR r IN SELECT 1 LOOP DROP TABLE a; END LOOP; END $$",
            "DO $$ BEGIN IF EXISTS (SELECT FROM users) THEN DROP TABLE users; END IF; END $$",
            "DO $$ BEGIN IF EXISTS (SELECT FROM pg_class WHERE relname = 'b') THEN DROP TABLE a; END IF; END $$",
            "DO $$ BEGIN IF EXISTS (SELECT FROM pg_class WHERE relname = 'a') THEN DROP TABLE a; ELSE DROP TABLE b; END IF; END $$",
            "DO $$ BEGIN DROP TABLE a; EXCEPTION WHEN others THEN NULL; END $$",
            "DO $$ BEGIN DROP TABLE a; DROP TABLE b; EXCEPTION WHEN duplicate_table THEN NULL; END $$",
            "DO $$ BEGIN PERFORM f(); END $$",
            "DO $$ BEGIN EXECUTE 'DROP TABLE a; DROP TABLE b'; END $$",
            "DO $$ BEGIN EXECUTE 'DROP TABLE ' || a; END $$",
            "DO $$ BEGIN EXECUTE format('DROP TABLE %I', a); END $$",
            "DO $$ BEGIN RAISE EXCEPTION 'no'; END $$",
        ] {
            check(sql, "opaque");
        }
    }
}
