//! Verification at open: reads everything that is stored and compares it with the head, and the head with the
//! watermark.

use std::collections::{BTreeMap, BTreeSet};

use sha2::Digest as _;

use crate::digest::Digest;
use crate::engine::{self, Records};
use crate::error::Error;
use crate::head::{Head, SnapshotHead};
use crate::keys::{self, Parsed};
use crate::log;
use crate::record::{self, Kind};
use crate::watermark::Watermark;

/// A store that is what it says it is.
pub(crate) struct Verified {
    pub(crate) head: Head,
    pub(crate) vote: Option<Vec<u8>>,
    pub(crate) meta: BTreeMap<String, Vec<u8>>,
    /// Snapshots that are not current: what a crash left behind.
    pub(crate) garbage: Vec<u64>,
    /// Higher than the id of every snapshot that was ever begun and has left a trace.
    pub(crate) next_snapshot_id: u64,
}

/// Reads and checks everything.
pub(crate) fn verify(database: &sled::Db, acknowledged: Watermark) -> Result<Verified, Error> {
    let head = verified_head(database, acknowledged)?;
    let mut scan = Scan::new(&head);
    for item in Records::new(database, ..) {
        let (key, stored) = item?;
        scan.take(&key, &stored)?;
    }
    scan.finish()
}

/// The head record, which must not be older than what was acknowledged.
fn verified_head(database: &sled::Db, acknowledged: Watermark) -> Result<Head, Error> {
    let (stored, head) = recovered_head(database)?;
    let same_batch = head.sequence == acknowledged.sequence;
    if head.sequence < acknowledged.sequence || (same_batch && Digest::of(&[&stored]) != acknowledged.head) {
        let what = format!(
            "batch {} was acknowledged, the engine recovered only up to batch {}",
            acknowledged.sequence, head.sequence
        );
        return Err(Error::damage(what, "the end of the engine's file"));
    }
    Ok(head)
}

/// The head that the engine holds, as stored and as read.
pub(crate) fn recovered_head(database: &sled::Db) -> Result<(Vec<u8>, Head), Error> {
    let missing = || Error::damage("the head record is missing", "the engine");
    let stored = engine::get(database, keys::HEAD)?.ok_or_else(missing)?;
    let head = Head::from_record(&stored)?;
    Ok((stored, head))
}

struct Scan<'head> {
    head: &'head Head,
    next_index: Option<u64>,
    chain: Digest,
    vote: Option<Vec<u8>>,
    vote_digest: Option<Digest>,
    meta: BTreeMap<String, Vec<u8>>,
    meta_digests: BTreeMap<String, Digest>,
    snapshot: SnapshotScan,
    garbage: BTreeSet<u64>,
}

#[derive(Default)]
struct SnapshotScan {
    chunks: u32,
    bytes: u64,
    content: sha2::Sha256,
    meta: Option<Digest>,
}

impl<'head> Scan<'head> {
    fn new(head: &'head Head) -> Self {
        Self {
            head,
            next_index: head.log.range.map(|range| range.first),
            chain: head.log.base_chain(),
            vote: None,
            vote_digest: None,
            meta: BTreeMap::new(),
            meta_digests: BTreeMap::new(),
            snapshot: SnapshotScan::default(),
            garbage: BTreeSet::new(),
        }
    }

    fn take(&mut self, key: &[u8], stored: &[u8]) -> Result<(), Error> {
        match keys::parse(key) {
            Some(Parsed::Head) => Ok(()),
            Some(Parsed::Vote) => {
                self.vote = Some(record::decode(Kind::Vote, key, stored)?.to_vec());
                self.vote_digest = Some(Digest::of(&[stored]));
                Ok(())
            }
            Some(Parsed::Entry(index)) => self.take_entry(index, key, stored),
            Some(Parsed::Meta(name)) => {
                let value = record::decode(Kind::Meta, key, stored)?.to_vec();
                self.meta.insert(name.clone(), value);
                self.meta_digests.insert(name, Digest::of(&[stored]));
                Ok(())
            }
            Some(Parsed::Snapshot(id, chunk)) => self.take_snapshot(id, chunk, key, stored),
            None => Err(Error::damage("a record has an unknown key", keys::describe(key))),
        }
    }

    fn take_entry(&mut self, index: u64, key: &[u8], stored: &[u8]) -> Result<(), Error> {
        let (_, chain, payload) = log::decode_entry(key, stored)?;
        if self.next_index != Some(index) {
            let what = match self.next_index {
                Some(expected) => {
                    format!("the log goes on with index {index} instead of {expected}")
                }
                None => format!("index {index} is not part of the log"),
            };
            return Err(Error::damage(what, keys::describe(key)));
        }
        self.chain = Digest::chain(self.chain, index, payload);
        if self.chain != chain {
            return Err(Error::damage("log entry does not continue the hash chain", keys::describe(key)));
        }
        let last = self.head.log.range.map(|range| range.last);
        self.next_index = index.checked_add(1).filter(|next| Some(*next) <= last);
        Ok(())
    }

    fn take_snapshot(&mut self, id: u64, chunk: u32, key: &[u8], stored: &[u8]) -> Result<(), Error> {
        if self.head.snapshot.as_ref().is_none_or(|current| current.id != id) {
            self.garbage.insert(id);
            return Ok(());
        }
        if chunk == keys::SNAPSHOT_META_CHUNK {
            record::decode(Kind::SnapshotMeta, key, stored)?;
            self.snapshot.meta = Some(Digest::of(&[stored]));
            return Ok(());
        }
        let bytes = record::decode(Kind::SnapshotChunk, key, stored)?;
        self.snapshot.content.update(bytes);
        self.snapshot.chunks += 1;
        self.snapshot.bytes += bytes.len() as u64;
        Ok(())
    }

    fn finish(self) -> Result<Verified, Error> {
        let head = self.head;
        if let Some(missing) = self.next_index {
            return Err(Error::damage("log entry is missing", format!("log index {missing}")));
        }
        if self.chain != head.log.end_chain() {
            return Err(Error::damage("the log ends with another hash than was stored", "the end of the log"));
        }
        if self.vote_digest != head.vote {
            return Err(Error::damage("the vote is not the one that was stored last", "the vote"));
        }
        if self.meta_digests != head.meta {
            return Err(Error::damage("meta values are not those that were stored last", "the meta values"));
        }
        if let Some(current) = &head.snapshot {
            self.snapshot.check(current)?;
        }
        let current = head.snapshot.as_ref().map(|snapshot| snapshot.id);
        let next_snapshot_id = current.max(self.garbage.last().copied()).map_or(1, |id| id + 1);
        let garbage = self.garbage.into_iter().collect();
        let (vote, meta) = (self.vote, self.meta);
        Ok(Verified { head: head.clone(), vote, meta, garbage, next_snapshot_id })
    }
}

impl SnapshotScan {
    fn check(self, current: &SnapshotHead) -> Result<(), Error> {
        let content = Digest(self.content.finalize().into());
        let same = self.chunks == current.chunks && self.bytes == current.bytes && content == current.content;
        if !same || self.meta != Some(current.meta) {
            let location = format!("snapshot {}", current.id);
            return Err(Error::damage("the snapshot is not the one that was finished", location));
        }
        Ok(())
    }
}
