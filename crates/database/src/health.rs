//! How a database does.

use std::path::{Path, PathBuf};

/// A reading of a database's health.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// False: nothing else here counts.
    pub reachable: bool,
    /// Why it is not reachable; what to do.
    pub problem: Option<String>,
    /// What the reading took, in microseconds.
    pub latency_us: u64,
    /// How far it is behind its primary; `None` when it follows none.
    pub replication_lag_ms: Option<u64>,
    /// Sessions that run a statement now, those of the agent left out; `None` where the engine does not tell.
    pub sessions_running: Option<u32>,
    /// Sessions that ran a statement within the last second, those of the agent left out; `None` where that is not told. Whom the agent
    /// may not see counts.
    pub sessions_lately: Option<u32>,
    /// Sessions that wait for a lock; `None` where the engine does not tell.
    pub sessions_waiting_on_locks: Option<u32>,
    /// Age of the oldest open transaction; `None` when there is none or the engine does not tell.
    pub oldest_transaction_ms: Option<u64>,
    /// Bytes of the database on disk.
    pub size_bytes: Option<u64>,
    /// What replicates from this database, as far as it tells.
    pub standbys: Vec<Standby>,
    /// What is left where the database is; `None` where its server is elsewhere, or does not tell.
    pub volume: Option<Volume>,
}

/// Something that replicates from a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standby {
    /// As it calls itself, or where it connects from.
    pub name: String,
    /// How far it is behind; `None` when that cannot be told.
    pub lag_ms: Option<u64>,
    /// Why it cannot be told; what to do.
    pub note: String,
}

/// A place on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// A directory on it.
    pub path: PathBuf,
    /// What is left for processes without privileges.
    pub free_bytes: u64,
}

impl Volume {
    /// The volume of a directory or file of this machine; `None` when there is none to be read.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        let found = rustix::fs::statvfs(path).ok()?;
        Some(Self { path: path.to_owned(), free_bytes: found.f_bavail.saturating_mul(found.f_frsize) })
    }
}
