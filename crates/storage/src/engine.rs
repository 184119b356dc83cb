//! The only module that talks to sled's tree: opening it, reading records, writing atomic batches.

use std::collections::BTreeMap;
use std::ops::RangeBounds;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::keys;

/// How long the engine's own lock may outlive its handle: its worker threads let go of the file a moment later.
const ENGINE_LOCK_WAIT: Duration = Duration::from_secs(5);
const ENGINE_LOCK_RETRY: Duration = Duration::from_millis(5);

/// Opens the engine. The caller holds the lock of the data directory.
pub(crate) fn open(directory: &Path, cache_bytes: u64) -> Result<sled::Db, Error> {
    let started = Instant::now();
    loop {
        let config = sled::Config::new().path(directory).flush_every_ms(None).cache_capacity(cache_bytes);
        match guarded("open its files", || config.open().map_err(|error| Error::engine("open", error))) {
            Err(Error::Engine { reason, .. })
                if reason.contains("could not acquire lock") && started.elapsed() < ENGINE_LOCK_WAIT =>
            {
                std::thread::sleep(ENGINE_LOCK_RETRY);
            }
            result => return result,
        }
    }
}

/// Runs an operation of the engine; a panic inside it is a finding about the data, not a reason to die unexplained.
pub(crate) fn guarded<Value>(
    action: &'static str,
    operation: impl FnOnce() -> Result<Value, Error>,
) -> Result<Value, Error> {
    std::panic::catch_unwind(AssertUnwindSafe(operation)).unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<String>().map(String::as_str);
        let words = words.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
        let first_line = words.lines().next().unwrap_or_default();
        Err(Error::damage(format!("the storage engine could not {action}: {first_line}"), "the engine's files"))
    })
}

/// One record, put together from its pieces; `None` when it is not there.
pub(crate) fn get(database: &sled::Db, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    let mut records = Records::new(database, keys::pieces(key));
    Ok(records.next().transpose()?.map(|(_, record)| record))
}

/// Key and record.
type KeyedRecord = (Vec<u8>, Vec<u8>);

/// Records in key order, each put together from its pieces.
pub(crate) struct Records {
    pieces: std::iter::Peekable<sled::Iter>,
}

impl Records {
    pub(crate) fn new(database: &sled::Db, range: impl RangeBounds<Vec<u8>>) -> Self {
        Self { pieces: database.range(range).peekable() }
    }

    fn next_record(&mut self) -> Result<Option<KeyedRecord>, Error> {
        let Some(first) = self.pieces.next() else {
            return Ok(None);
        };
        let (first_key, first_piece) = first.map_err(|error| Error::engine("read", error))?;
        let (key, number) = split(&first_key)?;
        if number != 0 {
            return Err(Error::damage("the first piece of a record is missing", keys::describe(key)));
        }
        let mut record = first_piece.to_vec();
        let belongs = |piece: &Result<(sled::IVec, sled::IVec), sled::Error>| {
            piece.as_ref().is_ok_and(|(next, _)| next.len() == first_key.len() && next.starts_with(key))
        };
        while let Some(piece) = self.pieces.next_if(belongs) {
            let (_, bytes) = piece.map_err(|error| Error::engine("read", error))?;
            record.extend_from_slice(&bytes);
        }
        Ok(Some((key.to_vec(), record)))
    }
}

impl Iterator for Records {
    type Item = Result<KeyedRecord, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        guarded("read", || self.next_record()).transpose()
    }
}

fn split(key: &[u8]) -> Result<(&[u8], u16), Error> {
    let (record, number) =
        key.split_last_chunk().ok_or_else(|| Error::damage("a key is cut short", "the engine"))?;
    Ok((record, u16::from_be_bytes(*number)))
}

/// Length of a piece that is removed, in [`Batch::to_bytes`].
const REMOVED: u32 = u32::MAX;

/// Changes that the engine makes together or not at all.
#[derive(Default)]
pub(crate) struct Batch {
    pieces: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    bytes: usize,
}

