//! SQL as tokens: SQLite's definitions are texts, as written or as introspection normalises them, and rules read and rewrite both.

/// A piece of SQL. Comments and white space are gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A bare word or number.
    Word(String),
    /// A quoted name, without its quotes.
    Quoted(String),
    /// A string or blob, as written.
    Literal(String),
    /// Anything else; operators of several characters are one.
    Symbol(String),
}

impl Token {
    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(self, Self::Word(text) if text.eq_ignore_ascii_case(word))
    }

    pub(super) fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self, Self::Symbol(text) if text == symbol)
    }

    /// True when it can be this name: SQLite compares names without regard to the case of ASCII letters.
    pub(super) fn names(&self, name: &str) -> bool {
        matches!(self, Self::Word(text) | Self::Quoted(text) if text.eq_ignore_ascii_case(name))
    }

    fn is_number_start(&self) -> bool {
        matches!(self, Self::Word(text) if text.starts_with(|c: char| c.is_ascii_digit()))
    }

    fn text(&self) -> String {
        match self {
            Self::Word(text) | Self::Literal(text) | Self::Symbol(text) => text.clone(),
            Self::Quoted(name) => crate::name::quote(name),
        }
    }
}

/// Operators that normalised texts have in pieces.
const OPERATORS: [&str; 10] = ["||", "<>", "<=", ">=", "==", "!=", "<<", ">>", "->", "->>"];

/// The tokens of a text. What is not closed ends at the end of the text.
pub(super) fn tokens(sql: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut rest = sql;
    while let Some(token) = next(&mut rest) {
        match joined(&tokens, &token) {
            Some((pieces, whole)) => {
                tokens.truncate(tokens.len() - pieces);
                tokens.push(whole);
            }
            None => tokens.push(token),
        }
    }
    tokens
}

/// What the last tokens and this one are together: how many of the last, and the whole.
fn joined(before: &[Token], token: &Token) -> Option<(usize, Token)> {
    let last = before.last()?;
    match (last, token) {
        (Token::Symbol(one), Token::Symbol(two)) => {
            let whole = format!("{one}{two}");
            OPERATORS.contains(&whole.as_str()).then_some((1, Token::Symbol(whole)))
        }
        (Token::Word(x), Token::Literal(text)) if x.eq_ignore_ascii_case("x") && text.starts_with('\'') => {
            Some((1, Token::Literal(format!("{x}{text}"))))
        }
        (Token::Symbol(dot), Token::Word(digits)) if dot == "." && token.is_number_start() => {
            Some((1, Token::Word(format!("0.{digits}"))))
        }
        (Token::Symbol(sign), Token::Word(digits)) if (sign == "-" || sign == "+") && token.is_number_start() => {
            let number = before.get(before.len().checked_sub(2)?)?;
            let is_open =
                number.is_number_start() && number.text().ends_with(['e', 'E']) && !number.text().contains('x');
            is_open.then(|| (2, Token::Word(format!("{}{sign}{digits}", number.text()))))
        }
        _ => None,
    }
}

fn next(rest: &mut &str) -> Option<Token> {
    skip_blank(rest);
    let first = rest.chars().next()?;
    Some(match first {
        '\'' => Token::Literal(take(rest, quoted_length(rest, '\''))),
        '"' => Token::Quoted(unquoted(&take(rest, quoted_length(rest, '"')), '"')),
        '`' => Token::Quoted(unquoted(&take(rest, quoted_length(rest, '`')), '`')),
        '[' => {
            let text = take(rest, rest.find(']').map_or(rest.len(), |end| end + 1));
            Token::Quoted(text.trim_start_matches('[').trim_end_matches(']').to_owned())
        }
        _ if is_word_part(first) => {
            // A dot belongs to a number (`1.5`), not to a name (`a.b`).
            let goes_on = |c: char| is_word_part(c) || (c == '.' && first.is_ascii_digit());
            Token::Word(take(rest, rest.find(|c| !goes_on(c)).unwrap_or(rest.len())))
        }
        _ => Token::Symbol(take(rest, first.len_utf8())),
    })
}

fn take(rest: &mut &str, length: usize) -> String {
    let (taken, left) = rest.split_at(length);
    *rest = left;
    taken.to_owned()
}

fn skip_blank(rest: &mut &str) {
    loop {
        *rest = rest.trim_start();
        if rest.starts_with("--") {
            *rest = rest.find('\n').map_or("", |end| &rest[end..]);
        } else if rest.starts_with("/*") {
            *rest = rest.find("*/").map_or("", |end| &rest[end + 2..]);
        } else {
            return;
        }
    }
}

fn is_word_part(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || character == '$' || !character.is_ascii()
}

fn quoted_length(text: &str, close: char) -> usize {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((position, character)) = characters.next() {
        if character == close && characters.next_if(|(_, next)| *next == close).is_none() {
            return position + close.len_utf8();
        }
    }
    text.len()
}

fn unquoted(text: &str, quote: char) -> String {
    let inner = &text[1..];
    inner.strip_suffix(quote).unwrap_or(inner).replace(&quote.to_string().repeat(2), &quote.to_string())
}

/// Tokens as text again, spaced as people do.
pub(super) fn render(tokens: &[Token]) -> String {
    let mut text = String::new();
    for (position, token) in tokens.iter().enumerate() {
        let before = position.checked_sub(1).map(|before| &tokens[before]);
        let is_close = [")", ",", "."].iter().any(|symbol| token.is_symbol(symbol));
        let follows_open = before.is_none_or(|before| before.is_symbol("(") || before.is_symbol("."));
        if !is_close && !follows_open {
            text.push(' ');
        }
        text.push_str(&token.text());
    }
    text
}

