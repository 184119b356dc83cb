//! The journal: what makes one batch durable at the price of one write and one sync.
//!
//! The engine's own barrier costs two waits for the disk (`sync_file_range`, then `fdatasync` with the new size of
//! the file). The journal is a small file of fixed size, written over again and again, so its `fdatasync` has no
//! metadata to write. A batch goes to the journal and is synced. The engine gets all batches as one, with its barrier right
//! behind it, when half the journal is used, when the writer is idle, and at close; the journal then starts again from its
//! beginning. At open the batches of the journal are done again over what the engine recovered.
//!
//! Records lie on 512 byte borders, so that writing one never rewrites a sector of another. What ends the journal
//! is the first record that is not whole or does not carry the next number; whether anything acknowledged came
//! after it is for the watermark to say.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::barrier;
use crate::engine::Batch;
use crate::error::Error;
use crate::record::{self, Kind};

const FILE: &str = "journal";
const FILE_BYTES: usize = 512 * 1024;
/// The engine gets a barrier when this much is used.
const CHECKPOINT_BYTES: usize = FILE_BYTES / 2;
/// Longer records are not worth writing twice.
pub(crate) const RECORD_BYTES_MAX: usize = FILE_BYTES / 4;
const SECTOR_BYTES: usize = 512;

/// The open journal.
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
    used_bytes: usize,
}

/// Batches by their numbers, without a gap.
pub(crate) type Batches = Vec<(u64, Batch)>;

impl Journal {
    /// Writes an empty journal, durably.
    pub(crate) fn create(directory: &Path) -> Result<(), Error> {
        barrier::replace_file(directory, FILE, &[0; FILE_BYTES])
    }

    /// Opens the journal and reads its batches; `None` when there is no file. It starts again from its beginning:
    /// the caller passes the engine's barrier before it appends.
    pub(crate) fn open(directory: &Path) -> Result<Option<(Self, Batches)>, Error> {
        let path = directory.join(FILE);
        let stored = match std::fs::read(&path) {
            Ok(stored) => stored,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("read", &path, error)),
        };
        let file = OpenOptions::new().read(true).write(true).open(&path);
        let file = file.map_err(|error| Error::io("open", &path, error))?;
        Ok(Some((Self { file, path, used_bytes: 0 }, batches(&stored)?)))
    }

    /// Writes a record; it is durable when this returns. The caller has looked at [`RECORD_BYTES_MAX`].
    pub(crate) fn append(&mut self, record: &[u8]) -> Result<(), Error> {
        let written = self.file.write_all_at(record, self.used_bytes as u64);
        written.map_err(|error| Error::io("write", &self.path, error))?;
        self.file.sync_data().map_err(|error| Error::io("sync", &self.path, error))?;
        self.used_bytes += record.len().next_multiple_of(SECTOR_BYTES);
        Ok(())
    }

    /// Whether the engine ought to get its barrier now.
    pub(crate) fn checkpoint_due(&self) -> bool {
        self.used_bytes >= CHECKPOINT_BYTES
    }

    /// Starts again from the beginning. The engine's barrier has been passed.
    pub(crate) fn restart(&mut self) {
        self.used_bytes = 0;
    }
}

/// A batch as a record of the journal.
pub(crate) fn encode(sequence: u64, batch: &Batch) -> Vec<u8> {
    record::encode(Kind::Journal, FILE.as_bytes(), &[&sequence.to_be_bytes(), &batch.to_bytes()])
}

pub(crate) fn decode(stored: &[u8]) -> Result<(u64, Batch), Error> {
    let body = record::decode(Kind::Journal, FILE.as_bytes(), stored)?;
    let parsed = body
        .split_first_chunk()
        .and_then(|(sequence, batch)| Some((u64::from_be_bytes(*sequence), Batch::from_bytes(batch)?)));
    parsed.ok_or_else(|| Error::damage("a batch cannot be read", FILE))
}

fn batches(mut stored: &[u8]) -> Result<Batches, Error> {
    let mut batches = Batches::new();
    while let Some(record) = record::first(stored) {
        let (sequence, batch) = match decode(record) {
            Ok(read) => read,
            Err(error) if error.damaged() => break,
            Err(error) => return Err(error),
        };
        if batches.last().is_some_and(|(last, _)| *last + 1 != sequence) {
            break;
        }
        batches.push((sequence, batch));
        stored = stored.get(record.len().next_multiple_of(SECTOR_BYTES)..).unwrap_or_default();
    }
    Ok(batches)
}

/// Does the batches again over what the engine recovered, when they belong together: the engine must hold all that
/// came before the first batch, and nothing that came after the last.
pub(crate) fn replay(batches: Batches, recovered: u64, database: &sled::Db) -> Result<(), Error> {
    let (Some((first, _)), Some((last, _))) = (batches.first(), batches.last()) else { return Ok(()) };
    if *first > recovered + 1 || *last < recovered {
        return Ok(());
    }
    // All of them, not only those after the recovered one: after a loss of power the engine may have kept a later
    // segment of its file and not an earlier one.
    batches.into_iter().try_for_each(|(_, batch)| batch.apply(database))
}
