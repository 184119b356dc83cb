//! Statements that the parser does not know only because of a clause that no rule looks at: without it, it knows them.

use super::parsed;
use sqlparser::ast;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

/// What the parser makes of the statement without that clause. What is run is the statement as written.
pub(super) fn parse(sql: &str) -> Option<ast::Statement> {
    let words = words(sql)?;
    let is = |at: usize, word: &str| words.get(at).is_some_and(|token| is_word(token, word));
    let kind = if is(0, "create") && is(1, "or") && is(2, "replace") { 3 } else { 1 };
    let kept = match () {
        () if is(0, "create") && is(kind, "function") => without_estimates(&words),
        () if is(0, "create") && is(1, "extension") => with_with(&words),
        () if is(0, "create") && is(1, "sequence") => up_to_type(&words),
        () if is(0, "alter") && is(1, "index") && is(2, "if") && is(3, "exists") => {
            [&words[..2], &words[4..]].concat()
        }
        () if is(0, "create") && (is(1, "index") || is(2, "index")) => without_only(&words)?,
        () if is(0, "create") && toast_settings(sql).is_some() => without_toast(&words)?.0,
        () if is(1, "table") && (is(0, "alter") || is(0, "create")) => with_options_in_order(&words)?,
        () => return None,
    };
    let text = kept.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    parsed(&text)
}

fn words(sql: &str) -> Option<Vec<Token>> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).with_unescape(false).tokenize().ok()?;
    Some(tokens.into_iter().filter(|token| !matches!(token, Token::Whitespace(_))).collect())
}

fn is_word(token: &Token, word: &str) -> bool {
    matches!(token, Token::Word(found) if found.quote_style.is_none() && found.value.eq_ignore_ascii_case(word))
}

/// True for an index over a partitioned table alone: `CREATE INDEX ... ON ONLY table`.
pub(super) fn is_on_only(sql: &str) -> bool {
    words(sql).is_some_and(|words| without_only(&words).is_some())
}

/// What a CREATE TABLE sets for the values that lie outside of its rows, as `WITH (toast.autovacuum_enabled = false)`.
pub(super) fn toast_settings(sql: &str) -> Option<String> {
    Some(without_toast(&words(sql)?)?.1.join(", "))
}

/// A table without these settings, and what they are; `None` without any.
fn without_toast(words: &[Token]) -> Option<(Vec<Token>, Vec<String>)> {
    let start = words.windows(2).rposition(|pair| is_word(&pair[0], "with") && pair[1] == Token::LParen)?;
    let end = start + words[start..].iter().position(|token| *token == Token::RParen)?;
    let is_toast =
        |setting: &&[Token]| setting.len() > 2 && is_word(&setting[0], "toast") && setting[1] == Token::Period;
    let settings: Vec<&[Token]> = words[start + 2..end].split(|token| *token == Token::Comma).collect();
    let (toast, other): (Vec<_>, Vec<_>) = settings.into_iter().partition(is_toast);
    let text = |setting: &[Token]| setting.iter().map(ToString::to_string).collect::<Vec<_>>().concat();
    let mut kept = words[..start].to_vec();
    if !other.is_empty() {
        kept.extend_from_slice(&words[start..start + 2]);
        kept.extend(other.join(&Token::Comma));
        kept.push(Token::RParen);
    }
    kept.extend_from_slice(&words[end + 1..]);
    (!toast.is_empty()).then(|| (kept, toast.into_iter().map(text).collect()))
}

/// An index without ONLY before its table; `None` when it is not there.
fn without_only(words: &[Token]) -> Option<Vec<Token>> {
    let on = words.windows(2).position(|pair| is_word(&pair[0], "on") && is_word(&pair[1], "only"))?;
    Some([&words[..=on], &words[on + 2..]].concat())
}

/// A function without `COST 100` and `ROWS 10`, which say how dear it is.
fn without_estimates(words: &[Token]) -> Vec<Token> {
    let is_estimate = |at: usize| {
        let is_number = matches!(words.get(at + 1), Some(Token::Number(..)));
        is_number && (is_word(&words[at], "cost") || is_word(&words[at], "rows"))
    };
    let is_kept = |at: &usize| {
        !is_estimate(*at) && (*at == 0 || !is_estimate(*at - 1)) && !is_word(&words[*at], "leakproof")
    };
    (0..words.len()).filter(is_kept).map(|at| words[at].clone()).collect()
}

