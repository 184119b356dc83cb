//! Finding and replacing the name of a column in SQL that the server printed or a person wrote, token by token.

use crate::name;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, Tokenizer, Word};

/// True when `sql` may mean the column somewhere.
pub(super) fn mentions(sql: &str, column: &str) -> bool {
    // What cannot be read may mean anything.
    let Some(tokens) = tokens(sql) else { return true };
    (0..tokens.len()).any(|position| is_column(&tokens, position, column))
}

/// True when the query may read this column of this table. `is_relation` knows tables and views by their bare names: a column behind the
/// name that the query gives to another of them is not meant.
pub(super) fn may_read(sql: &str, table: &str, column: &str, is_relation: &dyn Fn(&str) -> bool) -> bool {
    let Some(mut tokens) = tokens(sql) else { return true };
    tokens.retain(|token| !matches!(token, Token::Whitespace(_)));
    let (mut own, mut others) = (Vec::new(), Vec::new());
    for (position, token) in tokens.iter().enumerate() {
        let is_as = matches!(tokens.get(position + 1), Some(Token::Word(word)) if word.keyword == Keyword::AS);
        let alias = match tokens.get(position + 1 + usize::from(is_as)) {
            Some(Token::Word(alias)) if alias.keyword == Keyword::NoKeyword => Some(meant(alias)),
            _ => None,
        };
        match token {
            Token::Word(word) if meant(word) == table => own.push(alias.unwrap_or_else(|| meant(word))),
            Token::Word(word) if is_relation(&meant(word)) => others.push(alias.unwrap_or_else(|| meant(word))),
            // What a query in brackets reads is not looked into.
            Token::RParen => own.extend(alias),
            _ => {}
        }
    }
    let is_meant = |position: &usize| is_column(&tokens, *position, column) || is_all_columns(&tokens, *position);
    (0..tokens.len()).filter(is_meant).any(|position| {
        let before = |distance: usize| position.checked_sub(distance).map(|at| &tokens[at]);
        match (before(2), before(1)) {
            (Some(Token::Word(qualifier)), Some(Token::Period)) => {
                let qualifier = meant(qualifier);
                own.contains(&qualifier) || !others.contains(&qualifier)
            }
            // What a column of the query is called.
            (_, Some(Token::Word(word))) => word.keyword != Keyword::AS,
            _ => true,
        }
    })
}

/// True for a star that stands for all columns; it counts for no one row, and multiplies nothing.
fn is_all_columns(tokens: &[Token], position: usize) -> bool {
    let is_end = |token: &Token| {
        matches!(token, Token::Comma) || matches!(token, Token::Word(word) if word.keyword == Keyword::FROM)
    };
    tokens[position] == Token::Mul
        && match position.checked_sub(1).map(|before| &tokens[before]) {
            Some(Token::Comma | Token::Period) => true,
            Some(Token::Word(word)) => [Keyword::SELECT, Keyword::DISTINCT, Keyword::ALL].contains(&word.keyword),
            // Behind DISTINCT ON (...).
            Some(Token::RParen) => tokens.get(position + 1).is_none_or(is_end),
            _ => false,
        }
}

/// True when `sql` may name the type somewhere.
pub(super) fn mentions_type(sql: &str, name: &str) -> bool {
    let Some(tokens) = tokens(sql) else { return true };
    tokens.iter().any(|token| matches!(token, Token::Word(word) if meant(word) == name))
}

/// `sql` with another column in the place of `column`; `None` when it cannot be read.
pub(super) fn with_column(sql: &str, column: &str, other: &str) -> Option<String> {
    let tokens = tokens(sql)?;
    let text = |position: usize| {
        if is_column(&tokens, position, column) { name::quote(other) } else { tokens[position].to_string() }
    };
    Some((0..tokens.len()).map(text).collect())
}

