//! SQL as tokens that know where they stand: rules read these, and cut out of the text what they take over as it was written.

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A bare word.
    Word,
    /// A quoted name; its value is without the quotes.
    Name,
    /// A string, with its quotes.
    Text,
    /// A number.
    Number,
    /// Anything else, one character.
    Symbol,
}

/// A piece of SQL. Comments and white space are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) value: String,
    /// Where it begins and ends in the text, in bytes.
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Token {
    pub(super) fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.value.eq_ignore_ascii_case(word)
    }

    pub(super) fn is_symbol(&self, symbol: &str) -> bool {
        self.kind == Kind::Symbol && self.value == symbol
    }

    /// True when it can be this name. Names of columns and indexes have no case to these engines.
    pub(super) fn names(&self, name: &str) -> bool {
        matches!(self.kind, Kind::Word | Kind::Name) && same(&self.value, name)
    }
}

/// True when two names of columns, indexes or constraints are the same to the engine.
pub(super) fn same(one: &str, other: &str) -> bool {
    one == other || one.to_lowercase() == other.to_lowercase()
}

/// The tokens of a text. What is not closed ends at the end of the text.
pub(super) fn tokens(sql: &str) -> Vec<Token> {
    first_tokens(sql, usize::MAX)
}

/// So many of them at most: where the beginning says enough, the rest need not be read.
pub(super) fn first_tokens(sql: &str, most: usize) -> Vec<Token> {
    std::iter::successors(next(sql, 0), |token| next(sql, token.end)).take(most).collect()
}

fn next(sql: &str, at: usize) -> Option<Token> {
    let start = at + blank(&sql[at..]);
    let rest = &sql[start..];
    let first = rest.chars().next()?;
    let (kind, length) = match first {
        '\'' | '"' => (Kind::Text, quoted_length(rest, first)),
        '`' => (Kind::Name, quoted_length(rest, first)),
        _ if first.is_ascii_digit() || (first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit())) => {
            number_or_word(rest)
        }
        _ if is_word_part(first) => (Kind::Word, rest.find(|c| !is_word_part(c)).unwrap_or(rest.len())),
        _ => (Kind::Symbol, first.len_utf8()),
    };
    let text = &rest[..length];
    let value = if kind == Kind::Name { unquoted(text, '`') } else { text.to_owned() };
    Some(Token { kind, value, start, end: start + length })
}

/// Names may begin with a digit.
fn number_or_word(rest: &str) -> (Kind, usize) {
    let word = rest.find(|c| !is_word_part(c)).unwrap_or(rest.len());
    let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
    let is_hex = rest.starts_with("0x") && rest[2..word].chars().all(|c| c.is_ascii_hexdigit());
    if let Some(exponent) = rest[digits..].strip_prefix(['e', 'E']) {
        let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let length = unsigned.find(|c: char| !c.is_ascii_digit()).unwrap_or(unsigned.len());
        let end = rest.len() - unsigned.len() + length;
        if length > 0 && !rest[end..].starts_with(is_word_part) {
            return (Kind::Number, end);
        }
    }
    if digits >= word || is_hex { (Kind::Number, digits.max(word)) } else { (Kind::Word, word) }
}

fn blank(text: &str) -> usize {
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let after_dashes = rest.strip_prefix("--");
        let is_line = rest.starts_with('#')
            || after_dashes.is_some_and(|after| after.is_empty() || after.starts_with(char::is_whitespace));
        if is_line {
            rest = rest.find('\n').map_or("", |end| &rest[end..]);
        } else if rest.starts_with("/*") {
            rest = rest.find("*/").map_or("", |end| &rest[end + 2..]);
        } else {
            return text.len() - rest.len();
        }
    }
}

fn is_word_part(character: char) -> bool {
    character.is_alphanumeric()
        || character == '_'
        || character == '$'
        || character == '@'
        || !character.is_ascii()
}

fn quoted_length(text: &str, close: char) -> usize {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((position, character)) = characters.next() {
        if character == '\\' && close != '`' {
            characters.next();
        } else if character == close && characters.next_if(|(_, next)| *next == close).is_none() {
            return position + 1;
        }
    }
    text.len()
}

fn unquoted(text: &str, quote: char) -> String {
    let inner = &text[1..];
    inner.strip_suffix(quote).unwrap_or(inner).replace(&quote.to_string().repeat(2), &quote.to_string())
}

/// The content of a string as the server reads it.
pub(super) fn content(literal: &str) -> String {
    let Some(quote) = literal.chars().next() else { return String::new() };
    let inner = &literal[1..literal.len().max(2) - 1];
    let mut text = String::new();
    let mut characters = inner.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some('r') => text.push('\r'),
                Some('0') => text.push('\0'),
                // These stay, for LIKE.
                Some(kept @ ('%' | '_')) => text.extend(['\\', kept]),
                Some(other) => text.push(other),
                None => {}
            },
            _ if character == quote => {
                characters.next_if_eq(&quote);
                text.push(quote);
            }
            _ => text.push(character),
        }
    }
    text
}

