//! What the server tells of its health.

use super::Postgres;
use super::connect::meaning;
use crate::error::Error;
use crate::health::{Health, Standby, Volume};
use std::path::Path;
use std::time::Instant;
use tokio_postgres::{Client, Row};

/// What the agent's role may not see of others is NULL: they may be clients, at work.
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
    (extract(epoch FROM clock_timestamp() - min(xact_start)) * 1000)::bigint,
    (SELECT setting FROM pg_settings WHERE name = 'data_directory' AND
        (inet_client_addr() IS NULL OR inet_client_addr() = inet_server_addr())),
    count(*) FILTER (WHERE coalesce(state = 'active' OR state_change > clock_timestamp() - interval '1 s', true))
FROM pg_stat_activity
WHERE datname = current_database() AND coalesce(backend_type, 'client backend') = 'client backend' AND pid <> pg_backend_pid()
    AND application_name <> current_setting('application_name')";

/// What receives this server's log, a base backup on its way left out. While a standby catches up, the lag that the server
/// measures is that of what it has sent, which says nothing of how old it is. A role that may not read more gets names only.
const STANDBYS: &str = "
SELECT coalesce(nullif(application_name, ''), client_addr::text, 'pid ' || pid), state,
    (extract(epoch FROM replay_lag) * 1000)::bigint,
    pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END,
        replay_lsn)::bigint
FROM pg_stat_replication WHERE state IS DISTINCT FROM 'backup' ORDER BY 1";

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
        sessions_lately: count(5),
        sessions_waiting_on_locks: count(2),
        oldest_transaction_ms: milliseconds(3),
        standbys: standbys(database, &reader).await?,
        volume: row.get::<_, Option<&str>>(4).and_then(|directory| Volume::of(Path::new(directory))),
        ..Health::default()
    })
}

async fn standbys(database: &Postgres, reader: &Client) -> Result<Vec<Standby>, Error> {
    let rows = reader.query(STANDBYS, &[]).await;
    let rows = rows.map_err(|error| meaning(&database.server.place, STANDBYS, &error))?;
    Ok(rows.iter().map(standby).collect())
}

fn standby(row: &Row) -> Standby {
    let lag_ms = row.get::<_, Option<i64>>(2).map_or(0, |ms| u64::try_from(ms).unwrap_or(0));
    let (lag_ms, note) = match row.get::<_, Option<&str>>(1) {
        Some("streaming") => (Some(lag_ms), String::new()),
        Some(state) => {
            let bytes = row.get::<_, Option<i64>>(3).unwrap_or(0);
            (None, format!("it is not up to date: {state}, {} MiB behind", bytes >> 20))
        }
        None => (None, "the agent's role may not read it: GRANT pg_monitor to it".to_owned()),
    };
    Standby { name: format!("standby {}", row.get::<_, &str>(0)), lag_ms, note }
}
