//! The Raft log: contiguous, hash-chained entries.

use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use crate::digest::{Digest, HexBytes};
use crate::engine::{self, Records};
use crate::error::Error;
use crate::head::{LogRange, Purged};
use crate::record::{self, Kind};
use crate::state::{Change, Pending, State, TailEntry};
use crate::store::Store;
use crate::{keys, store};

/// Longest entry, in bytes.
pub const ENTRY_BYTES_MAX: usize = 1024 * 1024;
const CHAIN_BYTES: usize = 32;

/// Where the log begins and ends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogBounds {
    /// Index of the first entry; `None` when there is no entry.
    pub first: Option<u64>,
    /// Index of the last entry; `None` when there is no entry.
    pub last: Option<u64>,
    /// The purge point: its index, and the bytes given to [`Store::purge_to`]. The entries start right after it.
    pub last_purged: Option<(u64, Vec<u8>)>,
}

impl Store {
    /// Appends entries `(index, payload)`, durable when this returns.
    ///
    /// # Errors
    ///
    /// As [`Store::submit_append`], and every error of writing. Not retryable.
    pub async fn append(&self, entries: Vec<(u64, Vec<u8>)>) -> Result<(), Error> {
        self.submit_append(entries)?.await
    }

    /// Appends entries `(index, payload)`: they can be read when this returns, and are durable when the returned
    /// [`Pending`] resolves. Appends of many callers that wait at the same time share one barrier.
    ///
    /// The first index must be the one after the last entry, or after the purge point; a log that never held
    /// anything may start anywhere.
    ///
    /// # Errors
    ///
    /// [`Error::Hole`] and [`Error::TooLarge`]; nothing is stored then. [`Error::Stopped`] after a failed write.
    pub fn submit_append(&self, entries: Vec<(u64, Vec<u8>)>) -> Result<Pending, Error> {
        if let Some((index, payload)) = entries.iter().find(|(_, payload)| payload.len() > ENTRY_BYTES_MAX) {
            return Err(store::too_large(format!("log entry {index}"), payload.len(), ENTRY_BYTES_MAX));
        }
        let mut state = self.running()?;
        let Some((first, _)) = entries.first() else {
            return Ok(Pending::ready());
        };
        check_contiguous(state.head.log.next_index().unwrap_or(*first), &entries)?;
        let mut changes = Vec::with_capacity(entries.len());
        let mut appended = Vec::with_capacity(entries.len());
        for (index, payload) in entries {
            let chain = state.push_entry(index, &payload);
            let key = keys::entry(index);
            let record = encode_entry(index, chain, &payload);
            changes.push(Change::Put { key, record });
            appended.push((index, chain));
        }
        Ok(self.submit(state, changes, appended))
    }

    /// The entries within the range, in order. Entries that are not in the log are left out.
    ///
    /// Recent entries come from memory; older ones are read from disk, and this blocks meanwhile.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] when a stored entry cannot be read or is not what was stored.
    pub fn entries(&self, range: impl RangeBounds<u64>) -> Result<Vec<(u64, Vec<u8>)>, Error> {
        let state = self.shared().state();
        let Some((first, last)) = clamp(state.head.log.range, &range) else {
            return Ok(Vec::new());
        };
        let in_memory = |(index, entry): (&u64, &TailEntry)| (*index, entry.payload.to_vec());
        let recent: Vec<_> = state.tail.range(first..=last).map(in_memory).collect();
        drop(state);
        let older_last = recent.first().map_or(Some(last), |(index, _)| index.checked_sub(1));
        let Some(older_last) = older_last.filter(|older_last| *older_last >= first) else {
            return Ok(recent);
        };
        let mut entries = Vec::new();
        for item in Records::new(&self.shared().database(), keys::entries(first, older_last)) {
            let (key, stored) = item?;
            let (index, _, payload) = decode_entry(&key, &stored)?;
            entries.push((index, payload.to_vec()));
        }
        entries.extend(recent);
        Ok(entries)
    }

    /// The last entry.
    ///
    /// # Errors
    ///
    /// As [`Store::entries`].
    pub fn last_entry(&self) -> Result<Option<(u64, Vec<u8>)>, Error> {
        match self.log_bounds().last {
            Some(last) => Ok(self.entries(last..=last)?.pop()),
            None => Ok(None),
        }
    }

    /// Where the log begins and ends, submitted entries included.
    #[must_use]
    pub fn log_bounds(&self) -> LogBounds {
        let state = self.shared().state();
        let range = state.head.log.range;
        LogBounds {
            first: range.map(|range| range.first),
            last: range.map(|range| range.last),
            last_purged: state.head.log.purged.as_ref().map(|purged| (purged.index, purged.id.0.clone())),
        }
    }

    /// Removes the entries from `index` on, durable when this returns. Nothing happens when there are none.
    ///
    /// # Errors
    ///
    /// [`Error::TruncatePurged`] at or below the purge point.
    pub async fn truncate_from(&self, index: u64) -> Result<(), Error> {
        self.submit_truncate(index)?.await
    }

