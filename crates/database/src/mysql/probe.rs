//! The operator's probe.

use super::Mysql;
use super::connect::{code, is_lost, meaning};
use crate::error::Error;
use crate::probe::{GRACE, Probe};
use lockstep_core::Engine;
use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;
use std::time::{Duration, Instant};

/// Ended at its time limit: on MariaDB, on MySQL.
const TIME_IS_UP: [u16; 2] = [1969, 3024];

/// A connection whose answer did not come is dropped: the server ends the statement by itself.
pub(super) async fn run(database: &Mysql, probe: &Probe) -> Result<Duration, Error> {
    let mut kept = database.prober.lock().await;
    let mut connection = match kept.take() {
        Some(connection) => connection,
        None => connect(database, probe).await?,
    };
    let started = Instant::now();
    let answer = tokio::time::timeout(probe.time_limit + GRACE, connection.query_drop(&probe.sql)).await;
    let took = started.elapsed().min(probe.time_limit);
    let Ok(answer) = answer else { return Ok(probe.time_limit) };
    let result = match answer {
        Ok(()) => Ok(took),
        Err(error) if is_lost(&error) => return Err(meaning(&database.server.place, &probe.sql, &error)),
        Err(error) if code(&error).is_some_and(|code| TIME_IS_UP.contains(&code)) => Ok(probe.time_limit),
        Err(error) => Err(meaning(&database.server.place, &probe.sql, &error)),
    };
    *kept = Some(connection);
    result
}

/// MySQL's own limit holds for statements that read.
async fn connect(database: &Mysql, probe: &Probe) -> Result<Conn, Error> {
    let (mut connection, _) = database.server.connect().await?;
    let milliseconds = probe.time_limit.as_millis().max(1);
    let sql = match database.server.engine {
        Engine::Mariadb => format!("SET max_statement_time = {}", probe.time_limit.as_secs_f64().max(0.001)),
        _ => format!("SET max_execution_time = {milliseconds}"),
    };
    connection.query_drop(&sql).await.map_err(|error| meaning(&database.server.place, &sql, &error))?;
    Ok(connection)
}
