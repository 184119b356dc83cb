//! SQLite: one file, one writer at a time.
//!
//! All work runs on blocking threads. Introspection and other reads share a connection and take no write lock; what writes has a
//! connection of its own, begins with `BEGIN IMMEDIATE` under a short busy timeout and is tried again in a jittered rhythm, so that
//! applications in other processes go on.

mod backfill;
mod claim;
pub(crate) mod connect;
mod execute;
mod health;
mod introspect;
mod ledger;
mod normalise;
mod preflight;
mod probe;
mod reader;
mod rights;
mod session;
mod sizes;

use crate::control::Control;
use crate::database::Database;
use crate::error::Error;
use crate::health::Health;
use crate::job::{Job, Progress};
use crate::ledger::{Ledger, Owner, Row};
use crate::preflight::Limits;
use crate::probe::Probe;
use crate::sizes::Sizes;
pub(crate) use connect::{file_of, open_plain};
use lockstep_core::in_flight::{Measurement, Obstacle};
use lockstep_core::{Engine, Schema, Step, Version};
use reader::Reader;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::watch;

/// The SQLite adapter.
#[derive(Debug)]
pub(crate) struct Sqlite {
    file: PathBuf,
    place: String,
    claim: Mutex<Option<claim::Claim>>,
    reader: Reader,
    prober: Reader,
}

impl Sqlite {
    pub(crate) fn new(dsn: &str) -> Result<Self, Error> {
        let file = file_of(dsn)?;
        let (place, reader, prober) = (file.display().to_string(), Reader::default(), Reader::default());
        Ok(Self { file, place, claim: Mutex::new(None), reader, prober })
    }

    /// Reads on a connection that is kept for it.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&session::Here<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.reader.read(self, work).await
    }

    async fn session(&self) -> Result<session::Session, Error> {
        session::Session::open(self.file.clone(), self.place.clone()).await
    }
}

#[async_trait::async_trait]
impl Database for Sqlite {
    fn engine(&self) -> Engine {
        Engine::Sqlite
    }

    fn place(&self) -> &str {
        &self.place
    }

    async fn claim(&self, owner: &Owner) -> Result<Ledger, Error> {
        claim::claim(self, owner).await
    }

    async fn follow(&self, _owner: &Owner) -> Result<Ledger, Error> {
        let reason = "SQLite does not replicate".to_owned();
        Err(Error::NotReplica { database: self.place.clone(), reason })
    }

    async fn ledger(&self) -> Result<Ledger, Error> {
        self.read(ledger::read).await
    }

    async fn ledger_rows(&self, after: Version, rows_max: u32) -> Result<Vec<Row>, Error> {
        self.read(move |here| ledger::rows_after(here, after, rows_max)).await
    }

    async fn schema(&self) -> Result<Schema, Error> {
        self.read(introspect::schema).await
    }

    async fn sizes(&self) -> Result<Sizes, Error> {
        self.read(sizes::read).await
    }

    async fn missing_rights(&self) -> Result<Vec<Obstacle>, Error> {
        Ok(rights::missing(self))
    }

    async fn preflight(&self, step: &Step, limits: &Limits) -> Vec<Obstacle> {
        preflight::preflight(self, step, limits).await
    }

    async fn execute(
        &self,
        job: &Job,
        progress: &watch::Sender<Progress>,
        control: &Control,
    ) -> Result<Measurement, Error> {
        claim::check(self)?;
        execute::execute(self, job, progress, control).await
    }

    async fn probe(&self, probe: &Probe) -> Result<Duration, Error> {
        probe::run(self, probe).await
    }

    async fn health(&self) -> Health {
        health::read(self).await
    }
}
