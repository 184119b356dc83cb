//! A database that counts what is asked of it, and can break a promise.

use lockstep_core::in_flight::{Measurement, Obstacle};
use lockstep_core::{Engine, Schema, Step, Version};
use lockstep_database::{
    Control, Database, Error, Health, Job, Ledger, Limits, Owner, Probe, Progress, Sizes, ledger,
};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// What can be seen and broken of a [`Watched`] database from outside.
#[derive(Debug)]
pub(crate) struct Wires {
    pub(crate) preflights: watch::Sender<u64>,
    pub(crate) executions: watch::Sender<u64>,
    /// Schemas that were read so far.
    pub(crate) looks: watch::Sender<u64>,
    /// False: what was read of a schema is not told yet.
    pub(crate) tells_looks: watch::Sender<bool>,
    /// Looks at the health so far.
    pub(crate) healths: watch::Sender<u64>,
    /// What the health is said to be.
    pub(crate) health: Mutex<Option<Health>>,
    /// What a probe is said to take.
    pub(crate) probe: Mutex<Duration>,
    /// The next execution takes effect, and its answer is lost.
    pub(crate) loses_next_answer: AtomicBool,
    /// Somebody has made a primary of it: it follows nobody any more.
    pub(crate) is_promoted: AtomicBool,
}

impl Default for Wires {
    fn default() -> Self {
        let counter = || watch::channel(0).0;
        Self {
            preflights: counter(),
            executions: counter(),
            looks: counter(),
            tells_looks: watch::channel(true).0,
            healths: counter(),
            health: Mutex::default(),
            probe: Mutex::default(),
            loses_next_answer: AtomicBool::new(false),
            is_promoted: AtomicBool::new(false),
        }
    }
}

/// A database with wires.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) database: Arc<dyn Database>,
    pub(crate) wires: Arc<Wires>,
}

#[async_trait::async_trait]
impl Database for Watched {
    fn engine(&self) -> Engine {
        self.database.engine()
    }

    fn place(&self) -> &str {
        self.database.place()
    }

    async fn claim(&self, owner: &Owner) -> Result<Ledger, Error> {
        self.database.claim(owner).await
    }

    /// SQLite does not replicate: a test that needs it puts a copy in the database's place.
    async fn follow(&self, _owner: &Owner) -> Result<Ledger, Error> {
        if self.wires.is_promoted.load(Ordering::SeqCst) {
            let reason = "the test made it a primary".to_owned();
            return Err(Error::NotReplica { database: self.place().to_owned(), reason });
        }
        self.database.ledger().await
    }

    async fn ledger(&self) -> Result<Ledger, Error> {
        self.database.ledger().await
    }

    async fn ledger_rows(&self, after: Version, rows_max: u32) -> Result<Vec<ledger::Row>, Error> {
        self.database.ledger_rows(after, rows_max).await
    }

    async fn schema(&self) -> Result<Schema, Error> {
        let schema = self.database.schema().await;
        self.wires.looks.send_modify(|count| *count += 1);
        let _ = self.wires.tells_looks.subscribe().wait_for(|tells| *tells).await;
        schema
    }

    async fn sizes(&self) -> Result<Sizes, Error> {
        self.database.sizes().await
    }

    async fn missing_rights(&self) -> Result<Vec<Obstacle>, Error> {
        self.database.missing_rights().await
    }

    async fn preflight(&self, step: &Step, limits: &Limits) -> Vec<Obstacle> {
        self.wires.preflights.send_modify(|count| *count += 1);
        self.database.preflight(step, limits).await
    }

    async fn execute(
        &self,
        job: &Job,
        progress: &watch::Sender<Progress>,
        control: &Control,
    ) -> Result<Measurement, Error> {
        self.wires.executions.send_modify(|count| *count += 1);
        let measurement = self.database.execute(job, progress, control).await?;
        if self.wires.loses_next_answer.swap(false, Ordering::SeqCst) {
            return Err(Error::Unknown {
                database: self.place().to_owned(),
                what: job.step_name.clone(),
                reason: "the test cut the wire".to_owned(),
            });
        }
        Ok(measurement)
    }

    async fn probe(&self, _: &Probe) -> Result<Duration, Error> {
        Ok(*self.wires.probe.lock().unwrap())
    }

    async fn health(&self) -> Health {
        self.wires.healths.send_modify(|count| *count += 1);
        let scripted = self.wires.health.lock().unwrap().clone();
        match scripted {
            Some(health) => health,
            None => self.database.health().await,
        }
    }
}