/// A definition that the engine takes: introspection's texts have operators in pieces.
pub(super) fn executable(definition: &str) -> String {
    render(&tokens(definition))
}

/// As [`executable`], for an index, a trigger or a view. Normalised texts have names in lower case only; the name of the object itself
/// is kept as it was.
pub(super) fn definition_of(name: &str, definition: &str) -> String {
    let mut tokens = tokens(definition);
    // CREATE and what it creates stand before the name.
    if let Some(token) = tokens.iter_mut().skip(2).find(|token| token.names(name)) {
        *token = Token::Quoted(name.to_owned());
    }
    render(&tokens)
}

/// True when the text has this name in it. It may be another thing of the same name: callers err on that side.
pub(super) fn mentions(tokens: &[Token], name: &str) -> bool {
    tokens.iter().any(|token| token.names(name))
}

/// The text with a name replaced wherever it stands, calls of a function of the same name aside.
pub(super) fn renamed(tokens: &[Token], from: &str, to: &str) -> Vec<Token> {
    let is_call = |position: usize| {
        matches!(tokens[position], Token::Word(_))
            && tokens.get(position + 1).is_some_and(|next| next.is_symbol("("))
    };
    let replaced = |(position, token): (usize, &Token)| {
        if token.names(from) && !is_call(position) { Token::Quoted(to.to_owned()) } else { token.clone() }
    };
    tokens.iter().enumerate().map(replaced).collect()
}

/// The parts between commas that stand outside of brackets.
pub(super) fn items(tokens: &[Token]) -> Vec<&[Token]> {
    let (mut items, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    for (position, token) in tokens.iter().enumerate() {
        if token.is_symbol("(") {
            depth += 1;
        } else if token.is_symbol(")") {
            depth = depth.saturating_sub(1);
        } else if token.is_symbol(",") && depth == 0 {
            items.push(&tokens[start..position]);
            start = position + 1;
        }
    }
    if start < tokens.len() {
        items.push(&tokens[start..]);
    }
    items
}

/// Position of the first of these words outside of brackets.
pub(super) fn find_word(tokens: &[Token], words: &[&str]) -> Option<usize> {
    let mut depth = 0_usize;
    tokens.iter().position(|token| {
        if token.is_symbol("(") {
            depth += 1;
        } else if token.is_symbol(")") {
            depth = depth.saturating_sub(1);
        }
        depth == 0 && words.iter().any(|word| token.is_word(word))
    })
}

/// Reads tokens from the front.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) rest: &'a [Token],
}

impl<'a> Reader<'a> {
    pub(super) fn new(rest: &'a [Token]) -> Self {
        Self { rest }
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

    pub(super) fn symbol(&mut self, symbol: &str) -> bool {
        let is_next = self.rest.first().is_some_and(|token| token.is_symbol(symbol));
        if is_next {
            self.rest = &self.rest[1..];
        }
        is_next
    }

    /// A name. SQLite takes a string for one where only a name can stand.
    pub(super) fn name(&mut self) -> Option<String> {
        let name = match self.rest.first()? {
            Token::Word(text) | Token::Quoted(text) => text.clone(),
            Token::Literal(text) if text.starts_with('\'') => unquoted(text, '\''),
            _ => return None,
        };
        self.rest = &self.rest[1..];
        Some(name)
    }

    /// A name with or without the name of its schema, which may be `main`.
    pub(super) fn object(&mut self) -> Option<String> {
        let first = self.name()?;
        if !self.symbol(".") {
            return Some(first);
        }
        if first.eq_ignore_ascii_case("main") { self.name() } else { None }
    }

    /// What stands between the brackets that begin here.
    pub(super) fn group(&mut self) -> Option<&'a [Token]> {
        let (mut depth, all) = (0_usize, self.rest);
        if !all.first()?.is_symbol("(") {
            return None;
        }
        for (position, token) in all.iter().enumerate() {
            depth += usize::from(token.is_symbol("("));
            depth -= usize::from(token.is_symbol(")"));
            if depth == 0 {
                self.rest = &all[position + 1..];
                return Some(&all[1..position]);
            }
        }
        None
    }

    pub(super) fn skip(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::{executable, items, renamed, render, tokens};

    #[test]
    fn normalised_texts_become_executable_and_executable_ones_stay_so() {
        for (text, expected) in [
            ("select a | | b where c < > 1 and d > = 2", "select a || b where c <> 1 and d >= 2"),
            ("select a||b, c<>1 -- why", "select a || b, c <> 1"),
            ("select a - > > '$.b'", "select a ->> '$.b'"),
            ("values ( x '00' , 1e - 5 , . 5 , - 1 )", "values (x'00', 1e-5, 0.5, - 1)"),
            ("on [a b](`c``d`, \"e\"\"f\")", "on \"a b\" (\"c`d\", \"e\"\"f\")"),
            ("a . b", "a.b"),
        ] {
            assert_eq!(executable(text), expected);
            assert_eq!(executable(expected), expected);
        }
    }

    #[test]
    fn names_are_replaced_and_calls_are_not() {
        let text = tokens("create index i on t ( Name , name ( name ) , 'name' )");
        assert_eq!(
            render(&renamed(&text, "name", "a\"b")),
            "create index i on t (\"a\"\"b\", name (\"a\"\"b\"), 'name')"
        );
        assert_eq!(items(&tokens("a, f(b, c), d")).len(), 3);
    }
}
