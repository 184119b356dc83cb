//! openraft's log storage over the store. Nothing is believed stored before the store says so.

use crate::format;
use crate::raft::{Entry, LogId, TypeConfig, Vote};
use lockstep_storage::Store;
use openraft::storage::{IOFlushed, LogState, RaftLogReader, RaftLogStorage};
use std::fmt::Debug;
use std::io;
use std::ops::RangeBounds;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bytes of entries that one replication message carries at most, but for a single longer entry.
pub(crate) const MESSAGE_ENTRIES_BYTES_MAX: usize = 1024 * 1024;
/// How often the commit point is written down. It only saves replaying after a restart: losing it loses nothing.
const COMMITTED_INTERVAL: Duration = Duration::from_secs(1);
const COMMITTED: &str = "raft_committed";

/// The log and the vote of this node.
#[derive(Clone)]
pub(crate) struct LogStore {
    store: Store,
    committed: Arc<Mutex<Committed>>,
}

#[derive(Default)]
struct Committed {
    newest: Option<LogId>,
    written: Option<LogId>,
    written_at: Option<Instant>,
}

impl LogStore {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, committed: Arc::default() }
    }

    /// Writes the commit point down, so that the next start replays up to it at once.
    pub(crate) async fn write_committed(&self) -> io::Result<()> {
        let newest = {
            let mut committed = self.committed();
            if committed.newest == committed.written {
                return Ok(());
            }
            committed.written = committed.newest;
            committed.written_at = Some(Instant::now());
            committed.newest
        };
        let Some(newest) = newest else { return Ok(()) };
        self.store.put_meta(COMMITTED, format::encode_log_id(&newest)?).await.map_err(io::Error::other)
    }

    fn committed(&self) -> std::sync::MutexGuard<'_, Committed> {
        // Plain values: no half-done change matters.
        self.committed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, range: impl RangeBounds<u64>) -> io::Result<Vec<Entry>> {
        let stored = self.store.entries(range).map_err(io::Error::other)?;
        stored.iter().map(|(_, payload)| format::decode_entry(payload)).collect()
    }
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<Range>(&mut self, range: Range) -> io::Result<Vec<Entry>>
    where
        Range: RangeBounds<u64> + Clone + Debug + Send,
    {
        self.read(range)
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        self.store.vote().map(|vote| format::decode_vote(&vote)).transpose()
    }

    /// Fewer than asked for when they would not fit into one message.
    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let mut bytes = 0;
        for (_, payload) in self.store.entries(start..end).map_err(io::Error::other)? {
            bytes += payload.len();
            if bytes > MESSAGE_ENTRIES_BYTES_MAX && !entries.is_empty() {
                break;
            }
            entries.push(format::decode_entry(&payload)?);
        }
        Ok(entries)
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<TypeConfig>> {
        let purged = self.store.log_bounds().last_purged;
        let last_purged_log_id = purged.map(|(_, id)| format::decode_log_id(&id)).transpose()?;
        let last = self.store.last_entry().map_err(io::Error::other)?;
        let last = last.map(|(_, payload)| format::decode_entry(&payload)).transpose()?;
        Ok(LogState { last_purged_log_id, last_log_id: last.map(|entry| entry.log_id).or(last_purged_log_id) })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        self.store.save_vote(format::encode_vote(vote)?).await.map_err(io::Error::other)
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        let due = {
            let mut known = self.committed();
            known.newest = committed;
            known.written_at.is_none_or(|at| at.elapsed() >= COMMITTED_INTERVAL)
        };
        if due {
            let log = self.clone();
            // Nobody waits for it; a failing store stops the node by the next append.
            tokio::spawn(async move { log.write_committed().await });
        }
        Ok(())
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        if let Some(newest) = self.committed().newest {
            return Ok(Some(newest));
        }
        self.store.meta(COMMITTED).map(|id| format::decode_log_id(&id)).transpose()
    }

    async fn append<Entries>(&mut self, entries: Entries, callback: IOFlushed<TypeConfig>) -> io::Result<()>
    where
        Entries: IntoIterator<Item = Entry> + Send,
        Entries::IntoIter: Send,
    {
        let encode = |entry: Entry| format::encode_entry(&entry).map(|bytes| (entry.log_id.index, bytes));
        let encoded: Vec<(u64, Vec<u8>)> = entries.into_iter().map(encode).collect::<io::Result<_>>()?;
        let pending = self.store.submit_append(encoded).map_err(io::Error::other)?;
        // Readable now, durable when the barrier has passed: openraft goes on meanwhile.
        tokio::spawn(async move { callback.io_completed(pending.await.map_err(io::Error::other)) });
        Ok(())
    }

    async fn truncate_after(&mut self, last_log_id: Option<LogId>) -> io::Result<()> {
        let first_to_go = last_log_id.map_or(0, |id| id.index + 1);
        self.store.truncate_from(first_to_go).await.map_err(io::Error::other)
    }

    async fn purge(&mut self, log_id: LogId) -> io::Result<()> {
        self.store.purge_to(log_id.index, format::encode_log_id(&log_id)?).await.map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::Proposed;
    use lockstep_core::command::{Actor, Command, Role};
    use lockstep_core::{Stamped, Timestamp};
    use lockstep_storage::OpenOptions;
    use openraft::impls::leader_id_adv::LeaderId;
    use openraft::storage::RaftLogStorageExt;

    fn entry(index: u64, reason_bytes: usize) -> Entry {
        let command = Command::CancelChange { change: "change".to_owned(), reason: "x".repeat(reason_bytes) };
        let actor = Actor { name: "operator".to_owned(), role: Role::Operator };
        let stamped = Stamped { at: Timestamp(0), actor, request: None, command };
        let log_id = LogId { leader_id: LeaderId { term: 1, node_id: 1 }, index };
        Entry { log_id, payload: openraft::EntryPayload::Normal(Proposed(stamped)) }
    }

    #[tokio::test]
    async fn entries_are_cut_to_what_fits_into_a_message() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(directory.path(), OpenOptions::default()).expect("a new store");
        let mut log = LogStore::new(store);
        let entries = (0..8).map(|index| entry(index, 250 * 1024));
        log.blocking_append(entries.collect::<Vec<_>>()).await.expect("appended");
        let indexes: Vec<u64> = {
            let entries = log.limited_get_log_entries(2, 8).await.expect("readable");
            entries.iter().map(|entry| entry.log_id.index).collect()
        };
        assert_eq!(indexes, [2, 3, 4, 5]);
    }
}
