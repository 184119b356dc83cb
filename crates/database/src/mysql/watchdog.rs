//! A second connection that ends what waits too long or is no longer wanted, and counts who waits behind it.
//!
//! The server's own limits for waiting count in whole seconds, and everything queues behind a waiting `ALTER TABLE`. So the
//! statement is watched, and interrupted once it has waited for a lock as long as it may. Dropping a future of the driver does not
//! stop its statement either: interrupting it is the only way.

use super::connect::{Server, is_lost};
use super::preflight::UNREAD;
use crate::error::Error;
use crate::job::Patience;
use crate::queue::Queue;
use lockstep_core::Engine;
use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

const RHYTHM_MIN: Duration = Duration::from_millis(5);
const RHYTHM_MAX: Duration = Duration::from_millis(25);
/// Between two attempts to get a connection for watching.
const RECONNECT: Duration = Duration::from_millis(100);

/// Watches until it is dropped.
pub(super) struct Watchdog {
    shared: Arc<Shared>,
    watching: JoinHandle<()>,
}

struct Shared {
    server: Server,
    /// The watched connection.
    id: u32,
    patience: Patience,
    /// Since when something is running.
    busy_since: Mutex<Option<Instant>>,
    /// It commits by itself: who waits for a table meanwhile waits for it.
    defines: AtomicBool,
    /// It is no longer wanted.
    unwanted: AtomicBool,
    /// It was interrupted because it waited too long, or others did.
    fired: AtomicBool,
    blocked_sessions_max: AtomicU32,
}

/// While it lives, a statement is running.
pub(super) struct Busy(Arc<Shared>);

impl Shared {
    fn busy_since(&self) -> Option<Instant> {
        *self.busy_since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_busy_since(&self, since: Option<Instant>) {
        *self.busy_since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.set_busy_since(None);
        self.0.unwanted.store(false, Ordering::SeqCst);
    }
}

impl Busy {
    /// Interrupts it, again and again until it ends: an interruption that comes between two statements has no effect.
    pub(super) fn interrupt(&self) {
        self.0.unwanted.store(true, Ordering::SeqCst);
    }
}

impl Watchdog {
    pub(super) fn start(server: &Server, id: u32, patience: &Patience) -> Self {
        let shared = Arc::new(Shared {
            server: server.clone(),
            id,
            patience: patience.clone(),
            busy_since: Mutex::default(),
            defines: AtomicBool::new(false),
            unwanted: AtomicBool::new(false),
            fired: AtomicBool::new(false),
            blocked_sessions_max: AtomicU32::new(0),
        });
        let watching = tokio::spawn(watch(Arc::clone(&shared)));
        Self { shared, watching }
    }

    /// `defines`: the statement commits by itself, and gives way to those who wait behind it.
    pub(super) fn begin(&self, defines: bool) -> Busy {
        self.shared.defines.store(defines, Ordering::SeqCst);
        self.shared.fired.store(false, Ordering::SeqCst);
        self.shared.set_busy_since(Some(Instant::now()));
        Busy(Arc::clone(&self.shared))
    }

    /// True when what ended just now was interrupted because it, or who waits behind it, had waited too long.
    pub(super) fn has_fired(&self) -> bool {
        self.shared.fired.load(Ordering::SeqCst)
    }

