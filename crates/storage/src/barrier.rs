//! What makes written bytes survive a loss of power.
//!
//! The engine's `flush` ends in `sync_file_range`, which neither writes the file's metadata nor empties the disk's
//! own cache. A barrier is therefore the engine's flush *and then* `fdatasync` of its file; files and directories
//! that were created or renamed are synced once.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// The durability barrier of one engine directory.
pub(crate) struct Barrier {
    database: sled::Db,
    file: File,
    path: PathBuf,
}

impl Barrier {
    /// Opens the engine's file and makes everything that the engine created in its directory durable.
    pub(crate) fn new(database: sled::Db, directory: &Path) -> Result<Self, Error> {
        let path = directory.join("db");
        let file = OpenOptions::new().read(true).write(true).open(&path);
        let file = file.map_err(|error| Error::io("open", &path, error))?;
        let barrier = Self { database, file, path };
        barrier.pass()?;
        sync_file(&directory.join("conf"))?;
        sync_directory(directory)?;
        Ok(barrier)
    }

    /// Returns when everything that was written to the engine before is on disk. Called by one thread only: the
    /// engine's concurrent flushes can wait for each other for ever.
    pub(crate) fn pass(&self) -> Result<(), Error> {
        self.database.flush().map_err(|error| Error::engine("flush", error))?;
        self.file.sync_data().map_err(|error| Error::io("sync", &self.path, error))
    }

    /// Size of the engine's file.
    pub(crate) fn file_bytes(&self) -> Result<u64, Error> {
        let metadata = self.file.metadata().map_err(|error| Error::io("read the size of", &self.path, error))?;
        Ok(metadata.len())
    }
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(directory: &Path) -> Result<(), Error> {
    let synced = File::open(directory).and_then(|file| file.sync_all());
    synced.map_err(|error| Error::io("sync", directory, error))
}

fn sync_file(path: &Path) -> Result<(), Error> {
    let synced = File::open(path).and_then(|file| file.sync_all());
    synced.map_err(|error| Error::io("sync", path, error))
}

/// Replaces a whole file: afterwards, and after a crash at any point, it holds the old bytes or the new ones.
pub(crate) fn replace_file(directory: &Path, name: &str, bytes: &[u8]) -> Result<(), Error> {
    let path = directory.join(name);
    let temporary = directory.join(format!("{name}.new"));
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|error| Error::io("write", &temporary, error))?;
    std::fs::rename(&temporary, &path).map_err(|error| Error::io("replace", &path, error))?;
    sync_directory(directory)
}
