//! The watermark: which batch was acknowledged last, in a small file beside the engine.
//!
//! The engine takes a damaged end of its file for a torn write and drops it silently; the watermark tells an
//! acknowledged batch from a torn one. It is written after the barrier and before the acknowledgement, into two
//! slots by turns, so that a torn write leaves the other. Its own sync is not waited for: the writer makes it up
//! when it has nothing else to do, and a second later at most under load. A process that dies loses nothing by
//! that. Only a loss of power *and* a damaged end of the engine's file, both within that second, would go unseen.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::barrier;
use crate::digest::Digest;
use crate::error::Error;
use crate::record;

const FILE: &str = "watermark";
const SLOT_BYTES: usize = 4096;
const RECORD_BYTES: usize = 10 + BODY_BYTES;
const BODY_BYTES: usize = 40;

/// The last acknowledged batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Watermark {
    pub(crate) sequence: u64,
    /// Digest of the head record of that batch.
    pub(crate) head: Digest,
}

impl Watermark {
    pub(crate) fn to_record(self) -> Vec<u8> {
        record::encode(record::Kind::Watermark, FILE.as_bytes(), &[&self.sequence.to_be_bytes(), &self.head.0])
    }

    fn from_record(stored: &[u8]) -> Result<Self, Error> {
        let body = record::decode(record::Kind::Watermark, FILE.as_bytes(), stored)?;
        let damaged = || Error::damage("watermark has a wrong length", FILE);
        let body: &[u8; BODY_BYTES] = body.try_into().map_err(|_| damaged())?;
        let (sequence, head) = body.split_at(8);
        let sequence = u64::from_be_bytes(sequence.try_into().map_err(|_| damaged())?);
        Ok(Self { sequence, head: Digest(head.try_into().map_err(|_| damaged())?) })
    }
}

/// The open file.
pub(crate) struct WatermarkFile {
    file: File,
    path: PathBuf,
}

impl WatermarkFile {
    /// Writes a new file, durably.
    pub(crate) fn create(directory: &Path, watermark: Watermark) -> Result<Self, Error> {
        let mut slot = watermark.to_record();
        slot.resize(SLOT_BYTES, 0);
        barrier::replace_file(directory, FILE, &slot.repeat(2))?;
        Self::open_file(directory)
    }

    /// Opens the file and reads the newer slot; `None` when there is no file.
    pub(crate) fn open(directory: &Path) -> Result<Option<(Self, Watermark)>, Error> {
        if !directory.join(FILE).exists() {
            return Ok(None);
        }
        let opened = Self::open_file(directory)?;
        let (even, odd) = (opened.read_slot(0)?, opened.read_slot(1)?);
        let newer = if even.sequence > odd.sequence { even } else { odd };
        Ok(Some((opened, newer)))
    }

    /// Names the batch that is about to be acknowledged.
    pub(crate) fn write(&self, watermark: Watermark) -> Result<(), Error> {
        let offset = watermark.sequence % 2 * SLOT_BYTES as u64;
        let written = self.file.write_all_at(&watermark.to_record(), offset);
        written.map_err(|error| Error::io("write", &self.path, error))
    }

    /// Makes what was written durable.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        self.file.sync_data().map_err(|error| Error::io("sync", &self.path, error))
    }

    fn open_file(directory: &Path) -> Result<Self, Error> {
        let path = directory.join(FILE);
        let file = OpenOptions::new().read(true).write(true).open(&path);
        let file = file.map_err(|error| Error::io("open", &path, error))?;
        Ok(Self { file, path })
    }

    fn read_slot(&self, slot: u64) -> Result<Watermark, Error> {
        let mut stored = [0; RECORD_BYTES];
        match self.file.read_exact_at(&mut stored, slot * SLOT_BYTES as u64) {
            Ok(()) => Watermark::from_record(&stored),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                Err(Error::damage("watermark file is cut short", self.path.display().to_string()))
            }
            Err(error) => Err(Error::io("read", &self.path, error)),
        }
    }
}
