//! How a database does.

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
    /// Sessions that wait for a lock; `None` where the engine does not tell.
    pub sessions_waiting_on_locks: Option<u32>,
    /// Age of the oldest open transaction; `None` when there is none or the engine does not tell.
    pub oldest_transaction_ms: Option<u64>,
    /// Bytes of the database on disk.
    pub size_bytes: Option<u64>,
}
