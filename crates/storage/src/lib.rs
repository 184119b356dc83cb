//! The durable store of an agent: the Raft log, the vote, small values and snapshots, on disk.
//!
//! The crate knows nothing of Raft: payloads are opaque bytes, and the caller says what is appended, truncated and
//! purged. What it answers for is that whatever it acknowledged is there after a crash or a loss of power, and that
//! damage is found at open and never served:
//!
//! * one writer thread makes one atomic batch of all that waits and passes one durability barrier for it;
//! * every record has a format, a checksum that covers its key, and its place in a chain of digests;
//! * a head record and a watermark beside the engine name the last acknowledged state.
//!
//! Deliberately absent: any notion of terms, members or state machines; repair. A damaged store is left to people,
//! and the node joins anew.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! # let directory = tempfile::tempdir()?;
//! let store = lockstep_storage::Store::open(directory.path(), lockstep_storage::OpenOptions::default())?;
//! store.append(vec![(1, b"first".to_vec()), (2, b"second".to_vec())]).await?;
//! store.save_vote(b"term 1, node 1".to_vec()).await?;
//! assert_eq!(store.entries(2..)?, vec![(2, b"second".to_vec())]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod barrier;
mod compaction;
mod digest;
mod directory;
mod engine;
mod error;
#[cfg(test)]
mod golden;
mod head;
mod identity;
mod journal;
mod keys;
mod log;
mod opening;
mod record;
mod sealed;
mod snapshot;
#[cfg(test)]
mod snapshot_space;
mod state;
mod store;
#[cfg(test)]
mod tampering;
mod verify;
mod vote;
mod watermark;
mod writer;

pub use error::{DAMAGED_REMEDY, Error};
pub use identity::Identity;
pub use log::{ENTRY_BYTES_MAX, LogBounds};
pub use snapshot::{SNAPSHOT_CHUNK_BYTES, SnapshotReader, SnapshotWriter};
pub use state::Pending;
pub use store::{OpenOptions, Store};
pub use vote::{META_NAME_BYTES_MAX, SMALL_VALUE_BYTES_MAX};
