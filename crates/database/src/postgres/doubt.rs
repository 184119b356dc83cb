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
    let name = match rest.first()? {
        Token::Word(word) if !word.eq_ignore_ascii_case("on") => word.to_lowercase(),
        Token::Quoted(name) => name.clone(),
        _ => return None,
    };
    rest = &rest[1..];
    skip(&mut rest, &["on"]).then_some(())?;
    skip(&mut rest, &["only"]);
    Some(ConcurrentIndex { name, table: qualified_name(rest) })
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
