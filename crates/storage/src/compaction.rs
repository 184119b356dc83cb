//! Keeping the engine's file in proportion to what it holds.
//!
//! The engine appends to its file and reuses segments only once most of their pages have moved; under a log that is
//! appended and purged all the time its file grows well beyond the live records. When it has become
//! `rewrite_factor` times as large (and is over a floor), the live records are copied into a fresh generation,
//! synced, and `CURRENT` is switched. A crash before the switch leaves the old generation, one after it the new.

use std::sync::PoisonError;

use crate::barrier::{self, Barrier};
use crate::engine::{self, Batch, Records};
use crate::error::Error;
use crate::writer::Writer;

/// Bytes copied in one atomic batch.
const COPY_BATCH_BYTES: usize = 1024 * 1024;

/// Rewrites the live records when the file is out of proportion, or when `forced`. Returns whether it did; the fresh
/// generation has passed its barrier then.
pub(crate) fn compact_if_due(writer: &mut Writer, forced: bool) -> Result<bool, Error> {
    let file_bytes = writer.barrier.file_bytes()?;
    if !forced {
        if file_bytes < writer.inspect_at_bytes {
            return Ok(false);
        }
        let options = &writer.shared.options;
        let limit_bytes = live_bytes(&writer.shared.database())?.saturating_mul(options.rewrite_factor);
        let limit_bytes = limit_bytes.max(options.rewrite_floor_bytes);
        if file_bytes < limit_bytes {
            writer.inspect_at_bytes = limit_bytes;
            return Ok(false);
        }
    }
    rewrite(writer)?;
    let after_bytes = writer.barrier.file_bytes()?;
    tracing::info!(before_bytes = file_bytes, after_bytes, generation = writer.generation, "rewrote the store");
    let options = &writer.shared.options;
    writer.inspect_at_bytes = options.rewrite_floor_bytes.max(after_bytes.saturating_mul(2));
    Ok(true)
}

/// Bytes of all keys and records.
fn live_bytes(database: &sled::Db) -> Result<u64, Error> {
    let mut bytes = 0;
    for item in Records::new(database, ..) {
        let (key, record) = item?;
        bytes += (key.len() + record.len()) as u64;
    }
    Ok(bytes)
}

fn rewrite(writer: &mut Writer) -> Result<(), Error> {
    writer.catch_up()?;
    let shared = &writer.shared;
    let next = writer.generation + 1;
    let path = shared.directory.generation(next);
    shared.directory.remove_other_generations(Some(writer.generation))?;
    let fresh = engine::open(&path, shared.options.cache_bytes)?;
    copy(&shared.database(), &fresh)?;
    let barrier = Barrier::new(fresh.clone(), &path)?;
    barrier::sync_directory(shared.directory.path())?;
    shared.directory.set_current(next)?;
    *shared.database.write().unwrap_or_else(PoisonError::into_inner) = fresh;
    writer.barrier = barrier;
    writer.generation = next;
    shared.directory.remove_other_generations(Some(next))
}

fn copy(from: &sled::Db, to: &sled::Db) -> Result<(), Error> {
    let mut batch = Batch::default();
    for item in Records::new(from, ..) {
        let (key, record) = item?;
        batch.put(&key, &record);
        if batch.bytes() >= COPY_BATCH_BYTES {
            std::mem::take(&mut batch).apply(to)?;
        }
    }
    batch.apply(to)
}
