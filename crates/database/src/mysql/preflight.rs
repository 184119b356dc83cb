//! What stands in the way of a step.
//!
//! Not looked at: free space on disk (SQL does not tell it), syntax (the server offers no check without running).

use super::connect::{Server, meaning};
use super::rights::{self, Rights};
use super::sql::{Token, literal, tokens};
use super::transaction::Run;
use crate::error::{Error, beginning};
use crate::preflight::{Limits, failed_look, violated};
use crate::retry::milliseconds;
use lockstep_core::in_flight::Obstacle;
use lockstep_core::step::Assertion;
use lockstep_core::{Engine, Step};
use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;
use std::time::Duration;

/// The server renews its list of transactions only when nobody has read it for 100 ms.
pub(super) const UNREAD: Duration = Duration::from_millis(110);

pub(super) async fn preflight(server: &Server, step: &Step, limits: &Limits) -> Vec<Obstacle> {
    match look(server, step, limits).await {
        Ok(obstacles) => obstacles,
        Err(error) => vec![failed_look(&error)],
    }
}

async fn look(server: &Server, step: &Step, limits: &Limits) -> Result<Vec<Obstacle>, Error> {
    let (mut connection, release) = server.connect().await?;
    let mut obstacles = Vec::new();
    obstacles.extend(read_only(server, &mut connection).await?);
    let Rights { missing, sees_others } = rights::read(server, &mut connection).await?;
    if sees_others {
        obstacles.extend(old_transactions(server, &mut connection, release.engine, &step.targets, limits).await?);
    }
    obstacles.extend(missing);
    for assertion in &step.preconditions {
        let query = &assertion.violations_query;
        check_query(&server.place, query)?;
        run_read_only(server, &mut connection, limits.rows_shown_max).await?;
        let rows = rows(&mut connection, query).await;
        let ended = connection.query_drop("ROLLBACK").await;
        let rows = rows.map_err(|error| meaning(&server.place, query, &error))?;
        ended.map_err(|error| meaning(&server.place, "ROLLBACK", &error))?;
        if !rows.is_empty() {
            obstacles.push(violated(&assertion.name, &rows));
        }
    }
    Ok(obstacles)
}

async fn read_only(server: &Server, connection: &mut Conn) -> Result<Option<Obstacle>, Error> {
    let sql = "SELECT @@GLOBAL.read_only";
    let read_only: Option<u8> =
        connection.query_first(sql).await.map_err(|error| meaning(&server.place, sql, &error))?;
    Ok((read_only == Some(1)).then(|| Obstacle {
        kind: "read_only".to_owned(),
        message: format!("{} takes no writes: read_only is set", server.place),
        remedy: "point the agent at the primary, or lift read_only".to_owned(),
    }))
}

/// Transactions older than the limit that hold a target.
async fn old_transactions(
    server: &Server,
    connection: &mut Conn,
    engine: Engine,
    targets: &[String],
    limits: &Limits,
) -> Result<Vec<Obstacle>, Error> {
    if targets.is_empty() {
        return Ok(Vec::new());
    }
    let holds = holds(engine, connection, targets).await;
    let certainly = if holds.is_some() { "holds" } else { "may hold" };
    let sql = format!(
        "SELECT p.ID, p.USER, p.HOST, TIMESTAMPDIFF(MICROSECOND, t.trx_started, NOW(6)) DIV 1000, p.INFO
         FROM information_schema.INNODB_TRX t JOIN information_schema.PROCESSLIST p ON p.ID = t.trx_mysql_thread_id
         WHERE p.ID <> CONNECTION_ID() AND p.DB = DATABASE() AND {}
            AND TIMESTAMPDIFF(MICROSECOND, t.trx_started, NOW(6)) >= {}
         ORDER BY t.trx_started",
        holds.as_deref().unwrap_or("TRUE"),
        milliseconds(limits.transaction_age_max).saturating_mul(1_000)
    );
    tokio::time::sleep(UNREAD).await;
    let rows: Vec<(u64, String, String, i64, Option<String>)> =
        connection.query(&sql).await.map_err(|error| not_seen(server, &error))?;
    let describe = |(id, user, host, age_ms, query): (u64, String, String, i64, Option<String>)| Obstacle {
        kind: "lock_held".to_owned(),
        message: format!(
            "a transaction of connection {id} (user {user}, from {host}) is open since {age_ms} ms and {certainly} {}; \
             its present statement: {}",
            targets.join(", "),
            query.as_deref().map_or("none".to_owned(), beginning)
        ),
        remedy: format!("let it end, or end it: KILL {id}"),
    };
    Ok(rows.into_iter().map(describe).collect())
}

pub(super) fn not_seen(server: &Server, error: &mysql_async::Error) -> Error {
    match meaning(&server.place, "looking for old transactions", error) {
        Error::NoPermission { database, reason, .. } => {
            let remedy = format!("GRANT PROCESS ON *.* TO the agent's user {}", server.user());
            Error::NoPermission { database, reason, remedy }
        }
        other => other,
    }
}

