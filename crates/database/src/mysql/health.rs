//! What the server tells of its health.

use super::Mysql;
use super::connect::meaning;
use crate::error::Error;
use crate::health::{Health, Volume};
use lockstep_core::Engine;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Row};
use std::path::Path;
use std::time::Instant;

/// Running, running within the last second, waiting; the agent's own left out.
fn sessions(engine: Engine, own: &str) -> String {
    let since_last = match engine {
        Engine::Mariadb => "TIME_MS < 1000",
        // It counts whole seconds.
        _ => "TIME = 0",
    };
    format!(
        "SELECT COALESCE(SUM(COMMAND <> 'Sleep'), 0), COALESCE(SUM(COMMAND <> 'Sleep' OR {since_last}), 0),
            COALESCE(SUM(STATE LIKE 'Waiting for%lock%'), 0)
        FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND ID NOT IN ({own})"
    )
}

/// Waits for rows show in no state of a session. Takes the PROCESS privilege to see those of others.
const ROW_WAITS: &str = "SELECT COUNT(*) FROM information_schema.INNODB_TRX t
    JOIN information_schema.PROCESSLIST p ON p.ID = t.trx_mysql_thread_id
    WHERE t.trx_state = 'LOCK WAIT' AND p.DB = DATABASE() AND p.ID <> CONNECTION_ID()";

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
    let sql = sessions(database.server.engine, &database.server.own_connections());
    let sessions: Option<(u32, u32, u32)> =
        connection.query_first(&sql).await.map_err(|error| meaning(&database.server.place, &sql, &error))?;
    let row_waits: Option<u32> = optional(connection.query_first(ROW_WAITS).await);
    let oldest: Option<Option<u64>> = optional(connection.query_first(OLDEST).await);
    let lag_ms = lag_ms(database.server.engine, &mut connection).await;
    let volume = volume(database, &mut connection).await;
    *kept = Some(connection);
    Ok(Health {
        volume,
        reachable: true,
        replication_lag_ms: lag_ms,
        sessions_running: sessions.map(|(running, ..)| running),
        // Who may not see the waits of others does not see who is at work either.
        sessions_lately: row_waits.and(sessions).map(|(_, lately, _)| lately),
        sessions_waiting_on_locks: sessions.map(|(.., waiting)| waiting + row_waits.unwrap_or(0)),
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

/// The data directory's, when the server is on this machine.
async fn volume(database: &Mysql, connection: &mut Conn) -> Option<Volume> {
    if !database.server.is_local() {
        return None;
    }
    let directory: String = optional(connection.query_first("SELECT @@datadir").await)?;
    Volume::of(Path::new(&directory))
}
