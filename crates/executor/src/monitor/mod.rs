//! Readings of the node's load, beside the work: what stops it, and what undoes it.
//!
//! What is read: the database's health, the machine and what replica nodes tell, together; and the probe, in a rhythm of its own. A reading over its limit of the
//! throttle is a reason to wait; the work looks at the reasons before it begins and between two batches. A reading over its
//! threshold for long enough is reported, and the log decides. Limits are the agent's own, and those of the change in flight.
//!
//! Deliberately absent: what happens then (the reconciler waits, `lockstep-core` undoes), readings of other nodes' databases.

mod debounce;
mod doing;
mod machine;
mod readings;
mod rhythm;
mod room;
mod watching;
mod window;

use crate::settings::Settings;
use crate::surroundings::{Neighbours, ProgressSink, Reporter, StateSource};
pub(crate) use doing::Doing;
use lockstep_core::NodeId;
use lockstep_core::limits::Stop;
use lockstep_database::Database;
use std::sync::Arc;
use tokio::sync::watch;

/// What is read, and whom it is told.
pub(crate) struct Monitor {
    pub(crate) node: NodeId,
    pub(crate) database: Arc<dyn Database>,
    pub(crate) source: Arc<dyn StateSource>,
    pub(crate) reporter: Arc<dyn Reporter>,
    pub(crate) neighbours: Arc<dyn Neighbours>,
    pub(crate) sink: Arc<dyn ProgressSink>,
    pub(crate) settings: Settings,
    /// What the reconciler executes.
    pub(crate) doing: watch::Receiver<Option<Doing>>,
    /// Why forward work waits. Empty: it may go on.
    pub(crate) stops: watch::Sender<Vec<Stop>>,
    /// How many sessions a backfill may work with.
    pub(crate) room: watch::Sender<u32>,
}
