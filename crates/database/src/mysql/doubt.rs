//! Reverts of work that did not get to its end: what they should undo may not be there.

use super::sql::tokens;
use super::transaction::Here;
use crate::error::Error;

/// True when the error says that there is nothing to undo. The number stands at the end of every message of the server's
/// (see [`super::connect::describe`]).
pub(super) fn is_undone(sql: &str, error: &Error) -> bool {
    let Error::Statement { message, .. } = error else { return false };
    let number = message.rsplit_once("(error ").and_then(|(_, end)| end.strip_suffix(')')?.parse::<u16>().ok());
    let removes = tokens(sql).iter().any(|token| token.is_word("drop"));
    match number {
        // Exists already: table, column, key, constraint, trigger, routine, view or sequence, foreign key, event, check.
        Some(1050 | 1060 | 1061 | 1304 | 1359 | 1537 | 1826 | 1831 | 3822) => !removes,
        // Is not there: table, column, key or column to drop, table, key column, constraint, trigger, routine, event,
        // sequence, view, check.
        Some(1051 | 1054 | 1091 | 1146 | 1176 | 1305 | 1360 | 1539 | 3821 | 3940 | 4091 | 4092) => true,
        _ => false,
    }
}

/// Runs a statement inside a transaction; one that has nothing to undo counts as done.
pub(super) async fn run(here: &mut Here<'_>, sql: &str, undoes_unfinished_work: bool) -> Result<u64, Error> {
    match here.run(sql).await {
        // An error of this kind has no effect, and leaves the transaction as it was.
        Err(error) if undoes_unfinished_work && is_undone(sql, &error) => {
            tracing::info!(database = here.place, statement = sql, "nothing to undo");
            Ok(0)
        }
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_there_counts_as_undone() {
        let error = |number: u16| Error::Statement {
            database: String::new(),
            statement: String::new(),
            message: format!("Something (error {number})"),
        };
        for (sql, number, undone) in [
            ("ALTER TABLE t DROP COLUMN a", 1091, true),
            ("DROP TABLE t", 1051, true),
            ("ALTER TABLE t ADD COLUMN a int", 1060, true),
            ("ALTER TABLE t DROP COLUMN a, ADD COLUMN b int", 1060, false),
            ("ALTER TABLE t ADD COLUMN a int", 1064, false),
        ] {
            assert_eq!(is_undone(sql, &error(number)), undone, "{sql}");
        }
    }
}
