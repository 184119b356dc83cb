//! Whatever happens to the files while the agent is down: the store opens with all that was acknowledged, or it says
//! that it is damaged and what to do.

use std::path::{Path, PathBuf};

use lockstep_storage::{DAMAGED_REMEDY, Error, Identity, OpenOptions, Store};

fn open(directory: &Path) -> Result<Store, Error> {
    Store::open(directory, OpenOptions::default())
}

fn entries() -> Vec<(u64, Vec<u8>)> {
    (1..=60).map(|index| (index, format!("entry {index} ").repeat(9).into_bytes())).collect()
}

/// A store with something of everything.
fn filled() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let store = open(directory.path()).unwrap();
        let name = "shard-a".to_owned();
        store.set_identity(&Identity { cluster_id: "blue".to_owned(), node_id: 7, name }).await.unwrap();
        let mut snapshot = store.begin_snapshot(b"snapshot".to_vec()).unwrap();
        snapshot.write(&[5; 100_000]).await.unwrap();
        snapshot.finish().await.unwrap();
        for entry in entries() {
            store.append(vec![entry]).await.unwrap();
        }
        store.purge_to(10, b"ten".to_vec()).await.unwrap();
        store.put_meta("committed", b"60".to_vec()).await.unwrap();
        store.save_vote(b"term 3".to_vec()).await.unwrap();
    });
    directory
}

fn engine_file(directory: &Path) -> PathBuf {
    directory.join("gen-0001/db")
}

fn copy_of(from: &Path) -> tempfile::TempDir {
    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for item in std::fs::read_dir(from).unwrap() {
            let item = item.unwrap();
            let target = to.join(item.file_name());
            if item.file_type().unwrap().is_dir() {
                copy(&item.path(), &target);
            } else {
                std::fs::copy(item.path(), target).unwrap();
            }
        }
    }
    let directory = tempfile::tempdir().unwrap();
    copy(from, directory.path());
    directory
}

fn flip(path: &Path, offset: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[offset] ^= 0x40;
    std::fs::write(path, bytes).unwrap();
}

#[track_caller]
fn assert_damaged(directory: &Path) -> String {
    let found = open(directory).expect_err("the damage must be found");
    assert!(found.damaged(), "{found}");
    assert!(found.to_string().contains(DAMAGED_REMEDY), "{found}");
    let again = open(directory).expect_err("damage must be found again");
    assert!(again.damaged(), "{again}");
    found.to_string()
}

/// Everything that was acknowledged is there.
fn assert_whole(store: &Store) {
    assert_eq!(store.entries(..).unwrap(), entries().split_off(10));
    assert_eq!(store.log_bounds().last_purged, Some((10, b"ten".to_vec())));
    assert_eq!(store.vote().unwrap(), b"term 3");
    assert_eq!(store.meta("committed").unwrap(), b"60");
    assert_eq!(store.identity().unwrap().node_id, 7);
    let snapshot = store.current_snapshot().unwrap();
    assert_eq!(snapshot.meta().unwrap(), b"snapshot");
    assert_eq!(snapshot.chunks().map(Result::unwrap).collect::<Vec<_>>().concat(), vec![5; 100_000]);
}

/// Empties the journal: it would heal the newest changes, and the tests are after what it cannot heal.
fn empty_journal(directory: &Path) {
    let path = directory.join("journal");
    let length = std::fs::metadata(&path).unwrap().len() as usize;
    std::fs::write(path, vec![0; length]).unwrap();
}

/// Opens a store with one flipped byte: whole, or found damaged. Returns whether it was found.
#[track_caller]
fn found_or_harmless(directory: &Path, file: &str, offset: usize) -> bool {
    flip(&directory.join(file), offset);
    match open(directory) {
        Ok(store) => {
            assert_whole(&store);
            false
        }
        Err(error) => {
            assert!(error.damaged(), "byte {offset} of {file}: {error}");
            true
        }
    }
}

/// One flipped byte of the engine's file, spread over all of it and dense at its end, where the engine itself takes
/// damage for a torn write. In its dead parts a flip may do no harm; it must never do harm unseen.
#[test]
fn a_flipped_byte_of_the_engine_is_found_or_harmless() {
    let original = filled();
    let content = std::fs::read(engine_file(original.path())).unwrap();
    let written = content.iter().rposition(|byte| *byte != 0).unwrap();
    let spread = (0..60).map(|place| place * content.len() / 60 + place);
    let tail = (written.saturating_sub(120)..=written).step_by(4);
    let mut found = 0;
    for offset in spread.chain(tail) {
        let directory = copy_of(original.path());
        found_or_harmless(directory.path(), "gen-0001/db", offset);
        let directory = copy_of(original.path());
        empty_journal(directory.path());
        found += u32::from(found_or_harmless(directory.path(), "gen-0001/db", offset));
    }
    assert!(found > 30, "only {found} flips were found: the test has lost its aim");
}

/// The engine's own settings and its index of pages: it forgives some damage there, and may, as long as nothing is lost.
#[test]
fn a_flipped_byte_beside_the_engines_data_is_found_or_harmless() {
    let original = filled();
    let mut found = 0;
    for item in std::fs::read_dir(original.path().join("gen-0001")).unwrap() {
        let item = item.unwrap();
        if item.file_name() == "db" || item.file_type().unwrap().is_dir() {
            continue;
        }
        let length = item.metadata().unwrap().len() as usize;
        let file = format!("gen-0001/{}", item.file_name().to_str().unwrap());
        for offset in (0..length).step_by((length / 60).max(1)) {
            let directory = copy_of(original.path());
            found += u32::from(found_or_harmless(directory.path(), &file, offset));
        }
    }
    assert!(found > 30, "only {found} flips were found: the test has lost its aim");
}

