//! A step as the moments that others see it in: after each statement that is not hidden in a transaction, after each batch. They
//! are run without the agent's adapter, which looks at the whole schema before and after; it runs whole steps on the other node.

use super::dialect::Dialect;
use crate::golden::Stand;
use anyhow::{Result, ensure};
use lockstep_core::Engine;
use lockstep_core::step::{Action, Assertion, Backfill};
use lockstep_database::plain::Value;

/// The parts of an action, each an action of its own. What it says of rows is taken from those that are there now; the last part is
/// for all that come meanwhile.
pub(super) async fn moments(stand: &Stand, action: &Action) -> Result<Vec<Action>> {
    Ok(match action {
        Action::Statements { statements, transactional: false } => {
            let alone = |statement: &String| Action::Statements {
                statements: vec![statement.clone()],
                transactional: false,
            };
            statements.iter().map(alone).collect()
        }
        Action::Backfill(backfill) => batches(stand, backfill).await?,
        other => vec![other.clone()],
    })
}

/// One batch for each row that the backfill finds.
async fn batches(stand: &Stand, backfill: &Backfill) -> Result<Vec<Action>> {
    let dialect = Dialect(stand.engine);
    let key: Vec<String> = backfill.key.iter().map(|column| dialect.quote(column)).collect();
    let text = if stand.engine == Engine::Postgres || stand.engine == Engine::Sqlite { "text" } else { "char" };
    let told: Vec<String> = key.iter().map(|column| format!("CAST({column} AS {text})")).collect();
    let filter = backfill.only_where.as_deref().unwrap_or("1 = 1");
    let sql = format!("SELECT {} FROM {} WHERE {filter} LIMIT {ROWS_ALONE_MAX}", told.join(", "), backfill.table);
    let mut parts = Vec::new();
    for row in stand.connection.query(&sql, &[]).await? {
        let equal = key.iter().zip(&row).map(|(column, value)| match value {
            Value::Text(text) => format!("{column} = '{}'", text.replace('\'', "''")),
            _ => format!("{column} IS NULL"),
        });
        let only = format!("({filter}) AND {}", equal.collect::<Vec<_>>().join(" AND "));
        parts.push(Action::Backfill(Backfill { only_where: Some(only), ..backfill.clone() }));
    }
    parts.push(Action::Backfill(backfill.clone()));
    Ok(parts)
}

/// Rows of a backfill that are points of their own.
const ROWS_ALONE_MAX: usize = 3;

/// Does one part.
pub(super) async fn run(stand: &mut Stand, name: &str, action: &Action) -> Result<()> {
    if stand.engine == Engine::Sqlite {
        // A look at its schema costs nothing, and its steps need the settings of the adapter's connection.
        return stand.execute(name, action).await;
    }
    let connection = &stand.connection;
    match action {
        Action::Nothing => {}
        Action::Statements { statements, transactional: true } => {
            let statements = statements.iter().map(|statement| (statement.clone(), Vec::new())).collect();
            connection.transaction(statements).await?;
        }
        Action::Statements { statements, .. } => {
            for statement in statements {
                connection.execute(statement, &[]).await?;
            }
        }
        Action::Backfill(backfill) => {
            let filter = backfill.only_where.as_ref().map(|only| format!(" WHERE {only}")).unwrap_or_default();
            connection.execute(&format!("UPDATE {} SET {}{filter}", backfill.table, backfill.set), &[]).await?;
        }
        Action::Assert { assertions } => prove(stand, assertions).await?,
    }
    Ok(())
}

/// Fails unless all hold.
pub(super) async fn prove(stand: &Stand, assertions: &[Assertion]) -> Result<()> {
    for assertion in assertions {
        let violations = stand
            .connection
            .query(&format!("SELECT count(*) FROM ({}) AS x", assertion.violations_query), &[])
            .await?;
        let count = violations.first().and_then(|row| row.first()).and_then(Value::as_integer);
        ensure!(count == Some(0), "{}: {count:?} rows do not: {}", assertion.name, assertion.violations_query);
    }
    Ok(())
}
