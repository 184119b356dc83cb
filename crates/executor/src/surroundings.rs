//! What the reconciler needs from the agent around it. The agent wires the consensus in, tests an in-process state.

use crate::progress::Progress;
use lockstep_core::{Command, LogIndex, Refusal, Schema, State};
use lockstep_database::Health;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::watch;

/// The replicated state as far as it is applied on this node.
#[async_trait::async_trait]
pub trait StateSource: Send + Sync + 'static {
    /// Log index of the newest command that is applied here. Changes wake the reconciler.
    fn applied(&self) -> watch::Receiver<LogIndex>;

    /// Shows the state as it is now. `look` is called exactly once, and holds up apply: it copies what it needs.
    fn with_state(&self, look: &mut dyn FnMut(&State));

    /// Returns once everything that the cluster had committed when this was called is applied here (a linearizable read). The
    /// reconciler asks before it believes that a ledger is ahead of the log: after a restart the local state may be behind.
    ///
    /// # Errors
    ///
    /// Why that cannot be had now, e.g. there is no leader; retryable.
    async fn catch_up(&self) -> Result<(), String>;
}

/// Takes reports to the log.
#[async_trait::async_trait]
pub trait Reporter: Send + Sync + 'static {
    /// Proposes a report of this node, with the role of an agent. Returns once it is committed and applied somewhere; the local
    /// state may not have it yet.
    ///
    /// # Errors
    ///
    /// [`ReportError`]. After [`ReportError::Unavailable`] the report may have been committed all the same: reports are
    /// idempotent.
    async fn report(&self, report: Command) -> Result<(), ReportError>;
}

/// Why a report did not get into the state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// The cluster refused it at apply: the report is out of date. The state will say what is owed instead.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no leader, or it cannot be reached. Retryable.
    #[error("the cluster cannot be reached: {0}")]
    Unavailable(String),
}

/// Keeps the newest schema that was as it must be beyond the agent's life, so that after a restart, too, it can be told in what
/// another one differs. Only for naming differences: nothing is decided by it.
pub trait SchemaMemory: Send + Sync + 'static {
    /// What was kept last, if it can be read.
    fn recall(&self) -> Option<Schema>;

    /// Keeps it. May fail silently: then differences go unnamed after the next restart.
    fn keep(&self, schema: &Schema);
}

/// Keeps nothing.
impl SchemaMemory for () {
    fn recall(&self) -> Option<Schema> {
        None
    }

    fn keep(&self, _schema: &Schema) {}
}

/// What others tell of themselves, past the log.
pub trait Neighbours: Send + Sync + 'static {
    /// The replica nodes that count, and replicate from this node's database.
    fn replicas(&self) -> Vec<Replica>;

    /// How many units of work clients said to have failed within the last 10 s, by application. Empty where nobody is told: clients
    /// tell the leader.
    fn client_failures(&self) -> BTreeMap<String, u64>;
}

/// What a replica node tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    /// The node's name.
    pub name: String,
    /// How far it is behind, by its own measure; `None` when it does not tell.
    pub lag_ms: Option<u64>,
    /// How long ago it told.
    pub age: Duration,
}

/// Takes soft state: what nobody decides by, and everybody wants to see.
pub trait ProgressSink: Send + Sync + 'static {
    /// What the node does now. Called when that changes and after each batch.
    fn progress(&self, progress: &Progress);

    /// How the database does. Called every second or so while there is work, less often otherwise.
    fn health(&self, health: &Health);
}

/// The value that `look` takes from the state.
pub(crate) fn look<T>(source: &dyn StateSource, look: impl FnOnce(&State) -> T) -> T {
    let mut look = Some(look);
    let mut seen = None;
    source.with_state(&mut |state| {
        if let Some(look) = look.take() {
            seen = Some(look(state));
        }
    });
    seen.expect("a state source calls `look` exactly once")
}
