//! The handle: opening, identity, and what all parts share.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::digest::Digest;
use crate::error::Error;
use crate::identity::{self, Identity};
use crate::state::{Change, Pending, Shared, State, Work};
use crate::vote::SMALL_VALUE_BYTES_MAX;
use crate::{opening, sealed};

/// How a store is opened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OpenOptions {
    /// Bytes of the engine's page cache.
    pub cache_bytes: u64,
    /// Bytes of recent log entries kept in memory. Entries that are not durable yet stay whatever their size.
    pub log_cache_bytes: usize,
    /// The engine's file is rewritten once it is this many times larger than the live records ...
    pub rewrite_factor: u64,
    /// ... and has at least this many bytes.
    pub rewrite_floor_bytes: u64,
}

impl Default for OpenOptions {
    fn default() -> Self {
        let mib = 1024 * 1024;
        Self { cache_bytes: 64 * mib, log_cache_bytes: 16 << 20, rewrite_factor: 4, rewrite_floor_bytes: 64 * mib }
    }
}

/// The durable store of one agent. Clones share it; the last one to go closes it.
///
/// Every write is durable when its future resolves. Dropping such a future does not undo the write. After a write
/// failed the store has stopped: see [`Error::Stopped`].
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.state().closing = true;
        self.shared.work.notify_all();
        let writer = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if writer.is_some_and(|writer| writer.join().is_err()) {
            tracing::error!("the writer of the store ended by a panic");
        }
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Store").field("directory", &self.directory()).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the store in a directory, which is created if need be, and verifies every stored record. Blocks.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`] (retryable) while somebody else has it open, [`Error::Damaged`] when it must not be served,
    /// [`Error::NewerFormat`] when a newer release wrote it, [`Error::Io`] otherwise.
    pub fn open(directory: &Path, options: OpenOptions) -> Result<Self, Error> {
        let (shared, writer) = opening::open(directory, options)?;
        Ok(Self { inner: Arc::new(Inner { shared, writer: Mutex::new(Some(writer)) }) })
    }

    /// The data directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.inner.shared.directory.path()
    }

    /// Whose data this is; `None` before [`Store::set_identity`].
    #[must_use]
    pub fn identity(&self) -> Option<Identity> {
        self.shared().state().identity.clone()
    }

    /// Says whose data this is, durable when this returns. Once said it cannot be changed; saying it again is fine.
    ///
    /// # Errors
    ///
    /// [`Error::OtherCluster`] or [`Error::OtherNode`] when it is somebody else's, and every error of writing.
    pub async fn set_identity(&self, identity: &Identity) -> Result<(), Error> {
        self.submit_identity(identity)?.await
    }

    /// Fails when the data belongs to another cluster. A directory without an identity belongs to nobody yet.
    ///
    /// # Errors
    ///
    /// [`Error::OtherCluster`].
    pub fn expect_cluster(&self, cluster_id: &str) -> Result<(), Error> {
        match self.identity() {
            Some(found) if found.cluster_id != cluster_id => {
                Err(Error::OtherCluster { found: found.cluster_id, expected: cluster_id.to_owned() })
            }
            _ => Ok(()),
        }
    }

    /// Rewrites the live records into a fresh file now, whatever the size. The store does this by itself when
    /// [`OpenOptions::rewrite_factor`] says so. Writes wait meanwhile, reads do not.
    ///
    /// # Errors
    ///
    /// Every error of writing.
    pub async fn compact(&self) -> Result<(), Error> {
        self.submit_compaction()?.await
    }

    fn submit_compaction(&self) -> Result<Pending, Error> {
        let pending = self.running()?.submit_work(Vec::new(), Vec::new(), Work::Compact);
        self.shared().work.notify_one();
        Ok(pending)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.inner.shared
    }

    /// The state of a store that has not stopped.
    pub(crate) fn running(&self) -> Result<MutexGuard<'_, State>, Error> {
        let state = self.shared().state();
        state.check_running()?;
        Ok(state)
    }

    /// Queues changes and wakes the writer.
    pub(crate) fn submit(
        &self,
        mut state: MutexGuard<'_, State>,
        changes: Vec<Change>,
        appended: Vec<(u64, Digest)>,
    ) -> Pending {
        let pending = state.submit(changes, appended);
        drop(state);
        self.shared().work.notify_one();
        pending
    }

    fn submit_identity(&self, identity: &Identity) -> Result<Pending, Error> {
        let mut state = self.running()?;
        if let Some(found) = &state.identity {
            found.check(identity)?;
            return Ok(Pending::ready());
        }
        identity::write(self.directory(), identity)?;
        state.identity = Some(identity.clone());
        state.head.identity = Some(identity_digest(identity));
        Ok(self.submit(state, Vec::new(), Vec::new()))
    }
}

/// What the head remembers of the identity file.
pub(crate) fn identity_digest(identity: &Identity) -> Digest {
    Digest::of(&[sealed::seal(&identity::render(identity)).as_bytes()])
}

pub(crate) fn check_small(what: &str, value: &[u8]) -> Result<(), Error> {
    if value.len() > SMALL_VALUE_BYTES_MAX {
        return Err(too_large(what.to_owned(), value.len(), SMALL_VALUE_BYTES_MAX));
    }
    Ok(())
}

pub(crate) fn too_large(what: String, size_bytes: usize, limit_bytes: usize) -> Error {
    Error::TooLarge { what, size_bytes, limit_bytes }
}