#[test]
fn every_byte_of_the_small_files_counts() {
    let original = filled();
    // The watermark has two slots, each a record at the start of 4096 bytes.
    let files = [
        ("identity", 0, 150),
        ("format", 0, 50),
        ("CURRENT", 0, 50),
        ("watermark", 0, 50),
        ("watermark", 4096, 50),
    ];
    for (file, first, length) in files {
        let bytes = std::fs::metadata(original.path().join(file)).unwrap().len() as usize;
        for offset in (first..bytes.min(first + length)).step_by(2) {
            let directory = copy_of(original.path());
            assert!(found_or_harmless(directory.path(), file, offset), "byte {offset} of {file} does not count");
        }
    }
}

#[test]
fn a_missing_file_is_found() {
    let original = filled();
    for file in ["identity", "format", "CURRENT", "watermark", "journal", "gen-0001/db"] {
        let directory = copy_of(original.path());
        std::fs::remove_file(directory.path().join(file)).unwrap();
        assert_damaged(directory.path());
    }
}

/// The engine drops the end of its file without a word. The journal heals that; without it the loss must be missed.
#[test]
fn a_lost_end_of_the_engine_is_healed_or_found() {
    let original = filled();
    let content = std::fs::read(engine_file(original.path())).unwrap();
    let written = content.iter().rposition(|byte| *byte != 0).unwrap();
    for lost in [1, 40, 300, 5000] {
        let mut shorter = content.clone();
        shorter[written + 1 - lost..].fill(0);
        let directory = copy_of(original.path());
        std::fs::write(engine_file(directory.path()), &shorter).unwrap();
        assert_whole(&open(directory.path()).unwrap());
        let directory = copy_of(original.path());
        std::fs::write(engine_file(directory.path()), &shorter).unwrap();
        empty_journal(directory.path());
        let found = assert_damaged(directory.path());
        assert!(found.contains("was acknowledged"), "{found}");
    }
}

/// The store as a loss of power leaves it: the last batches are in the journal, the engine has not one of them.
fn filled_with_an_engine_that_is_behind() -> tempfile::TempDir {
    let directory = filled();
    let old = copy_of(&directory.path().join("gen-0001"));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let store = open(directory.path()).unwrap();
        for vote in 4..=9 {
            store.save_vote(format!("term {vote}").into_bytes()).await.unwrap();
        }
    });
    std::fs::remove_dir_all(directory.path().join("gen-0001")).unwrap();
    std::fs::rename(old.keep(), directory.path().join("gen-0001")).unwrap();
    directory
}

#[test]
fn the_journal_brings_the_engine_up_to_date() {
    let directory = filled_with_an_engine_that_is_behind();
    for _ in 0..2 {
        assert_eq!(open(directory.path()).unwrap().vote().unwrap(), b"term 9");
    }
}

/// Every record of the engine is right, and out of date.
#[test]
fn an_engine_that_is_behind_is_found_without_its_journal() {
    let directory = filled_with_an_engine_that_is_behind();
    empty_journal(directory.path());
    let found = assert_damaged(directory.path());
    assert!(found.contains("was acknowledged"), "{found}");
}

#[test]
fn every_byte_of_the_journal_counts_while_the_engine_needs_it() {
    let original = filled_with_an_engine_that_is_behind();
    let journal = std::fs::read(original.path().join("journal")).unwrap();
    let written = (0..6 * 1024).filter(|offset| journal[*offset] != 0);
    let mut found = 0;
    for offset in written.step_by(29) {
        let directory = copy_of(original.path());
        flip(&directory.path().join("journal"), offset);
        match open(directory.path()) {
            // What lies behind the end of the journal is left from before.
            Ok(store) => assert_eq!(store.vote().unwrap(), b"term 9"),
            Err(error) => {
                assert!(error.damaged(), "byte {offset}: {error}");
                found += 1;
            }
        }
    }
    assert!(found > 30, "only {found} flips were found: the test has lost its aim");
}

#[test]
fn the_identity_of_another_node_is_found() {
    let (ours, theirs) = (filled(), tempfile::tempdir().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let store = open(theirs.path()).unwrap();
        let name = "shard-b".to_owned();
        store.set_identity(&Identity { cluster_id: "blue".to_owned(), node_id: 8, name }).await.unwrap();
    });
    std::fs::copy(theirs.path().join("identity"), ours.path().join("identity")).unwrap();
    assert_damaged(ours.path());
}

#[test]
fn a_finding_outlives_the_repair_of_its_cause() {
    let original = filled();
    let directory = copy_of(original.path());
    std::fs::remove_file(directory.path().join("watermark")).unwrap();
    assert_damaged(directory.path());
    std::fs::copy(original.path().join("watermark"), directory.path().join("watermark")).unwrap();
    let found = assert_damaged(directory.path());
    assert!(found.contains("found at an earlier start"), "{found}");
}

#[test]
fn a_newer_data_directory_is_told_from_a_damaged_one() {
    let directory = filled();
    let content = "lockstep-storage 2\n";
    let sealed = format!("{content}crc32 {:08x}\n", crc32fast::hash(content.as_bytes()));
    std::fs::write(directory.path().join("format"), sealed).unwrap();
    let refused = open(directory.path()).unwrap_err();
    assert!(matches!(refused, Error::NewerFormat { found: 2, supported: 1, .. }), "{refused}");
    assert!(refused.to_string().contains("start the release that wrote it"), "{refused}");
}
