//! One statement: its text, its place, its directives, and what the parser makes of it.

use super::cut::Piece;
use super::{Directive, Error};
use lockstep_core::Engine;
use sqlparser::ast;
use sqlparser::dialect::{Dialect, MySqlDialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::parser::Parser;

/// Nesting that the parser follows before it gives up.
const NESTING_MAX: usize = 100;

/// A statement of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// As written, without the semicolon.
    pub sql: String,
    /// Of its first word, counted from 1.
    pub line: usize,
    /// Those right above it.
    pub directives: Vec<Directive>,
    /// What it is.
    pub kind: Kind,
}

/// What the parser makes of a statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// It knows it.
    Parsed(Box<ast::Statement>),
    /// It does not, and says this. Never planned by guess.
    Opaque(String),
}

impl Statement {
    pub(super) fn of(engine: Engine, piece: &Piece<'_>) -> Result<Self, Error> {
        let directives = piece.comments.iter().filter_map(|(line, text)| Directive::read(*line, text));
        let directives: Vec<Directive> = directives.collect::<Result<_, _>>()?;
        if let Some(column) = directives.iter().find_map(|directive| column_not_named(directive, &piece.sql)) {
            let problem =
                format!("the directive is about column {column}, which the statement below it does not name");
            return Err(Error { line: piece.directive_line().unwrap_or(piece.line), problem });
        }
        Ok(Self {
            kind: parse(engine, &piece.sql),
            sql: piece.sql.clone().into_owned(),
            line: piece.line,
            directives,
        })
    }

    /// What existing rows of a column are to get, by directive. `column` is unquoted.
    #[must_use]
    pub fn backfill_of(&self, column: &str) -> Option<&str> {
        self.directives.iter().find_map(|directive| match directive {
            Directive::Backfill { column: named, expression } if crate::name::same(named, column) => {
                Some(expression.as_str())
            }
            _ => None,
        })
    }

    /// What undoes it, by directive; empty when there is none.
    #[must_use]
    pub fn reverts(&self) -> Vec<String> {
        let revert = |directive: &Directive| match directive {
            Directive::Revert { statement } => Some(statement.clone()),
            _ => None,
        };
        self.directives.iter().filter_map(revert).collect()
    }

    /// True when a directive says exactly this.
    #[must_use]
    pub fn says(&self, directive: &Directive) -> bool {
        self.directives.contains(directive)
    }
}

/// The column of a backfill that the statement says nothing of: mistyped, or above the wrong statement.
fn column_not_named<'a>(directive: &'a Directive, sql: &str) -> Option<&'a str> {
    let Directive::Backfill { column, .. } = directive else { return None };
    let bare = column.trim_matches(['"', '`']);
    (!sql.to_lowercase().contains(&bare.to_lowercase())).then_some(column)
}

fn parse(engine: Engine, sql: &str) -> Kind {
    let dialect: &dyn Dialect = match engine {
        Engine::Postgres => &PostgreSqlDialect {},
        Engine::Sqlite => &SQLiteDialect {},
        Engine::Mariadb | Engine::Mysql => &MySqlDialect {},
    };
    let parsed = Parser::new(dialect)
        .with_recursion_limit(NESTING_MAX)
        .try_with_sql(without_data(sql))
        .and_then(|mut parser| parser.parse_statements());
    match parsed {
        Ok(mut statements) if statements.len() == 1 => Kind::Parsed(Box::new(statements.remove(0))),
        Ok(statements) => Kind::Opaque(format!("the parser finds {} statements in it", statements.len())),
        Err(error) => Kind::Opaque(error.to_string()),
    }
}

/// Whether a materialized view is filled at once says nothing of what it is, and the parser does not know how that is written.
fn without_data(sql: &str) -> &str {
    let mut words = sql.split_whitespace();
    let is_view = ["create", "materialized", "view"]
        .into_iter()
        .all(|expected| words.next().is_some_and(|word| word.eq_ignore_ascii_case(expected)));
    let data = without_last(sql, "data").filter(|_| is_view);
    data.and_then(|kept| without_last(without_last(kept, "no").unwrap_or(kept), "with")).unwrap_or(sql)
}

/// What stands before the last word, if it is this one.
fn without_last<'a>(sql: &'a str, word: &str) -> Option<&'a str> {
    let (before, last) = sql.trim_end().rsplit_once(char::is_whitespace)?;
    last.eq_ignore_ascii_case(word).then_some(before)
}
