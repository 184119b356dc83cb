//! Reading SQL as these engines write it: backslashes escape, `"x"` is text, `` `x` `` is a name.

/// An identifier, quoted so that any name is taken as it is.
pub(crate) fn quote(identifier: &str) -> String {
    format!("`{}`", identifier.replace('`', "``"))
}

/// A text as a literal, under a mode in which backslashes escape: an agent's sessions have it.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''").replace('\0', "\\0"))
}

/// Length of the quoted text at the start of `text`, quotes included. A doubled quote stands for itself, and so does whatever
/// follows a backslash, except in a name.
pub(crate) fn quoted_length(text: &str) -> usize {
    let Some(close) = text.chars().next() else { return 0 };
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((position, character)) = characters.next() {
        if character == '\\' && close != '`' {
            characters.next();
        } else if character == close && characters.next_if(|(_, next)| *next == close).is_none() {
            return position + close.len_utf8();
        }
    }
    text.len()
}

/// A piece of SQL, as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// A bare word or number.
    Word(&'a str),
    /// A quoted identifier, with its quotes.
    Name(&'a str),
    /// A string literal, with its quotes.
    Literal(&'a str),
    /// Anything else, one character.
    Symbol(&'a str),
}

impl<'a> Token<'a> {
    pub(crate) fn text(self) -> &'a str {
        match self {
            Self::Word(text) | Self::Name(text) | Self::Literal(text) | Self::Symbol(text) => text,
        }
    }

    pub(crate) fn is_word(self, word: &str) -> bool {
        matches!(self, Self::Word(text) if text.eq_ignore_ascii_case(word))
    }
}

/// The tokens of `sql`, without comments. What stands in a comment for the server (`/*! … */`) is no comment.
pub(crate) fn tokens(sql: &str) -> Vec<Token<'_>> {
    let mut rest = sql;
    std::iter::from_fn(|| {
        rest = skip_blank(rest);
        let first = rest.chars().next()?;
        let length = match first {
            '\'' | '"' | '`' => quoted_length(rest),
            _ if is_word_part(first) => word_length(rest, first),
            _ => first.len_utf8(),
        };
        let (text, after) = rest.split_at(length);
        rest = after;
        Some(match first {
            '\'' | '"' => Token::Literal(text),
            '`' => Token::Name(text),
            _ if is_word_part(first) => Token::Word(text),
            _ => Token::Symbol(text),
        })
    })
    .collect()
}

/// A dot belongs to a number (`1.5`), not to a name (`a.b`).
fn word_length(text: &str, first: char) -> usize {
    let goes_on = |c: char| is_word_part(c) || (c == '.' && first.is_ascii_digit());
    text.find(|c| !goes_on(c)).unwrap_or(text.len())
}

fn is_word_part(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || character == '$'
}

fn skip_blank(text: &str) -> &str {
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let is_line_comment = rest.starts_with('#')
            || rest
                .strip_prefix("--")
                .is_some_and(|after| after.is_empty() || after.starts_with(char::is_whitespace));
        if is_line_comment {
            rest = rest.find('\n').map_or("", |end| &rest[end..]);
        } else if rest.starts_with("/*") && !rest.starts_with("/*!") && !rest.starts_with("/*M!") {
            rest = rest.find("*/").map_or("", |end| &rest[end + 2..]);
        } else {
            return rest;
        }
    }
}

/// One spelling of white space, no comments: what the server keeps as it was written.
pub(crate) fn canonical(sql: &str) -> String {
    tokens(sql).into_iter().map(Token::text).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_words_names_literals_and_comments() {
        for (sql, wanted) in [
            ("create  table\n t(a)", "create table t ( a )"),
            ("a -- b\n c /* d */ e # f", "a c e"),
            ("a--1", "a - - 1"),
            (r"'it''s \' x' y", r"'it''s \' x' y"),
            (r"`a``b\` c", r"`a``b\` c"),
            ("/*! x */ 1.5 a.b", "/ * ! x * / 1.5 a . b"),
            ("'open", "'open"),
        ] {
            assert_eq!(canonical(sql), wanted, "{sql}");
        }
    }
}
