//! Snapshots: the state as JSON, in chunks, through the store and over the wire.

use crate::format::{self, FORMAT};
use crate::raft::{Snapshot, SnapshotMeta, TypeConfig};
use lockstep_core::state::State;
use lockstep_storage::{SnapshotReader, SnapshotWriter, Store};
use openraft::storage::RaftSnapshotBuilder;
use serde::{Deserialize, Serialize};
use std::io;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Chunks on their way from the serialiser to the store.
const CHUNKS_AHEAD: usize = 4;

/// The bytes of a snapshot.
pub(crate) enum Body {
    /// In the store, current.
    Stored(SnapshotReader),
    /// Received in full, not yet current.
    Received(SnapshotWriter),
}

#[derive(Serialize)]
struct ContentRef<'state> {
    format: u32,
    state: &'state State,
}

#[derive(Deserialize)]
struct Content {
    format: u32,
    state: State,
}

/// Makes a snapshot of the state at one moment; the state goes on meanwhile.
pub(crate) struct Builder {
    pub(crate) store: Store,
    pub(crate) meta: SnapshotMeta,
    pub(crate) state: Arc<State>,
}

impl RaftSnapshotBuilder<TypeConfig> for Builder {
    type SnapshotData = Body;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        let mut writer =
            self.store.begin_snapshot(format::encode_snapshot_meta(&self.meta)?).map_err(io::Error::other)?;
        let (chunks, mut arriving) = mpsc::channel(CHUNKS_AHEAD);
        let state = Arc::clone(&self.state);
        let serialiser = tokio::task::spawn_blocking(move || serialise(&state, chunks));
        while let Some(chunk) = arriving.recv().await {
            writer.write(&chunk).await.map_err(io::Error::other)?;
        }
        serialiser.await.map_err(io::Error::other)??;
        writer.finish().await.map_err(io::Error::other)?;
        current(&self.store)?.ok_or_else(|| io::Error::other("the snapshot just written is not there"))
    }
}

fn serialise(state: &State, chunks: mpsc::Sender<Vec<u8>>) -> io::Result<()> {
    let mut writer = io::BufWriter::with_capacity(lockstep_storage::SNAPSHOT_CHUNK_BYTES, ChunkSender { chunks });
    serde_json::to_writer(&mut writer, &ContentRef { format: FORMAT, state })?;
    io::Write::flush(&mut writer)
}

struct ChunkSender {
    chunks: mpsc::Sender<Vec<u8>>,
}

impl io::Write for ChunkSender {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.chunks.blocking_send(bytes.to_vec()).map_err(|_| io::Error::other("the snapshot was given up"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The store's current snapshot.
pub(crate) fn current(store: &Store) -> io::Result<Option<Snapshot>> {
    let Some(reader) = store.current_snapshot() else { return Ok(None) };
    let meta = format::decode_snapshot_meta(&reader.meta().map_err(io::Error::other)?)?;
    Ok(Some(Snapshot { meta, snapshot: Body::Stored(reader) }))
}

/// Makes a snapshot the store's current one, if it is not yet, and reads the state in it.
pub(crate) async fn load(store: &Store, body: Body) -> io::Result<State> {
    match body {
        // What a start finds: nothing to write.
        Body::Stored(reader) if is_current(store, &reader)? => {}
        Body::Stored(reader) => copy(store, &reader).await?,
        Body::Received(writer) => writer.finish().await.map_err(io::Error::other)?,
    }
    let missing = || io::Error::other("the snapshot just stored is not there");
    let reader = store.current_snapshot().ok_or_else(missing)?;
    tokio::task::spawn_blocking(move || decode(&reader)).await.map_err(io::Error::other)?
}

fn is_current(store: &Store, reader: &SnapshotReader) -> io::Result<bool> {
    let Some(current) = store.current_snapshot() else { return Ok(false) };
    let same = current.meta().map_err(io::Error::other)? == reader.meta().map_err(io::Error::other)?;
    Ok(same && current.bytes() == reader.bytes())
}

async fn copy(store: &Store, reader: &SnapshotReader) -> io::Result<()> {
    let mut writer = store.begin_snapshot(reader.meta().map_err(io::Error::other)?).map_err(io::Error::other)?;
    for chunk in reader.chunks() {
        writer.write(&chunk.map_err(io::Error::other)?).await.map_err(io::Error::other)?;
    }
    writer.finish().await.map_err(io::Error::other)
}

fn decode(reader: &SnapshotReader) -> io::Result<State> {
    let chunks = ChunkReader {
        chunks: reader.chunks().map(|chunk| chunk.map_err(io::Error::other)),
        current: io::Cursor::default(),
    };
    let content: Content =
        serde_json::from_reader(io::BufReader::new(chunks)).map_err(|error| format::invalid("snapshot", error))?;
    if content.format > FORMAT {
        return Err(format::newer("snapshot", content.format));
    }
    Ok(content.state)
}

struct ChunkReader<Chunks> {
    chunks: Chunks,
    current: io::Cursor<Vec<u8>>,
}

impl<Chunks: Iterator<Item = io::Result<Vec<u8>>>> io::Read for ChunkReader<Chunks> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.current.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let Some(chunk) = self.chunks.next() else { return Ok(0) };
            self.current = io::Cursor::new(chunk?);
        }
    }
}
