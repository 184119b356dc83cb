//! Records that are right by themselves and wrong in their place: checksums do not find those, the head does.

use std::path::Path;

use crate::digest::Digest;
use crate::engine::{self, Batch};
use crate::journal::Journal;
use crate::record::{self, Kind};
use crate::store::{OpenOptions, Store};
use crate::{keys, log, snapshot, vote};

fn open(directory: &Path) -> Result<Store, crate::Error> {
    Store::open(directory, OpenOptions::default())
}

fn filled() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let store = open(directory.path()).unwrap();
        let entries = (1..=9).map(|index| (index, vec![index as u8; 100]));
        store.append(entries.collect()).await.unwrap();
        store.save_vote(b"term 3".to_vec()).await.unwrap();
        store.put_meta("committed", b"9".to_vec()).await.unwrap();
        let mut writer = store.begin_snapshot(b"description".to_vec()).unwrap();
        writer.write(&[7; 70_000]).await.unwrap();
        writer.finish().await.unwrap();
    });
    directory
}

/// Removes or replaces one record behind the store's back; the next open says so, with these words.
#[track_caller]
fn check(key: &[u8], record: Option<Vec<u8>>, words: &str) {
    let directory = filled();
    let database = engine::open(&directory.path().join("gen-0001"), 1 << 20).unwrap();
    let nothing = Batch::default();
    let mut batch = Batch::over(&database, &nothing);
    batch.remove(keys::pieces(key)).unwrap();
    if let Some(record) = record {
        batch.put(key, &record);
    }
    batch.finish().apply(&database).unwrap();
    database.flush().unwrap();
    drop(database);
    // Otherwise the journal would put it right again.
    Journal::create(directory.path()).unwrap();
    let refused = open(directory.path()).unwrap_err();
    assert!(refused.damaged() && refused.to_string().contains(words), "{refused}");
}

#[test]
fn an_entry_with_another_payload() {
    let first = Digest::chain(Digest::default(), 1, &[1; 100]);
    let second = Digest::chain(first, 2, &[2; 100]);
    let forged = log::encode_entry(2, second, &[9; 100]);
    check(&keys::entry(2), Some(forged), "hash chain, at log index 2");
}

#[test]
fn a_last_entry_with_another_payload_and_a_chain_that_fits() {
    let chain = (1..=8).fold(Digest::default(), |chain, index| Digest::chain(chain, index, &[index as u8; 100]));
    let forged = log::encode_entry(9, Digest::chain(chain, 9, b"other"), b"other");
    check(&keys::entry(9), Some(forged), "ends with another hash");
}

#[test]
fn an_entry_that_is_gone() {
    check(&keys::entry(1), None, "goes on with index 2 instead of 1");
    check(&keys::entry(5), None, "goes on with index 6 instead of 5");
    check(&keys::entry(9), None, "missing, at log index 9");
}

#[test]
fn an_entry_too_many() {
    check(
        &keys::entry(10),
        Some(log::encode_entry(10, Digest::default(), b"")),
        "index 10 is not part of the log",
    );
}

#[test]
fn another_vote_or_none() {
    check(keys::VOTE, Some(vote::encode_vote(b"term 2")), "the vote is not the one");
    check(keys::VOTE, None, "the vote is not the one");
}

#[test]
fn another_meta_value_or_none_or_one_too_many() {
    let key = keys::meta("committed");
    check(&key, Some(vote::encode_meta("committed", b"8")), "meta values are not those");
    check(&key, None, "meta values are not those");
    check(&keys::meta("other"), Some(vote::encode_meta("other", b"8")), "meta values are not those");
}

#[test]
fn another_chunk_or_description_or_none() {
    let (chunk, description) = (keys::snapshot_chunk(1, 1), keys::snapshot_chunk(1, keys::SNAPSHOT_META_CHUNK));
    check(&chunk, Some(snapshot::encode_chunk(1, 1, &[8; 70_000 - 65_536])), "the snapshot is not the one");
    check(&chunk, None, "the snapshot is not the one");
    check(&description, Some(snapshot::encode_description(1, b"other")), "the snapshot is not the one");
    check(&description, None, "the snapshot is not the one");
}

#[test]
fn another_head_or_none_or_an_unknown_record() {
    check(keys::HEAD, None, "the head record is missing");
    let forged = crate::head::Head { sequence: 1000, ..Default::default() };
    check(keys::HEAD, Some(forged.to_record()), "not part of the log");
    let stray = b"X".to_vec();
    check(&stray, Some(record::encode(Kind::Meta, &stray, &[b"?"])), "unknown key");
}
