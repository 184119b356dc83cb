//! The reconciler: what must this node do now, and doing it.
//!
//! The replicated state says what should be, the database's ledger says what is. [`duty()`] compares the two and is pure; the
//! [`Reconciler`] does what is owed and reports through the log. It remembers nothing that counts: killed at any point and
//! started again, it asks the same question and goes on.
//!
//! Deliberately absent: decisions (they are made at apply, in `lockstep-core`), data source names, transport.

pub mod duty;
pub mod failpoint;
mod ledger_view;
mod monitor;
pub mod progress;
mod reconciler;
mod settings;
mod surroundings;

pub use duty::{Duty, Work, duty};
pub use ledger_view::{Claimed, LedgerView};
pub use progress::{Activity, Progress};
pub use reconciler::{Ended, Reconciler};
pub use settings::{Probing, Settings};
pub use surroundings::{Neighbours, ProgressSink, Replica, ReportError, Reporter, SchemaMemory, StateSource};
