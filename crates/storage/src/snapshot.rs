//! Snapshots, in chunks: a new one becomes current atomically, the old one goes when nobody reads it any more.

use std::sync::{Arc, Weak};

use sha2::Digest as _;

use crate::digest::Digest;
use crate::engine;
use crate::error::Error;
use crate::head::SnapshotHead;
use crate::keys;
use crate::record::{self, Kind};
use crate::state::{Change, Pending, Shared, Work};
use crate::store::{self, Store};

/// Bytes of each chunk of a snapshot but the last.
pub const SNAPSHOT_CHUNK_BYTES: usize = 64 * 1024;

/// A snapshot that is being written. Dropping it before [`SnapshotWriter::finish`] gives it up.
pub struct SnapshotWriter {
    store: Store,
    id: u64,
    meta: Vec<u8>,
    buffer: Vec<u8>,
    chunks: u32,
    bytes: u64,
    content: sha2::Sha256,
    finished: bool,
}

/// A snapshot that can be read; it stays readable after a newer one has taken its place.
#[derive(Clone)]
pub struct SnapshotReader {
    /// Before the store: letting go of it needs a store that still runs.
    pin: Arc<SnapshotPin>,
    store: Store,
}

/// Keeps the chunks of a snapshot that was current. The last one to let go has them removed.
pub(crate) struct SnapshotPin {
    head: SnapshotHead,
    shared: Weak<Shared>,
}

impl SnapshotPin {
    pub(crate) fn new(head: SnapshotHead, shared: Weak<Shared>) -> Arc<Self> {
        Arc::new(Self { head, shared })
    }
}

impl Drop for SnapshotPin {
    fn drop(&mut self) {
        let Some(shared) = self.shared.upgrade() else {
            return;
        };
        remove_chunks(&shared, self.head.id);
    }
}

impl Store {
    /// Begins a snapshot with a description that comes back from [`SnapshotReader::meta`].
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] for a description over [`crate::SMALL_VALUE_BYTES_MAX`].
    pub fn begin_snapshot(&self, meta: Vec<u8>) -> Result<SnapshotWriter, Error> {
        store::check_small("snapshot description", &meta)?;
        let mut state = self.running()?;
        let id = state.next_snapshot_id;
        state.next_snapshot_id += 1;
        Ok(SnapshotWriter {
            store: self.clone(),
            id,
            meta,
            buffer: Vec::new(),
            chunks: 0,
            bytes: 0,
            content: sha2::Sha256::new(),
            finished: false,
        })
    }

    /// The current snapshot.
    #[must_use]
    pub fn current_snapshot(&self) -> Option<SnapshotReader> {
        let pin = self.shared().state().snapshot.clone()?;
        Some(SnapshotReader { store: self.clone(), pin })
    }
}

