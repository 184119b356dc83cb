//! Short stories on clusters within this process: real sockets on loopback, real stores in temporary directories, one runtime an
//! agent, so that an agent can be killed without a chance to say goodbye.

mod appending;
mod door;
mod harness;
mod joining;
mod leader_loss;
mod leaving;
mod moving;
mod reading;
mod replication;
mod snapshots;
mod soft_state;
mod storage_suite;
mod throughput;
