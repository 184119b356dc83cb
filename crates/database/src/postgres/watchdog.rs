//! A second connection that watches who waits behind an execution: it counts them, and says when the execution must give way.

use super::connect::{Server, meaning};
use crate::error::Error;
use crate::job::Patience;
use crate::queue::Queue;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_postgres::Client;

/// Somebody who waits is seen after one such pause at the latest, and the watched statement cancelled after one more than
/// [`Patience::queue_wait_max`].
const RHYTHM: Duration = Duration::from_millis(20);

/// Who waits behind a session, and whether it is for what applications do: other schema changes and vacuums can wait. Asks the one
/// view that every role may read whole.
const SQL: &str = "
SELECT l.pid, bool_or(l.mode IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock') OR l.locktype IN ('transactionid', 'tuple'))
FROM pg_locks l WHERE NOT l.granted AND l.pid <> $1 AND $1 = ANY (pg_blocking_pids(l.pid))
GROUP BY l.pid";

/// Watches until it is dropped.
pub(super) struct Watchdog {
    blocked_sessions_max: Arc<AtomicU32>,
    /// Changes each time that the execution must give way.
    alarm: watch::Receiver<()>,
    /// True while something runs that can be in the way.
    is_running: Arc<watch::Sender<bool>>,
    watching: JoinHandle<()>,
}

impl Watchdog {
    pub(super) async fn start(server: &Server, watched: &Client, patience: &Patience) -> Result<Self, Error> {
        let failed = |error: &tokio_postgres::Error| meaning(&server.place, "SELECT pg_backend_pid()", error);
        let pid: i32 =
            watched.query_one("SELECT pg_backend_pid()", &[]).await.map_err(|error| failed(&error))?.get(0);
        let client = server.connect().await?;
        let blocked_sessions_max = Arc::new(AtomicU32::new(0));
        let (ring, alarm) = watch::channel(());
        let (is_running, running) = watch::channel(false);
        let watched = Watched { client, pid, running, blocked_sessions_max: Arc::clone(&blocked_sessions_max) };
        let watching = tokio::spawn(watch(watched, Queue::new(patience), ring));
        Ok(Self { blocked_sessions_max, alarm, is_running: Arc::new(is_running), watching })
    }

    pub(super) fn blocked_sessions_max(&self) -> u32 {
        self.blocked_sessions_max.load(Ordering::Relaxed)
    }

    /// Watches what begins now, until the value is dropped.
    pub(super) fn begin(&self) -> Alarm {
        let mut ringing = self.alarm.clone();
        ringing.mark_unchanged();
        self.is_running.send_replace(true);
        Alarm { ringing, is_running: Arc::clone(&self.is_running) }
    }
}

/// Rings when what is watched must give way.
pub(super) struct Alarm {
    ringing: watch::Receiver<()>,
    is_running: Arc<watch::Sender<bool>>,
}

impl Alarm {
    /// Returns once it rings.
    pub(super) async fn rings(&mut self) {
        if self.ringing.changed().await.is_err() {
            // Nobody watches any more.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.is_running.send_replace(false);
    }
}

struct Watched {
    client: Client,
    pid: i32,
    running: watch::Receiver<bool>,
    blocked_sessions_max: Arc<AtomicU32>,
}

async fn watch(mut watched: Watched, mut queue: Queue<i32>, ring: watch::Sender<()>) {
    // Without readings the lock timeout still holds: the execution does not depend on them.
    let Ok(who_waits) = watched.client.prepare(SQL).await else { return };
    while watched.running.wait_for(|running| *running).await.is_ok() {
        let Ok(rows) = watched.client.query(&who_waits, &[&watched.pid]).await else { return };
        let blocked = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        watched.blocked_sessions_max.fetch_max(blocked, Ordering::Relaxed);
        let clients: Vec<i32> = rows.iter().filter(|row| row.get(1)).map(|row| row.get(0)).collect();
        if queue.is_too_long(&clients, Instant::now()) {
            tracing::info!(sessions = clients.len(), "gives way to those who wait behind the statement");
            ring.send_replace(());
        }
        tokio::time::sleep(RHYTHM).await;
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.watching.abort();
    }
}
