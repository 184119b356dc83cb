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

const RHYTHM: Duration = Duration::from_millis(50);

/// Who waits behind a session, and whether it is for what applications do: other schema changes and vacuums can wait.
const SQL: &str = "
SELECT a.pid, bool_or(l.mode IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock') OR l.locktype IN ('transactionid', 'tuple'))
FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid AND NOT l.granted
WHERE a.wait_event_type = 'Lock' AND $1 = ANY (pg_blocking_pids(a.pid))
GROUP BY a.pid";

/// Watches until it is dropped.
pub(super) struct Watchdog {
    blocked_sessions_max: Arc<AtomicU32>,
    /// Changes each time that the execution must give way.
    alarm: watch::Receiver<()>,
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
        let queue = Queue::new(patience);
        let watching = tokio::spawn(watch(client, pid, Arc::clone(&blocked_sessions_max), queue, ring));
        Ok(Self { blocked_sessions_max, alarm, watching })
    }

    pub(super) fn blocked_sessions_max(&self) -> u32 {
        self.blocked_sessions_max.load(Ordering::Relaxed)
    }

    /// What changes when an execution that begins now must give way.
    pub(super) fn alarm(&self) -> watch::Receiver<()> {
        let mut alarm = self.alarm.clone();
        alarm.mark_unchanged();
        alarm
    }
}

async fn watch(
    client: Client,
    pid: i32,
    blocked_sessions_max: Arc<AtomicU32>,
    mut queue: Queue<i32>,
    ring: watch::Sender<()>,
) {
    loop {
        // A reading that fails is a reading less: the execution does not depend on it.
        let Ok(rows) = client.query(SQL, &[&pid]).await else { return };
        let blocked = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        blocked_sessions_max.fetch_max(blocked, Ordering::Relaxed);
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
