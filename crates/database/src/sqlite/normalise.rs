//! One text for all ways to write the same SQL, and what only a table's text tells of it.

use crate::statement::{Quoting, Token, tokens};
use std::collections::BTreeMap;

/// The statement with one space between its pieces, comments gone, names in lower case and quoted only where they must be.
///
/// SQLite compares names without regard to case, and rewrites texts with its own quotes when something is renamed.
pub(super) fn canonical(sql: &str) -> String {
    text(&tokens(sql, Quoting::Sqlite))
}

fn text(tokens: &[Token]) -> String {
    tokens.iter().map(word).collect::<Vec<_>>().join(" ")
}

fn word(token: &Token) -> String {
    match token {
        Token::Word(word) => word.to_ascii_lowercase(),
        Token::Quoted(name) if is_plain(name) => name.to_ascii_lowercase(),
        Token::Quoted(name) => format!("\"{}\"", name.to_ascii_lowercase().replace('"', "\"\"")),
        Token::Literal(literal) => literal.clone(),
        Token::Symbol(symbol) => symbol.to_string(),
    }
}

/// Words that are never names unless they are quoted.
const RESERVED: [&str; 58] = [
    "add",
    "all",
    "alter",
    "and",
    "as",
    "autoincrement",
    "between",
    "case",
    "check",
    "collate",
    "commit",
    "constraint",
    "create",
    "default",
    "deferrable",
    "delete",
    "distinct",
    "drop",
    "else",
    "escape",
    "except",
    "exists",
    "foreign",
    "from",
    "group",
    "having",
    "in",
    "index",
    "insert",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "limit",
    "not",
    "nothing",
    "notnull",
    "null",
    "on",
    "or",
    "order",
    "primary",
    "references",
    "returning",
    "select",
    "set",
    "table",
    "then",
    "to",
    "transaction",
    "union",
    "unique",
    "update",
    "using",
    "values",
    "when",
    "where",
];

fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && !RESERVED.contains(&name.to_ascii_lowercase().as_str())
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// What `PRAGMA` does not tell of a table.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Extras {
    /// Conditions of CHECK constraints, wherever they stand.
    pub(super) checks: Vec<String>,
    /// By column, in lower case: collation, expression of a generated column, and the like.
    pub(super) columns: BTreeMap<String, ColumnExtras>,
    /// ON CONFLICT and DEFERRABLE clauses of table constraints.
    pub(super) clauses: Vec<String>,
}

/// What `PRAGMA` does not tell of a column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ColumnExtras {
    pub(super) generated: Option<String>,
    pub(super) options: Vec<String>,
}

/// Reads the text of a `CREATE TABLE`.
pub(super) fn extras(sql: &str) -> Extras {
    let tokens = tokens(sql, Quoting::Sqlite);
    let mut extras = Extras::default();
    let Some(open) = tokens.iter().position(|token| token.is_symbol('(')) else {
        return extras;
    };
    for item in items(&tokens[open + 1..]) {
        read_item(item, &mut extras);
    }
    extras.checks.sort();
    extras.clauses.sort();
    extras
}