/// A condition on `p.ID`: the session holds one of the tables. MySQL's performance schema and MariaDB's plugin `metadata_lock_info`
/// tell; `None` without them.
pub(super) async fn holds(engine: Engine, connection: &mut Conn, targets: &[String]) -> Option<String> {
    let (is_there, holders) = if engine == Engine::Mysql { METADATA_LOCKS } else { METADATA_LOCK_INFO };
    let found: Result<Option<u8>, _> = connection.query_first(is_there).await;
    matches!(found, Ok(Some(1))).then(|| format!("p.ID IN ({holders} IN ({}))", names(targets)))
}

/// Gives 1 where the server keeps a list of who holds which table; and the beginning of a query for holders of tables by their names.
type ListOfHolders = (&'static str, &'static str);

/// MySQL's. Empty where the performance schema is off, or was told not to look at these locks.
const METADATA_LOCKS: ListOfHolders = (
    "SELECT COUNT(*) FROM performance_schema.setup_instruments i JOIN performance_schema.setup_consumers c
        WHERE i.NAME = 'wait/lock/metadata/sql/mdl' AND i.ENABLED = 'YES' AND c.NAME = 'global_instrumentation' AND c.ENABLED = 'YES'",
    "SELECT t.PROCESSLIST_ID FROM performance_schema.metadata_locks m
        JOIN performance_schema.threads t ON t.THREAD_ID = m.OWNER_THREAD_ID
        WHERE m.OBJECT_SCHEMA = DATABASE() AND m.OBJECT_NAME",
);

/// MariaDB's.
const METADATA_LOCK_INFO: ListOfHolders = (
    "SELECT COUNT(*) FROM information_schema.PLUGINS
        WHERE PLUGIN_NAME = 'METADATA_LOCK_INFO' AND PLUGIN_STATUS = 'ACTIVE'",
    "SELECT THREAD_ID FROM information_schema.METADATA_LOCK_INFO WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME",
);

fn names(targets: &[String]) -> String {
    let bare = |target: &String| {
        let name = match tokens(target).last() {
            Some(Token::Name(name)) => name.trim_matches('`').replace("``", "`"),
            Some(token) => token.text().to_owned(),
            None => String::new(),
        };
        literal(&name)
    };
    targets.iter().map(bare).collect::<Vec<_>>().join(", ")
}

/// Fails when the assertion does not hold.
pub(super) async fn assert_one(
    run: &mut Run<'_>,
    assertion: &Assertion,
    rows_shown_max: u32,
) -> Result<(), Error> {
    let query = &assertion.violations_query;
    check_query(&run.server.place, query)?;
    run_read_only(run.server, &mut run.connection, rows_shown_max).await?;
    let found = run.rows(query).await;
    // Ends the transaction in any case; when that fails, the connection is gone, and so is the transaction.
    let ended = run.connection.query_drop("ROLLBACK; SET SESSION sql_select_limit = DEFAULT").await;
    let rows = describe_all(found?);
    ended.map_err(|error| meaning(&run.server.place, "ROLLBACK", &error))?;
    if rows.is_empty() {
        return Ok(());
    }
    Err(Error::Violations { database: run.server.place.clone(), assertion: assertion.name.clone(), rows })
}

/// An assertion is one query.
fn check_query(place: &str, query: &str) -> Result<(), Error> {
    let tokens = tokens(query);
    let first = tokens.iter().find(|token| token.text() != "(");
    let asks = ["select", "with", "values", "table"];
    let is_query = first.is_some_and(|first| asks.iter().any(|word| first.is_word(word)));
    let end = tokens.iter().rposition(|token| token.text() != ";").map_or(0, |last| last + 1);
    if is_query && !tokens[..end].contains(&Token::Symbol(";")) {
        return Ok(());
    }
    Err(Error::Statement {
        database: place.to_owned(),
        statement: beginning(query),
        message: "an assertion is one query: SELECT the offending rows".to_owned(),
    })
}

/// Begins a transaction that can change nothing, with so many rows to a query.
async fn run_read_only(server: &Server, connection: &mut Conn, rows_max: u32) -> Result<(), Error> {
    let sql = format!("SET SESSION sql_select_limit = {rows_max}; START TRANSACTION READ ONLY");
    connection.query_drop(&sql).await.map_err(|error| meaning(&server.place, &sql, &error))
}

async fn rows(connection: &mut Conn, query: &str) -> Result<Vec<String>, mysql_async::Error> {
    let rows: Vec<mysql_async::Row> = connection.query(query).await?;
    Ok(describe_all(rows))
}

fn describe_all(rows: Vec<mysql_async::Row>) -> Vec<String> {
    rows.into_iter().map(describe).collect()
}

fn describe(row: mysql_async::Row) -> String {
    let columns = row.columns();
    let value = |value: mysql_async::Value| match value {
        mysql_async::Value::NULL => "NULL".to_owned(),
        mysql_async::Value::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        other => other.as_sql(true),
    };
    let pairs = columns.iter().zip(row.unwrap());
    pairs.map(|(column, cell)| format!("{}={}", column.name_str(), value(cell))).collect::<Vec<_>>().join(" ")
}
