//! The log against a model that is plainly right: an ordered map in memory. Reopening is one of the operations.

use std::collections::BTreeMap;
use std::path::Path;

use lockstep_storage::{OpenOptions, Store};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Operation {
    /// Append so many entries of such a length.
    Append(u64, usize),
    /// Truncate so many entries before the end.
    Truncate(u64),
    /// Purge so far beyond the purge point.
    Purge(u64),
    Vote(u8),
    Reopen,
    Rewrite,
}

fn operation() -> impl Strategy<Value = Operation> {
    let length = prop_oneof![8 => 0..300_usize, 2 => 4000..4200_usize, 1 => 8000..40_000_usize];
    prop_oneof![
        8 => (1..6_u64, length).prop_map(|(count, length)| Operation::Append(count, length)),
        3 => (0..8_u64).prop_map(Operation::Truncate),
        3 => (0..8_u64).prop_map(Operation::Purge),
        1 => any::<u8>().prop_map(Operation::Vote),
        2 => Just(Operation::Reopen),
        1 => Just(Operation::Rewrite),
    ]
}

#[derive(Default)]
struct Model {
    entries: BTreeMap<u64, Vec<u8>>,
    next: u64,
    purged: Option<u64>,
    vote: Option<Vec<u8>>,
    /// Makes each payload another one.
    written: u8,
}

impl Model {
    fn start(&self) -> u64 {
        self.purged.map_or(0, |purged| purged + 1)
    }

    /// Does the operation to both sides.
    async fn run(&mut self, store: Store, directory: &Path, operation: &Operation) -> Store {
        match *operation {
            Operation::Append(count, length) => self.append(&store, count, length).await,
            Operation::Truncate(back) => {
                let from = self.next.saturating_sub(back).max(self.start());
                store.truncate_from(from).await.unwrap();
                self.entries.split_off(&from);
                self.next = from;
            }
            Operation::Purge(ahead) => {
                let index = self.start() + ahead;
                store.purge_to(index, index.to_be_bytes().to_vec()).await.unwrap();
                self.entries = self.entries.split_off(&(index + 1));
                self.purged = Some(index);
                self.next = self.next.max(index + 1);
            }
            Operation::Vote(vote) => {
                store.save_vote(vec![vote]).await.unwrap();
                self.vote = Some(vec![vote]);
            }
            Operation::Rewrite => store.compact().await.unwrap(),
            Operation::Reopen => {
                drop(store);
                return open(directory);
            }
        }
        store
    }

    async fn append(&mut self, store: &Store, count: u64, length: usize) {
        self.written = self.written.wrapping_add(1);
        let entries: Vec<_> =
            (self.next..self.next + count).map(|index| (index, vec![self.written; length])).collect();
        self.next += count;
        self.entries.extend(entries.clone());
        store.append(entries).await.unwrap();
    }

    fn check(&self, store: &Store) {
        let entries: BTreeMap<u64, Vec<u8>> = store.entries(..).unwrap().into_iter().collect();
        assert_eq!(entries, self.entries);
        let bounds = store.log_bounds();
        assert_eq!(bounds.first, self.entries.keys().next().copied());
        assert_eq!(bounds.last, self.entries.keys().next_back().copied());
        assert_eq!(bounds.last_purged.map(|(index, _)| index), self.purged);
        assert_eq!(store.vote(), self.vote);
    }
}

fn open(directory: &Path) -> Store {
    // A small cache, so that reads come from disk as well as from memory.
    let mut options = OpenOptions::default();
    options.log_cache_bytes = 1000;
    Store::open(directory, options).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_log_is_an_ordered_map(operations in prop::collection::vec(operation(), 1..40)) {
        let directory = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut store = open(directory.path());
            let mut model = Model::default();
            for operation in &operations {
                store = model.run(store, directory.path(), operation).await;
                model.check(&store);
            }
            drop(store);
            model.check(&open(directory.path()));
        });
    }
}
