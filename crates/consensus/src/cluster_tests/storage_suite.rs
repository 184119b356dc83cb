//! openraft's own suite against our log store and state machine.

use crate::log_store::LogStore;
use crate::machine::Machine;
use crate::raft::TypeConfig;
use lockstep_storage::{OpenOptions, Store};
use openraft::testing::log::{StoreBuilder, Suite};
use std::sync::Arc;

struct Builder;

impl StoreBuilder<TypeConfig, LogStore, Machine, tempfile::TempDir> for Builder {
    async fn build(&self) -> Result<(tempfile::TempDir, LogStore, Machine), openraft::StorageError<TypeConfig>> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(directory.path(), OpenOptions::default()).expect("a new store");
        let machine = Machine { store: store.clone(), replica: Arc::default() };
        Ok((directory, LogStore::new(store), machine))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openraft_suite_passes() {
    Suite::test_all(Builder).await.expect("all of the suite");
}
