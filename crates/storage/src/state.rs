//! What the store knows in memory: the head as submitted, the small values, the tail of the log, the queue.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};

use tokio::sync::oneshot;

use crate::digest::Digest;
use crate::directory::Directory;
use crate::error::Error;
use crate::head::Head;
use crate::identity::Identity;
use crate::snapshot::SnapshotPin;
use crate::store::OpenOptions;

/// One thing to write. The record is encoded by whoever submits it; the writer knows no kinds.
pub(crate) enum Change {
    /// A record under a key that holds none.
    Put { key: Vec<u8>, record: Vec<u8> },
    /// A record in place of whatever the key holds.
    Replace { key: Vec<u8>, record: Vec<u8> },
    /// Everything in a range of keys.
    Remove { range: Range<Vec<u8>> },
}

/// Changes that become durable together, and who waits for them.
pub(crate) struct Request {
    pub(crate) changes: Vec<Change>,
    /// The store after these changes; the writer adds the sequence number.
    pub(crate) head: Head,
    /// Entries whose bytes may leave memory once the engine has them.
    pub(crate) appended: Vec<(u64, Digest)>,
    pub(crate) work: Work,
    pub(crate) done: oneshot::Sender<Result<(), Error>>,
}

/// What the writer does beyond writing changes.
#[derive(PartialEq, Eq, Clone, Copy)]
pub(crate) enum Work {
    Nothing,
    /// Let the engine have the batch before anybody is answered: what is read back is read from it.
    ReadBack,
    /// Rewrite the live records into a fresh generation, whatever the size.
    Compact,
}

/// An entry that is still in memory.
pub(crate) struct TailEntry {
    pub(crate) chain: Digest,
    pub(crate) payload: Arc<[u8]>,
    /// Whether the engine has it, so that it may leave memory.
    pub(crate) readable: bool,
}

/// Everything behind the lock.
#[derive(Default)]
pub(crate) struct State {
    /// As submitted: each request carries a copy of it.
    pub(crate) head: Head,
    pub(crate) queue: VecDeque<Request>,
    pub(crate) tail: BTreeMap<u64, TailEntry>,
    pub(crate) tail_bytes: usize,
    pub(crate) vote: Option<Vec<u8>>,
    pub(crate) meta: BTreeMap<String, Vec<u8>>,
    pub(crate) identity: Option<Identity>,
    pub(crate) snapshot: Option<Arc<SnapshotPin>>,
    pub(crate) next_snapshot_id: u64,
    pub(crate) stopped: Option<String>,
    pub(crate) closing: bool,
}

impl State {
    /// Fails once the store has stopped.
    pub(crate) fn check_running(&self) -> Result<(), Error> {
        match &self.stopped {
            Some(reason) => Err(Error::Stopped { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// Queues changes for the writer.
    pub(crate) fn submit(&mut self, changes: Vec<Change>, appended: Vec<(u64, Digest)>) -> Pending {
        self.submit_work(changes, appended, Work::Nothing)
    }

    pub(crate) fn submit_work(
        &mut self,
        changes: Vec<Change>,
        appended: Vec<(u64, Digest)>,
        work: Work,
    ) -> Pending {
        let (done, outcome) = oneshot::channel();
        self.queue.push_back(Request { changes, head: self.head.clone(), appended, work, done });
        Pending { outcome }
    }

    /// Lets entries go that the engine has, oldest first, until the tail is within its bound.
    pub(crate) fn trim_tail(&mut self, limit_bytes: usize) {
        while self.tail_bytes > limit_bytes {
            match self.tail.first_entry() {
                Some(entry) if entry.get().readable => self.tail_bytes -= entry.remove().payload.len(),
                _ => return,
            }
        }
    }
}

/// A write on its way to disk. Awaiting it returns once the write is durable; dropping it does not undo the write.
#[derive(Debug)]
#[must_use = "the write is not durable before this has been awaited"]
pub struct Pending {
    outcome: oneshot::Receiver<Result<(), Error>>,
}

impl Pending {
    /// A write that needed nothing.
    pub(crate) fn ready() -> Self {
        let (done, outcome) = oneshot::channel();
        // The receiver is held above: sending cannot fail.
        let _ = done.send(Ok(()));
        Self { outcome }
    }
}

impl Future for Pending {
    type Output = Result<(), Error>;

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        std::pin::Pin::new(&mut self.outcome).poll(context).map(|outcome| {
            outcome.unwrap_or_else(|_| Err(Error::Stopped { reason: "the writer ended".to_owned() }))
        })
    }
}

/// What the handles and the writer share.
pub(crate) struct Shared {
    state: Mutex<State>,
    /// Signalled when the queue gets something or the store closes.
    pub(crate) work: Condvar,
    /// Replaced when the live records move to a fresh generation.
    pub(crate) database: RwLock<sled::Db>,
    pub(crate) options: OpenOptions,
    /// Last: the lock goes when everything else is gone.
    pub(crate) directory: Directory,
}

impl Shared {
    pub(crate) fn new(state: State, database: sled::Db, options: OpenOptions, directory: Directory) -> Self {
        let (state, work, database) = (Mutex::new(state), Condvar::new(), RwLock::new(database));
        Self { state, work, database, options, directory }
    }

    /// The state. A panic of another thread while it held the lock leaves nothing half done that matters: every
    /// batch carries a whole head, which is checked at the next open.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn database(&self) -> sled::Db {
        self.database.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
