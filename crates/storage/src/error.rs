//! What can go wrong in the store, and what to do about it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What an operator does with a store that must not be served any more.
pub const DAMAGED_REMEDY: &str =
    "this node must not serve: wipe its data directory and join the cluster as a new node";

/// An error of the store. Cheap to clone: one failed barrier is told to every caller that waited for it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another process, or another handle in this process, has the data directory open. Retryable once it has ended.
    #[error("data directory {} is in use by another agent: stop that agent, or give this one a directory of its own", .directory.display())]
    InUse {
        /// The data directory.
        directory: PathBuf,
    },
    /// Something stored is not what was acknowledged. Never retryable.
    #[error("damaged store: {what}, at {location}: {remedy}")]
    Damaged {
        /// What is wrong.
        what: String,
        /// Which record or file.
        location: String,
        /// What the operator does.
        remedy: &'static str,
    },
    /// The data was written by a newer release. Not retryable with this release.
    #[error(
        "{what} has format {found}, this release reads formats up to {supported}: start the release that wrote it, or a newer one"
    )]
    NewerFormat {
        /// The record or file.
        what: String,
        /// Format found.
        found: u32,
        /// Newest format that this release reads.
        supported: u32,
    },
    /// The data directory belongs to another cluster.
    #[error(
        "data directory belongs to cluster {found}, the settings name cluster {expected}: point the agent at its own data directory, or correct the cluster id"
    )]
    OtherCluster {
        /// Cluster of the data directory.
        found: String,
        /// Cluster that the caller asked for.
        expected: String,
    },
    /// The data directory belongs to another node of the same cluster, or its name is another one.
    #[error(
        "data directory belongs to node {found}, not to node {expected}: node ids are never reused or moved; use a directory of its own for each node"
    )]
    OtherNode {
        /// Node of the data directory, as `name (id)`.
        found: String,
        /// Node that the caller asked for, as `name (id)`.
        expected: String,
    },
    /// Entries do not follow the end of the log.
    #[error("log entry {found} does not follow the log, whose next index is {expected}: append without holes")]
    Hole {
        /// The only index that can be appended.
        expected: u64,
        /// The index that was given.
        found: u64,
    },
    /// Entries at or below the purge point are final.
    #[error("cannot truncate the log from index {index}: it is purged up to {purged_to}")]
    TruncatePurged {
        /// First index that the caller wanted gone.
        index: u64,
        /// Last purged index.
        purged_to: u64,
    },
    /// A value is over its bound.
    #[error("{what} has {size_bytes} bytes, the limit is {limit_bytes}: make it smaller or split it")]
    TooLarge {
        /// What it is.
        what: String,
        /// Its size.
        size_bytes: usize,
        /// The bound.
        limit_bytes: usize,
    },
    /// A meta value has a name that cannot be stored.
    #[error("{name:?} cannot name a meta value: use 1 to {limit_bytes} bytes without a NUL")]
    MetaName {
        /// The name.
        name: String,
        /// Its longest length.
        limit_bytes: usize,
    },
    /// The snapshot being written was given up, or has been finished already.
    #[error("snapshot {id} cannot be finished: {why}")]
    SnapshotAborted {
        /// Id of the snapshot in this store.
        id: u64,
        /// Why.
        why: String,
    },
    /// An input or output operation of the file system failed. The store stops at the first one that concerns
    /// durability, because a failed barrier says nothing about what is on disk.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// The system's error.
        source: Arc<std::io::Error>,
    },
    /// The engine below refused an operation for a reason other than damage.
    #[error("the storage engine failed to {action}: {reason}")]
    Engine {
        /// What was being done.
        action: &'static str,
        /// The engine's words.
        reason: String,
    },
    /// The store stopped at an earlier failure. Nothing after it was stored. Restart the agent.
    #[error("the store has stopped: {reason}: mend the cause and restart the agent")]
    Stopped {
        /// The first failure.
        reason: String,
    },
}

impl Error {
    /// Whether the same call can succeed later without anybody changing anything but the other holder of the lock.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(self, Error::InUse { .. })
    }

    /// Whether this node must never serve from this data directory again.
    #[must_use]
    pub fn damaged(&self) -> bool {
        matches!(self, Error::Damaged { .. })
    }

    pub(crate) fn damage(what: impl Into<String>, location: impl Into<String>) -> Self {
        Error::Damaged { what: what.into(), location: location.into(), remedy: DAMAGED_REMEDY }
    }

    pub(crate) fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Error::Io { action, path: path.to_owned(), source: Arc::new(source) }
    }

    /// Tells damage from trouble of the machine: a full disk or a missing permission must not condemn the data.
    pub(crate) fn engine(action: &'static str, error: sled::Error) -> Self {
        match error {
            sled::Error::Io(source) if !says_the_file_is_torn(source.kind()) => {
                Error::Engine { action, reason: source.to_string() }
            }
            other => {
                Error::damage(format!("the storage engine failed to {action}: {other}"), "the engine's files")
            }
        }
    }
}

fn says_the_file_is_torn(kind: std::io::ErrorKind) -> bool {
    matches!(kind, std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::InvalidData)
}
