//! The loop that does what is owed.
//!
//! It is woken by the applied state, by its own work, and by a clock only where nothing else would tell: another look of a node
//! that is not ready, retries, replication, drift.

mod attempts;
mod job;
mod look;
mod pause;
mod preflight;
mod report;
mod running;
mod work;

use crate::monitor::Monitor;
use crate::settings::Settings;
use crate::surroundings::{Neighbours, ProgressSink, Reporter, SchemaMemory, StateSource};
use lockstep_core::NodeId;
use lockstep_database::{Database, Owner};
use running::Running;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Does what one node owes, in its database, and reports.
pub struct Reconciler {
    /// The node; must be the one in `owner`.
    pub node: NodeId,
    /// In whose name the database is claimed.
    pub owner: Owner,
    /// The node's database.
    pub database: Arc<dyn Database>,
    /// The replicated state.
    pub source: Arc<dyn StateSource>,
    /// The way into the log.
    pub reporter: Arc<dyn Reporter>,
    /// What other agents tell of themselves.
    pub neighbours: Arc<dyn Neighbours>,
    /// Where progress and health are shown.
    pub sink: Arc<dyn ProgressSink>,
    /// Where the newest schema that fitted is kept.
    pub memory: Arc<dyn SchemaMemory>,
    /// How long it waits for what.
    pub settings: Settings,
}

/// Why [`Reconciler::run`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was asked to.
    Shutdown,
    /// The node is no member of the cluster any more: the agent has nothing left to do.
    Removed,
}

impl Reconciler {
    /// Runs until `shutdown` is cancelled or the node is removed. Work that is running then stops at its next boundary, and the
    /// next run goes on from there. Errors of the database or the cluster are shown and retried, never returned.
    ///
    /// The returned future may be dropped at any time, as if the process had crashed.
    pub async fn run(self, shutdown: CancellationToken) -> Ended {
        let (doing, done) = watch::channel(None);
        let (stops, stopped) = watch::channel(Vec::new());
        let (room, has_room) = watch::channel(1);
        let monitor = Monitor {
            node: self.node,
            database: Arc::clone(&self.database),
            source: Arc::clone(&self.source),
            reporter: Arc::clone(&self.reporter),
            neighbours: Arc::clone(&self.neighbours),
            sink: Arc::clone(&self.sink),
            settings: self.settings.clone(),
            doing: done,
            stops,
            room,
        };
        let running = Running::new(self, shutdown, doing, stopped, has_room);
        tokio::select! {
            ended = running.run() => ended,
            never = monitor.run() => match never {},
        }
    }
}