impl SnapshotWriter {
    #[cfg(test)]
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Adds bytes, of any length.
    ///
    /// # Errors
    ///
    /// Every error of writing. The snapshot can only be dropped then.
    pub async fn write(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            let room = SNAPSHOT_CHUNK_BYTES - self.buffer.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.buffer.extend_from_slice(now);
            bytes = later;
            if self.buffer.len() == SNAPSHOT_CHUNK_BYTES {
                // One at a time: log entries that are submitted meanwhile share its barrier, and wait for no more than it.
                self.submit_chunk()?.await?;
            }
        }
        Ok(())
    }

    /// Makes the snapshot the current one: atomic, and durable when this returns.
    ///
    /// # Errors
    ///
    /// Every error of writing; the old snapshot then stays current. [`Error::SnapshotAborted`] when a snapshot
    /// that was begun later has become current meanwhile.
    pub async fn finish(mut self) -> Result<(), Error> {
        if !self.buffer.is_empty() {
            self.submit_chunk()?.await?;
        }
        let (replaced, pending) = self.submit_current()?;
        let outcome = pending.await;
        // Only now: the old chunks may not go before the new head is durable.
        drop(replaced);
        outcome
    }

    fn submit_chunk(&mut self) -> Result<Pending, Error> {
        let bytes = std::mem::take(&mut self.buffer);
        let key = keys::snapshot_chunk(self.id, self.chunks);
        let record = encode_chunk(self.id, self.chunks, &bytes);
        self.content.update(&bytes);
        self.chunks += 1;
        self.bytes += bytes.len() as u64;
        let state = self.store.running()?;
        Ok(self.store.submit(state, vec![Change::Put { key, record }], Vec::new()))
    }

    fn submit_current(&mut self) -> Result<(Option<Arc<SnapshotPin>>, Pending), Error> {
        let record = encode_description(self.id, &self.meta);
        let content = Digest(self.content.clone().finalize().into());
        let (id, chunks, bytes) = (self.id, self.chunks, self.bytes);
        let head = SnapshotHead { id, chunks, bytes, meta: Digest::of(&[&record]), content };
        let mut state = self.store.running()?;
        if let Some(current) = state.head.snapshot.as_ref().filter(|current| current.id > id) {
            let why = format!("snapshot {}, begun later, is current already", current.id);
            return Err(Error::SnapshotAborted { id, why });
        }
        let pin = SnapshotPin::new(head.clone(), Arc::downgrade(self.store.shared()));
        state.head.snapshot = Some(head);
        let replaced = state.snapshot.replace(pin);
        self.finished = true;
        let key = keys::snapshot_chunk(id, keys::SNAPSHOT_META_CHUNK);
        let pending = state.submit_work(vec![Change::Put { key, record }], Vec::new(), Work::ReadBack);
        drop(state);
        self.store.shared().work.notify_one();
        Ok((replaced, pending))
    }
}

impl Drop for SnapshotWriter {
    fn drop(&mut self) {
        if !self.finished && self.chunks > 0 {
            remove_chunks(self.store.shared(), self.id);
        }
    }
}

impl SnapshotReader {
    /// The description given to [`Store::begin_snapshot`].
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] when it is not what was stored.
    pub fn meta(&self) -> Result<Vec<u8>, Error> {
        self.body(Kind::SnapshotMeta, keys::SNAPSHOT_META_CHUNK)
    }

    /// Length of the content.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.pin.head.bytes
    }

    /// Number of chunks.
    #[must_use]
    pub fn chunk_count(&self) -> u32 {
        self.pin.head.chunks
    }

    /// One chunk, counted from 0: [`SNAPSHOT_CHUNK_BYTES`] long, the last one possibly shorter. Reads from disk.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] when it is not there or not what was stored.
    pub fn chunk(&self, number: u32) -> Result<Vec<u8>, Error> {
        self.body(Kind::SnapshotChunk, number)
    }

    /// All chunks, one after the other.
    ///
    /// # Errors
    ///
    /// Each item as [`SnapshotReader::chunk`].
    pub fn chunks(&self) -> impl Iterator<Item = Result<Vec<u8>, Error>> + '_ {
        (0..self.chunk_count()).map(|number| self.chunk(number))
    }

    fn body(&self, kind: Kind, number: u32) -> Result<Vec<u8>, Error> {
        let key = keys::snapshot_chunk(self.pin.head.id, number);
        let missing = || Error::damage("part of a snapshot is missing", keys::describe(&key));
        let stored = engine::get(&self.store.shared().database(), &key)?.ok_or_else(missing)?;
        record::decode(kind, &key, &stored).map(<[u8]>::to_vec)
    }
}

pub(crate) fn encode_chunk(id: u64, number: u32, bytes: &[u8]) -> Vec<u8> {
    record::encode(Kind::SnapshotChunk, &keys::snapshot_chunk(id, number), &[bytes])
}

pub(crate) fn encode_description(id: u64, meta: &[u8]) -> Vec<u8> {
    record::encode(Kind::SnapshotMeta, &keys::snapshot_chunk(id, keys::SNAPSHOT_META_CHUNK), &[meta])
}

/// Nobody waits for it: what a crash leaves behind goes at the next open.
fn remove_chunks(shared: &Shared, id: u64) {
    let mut state = shared.state();
    if state.check_running().is_ok() && !state.closing {
        drop(state.submit(vec![Change::Remove { range: keys::snapshot(id) }], Vec::new()));
        drop(state);
        shared.work.notify_one();
    }
}
