//! The application: so many transactions a second, half of them reads and half updates of one row each, begun on time whether those
//! before them have been answered or not. What a transaction took counts from the moment at which it should have begun, so that a
//! stall is counted for everybody who would have come meanwhile.

use crate::latency::{Sample, Samples};
use anyhow::Result;
use lockstep_core::Engine;
use lockstep_database::plain::{self, Connection, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Transactions at the same time, at most: as many as an application's pool has connections.
const CONNECTIONS: usize = 32;

/// An application at work.
pub(crate) struct Application {
    plan: Arc<Plan>,
    workers: JoinSet<Vec<Sample>>,
}

struct Plan {
    begin: Instant,
    interval: Duration,
    rows: u64,
    next: AtomicU64,
    is_over: AtomicBool,
}

impl Application {
    /// Opens its connections and begins.
    pub(crate) async fn start(engine: Engine, dsn: &str, rows: u64, rate: u32) -> Result<Self> {
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            connections.push(plain::connect(engine, dsn).await?);
        }
        let plan = Arc::new(Plan {
            begin: Instant::now(),
            interval: Duration::from_secs(1) / rate,
            rows,
            next: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
        });
        let mut workers = JoinSet::new();
        for connection in connections {
            let plan = Arc::clone(&plan);
            workers.spawn(async move { plan.work(&connection).await });
        }
        Ok(Self { plan, workers })
    }

    /// Ends it once all that has begun is answered.
    pub(crate) async fn finish(mut self) -> Result<Samples> {
        self.plan.is_over.store(true, Ordering::Relaxed);
        let mut samples = Vec::new();
        while let Some(of_one) = self.workers.join_next().await {
            samples.extend(of_one?);
        }
        Ok(Samples(samples))
    }
}

impl Plan {
    async fn work(&self, connection: &Connection) -> Vec<Sample> {
        let mut samples = Vec::new();
        while !self.is_over.load(Ordering::Relaxed) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let due = self.begin + self.interval.mul_f64(number as f64);
            tokio::time::sleep_until(due).await;
            let failure = self.transaction(connection, number).await.err().map(|error| error.to_string());
            samples.push(Sample { due, took: due.elapsed(), failure });
        }
        samples
    }

    async fn transaction(&self, connection: &Connection, number: u64) -> Result<()> {
        // Spread over the table, in no order that a cache could like, the same in each run.
        let id = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % self.rows + 1;
        let id = [Value::Integer(i64::try_from(id)?)];
        if number.is_multiple_of(2) {
            connection.query("SELECT owner, balance FROM accounts WHERE id = $1", &id).await?;
        } else {
            connection.execute("UPDATE accounts SET balance = balance + 1 WHERE id = $1", &id).await?;
        }
        Ok(())
    }
}
