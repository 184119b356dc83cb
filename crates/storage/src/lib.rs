//! The Raft log, vote and snapshots on disk.
