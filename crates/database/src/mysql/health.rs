//! What the server tells of its health.

use super::Mysql;
use super::connect::meaning;
use crate::error::Error;
use crate::health::Health;
use lockstep_core::Engine;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Row};
use std::time::Instant;

const SESSIONS: &str =
    "SELECT COALESCE(SUM(COMMAND <> 'Sleep'), 0), COALESCE(SUM(STATE LIKE 'Waiting for%lock%'), 0)
    FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND ID <> CONNECTION_ID()";

const OLDEST: &str = "SELECT TIMESTAMPDIFF(MICROSECOND, MIN(t.trx_started), NOW(6)) DIV 1000
    FROM information_schema.INNODB_TRX t JOIN information_schema.PROCESSLIST p ON p.ID = t.trx_mysql_thread_id
    WHERE p.DB = DATABASE() AND p.ID <> CONNECTION_ID()";

pub(super) async fn read(database: &Mysql) -> Health {
    let started = Instant::now();
    match ask(database).await {
        Ok(health) => {
            Health { latency_us: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX), ..health }
        }
        Err(error) => Health { problem: Some(error.to_string()), ..Health::default() },
    }
}

async fn ask(database: &Mysql) -> Result<Health, Error> {
    let mut kept = database.reader.lock().await;
    let mut connection = database.take_reader(&mut kept).await?;
    let sessions: Option<(u32, u32)> = connection
        .query_first(SESSIONS)
        .await
        .map_err(|error| meaning(&database.server.place, SESSIONS, &error))?;
    let oldest: Option<Option<u64>> = optional(connection.query_first(OLDEST).await);
    let lag_ms = lag_ms(database.server.engine, &mut connection).await;
    *kept = Some(connection);
    Ok(Health {
        reachable: true,
        replication_lag_ms: lag_ms,
        sessions_running: sessions.map(|(running, _)| running),
        sessions_waiting_on_locks: sessions.map(|(_, waiting)| waiting),
        oldest_transaction_ms: oldest.flatten(),
        ..Health::default()
    })
}

/// What the agent's user may not see is not told.
fn optional<T>(result: Result<Option<T>, mysql_async::Error>) -> Option<T> {
    result.ok().flatten()
}

async fn lag_ms(engine: Engine, connection: &mut Conn) -> Option<u64> {
    let (sql, column) = match engine {
        Engine::Mariadb => ("SHOW SLAVE STATUS", "Seconds_Behind_Master"),
        _ => ("SHOW REPLICA STATUS", "Seconds_Behind_Source"),
    };
    let row: Row = optional(connection.query_first(sql).await)?;
    let seconds: Option<u64> = row.get_opt(column).and_then(Result::ok).flatten();
    seconds.map(|seconds| seconds.saturating_mul(1_000))
}
