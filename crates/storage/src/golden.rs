//! The stored formats against files that never change: what one release wrote, every later one must read.
//!
//! To evolve a format: raise its number, keep reading the old one, keep its golden file, add one for the new.

use std::collections::BTreeMap;
use std::path::Path;

use crate::digest::{Digest, HexBytes, from_hex, to_hex};
use crate::engine::{self, Batch};
use crate::error::Error;
use crate::head::{Head, LogHead, LogRange, Purged, SnapshotHead};
use crate::identity::{self, Identity};
use crate::record::{self, Kind};
use crate::store::{OpenOptions, Store};
use crate::watermark::Watermark;
use crate::{journal, keys, log, sealed, snapshot, vote};

const CHAIN: Digest = Digest([0xab; 32]);

fn golden(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Hexadecimal text, 32 bytes a line.
fn hex_lines(bytes: &[u8]) -> String {
    bytes.chunks(32).map(|line| to_hex(line) + "\n").collect()
}

/// The record is written as the golden file says, the golden file reads as this body, and no byte of it may change.
#[track_caller]
fn check(name: &str, kind: Kind, key: &[u8], written: &[u8], body: &[u8]) {
    assert_eq!(hex_lines(written), golden(name), "{name}: the format changed without a new number");
    let stored = from_hex(&golden(name).replace('\n', "")).unwrap();
    assert_eq!(record::decode(kind, key, &stored).unwrap(), body);
    for place in 0..stored.len() {
        let mut flipped = stored.clone();
        flipped[place] ^= 1;
        assert!(record::decode(kind, key, &flipped).unwrap_err().damaged(), "{name}: byte {place}");
    }
    for length in 0..stored.len() {
        assert!(record::decode(kind, key, &stored[..length]).unwrap_err().damaged(), "{name}: cut to {length}");
    }
    let newer = record::encode_with_format(record::FORMAT + 1, kind, key, &[b"of a release to come"]);
    let refused = record::decode(kind, key, &newer).unwrap_err();
    assert!(matches!(refused, Error::NewerFormat { found: 2, supported: 1, .. }), "{name}: {refused}");
}

fn head() -> Head {
    let purged = Purged { index: 40, chain: CHAIN, id: HexBytes(b"id of 40".to_vec()) };
    let range = LogRange { first: 41, last: 42, last_chain: CHAIN };
    Head {
        sequence: 99,
        log: LogHead { purged: Some(purged), range: Some(range) },
        vote: Some(CHAIN),
        meta: BTreeMap::from([("committed".to_owned(), CHAIN)]),
        snapshot: Some(SnapshotHead { id: 3, chunks: 2, bytes: 70_000, meta: CHAIN, content: CHAIN }),
        identity: Some(CHAIN),
    }
}

#[test]
fn log_entry() {
    let written = log::encode_entry(42, CHAIN, b"payload");
    check("entry.hex", Kind::Entry, &keys::entry(42), &written, &[&CHAIN.0[..], b"payload"].concat());
}

#[test]
fn vote_record() {
    check("vote.hex", Kind::Vote, keys::VOTE, &vote::encode_vote(b"term 3"), b"term 3");
}

#[test]
fn meta_record() {
    check("meta.hex", Kind::Meta, &keys::meta("committed"), &vote::encode_meta("committed", b"42"), b"42");
}

#[test]
fn snapshot_chunk() {
    let written = snapshot::encode_chunk(3, 1, b"chunk");
    check("snapshot_chunk.hex", Kind::SnapshotChunk, &keys::snapshot_chunk(3, 1), &written, b"chunk");
}

#[test]
fn snapshot_description() {
    let written = snapshot::encode_description(3, b"description");
    let key = keys::snapshot_chunk(3, keys::SNAPSHOT_META_CHUNK);
    check("snapshot_description.hex", Kind::SnapshotMeta, &key, &written, b"description");
}

#[test]
fn head_record() {
    let written = head().to_record();
    check("head.hex", Kind::Head, keys::HEAD, &written, &serde_json::to_vec(&head()).unwrap());
    assert_eq!(Head::from_record(&written).unwrap(), head());
}

#[test]
fn watermark_record() {
    let body = [&99_u64.to_be_bytes()[..], &CHAIN.0].concat();
    check(
        "watermark.hex",
        Kind::Watermark,
        b"watermark",
        &Watermark { sequence: 99, head: CHAIN }.to_record(),
        &body,
    );
}

#[test]
fn journal_record() {
    let mut batch = Batch::default();
    batch.put(keys::VOTE, b"record");
    let written = journal::encode(99, &batch);
    let body = [&99_u64.to_be_bytes()[..], &batch.to_bytes()].concat();
    check("journal.hex", Kind::Journal, b"journal", &written, &body);
    let (sequence, read) = journal::decode(&written).unwrap();
    assert_eq!((sequence, read.to_bytes()), (99, batch.to_bytes()));
}

#[test]
fn identity_file() {
    let identity = Identity { cluster_id: "blue".to_owned(), node_id: 7, name: "shard-a".to_owned() };
    assert_eq!(sealed::seal(&identity::render(&identity)), golden("identity.txt"));
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("identity"), golden("identity.txt")).unwrap();
    assert_eq!(identity::read(directory.path()).unwrap(), Some(identity));
    let refused = identity::parse("{\"format\": 2, \"owner\": \"of a release to come\"}\n").unwrap_err();
    assert!(matches!(refused, Error::NewerFormat { found: 2, supported: 1, .. }), "{refused}");
}

/// A record moved to another key is damage even when its bytes are right.
#[test]
fn a_record_belongs_to_its_key() {
    let written = log::encode_entry(42, CHAIN, b"payload");
    assert!(record::decode(Kind::Entry, &keys::entry(43), &written).unwrap_err().damaged());
    assert!(record::decode(Kind::Vote, &keys::entry(42), &written).unwrap_err().damaged());
}

/// A store that a newer release wrote to is refused with the right words, and is not condemned.
#[test]
fn a_store_with_a_newer_record_is_refused_unharmed() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), OpenOptions::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(store.save_vote(b"term 3".to_vec())).unwrap();
    drop(store);
    let replace_vote = |record: &[u8]| {
        let database = engine::open(&directory.path().join("gen-0001"), 1 << 20).unwrap();
        let nothing = Batch::default();
        let mut batch = Batch::over(&database, &nothing);
        batch.replace(keys::VOTE, record).unwrap();
        batch.finish().apply(&database).unwrap();
        database.flush().unwrap();
        // Otherwise the journal would put the right vote back.
        crate::journal::Journal::create(directory.path()).unwrap();
    };
    replace_vote(&record::encode_with_format(2, Kind::Vote, keys::VOTE, &[b"term 3 and more"]));
    let refused = Store::open(directory.path(), OpenOptions::default()).unwrap_err();
    assert!(matches!(refused, Error::NewerFormat { found: 2, supported: 1, .. }), "{refused}");
    assert!(refused.to_string().contains("vote record"), "{refused}");
    replace_vote(&vote::encode_vote(b"term 3"));
    assert_eq!(Store::open(directory.path(), OpenOptions::default()).unwrap().vote().unwrap(), b"term 3");
}