/// The parts between commas, up to the bracket that closes the list.
fn items(tokens: &[Token]) -> Vec<&[Token]> {
    let (mut items, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    for (position, token) in tokens.iter().enumerate() {
        if token.is_symbol('(') {
            depth += 1;
        } else if token.is_symbol(')') && depth == 0 {
            items.push(&tokens[start..position]);
            return items;
        } else if token.is_symbol(')') {
            depth -= 1;
        } else if token.is_symbol(',') && depth == 0 {
            items.push(&tokens[start..position]);
            start = position + 1;
        }
    }
    items
}

fn read_item(item: &[Token], extras: &mut Extras) {
    const TABLE_CONSTRAINTS: [&str; 5] = ["constraint", "primary", "unique", "check", "foreign"];
    let Some(first) = item.first() else { return };
    let is_constraint = TABLE_CONSTRAINTS.iter().any(|word| first.is_word(word));
    let mut column = ColumnExtras::default();
    let mut position = usize::from(!is_constraint);
    while position < item.len() {
        position += read_clause(&item[position..], &mut column, &mut extras.checks);
    }
    if is_constraint {
        if !column.options.is_empty() {
            extras.clauses.push(text(item));
        }
    } else {
        column.options.sort();
        extras.columns.insert(word(first), column);
    }
}

/// Reads the clause that begins here, if it is one of those sought; how many tokens it has.
fn read_clause(rest: &[Token], column: &mut ColumnExtras, checks: &mut Vec<String>) -> usize {
    let is = |position: usize, word: &str| rest.get(position).is_some_and(|token| token.is_word(word));
    let group = group_length(&rest[1..]);
    if is(0, "check") && group > 0 {
        checks.push(text(&rest[1..=group]));
        return 1 + group;
    }
    if is(0, "as") && group > 0 {
        let stored = if is(1 + group, "stored") { "stored" } else { "virtual" };
        column.generated = Some(format!("{} {stored}", text(&rest[1..=group])));
        return 1 + group;
    }
    let length = match () {
        () if is(0, "collate") => 2,
        () if is(0, "on") && is(1, "conflict") => 3,
        () if is(0, "not") && is(1, "deferrable") => 2,
        () if is(0, "initially") => 2,
        () if is(0, "autoincrement") || is(0, "deferrable") => 1,
        () if rest[0].is_symbol('(') => return group_length(rest),
        () => return 1,
    };
    let length = length.min(rest.len());
    column.options.push(text(&rest[..length]));
    length
}

/// Number of tokens of the bracketed group at the start; 0 when there is none.
fn group_length(tokens: &[Token]) -> usize {
    let mut depth = 0_usize;
    for (position, token) in tokens.iter().enumerate() {
        if token.is_symbol('(') {
            depth += 1;
        } else if token.is_symbol(')') {
            depth = depth.saturating_sub(1);
        }
        if depth == 0 {
            return if position == 0 { 0 } else { position + 1 };
        }
    }
    // Unclosed: the engine would not have taken it; end rather than loop.
    tokens.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_statement_has_one_text() {
        let wanted = "create index by_name on users ( lower ( name ) ) where name <> 'A  b'";
        for sql in [
            "CREATE INDEX by_name ON users(lower(name)) WHERE name <> 'A  b'",
            "create index \"by_name\" on [Users] -- why\n ( LOWER ( `name` ) )\nwhere name<>'A  b'",
        ] {
            // `<>` is two symbols.
            assert_eq!(canonical(sql).replace("< >", "<>"), wanted, "{sql}");
        }
    }

    #[test]
    fn a_name_that_is_a_reserved_word_stays_a_name() {
        // SQLite knows letters of ASCII only.
        assert_eq!(
            canonical("SELECT \"Order\", \"Name\", [Ärger] ORDER BY 1"),
            "select \"order\" , name , Ärger order by 1"
        );
    }

    #[test]
    fn a_tables_text_tells_what_pragmas_do_not() {
        let extras = extras(
            "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT COLLATE NOCASE CHECK (length(a) > 1), \
             b TEXT GENERATED ALWAYS AS (lower(a)) STORED, \"c, d\" TEXT DEFAULT (max(1, 2)), \
             CONSTRAINT x CHECK (b <> ')'), UNIQUE (a, b) ON CONFLICT IGNORE)",
        );
        assert_eq!(extras.checks, ["( b < > ')' )", "( length ( a ) > 1 )"]);
        assert_eq!(extras.columns["id"].options, ["autoincrement"]);
        assert_eq!(extras.columns["a"].options, ["collate nocase"]);
        assert_eq!(extras.columns["b"].generated.as_deref(), Some("( lower ( a ) ) stored"));
        assert_eq!(extras.columns["\"c, d\""], ColumnExtras::default());
        assert_eq!(extras.clauses, ["unique ( a , b ) on conflict ignore"]);
    }
}
