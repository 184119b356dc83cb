//! What can go wrong at a database.

use lockstep_core::{Engine, Fence, Version};

/// What a failure left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The failed transaction left no trace. Parts that were finished before it stand in a claimed ledger row.
    Failed,
    /// It may have taken effect or not: executing the same job again finds out by the ledger.
    Unknown,
}

/// What went wrong, with which names, and what to do. Holds no data source name.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The data source name is unusable.
    #[error("the {engine} data source name is not usable: {reason}")]
    InvalidDsn {
        /// For which engine.
        engine: Engine,
        /// Why, without repeating any of it.
        reason: String,
    },
    /// No connection. Retryable.
    #[error(
        "cannot reach database {database}: {reason}; check that it runs, that its address is right and that this machine may connect"
    )]
    Unreachable {
        /// Where it should be.
        database: String,
        /// What the driver said.
        reason: String,
    },
    /// The database refused the agent's credentials.
    #[error(
        "database {database} refused the agent: {reason}; check user and password of the agent's data source name"
    )]
    Refused {
        /// Where it is.
        database: String,
        /// What it said.
        reason: String,
    },
    /// A right is missing.
    #[error("no permission at {database}: {reason}; {remedy}")]
    NoPermission {
        /// Where.
        database: String,
        /// What was refused.
        reason: String,
        /// What to grant.
        remedy: String,
    },
    /// There is no room for what was to be written.
    #[error("the disk of {database} is full: {reason}; statement: {statement}; make room there")]
    DiskFull {
        /// Where.
        database: String,
        /// The beginning of the statement.
        statement: String,
        /// What the engine said.
        reason: String,
    },
    /// The database takes no writes.
    #[error("database {database} is read-only: {reason}; {remedy}")]
    ReadOnly {
        /// Where.
        database: String,
        /// What it said.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// The database of a replica takes writes.
    #[error(
        "database {database} is no replica: {reason}; point the agent at a replica that is read-only, or, if it is a primary now, \
         remove this node and let the agent join with `database.role = \"primary\"`"
    )]
    NotReplica {
        /// Where.
        database: String,
        /// How it shows.
        reason: String,
    },
    /// Another agent holds the database. Retryable: it may leave.
    #[error(
        "database {database} is held by the agent of node `{holder}`; one database has one agent: stop that one first"
    )]
    Claimed {
        /// Where.
        database: String,
        /// The name of the other's node.
        holder: String,
    },
    /// This value has not claimed the database, or lost its claim.
    #[error("database {database} is not claimed by this agent; claim it before executing")]
    NotClaimed {
        /// Where.
        database: String,
    },
    /// The ledger is another cluster's.
    #[error(
        "database {database} belongs to cluster {stored}, not to {offered}; point the agent at the right database, or, if it \
         has left that cluster for good, remove its ledger there: {remedy}"
    )]
    ForeignLedger {
        /// Where.
        database: String,
        /// The cluster in the ledger.
        stored: String,
        /// The cluster that asked.
        offered: String,
        /// The statements that remove the ledger.
        remedy: &'static str,
    },
    /// The ledger was written by a newer release.
    #[error(
        "the ledger in {database} has format {stored}, this program reads up to {supported}; run a newer lockstep"
    )]
    NewerLedger {
        /// Where.
        database: String,
        /// Its format.
        stored: u32,
        /// The newest that this program knows.
        supported: u32,
    },
    /// No agent ever claimed this database.
    #[error(
        "database {database} has no ledger; the agent of a primary makes it when it claims the database, and a replica gets it from there"
    )]
    NoLedger {
        /// Where.
        database: String,
    },
    /// The ledger holds what this program never writes.
    #[error("the ledger in {database} is damaged: {reason}; restore the database or remove the node")]
    DamagedLedger {
        /// Where.
        database: String,
        /// What is wrong.
        reason: String,
    },
    /// A newer decision has already written here.
    #[error(
        "fence {offered} is stale at {database}: fence {stored} has already written here; ask the cluster what to do now"
    )]
    Fenced {
        /// Where.
        database: String,
        /// The fence in the ledger.
        stored: Fence,
        /// The job's.
        offered: Fence,
    },
    /// The database does not stand where the version builds.
    #[error(
        "version {version} builds on version {base}, but {database} is at version {head}; let it catch up first"
    )]
    BaseMismatch {
        /// Where.
        database: String,
        /// The job's.
        version: Version,
        /// Where it should stand.
        base: Version,
        /// Where it stands.
        head: Version,
    },
    /// The ledger has another step under this version.
    #[error(
        "version {version} in {database} was written with hash {stored}, not {offered}: it is another cluster's or a damaged log's; remove the node and let it join anew"
    )]
    HashMismatch {
        /// Where.
        database: String,
        /// Which.
        version: Version,
        /// In the ledger.
        stored: String,
        /// The job's.
        offered: String,
    },
    /// Another version is half done.
    #[error(
        "version {claimed} is half done in {database}; it must be finished or reverted before version {version}"
    )]
    HalfDone {
        /// Where.
        database: String,
        /// The job's.
        version: Version,
        /// The unfinished one.
        claimed: Version,
    },
    /// The version was reverted here: it is never executed again.
    #[error(
        "version {version} was reverted in {database}; a reverted version is never executed again: submit the change anew"
    )]
    AlreadyReverted {
        /// Where.
        database: String,
        /// Which.
        version: Version,
    },
    /// Newer versions stand on the one to revert.
    #[error("version {version} cannot be reverted in {database}: version {head} stands on it; revert that first")]
    NotHead {
        /// Where.
        database: String,
        /// The job's.
        version: Version,
        /// The newest executed.
        head: Version,
    },
    /// A lock was not to be had until the deadline. Retryable.
    #[error(
        "could not lock what {what} needs at {database} in {attempts} attempts over {waited_ms} ms; end the transactions that hold it, or try at a quieter time"
    )]
    Busy {
        /// Where.
        database: String,
        /// The step.
        what: String,
        /// Attempts.
        attempts: u32,
        /// From the first to the last.
        waited_ms: u64,
    },
    /// A statement failed.
    #[error("{database}: {message}; statement: {statement}")]
    Statement {
        /// Where.
        database: String,
        /// Its beginning.
        statement: String,
        /// What the engine said.
        message: String,
    },
    /// An assertion does not hold.
    #[error("`{assertion}` does not hold at {database}; first rows: {}", rows.join("; "))]
    Violations {
        /// Where.
        database: String,
        /// The assertion's name.
        assertion: String,
        /// The first offending rows.
        rows: Vec<String>,
    },
    /// The action itself is unusable.
    #[error("step `{step}` cannot be executed: {reason}")]
    InvalidAction {
        /// The step.
        step: String,
        /// Why, and what to write instead.
        reason: String,
    },
    /// Cancelled on request. What was committed before stands in the ledger.
    #[error("{what} was cancelled at {database}")]
    Cancelled {
        /// Where.
        database: String,
        /// The step.
        what: String,
    },
    /// The connection broke before the commit was asked for: nothing of the transaction stayed. Retryable.
    #[error(
        "lost the connection to {database} during {what}: {reason}; nothing of it stayed, it can be tried again"
    )]
    ConnectionLost {
        /// Where.
        database: String,
        /// What was going on.
        what: String,
        /// What the driver said.
        reason: String,
    },
    /// The connection broke after the commit was asked for. Retryable: the ledger tells what became of it.
    #[error(
        "lost the connection to {database} while committing {what}: {reason}; whether it took effect stands in the ledger"
    )]
    Unknown {
        /// Where.
        database: String,
        /// What was being committed.
        what: String,
        /// What the driver said.
        reason: String,
    },
    /// The database does not do what its manual promises, or its files are damaged.
    #[error("{database}: {reason}")]
    Engine {
        /// Where.
        database: String,
        /// What the engine said.
        reason: String,
    },
}

impl Error {
    /// True when the same call may succeed later without anybody changing the step.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::Claimed { .. }
                | Self::Busy { .. }
                | Self::ConnectionLost { .. }
                | Self::Unknown { .. }
        )
    }

    /// Whether anything may have stayed.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Unknown { .. } => Outcome::Unknown,
            _ => Outcome::Failed,
        }
    }
}

/// The beginning of a statement, on one line, for messages.
pub(crate) fn beginning(statement: &str) -> String {
    const CHARACTERS_MAX: usize = 200;
    let line = statement.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(CHARACTERS_MAX) {
        None => line,
        Some((end, _)) => format!("{}…", &line[..end]),
    }
}
