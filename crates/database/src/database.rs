//! The trait that every engine's adapter implements.

use crate::control::Control;
use crate::error::Error;
use crate::health::Health;
use crate::job::{Job, Progress};
use crate::ledger::{self, Ledger, Owner};
use crate::preflight::Limits;
use crate::probe::Probe;
use crate::sizes::Sizes;
use crate::{mysql, postgres, sqlite};
use lockstep_core::in_flight::{Measurement, Obstacle};
use lockstep_core::{Engine, Schema, Step, Version};
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// One database, as its agent sees it. Connections are opened when they are needed and opened again when they were lost.
///
/// All futures may be dropped at any time: what was begun either takes effect whole or leaves a claimed ledger row from which
/// the next [`Database::execute`] goes on.
#[async_trait::async_trait]
pub trait Database: Debug + Send + Sync {
    /// What it is.
    fn engine(&self) -> Engine;

    /// Where it is, as messages name it: a file, or host, port and database name. Never holds a secret.
    fn place(&self) -> &str;

    /// Takes the exclusive right to execute here, and makes the ledger when there is none. Held until this value is dropped;
    /// claiming again with the same value renews the owner's names.
    ///
    /// # Errors
    ///
    /// [`Error::Claimed`] when another agent holds it, [`Error::ForeignLedger`] when the ledger belongs to another cluster,
    /// [`Error::NewerLedger`], [`Error::NoPermission`], [`Error::ReadOnly`], [`Error::Unreachable`] (retryable).
    async fn claim(&self, owner: &Owner) -> Result<Ledger, Error>;

    /// Takes the exclusive right to report for a database that receives its writes by replication, and writes nothing. Held until
    /// this value is dropped; asking again with the same value finds out whether it still follows a primary.
    ///
    /// # Errors
    ///
    /// [`Error::NotReplica`] when the database takes writes, [`Error::NoLedger`] until the ledger of its primary has reached it,
    /// [`Error::Claimed`], [`Error::ForeignLedger`], [`Error::NewerLedger`], [`Error::Unreachable`] (retryable).
    async fn follow(&self, owner: &Owner) -> Result<Ledger, Error>;

    /// The ledger's head, fence and unfinished row. Costs the same however long the ledger is.
    ///
    /// # Errors
    ///
    /// [`Error::NoLedger`] before the first [`Database::claim`]; [`Error::Unreachable`] (retryable).
    async fn ledger(&self) -> Result<Ledger, Error>;

    /// Ledger rows above `after`, in order, at most `rows_max`.
    ///
    /// # Errors
    ///
    /// As [`Database::ledger`].
    async fn ledger_rows(&self, after: Version, rows_max: u32) -> Result<Vec<ledger::Row>, Error>;

    /// The schema as it is now, without Lockstep's own objects. Takes no lock that an application could wait for.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`], [`Error::ConnectionLost`] (both retryable), [`Error::NoPermission`].
    async fn schema(&self) -> Result<Schema, Error>;

    /// How large the tables are, as the engine estimates without reading them, and the engine's version.
    ///
    /// # Errors
    ///
    /// As [`Database::schema`].
    async fn sizes(&self) -> Result<Sizes, Error>;

    /// Rights that the agent lacks and steps will need, as far as the engine tells beforehand. Looked at with each preflight too.
    ///
    /// # Errors
    ///
    /// As [`Database::schema`].
    async fn missing_rights(&self) -> Result<Vec<Obstacle>, Error> {
        Ok(Vec::new())
    }

    /// What stands in the way of the step's execution here, now. Empty: nothing. An unreachable database is an obstacle, not an
    /// error. Does not look at the ledger or the fingerprint: the caller knows what they should be.
    async fn preflight(&self, step: &Step, limits: &Limits) -> Vec<Obstacle>;

    /// Executes or reverts one version, exactly once: a version that the ledger already has as wanted is a success at once.
    ///
    /// Transactional statements, the ledger row and the fence check are one transaction. Other statements and backfills claim a
    /// row first and go on from it after a crash. `progress` receives each finished batch. `control` ends the
    /// job, or makes it wait between attempts and batches.
    ///
    /// # Errors
    ///
    /// See [`Error`]; [`Error::outcome`] tells *failed* (nothing of the failed transaction stayed; a claimed row says how far the
    /// parts before it went) from *unknown* (ask again: the ledger decides).
    async fn execute(
        &self,
        job: &Job,
        progress: &watch::Sender<Progress>,
        control: &Control,
    ) -> Result<Measurement, Error>;

    /// Runs an operator's own statement on a connection that is kept for it, and tells what it took. One that was stopped at its
    /// time limit took as long as that. For one caller at a time.
    ///
    /// # Errors
    ///
    /// [`Error::Statement`] and the like when the statement fails; [`Error::Unreachable`], [`Error::ConnectionLost`] (retryable).
    async fn probe(&self, probe: &Probe) -> Result<Duration, Error>;

    /// How the database does. An unreachable database is a reading, not an error.
    async fn health(&self) -> Health;
}

/// The adapter for an engine. Opens nothing yet: an unreachable database shows in the first call that needs it.
///
/// `dsn` is a file path (SQLite; `sqlite:` before it is allowed; the file must exist, so that a mistyped path makes no empty
/// database), a connection string or URL (PostgreSQL), or a URL `mysql://user:password@host:port/database` (MariaDB, MySQL).
///
/// # Errors
///
/// [`Error::InvalidDsn`] when the text is no data source name of the engine. The error does not repeat it.
pub fn connect(engine: Engine, dsn: &str) -> Result<Arc<dyn Database>, Error> {
    match engine {
        Engine::Sqlite => Ok(Arc::new(sqlite::Sqlite::new(dsn)?)),
        Engine::Postgres => Ok(Arc::new(postgres::Postgres::new(dsn)?)),
        Engine::Mariadb | Engine::Mysql => Ok(Arc::new(mysql::Mysql::new(engine, dsn)?)),
    }
}
