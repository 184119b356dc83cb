//! How large tables are, from what the server keeps already.

use super::connect::{Server, meaning};
use super::ledger::OBJECTS;
use super::sql::quote;
use crate::error::Error;
use crate::sizes::Sizes;
use lockstep_core::Engine;
use lockstep_core::schema::Size;
use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;

/// An estimate of 0 is looked into, but nobody's DDL is waited for longer than this.
const LOCK_WAIT_TIMEOUT: &str = "SET SESSION lock_wait_timeout = 1";

/// MySQL keeps yesterday's figures otherwise.
const FRESH: &str = "SET SESSION information_schema_stats_expiry = 0";

pub(super) async fn read(server: &Server) -> Result<Sizes, Error> {
    let (mut connection, release) = server.connect().await?;
    let failed = |error: mysql_async::Error| meaning(&server.place, "sizes", &error);
    connection.query_drop(LOCK_WAIT_TIMEOUT).await.map_err(failed)?;
    if release.engine == Engine::Mysql {
        connection.query_drop(FRESH).await.map_err(failed)?;
    }
    let sql = "SELECT TABLE_NAME, TABLE_ROWS, DATA_LENGTH FROM information_schema.TABLES
               WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')";
    let rows: Vec<(String, Option<u64>, Option<u64>)> = connection.query(sql).await.map_err(failed)?;
    let mut sizes = Sizes { engine_version: release.version, ..Sizes::default() };
    for (table, rows, bytes) in rows.into_iter().filter(|(table, ..)| !OBJECTS.contains(&table.as_str())) {
        let Some(mut rows) = rows else { continue };
        if rows == 0 && !is_empty(&mut connection, &table).await {
            rows = 1;
        }
        sizes.tables.insert(table, Size { rows, bytes });
    }
    Ok(sizes)
}

/// The estimate lags behind. What cannot be read now counts as not empty.
async fn is_empty(connection: &mut Conn, table: &str) -> bool {
    let found: Result<Option<u8>, _> =
        connection.query_first(format!("SELECT 1 FROM {} LIMIT 1", quote(table))).await;
    matches!(found, Ok(None))
}
