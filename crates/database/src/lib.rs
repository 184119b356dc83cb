//! What an agent does inside its database, one adapter an engine.
//!
//! [`connect`] gives an [`Arc<dyn Database>`](Database); everything above this crate works with that trait alone. An adapter
//! introspects into a neutral [`Schema`](lockstep_core::Schema), keeps the [`ledger`] with its fence, executes and reverts [`Job`]s exactly once, fills
//! tables in keyset batches, finds what stands in the way of a step, and reads the database's health.
//!
//! [`plain`] is for programs that are not agents (applications of a demo, tests), [`local_postgres`] and
//! [`local_mysql`] start real servers on loopback.
//!
//! Deliberately absent: any knowledge of the cluster's state (the executor compares versions and fingerprints), replication
//! of data source names (they are read by the agent beside its database, and appear in no error, log or `Debug` text).

mod batch_size;
mod batches;
mod blocker;
mod control;
mod database;
mod decision;
pub mod error;
pub mod health;
mod holders;
pub mod job;
pub mod ledger;
pub mod local_mysql;
pub mod local_postgres;
pub mod local_server;
mod mysql;
pub mod plain;
mod postgres;
mod preflight;
pub mod probe;
mod queue;
mod retry;
pub mod sizes;
mod span;
mod sqlite;
mod statement;

pub use blocker::Blocker;
pub use control::Control;
pub use database::{Database, connect};
pub use error::{Error, Outcome};
pub use health::Health;
pub use job::{Job, Kind, Patience, Progress};
pub use ledger::{Ledger, Owner};
pub use preflight::Limits;
pub use probe::Probe;
pub use sizes::Sizes;
