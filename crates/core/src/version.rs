//! The schema version log: gap-free, append-only, hash-chained.

use crate::ids::{ChangeId, LogIndex, Timestamp, Version};
use crate::node::Fingerprint;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// One entry of the version log, written when its step starts to prepare.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its position; the first entry is 1.
    pub version: Version,
    /// The settled version on which it builds: `version - 1`, unless entries between were reverted.
    pub base: Version,
    /// The change that the step belongs to.
    pub change: ChangeId,
    /// Position of the step in its change.
    pub step: usize,
    /// [`crate::Step::content_hash`] of the step.
    pub step_hash: String,
    /// Hash of the entry before ([`GENESIS_HASH`] for the first).
    pub previous_hash: String,
    /// Hash over all fields above; outcome is not part of it.
    pub hash: String,
    /// When it was appended.
    pub at: Timestamp,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    /// Its step is in flight.
    InFlight,
    /// Every node holds it and every client acknowledged it.
    Settled {
        /// When.
        at: Timestamp,
        /// Log index of the confirmation under which nodes executed: the fence with which a late node catches up.
        confirm: LogIndex,
        /// Of the schema that every node then had.
        fingerprint: Fingerprint,
    },
    /// Undone on every node: no database holds it.
    Reverted {
        /// When.
        at: Timestamp,
    },
}

/// The `previous_hash` of version 1.
pub const GENESIS_HASH: &str = "0000000000000000000000000000000000000000000000000000000000000000";

impl Entry {
    /// The hash that an entry with these fields must have.
    #[must_use]
    pub fn compute_hash(&self) -> String {
        let mut hasher = Sha256::new();
        for number in [self.version.0, self.base.0, self.change.0, self.step as u64] {
            hasher.update(number.to_be_bytes());
        }
        hasher.update(self.step_hash.as_bytes());
        hasher.update(self.previous_hash.as_bytes());
        hex(&hasher.finalize())
    }

    /// True while some database may hold it or will hold it: in flight or settled.
    #[must_use]
    pub fn is_effective(&self) -> bool {
        !matches!(self.outcome, Outcome::Reverted { .. })
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a String cannot fail");
        text
    })
}
