//! What the store promises, one promise a test.

use std::path::Path;

use lockstep_storage::{
    ENTRY_BYTES_MAX, Error, Identity, OpenOptions, SMALL_VALUE_BYTES_MAX, SNAPSHOT_CHUNK_BYTES, SnapshotReader,
    Store,
};

fn open(directory: &Path) -> Store {
    Store::open(directory, OpenOptions::default()).unwrap()
}

fn numbered(indexes: std::ops::RangeInclusive<u64>) -> Vec<(u64, Vec<u8>)> {
    indexes.map(|index| (index, format!("entry {index}").into_bytes())).collect()
}

fn content(snapshot: &SnapshotReader) -> Vec<u8> {
    snapshot.chunks().map(Result::unwrap).collect::<Vec<_>>().concat()
}

fn identity(cluster_id: &str, node_id: u64) -> Identity {
    Identity { cluster_id: cluster_id.to_owned(), node_id, name: "shard-a".to_owned() }
}

#[tokio::test]
async fn entries_survive_a_reopen() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.append(numbered(0..=9)).await.unwrap();
    drop(store);
    let store = open(directory.path());
    assert_eq!(store.entries(..).unwrap(), numbered(0..=9));
    assert_eq!(store.entries(3..5).unwrap(), numbered(3..=4));
    assert_eq!(store.last_entry().unwrap(), numbered(9..=9).pop());
    store.append(numbered(10..=11)).await.unwrap();
    assert_eq!(store.entries(8..).unwrap(), numbered(8..=11), "half from disk, half from memory");
}

#[tokio::test]
async fn submitted_entries_are_readable_before_they_are_durable() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let pending = store.submit_append(numbered(1..=3)).unwrap();
    assert_eq!(store.entries(..).unwrap(), numbered(1..=3));
    pending.await.unwrap();
}

#[tokio::test]
async fn a_hole_is_refused_and_nothing_is_stored() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.append(numbered(1..=3)).await.unwrap();
    for entries in [numbered(5..=6), numbered(3..=4), vec![(4, vec![]), (6, vec![])]] {
        let refused = store.append(entries).await.unwrap_err();
        assert!(matches!(refused, Error::Hole { .. }), "{refused}");
    }
    assert_eq!(store.entries(..).unwrap(), numbered(1..=3));
}

#[tokio::test]
async fn an_entry_at_the_limit_is_stored_and_one_over_it_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let largest = vec![7; ENTRY_BYTES_MAX];
    store.append(vec![(1, largest.clone())]).await.unwrap();
    let refused = store.append(vec![(2, vec![7; ENTRY_BYTES_MAX + 1])]).await.unwrap_err();
    assert!(matches!(refused, Error::TooLarge { .. }), "{refused}");
    drop(store);
    assert_eq!(open(directory.path()).entries(..).unwrap(), vec![(1, largest)]);
}

#[tokio::test]
async fn truncation_makes_room_for_other_entries() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.append(numbered(1..=9)).await.unwrap();
    store.truncate_from(5).await.unwrap();
    store.truncate_from(77).await.unwrap();
    store.append(vec![(5, b"other".to_vec())]).await.unwrap();
    drop(store);
    let entries = open(directory.path()).entries(4..).unwrap();
    assert_eq!(entries, vec![(4, b"entry 4".to_vec()), (5, b"other".to_vec())]);
}

#[tokio::test]
async fn a_purge_keeps_its_id_and_the_rest_of_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.append(numbered(1..=9)).await.unwrap();
    store.purge_to(4, b"id of 4".to_vec()).await.unwrap();
    store.purge_to(2, b"id of 2".to_vec()).await.unwrap();
    let refused = store.truncate_from(4).await.unwrap_err();
    assert!(matches!(refused, Error::TruncatePurged { index: 4, purged_to: 4 }), "{refused}");
    drop(store);
    let store = open(directory.path());
    let bounds = store.log_bounds();
    assert_eq!((bounds.first, bounds.last), (Some(5), Some(9)));
    assert_eq!(bounds.last_purged, Some((4, b"id of 4".to_vec())));
    assert_eq!(store.entries(..).unwrap(), numbered(5..=9));
}

#[tokio::test]
async fn a_purge_beyond_the_end_empties_the_log_which_goes_on_after_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.append(numbered(1..=9)).await.unwrap();
    store.purge_to(100, b"id of 100".to_vec()).await.unwrap();
    assert_eq!(store.entries(..).unwrap(), vec![]);
    let refused = store.append(numbered(10..=10)).await.unwrap_err();
    assert!(matches!(refused, Error::Hole { expected: 101, found: 10 }), "{refused}");
    store.append(numbered(101..=102)).await.unwrap();
    drop(store);
    assert_eq!(open(directory.path()).entries(..).unwrap(), numbered(101..=102));
}

#[tokio::test]
async fn the_vote_and_meta_values_survive_a_reopen() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    assert_eq!(store.vote(), None);
    store.save_vote(vec![1; 9000]).await.unwrap();
    store.save_vote(b"term 2".to_vec()).await.unwrap();
    store.put_meta("committed", b"7".to_vec()).await.unwrap();
    store.put_meta("members", vec![3; SMALL_VALUE_BYTES_MAX]).await.unwrap();
    drop(store);
    let store = open(directory.path());
    assert_eq!(store.vote().unwrap(), b"term 2");
    assert_eq!(store.meta("committed").unwrap(), b"7");
    assert_eq!(store.meta("members").unwrap(), vec![3; SMALL_VALUE_BYTES_MAX]);
    assert_eq!(store.meta("other"), None);
}

