//! Cluster, fault and end-to-end tests: real agents in processes of their own, real databases, real traffic.
//!
//! A test is a short story: start, apply, kill, isolate, wait. Nothing here sleeps: every wait says
//! what it waits for and fails with what it saw instead.

pub mod agent;
pub mod network;
pub mod plan;
pub mod wait;
