//! MariaDB 10.5 and later, MySQL 8.0 and later. A server that dies in the middle of a definition finishes or undoes it from MariaDB
//! 10.6 on; before, the table may be damaged.
//!
//! Four kinds of connections: one is kept for the claim (a named lock lives as long as its connection), one is kept for short
//! reads, one belongs to the probe, and each introspection, preflight and execution has its own. An execution has a second one that watches it.
//!
//! Statements that define something commit by themselves here. How such a statement has its effect exactly once stands in
//! [`one_by_one`]; everything else shares a transaction with its ledger row.
//!
//! An agent's sessions set what statements depend on: `sql_mode` is the engine's own default (so `||` is OR), the time zone
//! is UTC, names and texts are utf8mb4, foreign keys and unique keys are checked, nothing is cut short by time limits. Jobs run
//! under READ COMMITTED, unless the binary log holds statements.
//!
//! Deliberately absent: TLS (connect over loopback, a private network or a tunnel), connection proxies that share connections
//! between sessions (they break named locks), other databases of the same server.

mod backfill;
mod claim;
mod connect;
mod doubt;
mod execute;
mod health;
mod introspect;
mod key;
mod ledger;
mod lookout;
mod one_by_one;
mod preflight;
mod printed;
mod probe;
mod rights;
mod sizes;
mod sql;
mod statement;
mod transaction;
mod watchdog;

use crate::control::Control;
use crate::database::Database;
use crate::error::Error;
use crate::health::Health;
use crate::job::{Job, Progress};
use crate::ledger::{Ledger, Owner, Row};
use crate::preflight::Limits;
use crate::probe::Probe;
use crate::sizes::Sizes;
pub(crate) use connect::{Server, code, meaning};
use lockstep_core::in_flight::{Measurement, Obstacle};
use lockstep_core::{Engine, Schema, Step, Version};
use mysql_async::Conn;
pub(crate) use sql::{quote, quoted_length};
use std::time::Duration;
use tokio::sync::{Mutex, watch};

/// The adapter for MariaDB and MySQL.
pub(crate) struct Mysql {
    server: Server,
    claim: Mutex<Option<claim::Claim>>,
    /// For short reads. `None` while one is going on, after one that was dropped half-way, and after one that failed.
    reader: Mutex<Option<Conn>>,
    /// For the probe. `None` after one that was not answered in time.
    prober: Mutex<Option<Conn>>,
}

impl std::fmt::Debug for Mysql {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Mysql").field("place", &self.server.place).finish_non_exhaustive()
    }
}

impl Mysql {
    pub(crate) fn new(engine: Engine, dsn: &str) -> Result<Self, Error> {
        let server = Server::new(engine, dsn)?;
        Ok(Self { server, claim: Mutex::new(None), reader: Mutex::new(None), prober: Mutex::new(None) })
    }

    /// The kept connection, or another when it was lost.
    async fn take_reader(&self, kept: &mut Option<Conn>) -> Result<Conn, Error> {
        use mysql_async::prelude::Queryable as _;
        if let Some(mut connection) = kept.take()
            && connection.ping().await.is_ok()
        {
            return Ok(connection);
        }
        Ok(self.server.connect().await?.0)
    }
}

#[async_trait::async_trait]
impl Database for Mysql {
    fn engine(&self) -> Engine {
        self.server.engine
    }

    fn place(&self) -> &str {
        &self.server.place
    }

    async fn claim(&self, owner: &Owner) -> Result<Ledger, Error> {
        claim::claim(self, owner).await
    }

    async fn follow(&self, owner: &Owner) -> Result<Ledger, Error> {
        claim::follow(self, owner).await
    }

    async fn ledger(&self) -> Result<Ledger, Error> {
        let mut kept = self.reader.lock().await;
        let mut connection = self.take_reader(&mut kept).await?;
        let ledger = ledger::read(&self.server.place, &mut connection).await;
        *kept = Some(connection);
        ledger
    }

    async fn ledger_rows(&self, after: Version, rows_max: u32) -> Result<Vec<Row>, Error> {
        let mut kept = self.reader.lock().await;
        let mut connection = self.take_reader(&mut kept).await?;
        let rows = ledger::rows_after(&self.server.place, &mut connection, after, rows_max).await;
        *kept = Some(connection);
        rows
    }

    async fn schema(&self) -> Result<Schema, Error> {
        introspect::schema(&self.server).await
    }

    async fn sizes(&self) -> Result<Sizes, Error> {
        sizes::read(&self.server).await
    }

    async fn missing_rights(&self) -> Result<Vec<Obstacle>, Error> {
        let mut kept = self.reader.lock().await;
        let mut connection = self.take_reader(&mut kept).await?;
        let rights = rights::read(&self.server, &mut connection).await;
        *kept = Some(connection);
        Ok(rights?.missing)
    }

    async fn preflight(&self, step: &Step, limits: &Limits) -> Vec<Obstacle> {
        preflight::preflight(&self.server, step, limits).await
    }

    async fn execute(
        &self,
        job: &Job,
        progress: &watch::Sender<Progress>,
        control: &Control,
    ) -> Result<Measurement, Error> {
        claim::check(self).await?;
        execute::execute(&self.server, job, progress, control).await
    }

    async fn probe(&self, probe: &Probe) -> Result<Duration, Error> {
        probe::run(self, probe).await
    }

    async fn health(&self) -> Health {
        health::read(self).await
    }
}
