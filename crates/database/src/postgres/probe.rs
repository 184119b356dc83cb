//! The operator's probe.

use super::Postgres;
use super::connect::meaning;
use crate::error::Error;
use crate::probe::{GRACE, Probe};
use std::time::{Duration, Instant};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

/// A connection whose answer did not come is dropped: the server ends the statement by itself.
pub(super) async fn run(database: &Postgres, probe: &Probe) -> Result<Duration, Error> {
    let mut kept = database.prober.lock().await;
    let client = match kept.take().filter(|client| !client.is_closed()) {
        Some(client) => client,
        None => connect(database, probe).await?,
    };
    let started = Instant::now();
    let answer = tokio::time::timeout(probe.time_limit + GRACE, client.simple_query(&probe.sql)).await;
    let took = started.elapsed();
    match answer {
        Err(_) => Ok(probe.time_limit),
        Ok(Ok(_)) => {
            *kept = Some(client);
            Ok(took.min(probe.time_limit))
        }
        Ok(Err(error)) if error.code() == Some(&SqlState::QUERY_CANCELED) => {
            *kept = Some(client);
            Ok(probe.time_limit)
        }
        Ok(Err(error)) => {
            *kept = Some(client);
            Err(meaning(&database.server.place, &probe.sql, &error))
        }
    }
}

async fn connect(database: &Postgres, probe: &Probe) -> Result<Client, Error> {
    let client = database.server.connect().await?;
    let sql = format!("SET statement_timeout = {}", probe.time_limit.as_millis().max(1));
    client.batch_execute(&sql).await.map_err(|error| meaning(&database.server.place, &sql, &error))?;
    Ok(client)
}
