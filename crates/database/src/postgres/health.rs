//! What the server tells of its health.

use super::Postgres;
use super::connect::meaning;
use crate::error::Error;
use crate::health::Health;
use std::time::Instant;

/// A standby that has replayed all that it received is not behind, however long ago the last transaction was; but only as long as
/// it receives: one that is cut off from its primary does not know what it lacks.
const SQL: &str = "
SELECT
    CASE WHEN NOT pg_is_in_recovery() THEN NULL
         WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()
             AND EXISTS (SELECT FROM pg_stat_wal_receiver WHERE pid IS NOT NULL) THEN 0
         ELSE (extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000)::bigint END,
    count(*) FILTER (WHERE state = 'active'),
    count(*) FILTER (WHERE wait_event_type = 'Lock'),
    (extract(epoch FROM clock_timestamp() - min(xact_start)) * 1000)::bigint
FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
    AND application_name <> 'lockstep'";

pub(super) async fn read(database: &Postgres) -> Health {
    let started = Instant::now();
    match ask(database).await {
        Ok(health) => {
            Health { latency_us: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX), ..health }
        }
        Err(error) => Health { problem: Some(error.to_string()), ..Health::default() },
    }
}

async fn ask(database: &Postgres) -> Result<Health, Error> {
    let reader = database.reader().await?;
    let row = reader.query_one(SQL, &[]).await.map_err(|error| meaning(&database.server.place, SQL, &error))?;
    let milliseconds = |column: usize| row.get::<_, Option<i64>>(column).map(|ms| u64::try_from(ms).unwrap_or(0));
    let count = |column: usize| u32::try_from(row.get::<_, i64>(column)).ok();
    Ok(Health {
        reachable: true,
        replication_lag_ms: milliseconds(0),
        sessions_running: count(1),
        sessions_waiting_on_locks: count(2),
        oldest_transaction_ms: milliseconds(3),
        ..Health::default()
    })
}
