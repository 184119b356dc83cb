//! Cluster, fault and end-to-end tests: real agents in processes of their own, real databases, real traffic.
//!
//! A test is a short story told with [`cluster::Cluster`]: start, submit, kill, isolate, wait. No story sleeps: every wait says what
//! it waits for and fails with what it saw instead.

pub mod agent;
pub mod cluster;
pub mod corpus;
pub mod golden;
pub mod golden_executor;
pub mod golden_killed;
pub mod golden_locks;
mod ground;
pub mod network;
pub mod plan;
pub mod release;
pub mod shard;
mod solo;
pub mod traffic;
pub mod wait;
