//! Just enough reading of SQL to tell what a statement is. Whether it is right is the engine's to say.

use crate::error::{Error, beginning};

/// A piece of SQL. Comments and white space are gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A bare word or number, as written.
    Word(String),
    /// A quoted identifier, without its quotes.
    Quoted(String),
    /// A string literal, as written.
    Literal(String),
    /// Anything else, one character.
    Symbol(char),
}

impl Token {
    pub(crate) fn is_word(&self, word: &str) -> bool {
        matches!(self, Self::Word(text) if text.eq_ignore_ascii_case(word))
    }

    pub(crate) fn is_symbol(&self, symbol: char) -> bool {
        *self == Self::Symbol(symbol)
    }
}

/// How identifiers and strings are quoted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quoting {
    /// `"x"`, and strings between dollar signs.
    Standard,
    /// Also `[x]` and `` `x` ``.
    Sqlite,
}

/// The tokens of `sql`. What is not closed ends at the end of the text.
pub(crate) fn tokens(sql: &str, quoting: Quoting) -> Vec<Token> {
    let mut reader = Reader { rest: sql, quoting };
    std::iter::from_fn(|| reader.next_token()).collect()
}

struct Reader<'a> {
    rest: &'a str,
    quoting: Quoting,
}

impl Reader<'_> {
    fn next_token(&mut self) -> Option<Token> {
        self.skip_blank();
        let first = self.rest.chars().next()?;
        Some(match first {
            '\'' => Token::Literal(self.take(quoted_length(self.rest, '\''))),
            '"' => self.identifier('"'),
            '`' if self.quoting == Quoting::Sqlite => self.identifier('`'),
            '[' if self.quoting == Quoting::Sqlite => self.identifier(']'),
            '$' if self.quoting == Quoting::Standard && dollar_quoted_length(self.rest).is_some() => {
                Token::Literal(self.take(dollar_quoted_length(self.rest).unwrap_or(1)))
            }
            _ if is_word_part(first) => {
                // A dot belongs to a number (`1.5`), not to a name (`a.b`).
                let goes_on = |c: char| is_word_part(c) || (c == '.' && first.is_ascii_digit());
                Token::Word(self.take(self.rest.find(|c| !goes_on(c)).unwrap_or(self.rest.len())))
            }
            _ => {
                self.take(first.len_utf8());
                Token::Symbol(first)
            }
        })
    }

    fn take(&mut self, length: usize) -> String {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken.to_owned()
    }

    fn identifier(&mut self, close: char) -> Token {
        let text = self.take(quoted_length(self.rest, close));
        let inner = text[1..].strip_suffix(close).unwrap_or(&text[1..]);
        Token::Quoted(inner.replace(&close.to_string().repeat(2), &close.to_string()))
    }

    fn skip_blank(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            if self.rest.starts_with("--") {
                self.rest = self.rest.find('\n').map_or("", |end| &self.rest[end..]);
            } else if self.rest.starts_with("/*") {
                self.rest = self.rest.find("*/").map_or("", |end| &self.rest[end + 2..]);
            } else {
                return;
            }
        }
    }
}

fn is_word_part(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Length of the quoted text at the start of `text`, quotes included; a doubled closing quote stands for itself.
fn quoted_length(text: &str, close: char) -> usize {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((position, character)) = characters.next() {
        if character == close && characters.next_if(|(_, next)| *next == close).is_none() {
            return position + close.len_utf8();
        }
    }
    text.len()
}

/// Length of a `$tag$ … $tag$` literal at the start of `text`.
fn dollar_quoted_length(text: &str) -> Option<usize> {
    let tag_end = 1 + text[1..].find(|c: char| !is_word_part(c))?;
    if !text[tag_end..].starts_with('$') || text[1..].starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let tag = &text[..=tag_end];
    let close = text[tag.len()..].find(tag)?;
    Some(tag.len() + close + tag.len())
}

/// True for what begins or ends a transaction: a step may not, it stands inside one.
fn controls_transaction(tokens: &[Token]) -> bool {
    const WORDS: [&str; 9] =
        ["begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release", "prepare"];
    tokens.first().is_some_and(|first| WORDS.iter().any(|word| first.is_word(word)))
}

/// Refuses a list of which a statement begins or ends a transaction.
///
/// # Errors
///
/// [`Error::InvalidAction`] with the first such statement.
pub(crate) fn check_statements(step: &str, statements: &[String], quoting: Quoting) -> Result<(), Error> {
    match statements.iter().find(|statement| controls_transaction(&tokens(statement, quoting))) {
        None => Ok(()),
        Some(statement) => Err(Error::InvalidAction {
            step: step.to_owned(),
            reason: format!(
                "`{}` controls the transaction, which is Lockstep's; leave it out",
                beginning(statement)
            ),
        }),
    }
}

/// True when the statement begins with these words.
pub(crate) fn begins(tokens: &[Token], words: &[&str]) -> bool {
    words.len() <= tokens.len() && words.iter().zip(tokens).all(|(word, token)| token.is_word(word))
}

/// An identifier, quoted so that any name is taken as it is.
pub(crate) fn quote(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(sql: &str, quoting: Quoting) -> String {
        tokens(sql, quoting)
            .into_iter()
            .map(|token| match token {
                Token::Word(word) => word,
                Token::Quoted(name) => format!("<{name}>"),
                Token::Literal(literal) => format!("{{{literal}}}"),
                Token::Symbol(symbol) => symbol.to_string(),
            })
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn reads_words_quotes_literals_and_comments() {
        for (sql, wanted) in [
            ("create  table\n t(a)", "create table t ( a )"),
            ("a -- b\n c /* d */ e", "a c e"),
            (r#""a""b" x"#, r#"<a"b> x"#),
            ("'it''s' y", "{'it''s'} y"),
            ("[a b] `c``d`", "<a b> <c`d>"),
            ("1.5 a.b", "1.5 a . b"),
            ("'open", "{'open}"),
            ("größe", "größe"),
        ] {
            assert_eq!(text(sql, Quoting::Sqlite), wanted, "{sql}");
        }
        assert_eq!(text("$f$ commit; $f$ x $1", Quoting::Standard), "{$f$ commit; $f$} x $ 1");
        assert_eq!(text("a[1]", Quoting::Standard), "a [ 1 ]");
    }

    #[test]
    fn knows_transaction_control() {
        for (sql, controls) in [
            ("COMMIT", true),
            (" /* x */ rollback to a", true),
            ("create table commit_log(a int)", false),
            ("alter table \"commit\" add a int", false),
        ] {
            assert_eq!(controls_transaction(&tokens(sql, Quoting::Standard)), controls, "{sql}");
        }
    }
}
