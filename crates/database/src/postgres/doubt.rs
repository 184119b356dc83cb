//! Statements of which an earlier attempt may have done the work already: recognised by what the server says.

use super::transaction::Here;
use crate::error::Error;
use crate::statement::{self, Quoting, Token};
use tokio_postgres::error::SqlState;

/// True when the error says that the statement's effect is there already.
pub(super) fn is_done(sql: &str, error: &tokio_postgres::Error) -> bool {
    let tokens = statement::tokens(sql, Quoting::Standard);
    let removes = tokens.iter().any(|token| token.is_word("drop"));
    match error.code() {
        Some(
            &(SqlState::DUPLICATE_TABLE
            | SqlState::DUPLICATE_COLUMN
            | SqlState::DUPLICATE_OBJECT
            | SqlState::DUPLICATE_SCHEMA
            | SqlState::DUPLICATE_FUNCTION),
        ) => !removes,
        Some(
            &(SqlState::UNDEFINED_TABLE
            | SqlState::UNDEFINED_COLUMN
            | SqlState::UNDEFINED_OBJECT
            | SqlState::UNDEFINED_FUNCTION
            | SqlState::INVALID_SCHEMA_NAME),
        ) => removes,
        _ => false,
    }
}

/// Runs a statement inside a transaction; one whose effect is there already counts as done.
pub(super) async fn run_in_transaction(here: &Here<'_>, sql: &str) -> Result<u64, Error> {
    let own = |sql: &'static str| async move {
        here.transaction.batch_execute(sql).await.map_err(|error| here.meaning(sql, &error))
    };
    own("SAVEPOINT lockstep").await?;
    match here.transaction.execute(sql, &[]).await {
        Ok(rows) => own("RELEASE SAVEPOINT lockstep").await.map(|()| rows),
        Err(error) if is_done(sql, &error) => {
            tracing::info!(database = here.place, statement = sql, "nothing to do for a statement in doubt");
            own("ROLLBACK TO SAVEPOINT lockstep").await.map(|()| 0)
        }
        Err(error) => Err(here.meaning(sql, &error)),
    }
}

/// The index that a `CREATE INDEX CONCURRENTLY` makes, and its table, as SQL.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ConcurrentIndex {
    pub(super) name: String,
    pub(super) table: String,
}

/// Reads the statement's head. `None` for anything else, and for an index without a name.
pub(super) fn concurrent_index(sql: &str) -> Option<ConcurrentIndex> {
    let tokens = statement::tokens(sql, Quoting::Standard);
    let mut rest = tokens.as_slice();
    skip(&mut rest, &["create"]).then_some(())?;
    skip(&mut rest, &["unique"]);
    skip(&mut rest, &["index", "concurrently"]).then_some(())?;
    skip(&mut rest, &["if", "not", "exists"]);
    let name = rest.first().filter(|token| !token.is_word("on")).and_then(name)?;
    rest = &rest[1..];
    skip(&mut rest, &["on"]).then_some(())?;
    skip(&mut rest, &["only"]);
    Some(ConcurrentIndex { name, table: qualified_name(rest) })
}

/// The constraint that an `ALTER TABLE ... ADD CONSTRAINT name ... USING INDEX` makes, and its table, as SQL.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct IndexConstraint {
    pub(super) name: String,
    pub(super) table: String,
}

/// Reads the statement. `None` for anything else.
///
/// Done once more, such a statement does not say that the constraint is there: the index has its name by now, or belongs to it.
pub(super) fn index_constraint(sql: &str) -> Option<IndexConstraint> {
    let tokens = statement::tokens(sql, Quoting::Standard);
    let mut rest = tokens.as_slice();
    skip(&mut rest, &["alter", "table"]).then_some(())?;
    skip(&mut rest, &["if", "exists"]);
    skip(&mut rest, &["only"]);
    let table = qualified_name(rest);
    let words = |at: usize, words: &[&str]| statement::begins(&rest[at..], words);
    let add = (0..rest.len()).find(|at| words(*at, &["add", "constraint"]))?;
    (add..rest.len()).find(|at| words(*at, &["using", "index"]))?;
    Some(IndexConstraint { name: name(rest.get(add + 2)?)?, table })
}

/// A name as it is meant. `None` for what is no name.
fn name(token: &Token) -> Option<String> {
    match token {
        Token::Word(word) => Some(word.to_lowercase()),
        Token::Quoted(name) => Some(name.clone()),
        _ => None,
    }
}

fn skip(rest: &mut &[Token], words: &[&str]) -> bool {
    let found = statement::begins(rest, words);
    if found {
        *rest = &rest[words.len()..];
    }
    found
}

/// `a`, `a.b`: words and quoted names with dots between them.
fn qualified_name(tokens: &[Token]) -> String {
    let mut text = String::new();
    for (position, token) in tokens.iter().enumerate() {
        match token {
            Token::Word(word) if position % 2 == 0 => text.push_str(&statement::quote(&word.to_lowercase())),
            Token::Quoted(name) if position % 2 == 0 => text.push_str(&statement::quote(name)),
            Token::Symbol('.') if position % 2 == 1 => text.push('.'),
            _ => break,
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_constraint_that_takes_an_index() {
        let of = |sql: &str| index_constraint(sql).map(|found| format!("{} of {}", found.name, found.table));
        for (sql, wanted) in [
            ("ALTER TABLE Users ADD CONSTRAINT Mails UNIQUE USING INDEX by_mail", Some(r#"mails of "users""#)),
            (
                r#"alter table only app."Users" add constraint "Key" primary key using index k"#,
                Some(r#"Key of "app"."Users""#),
            ),
            ("ALTER TABLE users ADD CONSTRAINT mails UNIQUE (mail)", None),
            ("CREATE INDEX a ON users (b)", None),
        ] {
            assert_eq!(of(sql).as_deref(), wanted, "{sql}");
        }
    }

    #[test]
    fn finds_the_index_of_a_concurrent_build() {
        let index =
            |name: &str, table: &str| Some(ConcurrentIndex { name: name.to_owned(), table: table.to_owned() });
        for (sql, wanted) in [
            ("CREATE INDEX CONCURRENTLY by_mail ON Users (email)", index("by_mail", r#""users""#)),
            (
                r#"create unique index concurrently if not exists "By Mail" on only app."Users"(email)"#,
                index("By Mail", r#""app"."Users""#),
            ),
            ("CREATE INDEX CONCURRENTLY ON users (email)", None),
            ("CREATE INDEX by_mail ON users (email)", None),
        ] {
            assert_eq!(concurrent_index(sql), wanted, "{sql}");
        }
    }
}