/// `CREATE EXTENSION a SCHEMA b` as `CREATE EXTENSION a WITH SCHEMA b`.
fn with_with(words: &[Token]) -> Vec<Token> {
    let at = words.iter().position(|token| is_word(token, "schema") || is_word(token, "version"));
    let mut words = words.to_vec();
    if let Some(at) = at.filter(|at| !is_word(&words[*at - 1], "with")) {
        words.insert(at, Token::make_keyword("WITH"));
    }
    words
}

/// A sequence without its options, of which only the type is looked at.
fn up_to_type(words: &[Token]) -> Vec<Token> {
    let options = ["start", "increment", "minvalue", "maxvalue", "no", "cache", "cycle", "owned"];
    let is_option = |token: &Token| options.iter().any(|option| is_word(token, option));
    // Behind CREATE SEQUENCE and a name, which may be called so.
    let end = words.iter().skip(3).position(is_option).map_or(words.len(), |at| at + 3);
    words[..end].to_vec()
}

/// `IDENTITY (START 5 INCREMENT 2)` with its options in the order in which the parser wants them; `None` without any.
fn with_options_in_order(words: &[Token]) -> Option<Vec<Token>> {
    const ORDER: [&str; 6] = ["increment", "minvalue", "maxvalue", "start", "cache", "cycle"];
    let is_start = |at: &usize| is_word(&words[*at], "identity") && words.get(*at + 1) == Some(&Token::LParen);
    let start = (0..words.len()).find(is_start)? + 2;
    let end = start + words[start..].iter().position(|token| *token == Token::RParen)?;
    let rank = |token: &Token| ORDER.iter().position(|option| is_word(token, option));
    let mut options: Vec<(usize, Vec<Token>)> = Vec::new();
    let mut is_negated = false;
    for token in &words[start..end] {
        match (rank(token), options.last_mut()) {
            (Some(_), Some((_, tokens))) if is_negated => tokens.push(token.clone()),
            (Some(rank), _) => options.push((rank, vec![token.clone()])),
            (None, _) if is_word(token, "no") => options.push((0, vec![token.clone()])),
            (None, Some((_, tokens))) => tokens.push(token.clone()),
            (None, None) => return None,
        }
        is_negated = is_word(token, "no");
        if let (Some((place, tokens)), false) = (options.last_mut(), is_negated)
            && tokens.len() == 2
            && is_word(&tokens[0], "no")
        {
            *place = rank(token)?;
        }
    }
    options.sort_by_key(|(rank, _)| *rank);
    let options = options.into_iter().flat_map(|(_, tokens)| tokens);
    Some(words[..start].iter().cloned().chain(options).chain(words[end..].iter().cloned()).collect())
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn clauses_that_no_rule_looks_at_are_passed_over() {
        for sql in [
            "CREATE OR REPLACE FUNCTION f() RETURNS trigger LANGUAGE plpgsql COST 100 AS $$ BEGIN RETURN NEW; END $$",
            "CREATE FUNCTION f(a int) RETURNS SETOF int AS $$ SELECT 1 $$ LANGUAGE sql IMMUTABLE ROWS 10",
            "CREATE EXTENSION IF NOT EXISTS pgcrypto SCHEMA public",
            "CREATE SEQUENCE a.b AS integer START WITH 1 INCREMENT BY 1 NO MINVALUE NO MAXVALUE CACHE 1",
            "ALTER INDEX IF EXISTS a RENAME TO b",
            "CREATE TABLE a (b text) WITH (fillfactor = 70, toast.autovacuum_enabled = false)",
            "CREATE UNIQUE INDEX IF NOT EXISTS a ON ONLY b.c USING btree (d)",
            "ALTER TABLE a ADD b int GENERATED ALWAYS AS IDENTITY (START WITH 5 INCREMENT BY 2 NO MAXVALUE NO MINVALUE)",
        ] {
            assert!(parse(sql).is_some(), "{sql}");
        }
        assert!(parse("CREATE PUBLICATION a").is_none());
    }
}