/// Text as a string of SQL.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// An identifier, quoted so that any name is taken as it is.
pub(super) fn q(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// Quoted names with commas between.
pub(super) fn q_list(names: &[String]) -> String {
    names.iter().map(|name| q(name)).collect::<Vec<_>>().join(", ")
}

/// Operators that the catalog's texts have in pieces.
const OPERATORS: [&str; 14] =
    ["<=>", "->>", "<>", "<=", ">=", "!=", "||", "&&", ":=", "<<", ">>", "->", "@@", "=>"];

/// A text of the catalog, in which white space stands between all pieces, as the server takes it.
pub(super) fn executable(canonical: &str) -> String {
    let tokens = tokens(canonical);
    let mut text = String::new();
    for (position, token) in tokens.iter().enumerate() {
        let written = &canonical[token.start..token.end];
        let before = position.checked_sub(1).map(|before| &tokens[before]);
        if before.is_some_and(|before| !are_joined(before, token, &text)) {
            text.push(' ');
        }
        text.push_str(written);
    }
    text
}

/// True when nothing stands between two pieces; `text` ends with the first.
fn are_joined(before: &Token, token: &Token, text: &str) -> bool {
    let is_prefix = ["b", "x", "n"].iter().any(|prefix| before.is_word(prefix)) || before.value.starts_with('_');
    let is_name = |token: &Token| matches!(token.kind, Kind::Word | Kind::Name);
    match (&before.kind, &token.kind) {
        (Kind::Symbol, Kind::Symbol) => OPERATORS
            .iter()
            .any(|operator| text.ends_with(&operator[..operator.len() - 1]) && operator.ends_with(&token.value)),
        _ if before.is_symbol(".") || (token.is_symbol(".") && is_name(before)) => true,
        (Kind::Word, Kind::Text) => before.kind == Kind::Word && (is_prefix || before.value == "@"),
        (Kind::Word, Kind::Word | Kind::Name) => before.value == "@" || before.value == "@@",
        // Some functions want their bracket right behind their name.
        (Kind::Word, Kind::Symbol) => ["(", ",", ")"].contains(&token.value.as_str()),
        _ => token.is_symbol(",") || token.is_symbol(")"),
    }
}

/// True when the text has this name in it. It may be another thing of the same name: callers err on that side.
pub(super) fn mentions(sql: &str, name: &str) -> bool {
    tokens(sql).iter().any(|token| token.names(name))
}

/// `sql` with each use of a column replaced by what `other` gives for its name; calls, other tables' columns and strings aside.
pub(super) fn with_columns(sql: &str, table: &str, other: impl Fn(&str) -> Option<String>) -> String {
    let tokens = tokens(sql);
    let (mut text, mut from) = (String::new(), 0);
    let mut position = 0;
    while position < tokens.len() {
        let token = &tokens[position];
        let symbol = |at: usize, symbol: &str| tokens.get(at).is_some_and(|token| token.is_symbol(symbol));
        // `table.column` is the column too.
        let is_qualified = token.names(table) && symbol(position + 1, ".");
        let column = if is_qualified { position + 2 } else { position };
        let follows_point = position > 0 && symbol(position - 1, ".");
        let replaced = match tokens.get(column) {
            Some(token) if matches!(token.kind, Kind::Word | Kind::Name) && !follows_point => {
                let is_call = token.kind == Kind::Word && symbol(column + 1, "(");
                if is_call || symbol(column + 1, ".") { None } else { other(&token.value) }
            }
            _ => None,
        };
        if let Some(replaced) = replaced {
            text.push_str(&sql[from..token.start]);
            text.push_str(&replaced);
            from = tokens[column].end;
            position = column;
        }
        position += 1;
    }
    text.push_str(&sql[from..]);
    text
}

/// Reads tokens from the front.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) sql: &'a str,
    pub(super) rest: &'a [Token],
}

impl<'a> Reader<'a> {
    pub(super) fn new(sql: &'a str, rest: &'a [Token]) -> Self {
        Self { sql, rest }
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        self.rest.first().is_some_and(|token| token.is_word(word))
    }

    /// Takes these words if they are next.
    pub(super) fn words(&mut self, words: &[&str]) -> bool {
        let is_next =
            words.len() <= self.rest.len() && words.iter().zip(self.rest).all(|(word, token)| token.is_word(word));
        if is_next {
            self.rest = &self.rest[words.len()..];
        }
        is_next
    }

    pub(super) fn word(&mut self, word: &str) -> bool {
        self.words(&[word])
    }

    pub(super) fn is_symbol(&self, symbol: &str) -> bool {
        self.rest.first().is_some_and(|token| token.is_symbol(symbol))
    }

