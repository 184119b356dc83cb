//! The head record: what the store must hold, written in one atomic batch with every change.
//!
//! The engine recovers from a bad page by an older version of it, without a word. Each page alone can thus be
//! right and out of date. The head names the digest of everything else, and the watermark (a file of its own)
//! names the digest of the head: an acknowledged change cannot vanish unseen.

use std::collections::BTreeMap;

use crate::digest::{Digest, HexBytes};
use crate::error::Error;
use crate::{keys, record};

/// What the store holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Head {
    /// Counts the batches.
    pub(crate) sequence: u64,
    pub(crate) log: LogHead,
    pub(crate) vote: Option<Digest>,
    pub(crate) meta: BTreeMap<String, Digest>,
    pub(crate) snapshot: Option<SnapshotHead>,
    pub(crate) identity: Option<Digest>,
}

/// Where the log begins and ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct LogHead {
    pub(crate) purged: Option<Purged>,
    pub(crate) range: Option<LogRange>,
}

/// The entries that are gone because a snapshot covers them.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Purged {
    pub(crate) index: u64,
    pub(crate) chain: Digest,
    pub(crate) id: HexBytes,
}

/// The entries that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct LogRange {
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) last_chain: Digest,
}

/// The current snapshot.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct SnapshotHead {
    pub(crate) id: u64,
    pub(crate) chunks: u32,
    pub(crate) bytes: u64,
    pub(crate) meta: Digest,
    pub(crate) content: Digest,
}

impl LogHead {
    /// The chain value before the first entry.
    pub(crate) fn base_chain(&self) -> Digest {
        self.purged.as_ref().map_or(Digest::default(), |purged| purged.chain)
    }

    /// The chain value after the last entry.
    pub(crate) fn end_chain(&self) -> Digest {
        self.range.map_or_else(|| self.base_chain(), |range| range.last_chain)
    }

    /// The only index that may follow; `None` when the log never held anything and may begin anywhere.
    pub(crate) fn next_index(&self) -> Option<u64> {
        let last = self.range.map(|range| range.last).or(self.purged.as_ref().map(|purged| purged.index));
        last.map(|last| last + 1)
    }
}

impl Head {
    /// The record as stored.
    pub(crate) fn to_record(&self) -> Vec<u8> {
        let body = serde_json::to_vec(self).expect("a head has only strings as map keys");
        record::encode(record::Kind::Head, keys::HEAD, &[&body])
    }

    pub(crate) fn from_record(stored: &[u8]) -> Result<Self, Error> {
        let body = record::decode(record::Kind::Head, keys::HEAD, stored)?;
        let damaged = |error: serde_json::Error| Error::damage(format!("head record: {error}"), "the head record");
        serde_json::from_slice(body).map_err(damaged)
    }
}
