//! MariaDB 10.5 and later, MySQL 8.0 and later.
//!
//! Deliberately absent: TLS (connect over loopback, a private network or a tunnel).

mod connect;
mod introspect;
mod ledger;
mod sizes;
mod sql;

use crate::database::Database;
use crate::error::Error;
use crate::health::Health;
use crate::job::{Job, Progress};
use crate::ledger::{Ledger, Owner, Row};
use crate::preflight::Limits;
use crate::sizes::Sizes;
pub(crate) use connect::{Server, code, meaning};
use lockstep_core::in_flight::{Measurement, Obstacle};
use lockstep_core::{Engine, Schema, Step, Version};
pub(crate) use sql::{quote, quoted_length};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The adapter for MariaDB and MySQL.
#[derive(Debug)]
pub(crate) struct Mysql {
    server: Server,
}

impl Mysql {
    pub(crate) fn new(engine: Engine, dsn: &str) -> Result<Self, Error> {
        Ok(Self { server: Server::new(engine, dsn)? })
    }

    fn not_yet<T>(&self) -> Result<T, Error> {
        Err(Error::Engine {
            database: self.server.place.clone(),
            reason: "executing on this engine is not there yet".to_owned(),
        })
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

    async fn claim(&self, _: &Owner) -> Result<Ledger, Error> {
        self.not_yet()
    }

    async fn ledger(&self) -> Result<Ledger, Error> {
        self.not_yet()
    }

    async fn ledger_rows(&self, _: Version, _: u32) -> Result<Vec<Row>, Error> {
        self.not_yet()
    }

    async fn schema(&self) -> Result<Schema, Error> {
        introspect::schema(&self.server).await
    }

    async fn sizes(&self) -> Result<Sizes, Error> {
        sizes::read(&self.server).await
    }

    async fn preflight(&self, _: &Step, _: &Limits) -> Vec<Obstacle> {
        self.not_yet::<()>().err().iter().map(crate::preflight::failed_look).collect()
    }

    async fn execute(
        &self,
        _: &Job,
        _: &watch::Sender<Progress>,
        _: &CancellationToken,
    ) -> Result<Measurement, Error> {
        self.not_yet()
    }

    async fn health(&self) -> Health {
        Health { problem: self.not_yet::<()>().err().map(|error| error.to_string()), ..Health::default() }
    }
}
