//! Opening a store: layout, engine, verification, writer.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use crate::barrier::{self, Barrier};
use crate::digest::Digest;
use crate::directory::Directory;
use crate::engine::{self, Batch};
use crate::error::Error;
use crate::head::Head;
use crate::journal::{self, Journal};
use crate::snapshot::SnapshotPin;
use crate::state::{Shared, State};
use crate::store::{OpenOptions, identity_digest};
use crate::verify::{self, Verified};
use crate::watermark::{Watermark, WatermarkFile};
use crate::writer::{Behind, Writer};
use crate::{compaction, identity, keys};

const FIRST_GENERATION: u64 = 1;

/// Opens the store and starts its writer.
pub(crate) fn open(path: &Path, options: OpenOptions) -> Result<(Arc<Shared>, JoinHandle<()>), Error> {
    let directory = Directory::lock(path)?;
    directory.check_not_condemned()?;
    let writer = open_locked(directory, options)?;
    let shared = Arc::clone(&writer.shared);
    let thread = std::thread::Builder::new().name("lockstep-storage".to_owned());
    let thread =
        thread.spawn(move || writer.run()).map_err(|error| Error::io("start the writer of", path, error))?;
    Ok((shared, thread))
}

fn open_locked(directory: Directory, options: OpenOptions) -> Result<Writer, Error> {
    match open_parts(&directory, &options) {
        Ok(parts) => start(directory, options, parts),
        Err(error) => {
            if error.damaged() {
                directory.condemn(&error);
            }
            Err(error)
        }
    }
}

/// Everything that was opened and found right.
struct Parts {
    generation: u64,
    database: sled::Db,
    barrier: Barrier,
    journal: Journal,
    watermark: WatermarkFile,
    verified: Verified,
    identity: Option<identity::Identity>,
}

fn open_parts(directory: &Directory, options: &OpenOptions) -> Result<Parts, Error> {
    let format = directory.check_format()?;
    let generation = match directory.current()? {
        Some(_) if format.is_none() => return Err(lost("format", directory)),
        Some(generation) => generation,
        None => create(directory, options)?,
    };
    directory.remove_other_generations(Some(generation))?;
    let engine_path = directory.generation(generation);
    if !engine_path.join("db").exists() {
        return Err(Error::damage("the engine's file is missing", engine_path.display().to_string()));
    }
    let (watermark, acknowledged) =
        WatermarkFile::open(directory.path())?.ok_or_else(|| lost("watermark", directory))?;
    let database = engine::open(&engine_path, options.cache_bytes)?;
    let (journal, batches) = Journal::open(directory.path())?.ok_or_else(|| lost("journal", directory))?;
    journal::replay(batches, verify::recovered_head(&database)?.1.sequence, &database)?;
    let verified = verify::verify(&database, acknowledged)?;
    let identity = identity::read(directory.path())?;
    if verified.head.identity.is_some() && verified.head.identity != identity.as_ref().map(identity_digest) {
        return Err(Error::damage("identity is not the one that was set", directory.path().display().to_string()));
    }
    remove_garbage(&database, &verified.garbage)?;
    // From here on the engine stands on its own, and the journal may be written over.
    let barrier = Barrier::new(database.clone(), &engine_path)?;
    Ok(Parts { generation, database, barrier, journal, watermark, verified, identity })
}

fn lost(file: &str, directory: &Directory) -> Error {
    Error::damage(format!("file {file} is missing"), directory.path().display().to_string())
}

/// Writes an empty store. `CURRENT` comes last: without it nothing was ever acknowledged here, unless the watermark
/// says otherwise.
fn create(directory: &Directory, options: &OpenOptions) -> Result<u64, Error> {
    if WatermarkFile::open(directory.path())?.is_some_and(|(_, acknowledged)| acknowledged.sequence > 0) {
        return Err(lost("CURRENT", directory));
    }
    directory.remove_other_generations(None)?;
    directory.write_format()?;
    let engine_path = directory.generation(FIRST_GENERATION);
    let database = engine::open(&engine_path, options.cache_bytes)?;
    let record = Head::default().to_record();
    let mut batch = Batch::default();
    batch.put(keys::HEAD, &record);
    batch.apply(&database)?;
    Barrier::new(database, &engine_path)?;
    Journal::create(directory.path())?;
    WatermarkFile::create(directory.path(), Watermark { sequence: 0, head: Digest::of(&[&record]) })?;
    if let Some(parent) = directory.path().parent() {
        barrier::sync_directory(parent)?;
    }
    directory.set_current(FIRST_GENERATION)?;
    Ok(FIRST_GENERATION)
}

fn start(directory: Directory, options: OpenOptions, parts: Parts) -> Result<Writer, Error> {
    let Verified { head, vote, meta, next_snapshot_id, .. } = parts.verified;
    let sequence = head.sequence;
    let snapshot_head = head.snapshot.clone();
    let head = Head { identity: parts.identity.as_ref().map(identity_digest), ..head };
    let state = State { head, vote, meta, identity: parts.identity, next_snapshot_id, ..State::default() };
    let shared = Arc::new(Shared::new(state, parts.database, options, directory));
    let pin = snapshot_head.map(|head| SnapshotPin::new(head, Arc::downgrade(&shared)));
    shared.state().snapshot = pin;
    let mut writer = Writer {
        behind: Behind::default(),
        head_pieces: usize::MAX,
        inspect_at_bytes: shared.options.rewrite_floor_bytes,
        shared,
        barrier: parts.barrier,
        journal: parts.journal,
        watermark: parts.watermark,
        sequence,
        generation: parts.generation,
        unsynced_since: None,
    };
    compaction::compact_if_due(&mut writer, false)?;
    Ok(writer)
}

/// Removes snapshots that were never finished or are no longer current.
fn remove_garbage(database: &sled::Db, snapshots: &[u64]) -> Result<(), Error> {
    let nothing = Batch::default();
    let mut batch = Batch::over(database, &nothing);
    for id in snapshots {
        batch.remove(keys::snapshot(*id))?;
    }
    batch.finish().apply(database)
}
