//! Agreement on one order of commands: Raft over gRPC.
//!
//! [`Consensus`] is the handle. Behind it, one file each: [`Proposal`]s are gathered into batches and reach the leader from any
//! agent; linearizable reads share rounds of heartbeats; the leader keeps the Raft group equal to the nodes that the
//! state names; soft state goes past the log.
//!
//! Invariants: a command is applied only from the log; its time is stamped by the leader and never goes back; a vote is on disk
//! before it is answered and an entry before it is acknowledged; an agent answers only calls for its own cluster and node id.
//!
//! Deliberately absent: authentication of actors (the agent's services do that), leases (`lockstep-agent`), anything of
//! openraft in the public interface.

mod append;
mod clock;
mod coalesce;
mod config;
mod consensus;
mod error;
mod format;
mod in_term;
mod join;
mod leadership;
mod log_store;
mod machine;
mod membership;
mod moving;
mod network;
mod peers;
mod proposal;
mod propose;
mod raft;
mod read;
mod reconcile;
mod service;
mod snapshot;
mod snapshotting;
mod soft;
mod status;
mod watchdog;

#[cfg(test)]
mod cluster_tests;

pub use clock::{Clock, DIVERGENCE_MAX, SystemClock};
pub use config::Config;
pub use consensus::Consensus;
pub use error::Error;
pub use join::token_hash;
pub use leadership::Leadership;
pub use proposal::{Committed, Proposal};
pub use soft::SoftState;
pub use status::{PeerStatus, Status};

/// The events of one applied command, with its log index.
pub type Events = (lockstep_core::LogIndex, std::sync::Arc<[lockstep_core::Event]>);
