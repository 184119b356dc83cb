//! What there is to read of a file's health.

use super::Sqlite;
use crate::error::Error;
use crate::health::{Health, Volume};
use std::time::Instant;

pub(super) async fn read(database: &Sqlite) -> Health {
    let started = Instant::now();
    match size(database).await {
        Ok(size_bytes) => Health {
            reachable: true,
            latency_us: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
            size_bytes: Some(size_bytes),
            volume: Volume::of(&database.file),
            ..Health::default()
        },
        Err(error) => Health { problem: Some(error.to_string()), ..Health::default() },
    }
}

async fn size(database: &Sqlite) -> Result<u64, Error> {
    database
        .read(|here| {
            let size: i64 = here.own(here.connection.query_row(
                "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
                (),
                |row| row.get(0),
            ))?;
            Ok(u64::try_from(size).unwrap_or(0))
        })
        .await
}