    pub(super) fn symbol(&mut self, symbol: &str) -> bool {
        let is_next = self.is_symbol(symbol);
        if is_next {
            self.skip();
        }
        is_next
    }

    /// A name, quoted or not.
    pub(super) fn name(&mut self) -> Option<String> {
        let token = self.rest.first()?;
        if !matches!(token.kind, Kind::Word | Kind::Name) {
            return None;
        }
        self.skip();
        Some(token.value.clone())
    }

    /// A string; its text as written.
    pub(super) fn literal(&mut self) -> Option<String> {
        let token = self.rest.first().filter(|token| token.kind == Kind::Text)?;
        self.skip();
        Some(token.value.clone())
    }

    /// What stands between the brackets that begin here.
    pub(super) fn group(&mut self) -> Option<Reader<'a>> {
        if !self.is_symbol("(") {
            return None;
        }
        let all = self.rest;
        let mut depth = 0_usize;
        for (position, token) in all.iter().enumerate() {
            depth += usize::from(token.is_symbol("("));
            depth -= usize::from(token.is_symbol(")"));
            if depth == 0 {
                self.rest = &all[position + 1..];
                return Some(Reader { rest: &all[1..position], ..*self });
            }
        }
        None
    }

    /// The parts between commas that stand outside of brackets.
    pub(super) fn items(&self) -> Vec<Reader<'a>> {
        let (mut items, mut depth, mut start) = (Vec::new(), 0_usize, 0);
        for (position, token) in self.rest.iter().enumerate() {
            if token.is_symbol("(") {
                depth += 1;
            } else if token.is_symbol(")") {
                depth = depth.saturating_sub(1);
            } else if token.is_symbol(",") && depth == 0 {
                items.push(Reader { rest: &self.rest[start..position], ..*self });
                start = position + 1;
            }
        }
        if start < self.rest.len() {
            items.push(Reader { rest: &self.rest[start..], ..*self });
        }
        items
    }

    /// Position of the first of these words outside of brackets.
    pub(super) fn find(&self, words: &[&str]) -> Option<usize> {
        let mut depth = 0_usize;
        self.rest.iter().position(|token| {
            if token.is_symbol("(") {
                depth += 1;
            } else if token.is_symbol(")") {
                depth = depth.saturating_sub(1);
            }
            depth == 0 && words.iter().any(|word| token.is_word(word))
        })
    }

    /// The first `count` tokens as a reader of their own; they are taken.
    pub(super) fn take(&mut self, count: usize) -> Reader<'a> {
        let (taken, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        Reader { rest: taken, ..*self }
    }

    /// What is left, as it was written.
    pub(super) fn text(&self) -> &'a str {
        match (self.rest.first(), self.rest.last()) {
            (Some(first), Some(last)) => &self.sql[first.start..last.end],
            _ => "",
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn skip(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Reader, content, executable, literal, tokens, with_columns};

    #[test]
    fn words_numbers_names_and_strings_are_told_apart() {
        let sql = "2fa 1.5 .5 1e-3 0x1F `a``b` 'it\\'s' \"x\" # c\n-- d\n b--1 /* e */";
        let kinds: Vec<Kind> = tokens(sql).into_iter().map(|token| token.kind).collect();
        use Kind::{Name, Number, Symbol, Text, Word};
        assert_eq!(kinds, [Word, Number, Number, Number, Number, Name, Text, Text, Word, Symbol, Symbol, Number]);
        let list = tokens("f(a, (b, c)), d");
        assert_eq!(Reader::new("f(a, (b, c)), d", &list).items().len(), 2);
    }

    #[test]
    fn texts_of_the_catalog_become_executable() {
        for (canonical, expected) in [
            ("BEGIN SET @ last = NEW . id ; SET @ @ x = 1 ; END", "BEGIN SET @last = NEW.id ; SET @@x = 1 ; END"),
            (
                "select count ( * ) , a < = > b, c : = 1 , d - > > '$.x'",
                "select count( * ) , a <=> b, c := 1, d ->> '$.x'",
            ),
            ("a ! = b '0' | | x '1f'", "a != b'0' || x'1f'"),
        ] {
            assert_eq!(executable(canonical), expected);
            assert_eq!(executable(expected), expected);
        }
    }

    #[test]
    fn strings_are_read_and_written() {
        for (text, inner) in [("'a''b'", "a'b"), ("'a\\'b\\\\'", "a'b\\"), ("\"a'\"", "a'"), ("''", "")] {
            assert_eq!(content(text), inner);
            assert_eq!(content(&literal(inner)), inner);
        }
    }

    #[test]
    fn columns_are_replaced_and_calls_and_strings_are_not() {
        let new = |name: &str| (name == "name").then(|| "NEW.`name`".to_owned());
        assert_eq!(
            with_columns("lower(name) = 'name' and t.`name` > x.name and name(1)", "t", new),
            "lower(NEW.`name`) = 'name' and NEW.`name` > x.name and name(1)"
        );
    }
}
