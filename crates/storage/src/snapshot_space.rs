//! Chunks that nobody can read any more are removed: seen from below, where the store itself would not look.

use std::path::Path;

use crate::engine::{self, Batch, Records};
use crate::store::{OpenOptions, Store};
use crate::{keys, snapshot};

fn open(directory: &Path) -> Store {
    Store::open(directory, OpenOptions::default()).unwrap()
}

fn records_of(directory: &Path, snapshot: u64) -> usize {
    let database = engine::open(&directory.join("gen-0001"), 1 << 20).unwrap();
    Records::new(&database, keys::snapshot(snapshot)).count()
}

async fn write(store: &Store) -> snapshot::SnapshotWriter {
    let mut writer = store.begin_snapshot(b"description".to_vec()).unwrap();
    writer.write(&[7; 200_000]).await.unwrap();
    writer
}

#[tokio::test]
async fn a_replaced_snapshot_goes_with_its_last_reader() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    write(&store).await.finish().await.unwrap();
    let reader = store.current_snapshot().unwrap();
    write(&store).await.finish().await.unwrap();
    assert_eq!(reader.chunks().map(|chunk| chunk.unwrap().len()).sum::<usize>(), 200_000);
    drop(reader);
    drop(store);
    assert_eq!((records_of(directory.path(), 1), records_of(directory.path(), 2)), (0, 5));
}

#[tokio::test]
async fn a_snapshot_that_is_given_up_goes() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    drop(write(&store).await);
    drop(store);
    assert_eq!(records_of(directory.path(), 1), 0);
}

#[test]
fn what_a_crash_left_of_a_snapshot_goes_at_the_next_open() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()));
    let database = engine::open(&directory.path().join("gen-0001"), 1 << 20).unwrap();
    let mut batch = Batch::default();
    batch.put(&keys::snapshot_chunk(3, 0), &snapshot::encode_chunk(3, 0, &[7; 9000]));
    batch.apply(&database).unwrap();
    database.flush().unwrap();
    drop(database);
    let store = open(directory.path());
    assert!(store.begin_snapshot(Vec::new()).is_ok_and(|writer| writer.id() > 3), "an id may not come back");
    drop(store);
    assert_eq!(records_of(directory.path(), 3), 0);
}
