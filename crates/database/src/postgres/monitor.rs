//! A second connection that watches how many sessions wait behind an execution.

use super::connect::{Server, meaning};
use crate::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_postgres::Client;

const RHYTHM: Duration = Duration::from_millis(100);

/// Watches until it is dropped.
pub(super) struct Monitor {
    blocked_sessions_max: Arc<AtomicU32>,
    watching: JoinHandle<()>,
}

impl Monitor {
    pub(super) async fn start(server: &Server, watched: &Client) -> Result<Self, Error> {
        let failed = |error: &tokio_postgres::Error| meaning(&server.place, "SELECT pg_backend_pid()", error);
        let pid: i32 =
            watched.query_one("SELECT pg_backend_pid()", &[]).await.map_err(|error| failed(&error))?.get(0);
        let client = server.connect().await?;
        let blocked_sessions_max = Arc::new(AtomicU32::new(0));
        let watching = tokio::spawn(watch(client, pid, Arc::clone(&blocked_sessions_max)));
        Ok(Self { blocked_sessions_max, watching })
    }

    pub(super) fn blocked_sessions_max(&self) -> u32 {
        self.blocked_sessions_max.load(Ordering::Relaxed)
    }
}

async fn watch(client: Client, pid: i32, blocked_sessions_max: Arc<AtomicU32>) {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND $1 = ANY (pg_blocking_pids(pid))";
    loop {
        // A reading that fails is a reading less: the execution does not depend on it.
        let Ok(row) = client.query_one(sql, &[&pid]).await else { return };
        let blocked = u32::try_from(row.get::<_, i64>(0)).unwrap_or(u32::MAX);
        blocked_sessions_max.fetch_max(blocked, Ordering::Relaxed);
        tokio::time::sleep(RHYTHM).await;
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.watching.abort();
    }
}
