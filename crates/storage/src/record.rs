//! The envelope around every stored record: format, kind, length, checksum.
//!
//! ```text
//! byte  0      format of the body, counted from 1
//! byte  1      kind
//! bytes 2..6   length of the body, big-endian
//! bytes 6..10  CRC32 of the key, bytes 0..6 and the body
//! bytes 10..   body
//! ```
//!
//! These ten bytes never change: a newer release raises the format of a body, and this release can still tell a
//! newer record (checksum right, format unknown) from a damaged one (checksum wrong).

use crate::error::Error;

/// Newest record format that this release reads and the one it writes.
pub(crate) const FORMAT: u8 = 1;
const HEADER_BYTES: usize = 10;

/// What a record is. The numbers are stored: never reuse one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Kind {
    Head = 1,
    Entry = 2,
    Vote = 3,
    Meta = 4,
    SnapshotMeta = 5,
    SnapshotChunk = 6,
    Watermark = 7,
    Journal = 8,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Head => "head record",
            Kind::Entry => "log entry",
            Kind::Vote => "vote record",
            Kind::Meta => "meta record",
            Kind::SnapshotMeta => "snapshot description",
            Kind::SnapshotChunk => "snapshot chunk",
            Kind::Watermark => "watermark",
            Kind::Journal => "journal record",
        }
    }
}

/// Wraps a body. The key is part of the checksum, so that a record cannot pass for its neighbour.
pub(crate) fn encode(kind: Kind, key: &[u8], body_parts: &[&[u8]]) -> Vec<u8> {
    encode_with_format(FORMAT, kind, key, body_parts)
}

/// As [`encode`], for any format: tests write the records of a release to come.
pub(crate) fn encode_with_format(format: u8, kind: Kind, key: &[u8], body_parts: &[&[u8]]) -> Vec<u8> {
    let body_bytes: usize = body_parts.iter().map(|part| part.len()).sum();
    let length = u32::try_from(body_bytes).expect("every stored value is bounded far below 4 GiB by its caller");
    let mut record = Vec::with_capacity(HEADER_BYTES + body_bytes);
    record.extend([format, kind as u8]);
    record.extend(length.to_be_bytes());
    record.extend([0; 4]);
    for part in body_parts {
        record.extend_from_slice(part);
    }
    let checksum = checksum(key, &record[..6], &record[HEADER_BYTES..]);
    record[6..HEADER_BYTES].copy_from_slice(&checksum.to_be_bytes());
    record
}

/// Unwraps a record and returns its body.
///
/// # Errors
///
/// [`Error::Damaged`] when a byte of it changed, [`Error::NewerFormat`] when a newer release wrote it.
pub(crate) fn decode<'record>(kind: Kind, key: &[u8], record: &'record [u8]) -> Result<&'record [u8], Error> {
    let damaged = |what: &str| Error::damage(format!("{} {what}", kind.name()), crate::keys::describe(key));
    if record.len() < HEADER_BYTES {
        return Err(damaged("is cut short"));
    }
    let (header, body) = record.split_at(HEADER_BYTES);
    let stored = u32::from_be_bytes([header[6], header[7], header[8], header[9]]);
    if checksum(key, &header[..6], body) != stored {
        return Err(damaged("does not match its checksum"));
    }
    if header[0] > FORMAT {
        let what = format!("{} ({})", kind.name(), crate::keys::describe(key));
        return Err(Error::NewerFormat { what, found: u32::from(header[0]), supported: u32::from(FORMAT) });
    }
    let length = u32::from_be_bytes([header[2], header[3], header[4], header[5]]) as usize;
    if header[0] == 0 || header[1] != kind as u8 || length != body.len() {
        return Err(damaged("has a wrong header"));
    }
    Ok(body)
}

/// The record that bytes begin with, by its length alone; `None` when they cannot begin with one.
pub(crate) fn first(stored: &[u8]) -> Option<&[u8]> {
    let length = u32::from_be_bytes(stored.get(2..6)?.try_into().ok()?);
    stored.get(..HEADER_BYTES.checked_add(length as usize)?)
}

fn checksum(key: &[u8], header: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(header);
    hasher.update(body);
    hasher.finalize()
}