    pub(super) fn blocked_sessions_max(&self) -> u32 {
        self.shared.blocked_sessions_max.load(Ordering::Relaxed)
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

async fn watch(shared: Arc<Shared>) {
    loop {
        // Without a connection the server's own limits hold, which are longer.
        if let Ok((connection, _)) = shared.server.connect().await {
            let _ = watch_on(&shared, connection).await;
        }
        tokio::time::sleep(RECONNECT).await;
    }
}

async fn watch_on(shared: &Shared, mut connection: Conn) -> Result<(), mysql_async::Error> {
    let lock_timeout = shared.patience.lock_timeout;
    let pause = (lock_timeout / 4).clamp(RHYTHM_MIN, RHYTHM_MAX);
    let mut rhythm = tokio::time::interval(pause);
    let mut waiting_since: Option<Instant> = None;
    let mut queue = Queue::new(&shared.patience);
    let mut rows = RowWaits::default();
    loop {
        rhythm.tick().await;
        let Some(since) = shared.busy_since() else {
            (waiting_since, rows.since) = (None, None);
            continue;
        };
        if shared.unwanted.load(Ordering::SeqCst) {
            interrupt(shared, &mut connection).await;
            continue;
        }
        // Looking costs the server more than a short batch is worth, and nobody has waited long for what has just begun. Behind a
        // definition many may wait at once.
        if !shared.defines.load(Ordering::SeqCst) && since.elapsed() < pause {
            (waiting_since, rows.since) = (None, None);
            continue;
        }
        let Waiting { watched, others } = look(shared, &mut connection).await?;
        let blocked = u32::try_from(others.len()).unwrap_or(u32::MAX);
        shared.blocked_sessions_max.fetch_max(blocked, Ordering::Relaxed);
        waiting_since = if watched { waiting_since.or_else(|| Some(Instant::now())) } else { None };
        let is_late = waiting_since.is_some_and(|since| since.elapsed() >= lock_timeout);
        let behind = if shared.defines.load(Ordering::SeqCst) { others.as_slice() } else { &[] };
        if is_late
            || queue.is_too_long(behind, Instant::now())
            || rows.are_too_long(shared, &mut connection).await?
        {
            shared.fired.store(true, Ordering::SeqCst);
            interrupt(shared, &mut connection).await;
            waiting_since = None;
            queue = Queue::new(&shared.patience);
        }
    }
}

/// Who waits for the lock of a table.
struct Waiting {
    watched: bool,
    /// Sessions of applications: other definitions can wait.
    others: Vec<u64>,
}

/// Waits for rows: of the watched statement, and of others for rows that it has changed. The server's own limit for them counts in whole
/// seconds.
///
/// Who waits for whom stands in tables that the server does not renew while they are read often, so they are read only when a
/// counter says that somebody has been waiting for a while.
#[derive(Default)]
struct RowWaits {
    since: Option<Instant>,
    looked: Option<Instant>,
}

impl RowWaits {
    /// True when the watched statement has been in such a wait, on either side of it, for long.
    async fn are_too_long(&mut self, shared: &Shared, connection: &mut Conn) -> Result<bool, mysql_async::Error> {
        let sql = "SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'";
        let waiting: Option<(String, u64)> = connection.query_first(sql).await?;
        if waiting.is_none_or(|(_, count)| count == 0) {
            self.since = None;
            return Ok(false);
        }
        let (now, patience) = (Instant::now(), &shared.patience);
        let since = *self.since.get_or_insert(now);
        let is_long = now.duration_since(since) >= patience.lock_timeout.min(patience.queue_wait_max);
        if !is_long || self.looked.is_some_and(|looked| now.duration_since(looked) < UNREAD) {
            return Ok(false);
        }
        self.looked = Some(now);
        let pairs = row_waits(shared.server.engine, connection).await?;
        let behind = pairs.iter().filter(|(_, holder)| *holder == shared.id).count();
        shared.blocked_sessions_max.fetch_max(u32::try_from(behind).unwrap_or(u32::MAX), Ordering::Relaxed);
        Ok(pairs.iter().any(|(waiter, holder)| [waiter, holder].contains(&&shared.id)))
    }
}

/// Pairs of connections: who waits, and for whom.
async fn row_waits(engine: Engine, connection: &mut Conn) -> Result<Vec<(u32, u32)>, mysql_async::Error> {
    if engine == Engine::Mariadb {
        return connection.query(OF_MARIADB).await;
    }
    match connection.query(OF_MYSQL).await {
        // The agent's user may not read it, or it is turned off: what the statement itself waits for is told elsewhere.
        Err(error) if !is_lost(&error) => connection.query(WAITERS).await,
        Ok(pairs) if pairs.is_empty() => connection.query(WAITERS).await,
        result => result,
    }
}

const OF_MARIADB: &str =
    "SELECT r.trx_mysql_thread_id, b.trx_mysql_thread_id FROM information_schema.INNODB_LOCK_WAITS w
     JOIN information_schema.INNODB_TRX r ON r.trx_id = w.requesting_trx_id
     JOIN information_schema.INNODB_TRX b ON b.trx_id = w.blocking_trx_id";

const OF_MYSQL: &str = "SELECT r.PROCESSLIST_ID, b.PROCESSLIST_ID FROM performance_schema.data_lock_waits w
     JOIN performance_schema.threads r ON r.THREAD_ID = w.REQUESTING_THREAD_ID
     JOIN performance_schema.threads b ON b.THREAD_ID = w.BLOCKING_THREAD_ID";

/// No connection has the number 0.
const WAITERS: &str =
    "SELECT trx_mysql_thread_id, 0 FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'";

async fn look(shared: &Shared, connection: &mut Conn) -> Result<Waiting, mysql_async::Error> {
    let sql = format!(
        "SELECT ID FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for table%lock' AND (ID = {id} OR
            DB = DATABASE() AND INFO NOT REGEXP '^[[:space:]]*(alter|create|drop|rename|truncate|optimize|analyze)')",
        id = shared.id
    );
    let mut others: Vec<u64> = connection.query(sql).await?;
    let all = others.len();
    others.retain(|session| *session != u64::from(shared.id));
    Ok(Waiting { watched: others.len() < all, others })
}

async fn interrupt(shared: &Shared, connection: &mut Conn) {
    // What matters is the statement's own answer; an interruption that does not get through is repeated.
    let _ = connection.query_drop(format!("KILL QUERY {}", shared.id)).await;
}

/// Whoever drops an execution wants it stopped: ends its connection.
pub(super) struct KillOnDrop {
    server: Server,
    id: Option<u32>,
}

impl KillOnDrop {
    pub(super) fn new(server: &Server, id: u32) -> Self {
        Self { server: server.clone(), id: Some(id) }
    }

    pub(super) fn disarm(&mut self) {
        self.id = None;
    }
}

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        if let (Some(id), Ok(runtime)) = (self.id.take(), tokio::runtime::Handle::try_current()) {
            let server = self.server.clone();
            runtime.spawn(async move {
                let killed: Result<(), Error> = async {
                    let mut connection = server.connect_plain().await?;
                    let _ = connection.query_drop(format!("KILL {id}")).await;
                    Ok(())
                }
                .await;
                // The next execution ends what is still running.
                drop(killed);
            });
        }
    }
}