impl Batch {
    /// The changes as bytes: for each, the key's length and the key, the piece's length and the piece. A length of
    /// all ones stands for a removal.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.bytes + self.pieces.len() * 32);
        for (key, piece) in &self.pieces {
            let key_length = u16::try_from(key.len()).expect("every key is bounded by the bound of meta names");
            bytes.extend(key_length.to_be_bytes());
            bytes.extend_from_slice(key);
            let length = piece.as_ref().map_or(REMOVED, |piece| piece.len() as u32);
            bytes.extend(length.to_be_bytes());
            bytes.extend_from_slice(piece.as_deref().unwrap_or_default());
        }
        bytes
    }

    /// The changes that [`Batch::to_bytes`] wrote.
    pub(crate) fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let mut batch = Self::default();
        while !bytes.is_empty() {
            let (key_length, rest) = bytes.split_first_chunk()?;
            let (key, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*key_length)))?;
            let (length, rest) = rest.split_first_chunk()?;
            let length = u32::from_be_bytes(*length);
            let (piece, rest) = rest.split_at_checked(if length == REMOVED { 0 } else { length as usize })?;
            batch.bytes += piece.len();
            batch.pieces.insert(key.to_vec(), (length != REMOVED).then(|| piece.to_vec()));
            bytes = rest;
        }
        Some(batch)
    }

    /// Bytes to be written.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Stores a record under a key. The older record there, if any, has to be removed first unless it is no longer.
    pub(crate) fn put(&mut self, key: &[u8], record: &[u8]) {
        for (number, piece) in record.chunks(keys::PIECE_BYTES).enumerate() {
            let number =
                u16::try_from(number).expect("every record is bounded far below 65,536 pieces by its caller");
            self.bytes += piece.len();
            self.pieces.insert(keys::piece(key, number), Some(piece.to_vec()));
        }
    }

    /// The changes of another batch after these.
    pub(crate) fn append(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.pieces.extend(other.pieces);
    }

    /// Begins a batch that is to be done after `behind`, which is to be done before it over what `database` holds.
    pub(crate) fn over<'a>(database: &'a sled::Db, behind: &'a Self) -> Building<'a> {
        Building { database, behind, batch: Self::default() }
    }

    /// Hands the changes to the engine. They are not durable before the next barrier.
    pub(crate) fn apply(self, database: &sled::Db) -> Result<(), Error> {
        let mut batch = sled::Batch::default();
        for (key, piece) in self.pieces {
            match piece {
                Some(piece) => batch.insert(key, piece),
                None => batch.remove(key),
            }
        }
        guarded("write", || database.apply_batch(batch).map_err(|error| Error::engine("write", error)))
    }
}

/// A batch that removes things: it has to know what there is.
pub(crate) struct Building<'a> {
    database: &'a sled::Db,
    behind: &'a Batch,
    batch: Batch,
}

impl Building<'_> {
    pub(crate) fn put(&mut self, key: &[u8], record: &[u8]) {
        self.batch.put(key, record);
    }

    /// Removes every piece in the range: those that are stored, and those that this batch or the one before it would store.
    pub(crate) fn remove(&mut self, range: impl RangeBounds<Vec<u8>> + Clone) -> Result<(), Error> {
        for (_, piece) in self.batch.pieces.range_mut(range.clone()) {
            *piece = None;
        }
        for (key, _) in self.behind.pieces.range(range.clone()) {
            self.batch.pieces.insert(key.clone(), None);
        }
        for key in self.database.range(range).keys() {
            let key = key.map_err(|error| Error::engine("read", error))?;
            self.batch.pieces.insert(key.to_vec(), None);
        }
        Ok(())
    }

    /// Replaces a record of any length by another.
    pub(crate) fn replace(&mut self, key: &[u8], record: &[u8]) -> Result<(), Error> {
        self.remove(keys::pieces(key))?;
        self.put(key, record);
        Ok(())
    }

    pub(crate) fn finish(self) -> Batch {
        self.batch
    }
}