#[tokio::test]
async fn values_and_names_out_of_bounds_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let refused = store.save_vote(vec![0; SMALL_VALUE_BYTES_MAX + 1]).await.unwrap_err();
    assert!(matches!(refused, Error::TooLarge { .. }), "{refused}");
    for name in ["", "a\0b", &"n".repeat(257)] {
        let refused = store.put_meta(name, vec![]).await.unwrap_err();
        assert!(matches!(refused, Error::MetaName { .. }), "{refused}");
    }
}

#[tokio::test]
async fn a_finished_snapshot_replaces_the_old_one_whose_readers_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let first = vec![1; SNAPSHOT_CHUNK_BYTES * 3 + 5];
    let mut writer = store.begin_snapshot(b"first".to_vec()).unwrap();
    writer.write(&first).await.unwrap();
    assert!(store.current_snapshot().is_none());
    writer.finish().await.unwrap();
    let old = store.current_snapshot().unwrap();
    let mut writer = store.begin_snapshot(b"second".to_vec()).unwrap();
    for part in [vec![2; 70_000], vec![3; 70_000]] {
        writer.write(&part).await.unwrap();
    }
    writer.finish().await.unwrap();
    assert_eq!(content(&old), first);
    assert_eq!((old.chunk_count(), old.bytes()), (4, first.len() as u64));
    drop(old);
    drop(store);
    let current = open(directory.path()).current_snapshot().unwrap();
    assert_eq!(current.meta().unwrap(), b"second");
    assert_eq!(content(&current), [vec![2; 70_000], vec![3; 70_000]].concat());
}

#[tokio::test]
async fn a_snapshot_that_was_given_up_leaves_the_old_one() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let writer = store.begin_snapshot(b"empty".to_vec()).unwrap();
    writer.finish().await.unwrap();
    let mut abandoned = store.begin_snapshot(b"never".to_vec()).unwrap();
    abandoned.write(&vec![1; 300_000]).await.unwrap();
    drop(abandoned);
    drop(store);
    let current = open(directory.path()).current_snapshot().unwrap();
    assert_eq!((current.meta().unwrap(), content(&current)), (b"empty".to_vec(), vec![]));
}

#[tokio::test]
async fn of_two_snapshots_the_one_begun_later_stays() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let earlier = store.begin_snapshot(b"earlier".to_vec()).unwrap();
    let later = store.begin_snapshot(b"later".to_vec()).unwrap();
    later.finish().await.unwrap();
    let refused = earlier.finish().await.unwrap_err();
    assert!(matches!(refused, Error::SnapshotAborted { .. }), "{refused}");
    assert_eq!(store.current_snapshot().unwrap().meta().unwrap(), b"later");
}

#[tokio::test]
async fn a_second_opener_is_refused_until_the_first_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let refused = Store::open(directory.path(), OpenOptions::default()).unwrap_err();
    assert!(matches!(refused, Error::InUse { .. }) && refused.retryable(), "{refused}");
    assert!(refused.to_string().contains("in use by another agent"), "{refused}");
    drop(store);
    open(directory.path());
}

#[tokio::test]
async fn the_identity_is_set_once() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    assert_eq!(store.identity(), None);
    store.expect_cluster("any").unwrap();
    store.set_identity(&identity("blue", 7)).await.unwrap();
    drop(store);
    let store = open(directory.path());
    assert_eq!(store.identity(), Some(identity("blue", 7)));
    store.set_identity(&identity("blue", 7)).await.unwrap();
    let refused = store.set_identity(&identity("green", 7)).await.unwrap_err();
    assert!(matches!(refused, Error::OtherCluster { .. }), "{refused}");
    let refused = store.set_identity(&identity("blue", 8)).await.unwrap_err();
    assert!(matches!(refused, Error::OtherNode { .. }), "{refused}");
    let refused = store.expect_cluster("green").unwrap_err();
    assert!(matches!(refused, Error::OtherCluster { .. }), "{refused}");
}

#[tokio::test]
async fn a_rewrite_keeps_everything() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.append(numbered(1..=500)).await.unwrap();
    store.purge_to(100, b"100".to_vec()).await.unwrap();
    store.save_vote(b"vote".to_vec()).await.unwrap();
    let mut writer = store.begin_snapshot(b"snapshot".to_vec()).unwrap();
    writer.write(&[9; 200_000]).await.unwrap();
    writer.finish().await.unwrap();
    store.compact().await.unwrap();
    store.append(numbered(501..=510)).await.unwrap();
    let reader = store.current_snapshot().unwrap();
    assert_eq!(content(&reader), vec![9; 200_000]);
    drop((reader, store));
    let store = open(directory.path());
    assert_eq!(store.entries(..).unwrap(), numbered(101..=510));
    assert_eq!(store.vote().unwrap(), b"vote");
    assert_eq!(content(&store.current_snapshot().unwrap()), vec![9; 200_000]);
    assert!(!directory.path().join("gen-0001").exists() && directory.path().join("gen-0002").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_page_reaches_the_unsynced_blob_directory() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    for index in 0..20 {
        store.append(vec![(index, vec![index as u8; ENTRY_BYTES_MAX / 4])]).await.unwrap();
        store.save_vote(vec![index as u8; 100_000]).await.unwrap();
    }
    let blobs = std::fs::read_dir(directory.path().join("gen-0001/blobs")).unwrap().count();
    assert_eq!(blobs, 0);
}

#[test]
fn every_future_can_move_between_threads() {
    fn movable<Value: Send>(_: Value) {}
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    movable(store.append(vec![]));
    movable(store.save_vote(vec![]));
    movable(store.put_meta("name", vec![]));
    movable(store.truncate_from(1));
    movable(store.purge_to(1, vec![]));
    movable(store.begin_snapshot(vec![]).unwrap().finish());
    movable(store.compact());
}
