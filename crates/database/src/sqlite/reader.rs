//! A connection that is kept for reading. Opening one costs more than most reads; and when the last connection to a file in WAL mode
//! goes, SQLite writes its log back and removes it, which a file that nobody else has open would suffer at every look.

use super::Sqlite;
use super::session::{Here, Session};
use crate::error::Error;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use tokio_util::sync::CancellationToken;

/// The connection, while nobody uses it.
#[derive(Default)]
pub(super) struct Reader {
    kept: Mutex<Option<Kept>>,
}

struct Kept {
    session: Session,
    file: File,
}

/// Which file a path led to: another one may have been put in its place.
#[derive(Clone, Copy, PartialEq, Eq)]
struct File {
    device: u64,
    inode: u64,
}

impl File {
    fn at(path: &Path) -> Option<Self> {
        let metadata = path.metadata().ok()?;
        Some(Self { device: metadata.dev(), inode: metadata.ino() })
    }
}

impl Reader {
    /// As [`Reader::read_or_cancel`], to the end.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        database: &Sqlite,
        work: impl FnOnce(&Here<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.read_or_cancel(database, &CancellationToken::new(), work).await
    }

    /// Reads in one snapshot. A connection whose read failed, or was given up, is not used again.
    pub(super) async fn read_or_cancel<T: Send + 'static>(
        &self,
        database: &Sqlite,
        cancel: &CancellationToken,
        work: impl FnOnce(&Here<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let file = File::at(&database.file);
        let kept = self.take().filter(|kept| file == Some(kept.file));
        let mut session = match kept {
            Some(kept) => kept.session,
            None => database.session().await?,
        };
        let result = session.read_or_cancel(cancel, work).await;
        if let (Ok(_), Some(file)) = (&result, file) {
            self.keep(Kept { session, file });
        }
        result
    }

    fn take(&self) -> Option<Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn keep(&self, kept: Kept) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Reader").finish_non_exhaustive()
    }
}
