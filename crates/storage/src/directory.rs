//! The layout of a data directory.
//!
//! ```text
//! LOCK         held while the store is open
//! format       version of this layout, and of everything below
//! CURRENT      which generation holds the data; written last when a store is created or rewritten
//! gen-NNNN/    one engine directory; a second one exists only while the live records are being rewritten
//! journal      the last batches, which the engine may not have on disk yet
//! watermark    the last acknowledged batch
//! identity     cluster and node
//! DAMAGED      written when damage was found: the finding outlives a restart
//! ```

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use crate::barrier;
use crate::error::Error;
use crate::sealed;

/// Newest layout that this release reads and the one it writes.
pub(crate) const FORMAT: u32 = 1;
const LOCK_FILE: &str = "LOCK";
const FORMAT_FILE: &str = "format";
const CURRENT_FILE: &str = "CURRENT";
const DAMAGED_FILE: &str = "DAMAGED";
const GENERATION_PREFIX: &str = "gen-";

/// A locked data directory.
pub(crate) struct Directory {
    path: PathBuf,
    /// Held for its lock alone.
    _lock: File,
}

impl Directory {
    /// Creates the directory if need be and takes its lock.
    pub(crate) fn lock(path: &Path) -> Result<Self, Error> {
        std::fs::create_dir_all(path).map_err(|error| Error::io("create", path, error))?;
        let path = path.canonicalize().map_err(|error| Error::io("find", path, error))?;
        let lock_path = path.join(LOCK_FILE);
        let lock = File::options().read(true).write(true).create(true).truncate(false).open(&lock_path);
        let lock = lock.map_err(|error| Error::io("open", &lock_path, error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Error::InUse { directory: path }),
            Err(TryLockError::Error(error)) => Err(Error::io("lock", &lock_path, error)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a generation.
    pub(crate) fn generation(&self, number: u64) -> PathBuf {
        self.path.join(format!("{GENERATION_PREFIX}{number:04}"))
    }

    /// Which generation holds the data; `None` when no store was ever completed here.
    pub(crate) fn current(&self) -> Result<Option<u64>, Error> {
        let Some(content) = sealed::read(&self.path, CURRENT_FILE)? else {
            return Ok(None);
        };
        let damaged = || Error::damage("file CURRENT names no generation", self.path.display().to_string());
        generation_number(content.trim_end()).map(Some).ok_or_else(damaged)
    }

    /// Makes a generation the one that holds the data, atomically.
    pub(crate) fn set_current(&self, number: u64) -> Result<(), Error> {
        sealed::write(&self.path, CURRENT_FILE, &format!("{GENERATION_PREFIX}{number:04}\n"))
    }

    /// Removes every generation but one: what an interrupted rewrite left behind.
    pub(crate) fn remove_other_generations(&self, keep: Option<u64>) -> Result<(), Error> {
        let list = std::fs::read_dir(&self.path).map_err(|error| Error::io("list", &self.path, error))?;
        for item in list {
            let item = item.map_err(|error| Error::io("list", &self.path, error))?;
            let number = item.file_name().to_str().and_then(generation_number);
            if number.is_some() && number != keep {
                std::fs::remove_dir_all(item.path()).map_err(|error| Error::io("remove", &item.path(), error))?;
            }
        }
        barrier::sync_directory(&self.path)
    }

    /// Reads the layout's version. `None` when the directory is new.
    pub(crate) fn check_format(&self) -> Result<Option<u32>, Error> {
        let Some(content) = sealed::read(&self.path, FORMAT_FILE)? else {
            return Ok(None);
        };
        let number = content.trim_end().strip_prefix("lockstep-storage ").and_then(|number| number.parse().ok());
        let damaged = || Error::damage("file format names no format", self.path.display().to_string());
        let found: u32 = number.ok_or_else(damaged)?;
        if found > FORMAT {
            let what = format!("data directory {}", self.path.display());
            return Err(Error::NewerFormat { what, found, supported: FORMAT });
        }
        Ok(Some(found))
    }

    pub(crate) fn write_format(&self) -> Result<(), Error> {
        sealed::write(&self.path, FORMAT_FILE, &format!("lockstep-storage {FORMAT}\n"))
    }

    /// Fails when damage was found here earlier: the engine "repairs" what it opens, so a second look can seem fine.
    pub(crate) fn check_not_condemned(&self) -> Result<(), Error> {
        match std::fs::read_to_string(self.path.join(DAMAGED_FILE)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Error::io("read", &self.path.join(DAMAGED_FILE), error)),
            Ok(finding) => {
                let location = self.path.join(DAMAGED_FILE).display().to_string();
                Err(Error::damage(format!("found at an earlier start: {}", finding.trim_end()), location))
            }
        }
    }

    /// Writes the finding down. Best effort: the caller has a worse error to return.
    pub(crate) fn condemn(&self, finding: &Error) {
        if let Err(error) = barrier::replace_file(&self.path, DAMAGED_FILE, format!("{finding}\n").as_bytes()) {
            tracing::error!(%error, "cannot write down that the store is damaged");
        }
    }
}

fn generation_number(name: &str) -> Option<u64> {
    name.strip_prefix(GENERATION_PREFIX)?.parse().ok()
}
