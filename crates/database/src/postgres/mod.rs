//! PostgreSQL 13 and later.
//!
//! Four kinds of connections: one is kept for the claim (a session advisory lock lives as long as its connection), one is
//! shared for short reads, one belongs to the probe, and each introspection, preflight and execution has its own. Locks of applications' tables are
//! waited for shortly and often, never long: everything queues behind a waiting `ALTER TABLE`.
//!
//! Deliberately absent: TLS (connect over loopback, a private network or a tunnel), connection poolers in transaction mode (they
//! break session locks).

mod backfill;
mod claim;
mod connect;
mod doubt;
mod execute;
mod health;
mod introspect;
mod ledger;
mod lock_mode;
mod lookout;
mod one_by_one;
mod pages;
mod preflight;
mod probe;
mod rights;
mod sizes;
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
use connect::APPLICATION_NAME;
pub(crate) use connect::{Server, meaning};
use lockstep_core::in_flight::{Measurement, Obstacle};
use lockstep_core::{Engine, Schema, Step, Version};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, watch};
use tokio_postgres::Client;

/// The PostgreSQL adapter.
pub(crate) struct Postgres {
    server: Server,
    claim: Mutex<Option<claim::Claim>>,
    /// For statements that stand alone; replaced when it broke.
    reader: Mutex<Option<Arc<Client>>>,
    /// For the probe. `None` after one that was not answered in time.
    prober: Mutex<Option<Client>>,
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Postgres").field("place", &self.server.place).finish_non_exhaustive()
    }
}

impl Postgres {
    pub(crate) fn new(dsn: &str) -> Result<Self, Error> {
        let server = Server::new(dsn, APPLICATION_NAME)?;
        Ok(Self { server, claim: Mutex::new(None), reader: Mutex::new(None), prober: Mutex::new(None) })
    }

    async fn reader(&self) -> Result<Arc<Client>, Error> {
        let mut kept = self.reader.lock().await;
        if let Some(client) = kept.as_ref().filter(|client| !client.is_closed()) {
            return Ok(Arc::clone(client));
        }
        let client = Arc::new(self.server.connect().await?);
        *kept = Some(Arc::clone(&client));
        Ok(client)
    }
}

#[async_trait::async_trait]
impl Database for Postgres {
    fn engine(&self) -> Engine {
        Engine::Postgres
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
        ledger::read(&self.server.place, &*self.reader().await?).await
    }

    async fn ledger_rows(&self, after: Version, rows_max: u32) -> Result<Vec<Row>, Error> {
        ledger::rows_after(&self.server.place, &*self.reader().await?, after, rows_max).await
    }

    async fn schema(&self) -> Result<Schema, Error> {
        introspect::schema(&self.server).await
    }

    async fn sizes(&self) -> Result<Sizes, Error> {
        sizes::read(&self.server).await
    }

    async fn missing_rights(&self) -> Result<Vec<Obstacle>, Error> {
        rights::missing(&self.server, &*self.reader().await?, None).await
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