/// A text or name that the printer of the syntax tree would not print as it was read: it takes two quotation marks side by side,
/// or one behind a backslash, for one that is escaped already.
pub(super) fn printed_otherwise(sql: &str) -> Option<String> {
    // Read as they are meant: a mark that is written twice stands once here.
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize().ok()?;
    let harmed =
        |text: &str, mark: char| text.contains(&format!("{mark}{mark}")) || text.contains(&format!("\\{mark}"));
    tokens.into_iter().find_map(|token| match token {
        Token::SingleQuotedString(text) if harmed(&text, '\'') => Some(text),
        Token::Word(word) if word.quote_style == Some('"') && harmed(&word.value, '"') => Some(word.value),
        _ => None,
    })
}

fn tokens(sql: &str) -> Option<Vec<Token>> {
    // Quotes stay doubled, so that what is printed back is what was read.
    Tokenizer::new(&PostgreSqlDialect {}, sql).with_unescape(false).tokenize().ok()
}

fn is_column(tokens: &[Token], position: usize, column: &str) -> bool {
    let Token::Word(word) = &tokens[position] else { return false };
    let before = tokens[..position].iter().rev().find(|token| !matches!(token, Token::Whitespace(_)));
    let after = tokens[position + 1..].iter().find(|token| !matches!(token, Token::Whitespace(_)));
    let is_function_or_table = matches!(after, Some(Token::LParen | Token::Period));
    meant(word) == column && !is_function_or_table && before != Some(&Token::DoubleColon)
}

fn meant(word: &Word) -> String {
    match word.quote_style {
        Some(_) => word.value.replace("\"\"", "\""),
        None => word.value.to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::{may_read, mentions, printed_otherwise, with_column};

    #[test]
    fn a_column_of_another_table_is_not_meant() {
        let reads = |sql| may_read(sql, "post", "name", &|name| ["post", "community"].contains(&name));
        for sql in [
            "SELECT p.name FROM post p, community c",
            "SELECT name FROM post, community c",
            "SELECT post.name FROM public.post",
            "SELECT x.name FROM (SELECT * FROM post) x",
            "SELECT c.name FROM (SELECT * FROM post) AS c WHERE EXISTS (SELECT FROM community c)",
            "SELECT c.id FROM community c JOIN post AS p ON p.name = c.title",
            "SELECT c.name FROM community c WHERE EXISTS (SELECT FROM post c WHERE c.name = 'a')",
            "SELECT * FROM post",
            "SELECT p.*, 1 FROM post p JOIN community c ON true",
            "SELECT DISTINCT ON (p.id) * FROM post p",
        ] {
            assert!(reads(sql), "{sql}");
        }
        for sql in [
            "SELECT c.name FROM post p, community c",
            "SELECT p.title AS name FROM post p",
            "SELECT community.name FROM community JOIN post p ON p.community = community.id",
            "SELECT c.*, count(*), (p.a) * p.b FROM post p, community c",
        ] {
            assert!(!reads(sql), "{sql}");
        }
    }

    #[test]
    fn columns_are_told_from_functions_types_and_strings() {
        let sql = "lower(name) = 'name' AND \"Name\" <> x::name AND t.name > 0";
        assert_eq!(
            with_column(sql, "name", "a\"b").unwrap(),
            "lower(\"a\"\"b\") = 'name' AND \"Name\" <> x::name AND t.\"a\"\"b\" > 0"
        );
        assert!(!mentions("lower(a) > '1'", "lower") && mentions("E'\\'' || \"a\"\"b\"", "a\"b"));
    }

    #[test]
    fn what_the_printer_would_harm_is_found() {
        for sql in ["SELECT 'a''''b'", "SELECT \"a\"\"\"\"b\"", "SELECT 'a\\''b'"] {
            assert!(printed_otherwise(sql).is_some(), "{sql}");
        }
        for sql in ["SELECT 'a''b', \"a\"\"b\", $$a''''b$$, ''", "SELECT 'a\\b'"] {
            assert_eq!(printed_otherwise(sql), None, "{sql}");
        }
    }
}
