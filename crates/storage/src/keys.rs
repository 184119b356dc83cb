//! The keys of the engine's one tree. The first byte says what; numbers are big-endian so that keys sort by them.
//!
//! A record longer than [`PIECE_BYTES`] lies under several keys, which differ in the piece number that ends each key.
//! The engine moves a page with up to twenty values to an unsynced file of its own once the *page* is over 128 KiB,
//! so it is the page, not only the value, that must stay below.

/// Longest value handed to the engine. Twenty of them stay below the engine's 128 KiB.
pub(crate) const PIECE_BYTES: usize = 4096;

pub(crate) const HEAD: &[u8] = b"H";
pub(crate) const VOTE: &[u8] = b"V";
const ENTRY: u8 = b'L';
const META: u8 = b'M';
const SNAPSHOT: u8 = b'S';
/// Chunk number of a snapshot's description.
pub(crate) const SNAPSHOT_META_CHUNK: u32 = u32::MAX;

pub(crate) fn entry(index: u64) -> Vec<u8> {
    [&[ENTRY][..], &index.to_be_bytes()].concat()
}

pub(crate) fn meta(name: &str) -> Vec<u8> {
    [&[META][..], name.as_bytes(), &[0]].concat()
}

pub(crate) fn snapshot_chunk(snapshot: u64, chunk: u32) -> Vec<u8> {
    [&[SNAPSHOT][..], &snapshot.to_be_bytes(), &chunk.to_be_bytes()].concat()
}

/// All keys of the entries from `first` on, up to and with `last`.
pub(crate) fn entries(first: u64, last: u64) -> std::ops::Range<Vec<u8>> {
    let end = last.checked_add(1).map_or_else(|| vec![ENTRY + 1], entry);
    entry(first)..end
}

/// All keys of one snapshot.
pub(crate) fn snapshot(id: u64) -> std::ops::Range<Vec<u8>> {
    let end = id.checked_add(1).map_or_else(|| vec![SNAPSHOT + 1], |next| snapshot_chunk(next, 0));
    snapshot_chunk(id, 0)..end
}

/// The key of one piece of a record.
pub(crate) fn piece(key: &[u8], number: u16) -> Vec<u8> {
    [key, &number.to_be_bytes()].concat()
}

/// All keys of the pieces of one record.
pub(crate) fn pieces(key: &[u8]) -> std::ops::RangeInclusive<Vec<u8>> {
    piece(key, 0)..=piece(key, u16::MAX)
}

/// A stored key, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    Head,
    Vote,
    Entry(u64),
    Meta(String),
    Snapshot(u64, u32),
}

/// Takes the key of a whole record apart; `None` when no release writes such a key.
pub(crate) fn parse(key: &[u8]) -> Option<Parsed> {
    match *key.first()? {
        _ if key == HEAD => Some(Parsed::Head),
        _ if key == VOTE => Some(Parsed::Vote),
        ENTRY => Some(Parsed::Entry(u64::from_be_bytes(key[1..].try_into().ok()?))),
        META => Some(Parsed::Meta(String::from_utf8(key[1..].strip_suffix(&[0])?.to_vec()).ok()?)),
        SNAPSHOT if key.len() == 13 => {
            let (id, chunk) = key[1..].split_at(8);
            Some(Parsed::Snapshot(
                u64::from_be_bytes(id.try_into().ok()?),
                u32::from_be_bytes(chunk.try_into().ok()?),
            ))
        }
        _ => None,
    }
}

/// A record's key in words, for errors.
pub(crate) fn describe(key: &[u8]) -> String {
    match parse(key) {
        Some(Parsed::Head) => "the head record".to_owned(),
        Some(Parsed::Vote) => "the vote".to_owned(),
        Some(Parsed::Entry(index)) => format!("log index {index}"),
        Some(Parsed::Meta(name)) => format!("meta value {name:?}"),
        Some(Parsed::Snapshot(id, SNAPSHOT_META_CHUNK)) => format!("snapshot {id}, description"),
        Some(Parsed::Snapshot(id, chunk)) => format!("snapshot {id}, chunk {chunk}"),
        None => format!("{:?}", String::from_utf8_lossy(key)),
    }
}