    /// Removes the entries up to and with `index`, durable when this returns. `id` is kept beside the index and
    /// comes back in [`LogBounds`]. The index may lie beyond the last entry: the log is then empty, and goes on
    /// after it. Nothing happens when that much has been purged before.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] for an `id` over [`crate::SMALL_VALUE_BYTES_MAX`], and every error of writing.
    pub async fn purge_to(&self, index: u64, id: Vec<u8>) -> Result<(), Error> {
        self.submit_purge(index, id)?.await
    }

    fn submit_truncate(&self, index: u64) -> Result<Pending, Error> {
        let mut state = self.running()?;
        if let Some(purged) = state.head.log.purged.as_ref().filter(|purged| index <= purged.index) {
            return Err(Error::TruncatePurged { index, purged_to: purged.index });
        }
        let Some(range) = state.head.log.range.filter(|range| index <= range.last) else {
            return Ok(Pending::ready());
        };
        state.head.log.range = match index.checked_sub(1).filter(|last| *last >= range.first) {
            Some(last) => Some(LogRange { last, last_chain: self.chain_at(&state, last)?, ..range }),
            None => None,
        };
        let gone = state.tail.split_off(&index);
        state.tail_bytes -= gone.values().map(|entry| entry.payload.len()).sum::<usize>();
        let changes = vec![Change::Remove { range: keys::entries(index.max(range.first), range.last) }];
        Ok(self.submit(state, changes, Vec::new()))
    }

    fn submit_purge(&self, index: u64, id: Vec<u8>) -> Result<Pending, Error> {
        store::check_small("purge id", &id)?;
        let mut state = self.running()?;
        if state.head.log.purged.as_ref().is_some_and(|purged| index <= purged.index) {
            return Ok(Pending::ready());
        }
        let range = state.head.log.range;
        let chain = match range {
            Some(range) if (range.first..=range.last).contains(&index) => self.chain_at(&state, index)?,
            _ => Digest::of(&[&index.to_be_bytes(), &id]),
        };
        state.head.log.range = range
            .filter(|range| index < range.last)
            .map(|range| LogRange { first: range.first.max(index + 1), ..range });
        state.head.log.purged = Some(Purged { index, chain, id: HexBytes(id) });
        let kept = state.tail.split_off(&(index + 1));
        let gone = std::mem::replace(&mut state.tail, kept);
        state.tail_bytes -= gone.values().map(|entry| entry.payload.len()).sum::<usize>();
        let gone = range.map(|range| Change::Remove { range: keys::entries(range.first, range.last.min(index)) });
        Ok(self.submit(state, gone.into_iter().collect(), Vec::new()))
    }

    /// The chain value after an entry of the log.
    fn chain_at(&self, state: &State, index: u64) -> Result<Digest, Error> {
        if let Some(entry) = state.tail.get(&index) {
            return Ok(entry.chain);
        }
        let key = keys::entry(index);
        let missing = || Error::damage("log entry is missing", keys::describe(&key));
        let stored = engine::get(&self.shared().database(), &key)?.ok_or_else(missing)?;
        decode_entry(&key, &stored).map(|(_, chain, _)| chain)
    }
}

impl State {
    /// Takes an entry that follows the end of the log into memory.
    fn push_entry(&mut self, index: u64, payload: &[u8]) -> Digest {
        let log = &mut self.head.log;
        let chain = Digest::chain(log.end_chain(), index, payload);
        let first = log.range.map_or(index, |range| range.first);
        log.range = Some(LogRange { first, last: index, last_chain: chain });
        self.tail.insert(index, TailEntry { chain, payload: Arc::from(payload), readable: false });
        self.tail_bytes += payload.len();
        chain
    }
}

fn check_contiguous(mut expected: u64, entries: &[(u64, Vec<u8>)]) -> Result<(), Error> {
    for (found, _) in entries {
        if *found != expected {
            return Err(Error::Hole { expected, found: *found });
        }
        expected += 1;
    }
    Ok(())
}

/// First and last index of the log that lie within the range.
fn clamp(log: Option<LogRange>, range: &impl RangeBounds<u64>) -> Option<(u64, u64)> {
    let log = log?;
    let first = match range.start_bound() {
        Bound::Included(first) => *first,
        Bound::Excluded(before) => before.checked_add(1)?,
        Bound::Unbounded => 0,
    };
    let last = match range.end_bound() {
        Bound::Included(last) => *last,
        Bound::Excluded(after) => after.checked_sub(1)?,
        Bound::Unbounded => u64::MAX,
    };
    let (first, last) = (first.max(log.first), last.min(log.last));
    (first <= last).then_some((first, last))
}

pub(crate) fn encode_entry(index: u64, chain: Digest, payload: &[u8]) -> Vec<u8> {
    record::encode(Kind::Entry, &keys::entry(index), &[&chain.0, payload])
}

/// Index, chain value and payload of a stored entry.
pub(crate) fn decode_entry<'record>(
    key: &[u8],
    stored: &'record [u8],
) -> Result<(u64, Digest, &'record [u8]), Error> {
    let body = record::decode(Kind::Entry, key, stored)?;
    match (keys::parse(key), body.split_first_chunk::<CHAIN_BYTES>()) {
        (Some(keys::Parsed::Entry(index)), Some((chain, payload))) => Ok((index, Digest(*chain), payload)),
        _ => Err(Error::damage("log entry is too short", keys::describe(key))),
    }
}
