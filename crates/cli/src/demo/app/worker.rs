//! The requests to one shard.

use super::{CHANGE, Release, Report};
use lockstep_client::{Guard, Session};
use lockstep_core::step::Phase;
use lockstep_database::plain::{Connection, Value};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Barrier, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Rows that nobody writes, which every request reads one of.
const STILL_ROWS: u64 = 50;

/// Sends requests to one shard, one after the other. A request writes the worker's row, reads it back, and reads a row that nobody
/// writes.
pub(super) struct Worker {
    pub(super) session: Session,
    pub(super) connection: Connection,
    pub(super) release: Release,
    pub(super) row: i64,
    pub(super) interval: Duration,
    pub(super) label: watch::Receiver<String>,
}

impl Worker {
    /// Works until told to stop or the lease is over. `begun` is reached after the first request.
    pub(super) async fn run(self, stop: CancellationToken, begun: Arc<Barrier>) -> Report {
        let mut report = Report::default();
        // Latency counts from when a request was due: one that had to wait for a slow one before it is slow, too.
        let mut due = Instant::now();
        for round in 0_u64.. {
            due = due.max(Instant::now() - Duration::from_secs(1)) + self.interval;
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep_until(due) => {}
            }
            let outcome = self.request(round).await;
            if round == 0 {
                begun.wait().await;
            }
            match outcome {
                Outcome::Served => report.serve(&self.label.borrow(), due.elapsed()),
                Outcome::Failed(failure) => report.fail(failure),
                Outcome::LeaseOver(reason) => {
                    report.over = Some(reason);
                    break;
                }
            }
        }
        report
    }

    async fn request(&self, round: u64) -> Outcome {
        let guard = match self.session.guard() {
            Ok(guard) => guard,
            Err(over) => return Outcome::LeaseOver(over.to_string()),
        };
        match (self.attempt(&guard, round).await, guard.check()) {
            (Ok(()), _) => Outcome::Served,
            // A process that was stopped in the middle of a request may meet a database that has moved on: its guard tells.
            (Err(_), Err(over)) => Outcome::LeaseOver(over.to_string()),
            (Err(failure), Ok(())) => {
                guard.failed();
                let (version, phase) = (guard.version(), guard.phase(CHANGE));
                Outcome::Failed(format!(
                    "{} release at version {version} ({phase:?}): {failure}",
                    self.release.name()
                ))
            }
        }
    }

    async fn attempt(&self, guard: &Guard, round: u64) -> Result<(), String> {
        let phase = match self.release {
            Release::Old => None,
            Release::New => guard.phase(CHANGE),
        };
        let address = format!("worker{}-{round}@example.org", self.row);
        self.write(phase, &address, round).await?;
        self.expect(phase, self.row, &address).await?;
        let still = 1 + i64::try_from(round % STILL_ROWS).unwrap_or_default();
        self.expect(phase, still, &format!("user{still}@example.org")).await
    }

    async fn write(&self, phase: Option<Phase>, address: &str, round: u64) -> Result<(), String> {
        let columns: &[&str] = match phase {
            Some(Phase::SwitchReads | Phase::Contract) => &["email"],
            Some(Phase::SwitchWrites) => &["mail", "email"],
            _ => &["mail"],
        };
        let sql = if round == 0 {
            let (names, values) =
                (columns.join(", "), columns.iter().map(|_| "$2").collect::<Vec<_>>().join(", "));
            format!("INSERT INTO users (id, name, {names}) VALUES ($1, 'worker', {values})")
        } else {
            let sets = columns.iter().map(|column| format!("{column} = $2")).collect::<Vec<_>>().join(", ");
            format!("UPDATE users SET {sets} WHERE id = $1")
        };
        match self.connection.execute(&sql, &[Value::Integer(self.row), address.into()]).await {
            Ok(1) => Ok(()),
            Ok(rows) => Err(format!("{rows} rows written by {sql}")),
            Err(error) => Err(format!("{sql}: {error}")),
        }
    }

    async fn expect(&self, phase: Option<Phase>, row: i64, address: &str) -> Result<(), String> {
        let column = match phase {
            Some(Phase::SwitchReads | Phase::Contract) => "email",
            _ => "mail",
        };
        let sql = format!("SELECT lower({column}) FROM users WHERE id = $1");
        let rows = self
            .connection
            .query(&sql, &[Value::Integer(row)])
            .await
            .map_err(|error| format!("{sql}: {error}"))?;
        let found = rows.first().and_then(|row| row.first()).and_then(Value::as_text);
        if found == Some(address) { Ok(()) } else { Err(format!("row {row} has {found:?}, expected {address}")) }
    }
}

enum Outcome {
    Served,
    Failed(String),
    LeaseOver(String),
}
