//! The ledger: the tables inside a database that record which versions it holds, under which fence.

use crate::job::Kind;
use lockstep_core::{Fence, NodeId, Version};

/// The newest format of the ledger tables that this program reads and writes.
pub const FORMAT: u32 = 1;

/// Who claims a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The cluster that its agent belongs to.
    pub cluster_id: String,
    /// The agent's node; `None` until it has joined.
    pub node_id: Option<NodeId>,
    /// What operators call it.
    pub node_name: String,
}

/// What a database records of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// A random UUID, made at first contact.
    pub database_id: String,
    /// Who claimed it last.
    pub owner: Owner,
    /// The newest executed version; 0 if none.
    pub head: Version,
    /// The hash that was recorded with `head`; empty for 0.
    pub head_hash: String,
    /// The highest fence that ever wrote here.
    pub fence: Fence,
    /// The version that is half done here, if any.
    pub claimed: Option<Row>,
}

/// What a database records of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Which.
    pub version: Version,
    /// [`lockstep_core::version::Entry::hash`] of it.
    pub hash: String,
    /// Its step's name.
    pub step_name: String,
    /// How far it is.
    pub state: State,
    /// What was last asked of it.
    pub kind: Kind,
    /// Under which fence it was last written.
    pub fence: Fence,
    /// Where unfinished work goes on: the key of the last finished batch, or the number of finished statements.
    pub cursor: Option<String>,
    /// Rows that finished batches went through.
    pub rows_done: u64,
    /// Rows that they changed.
    pub rows_written: u64,
    /// Finished batches.
    pub batches: u64,
    /// When it was last written: milliseconds since the Unix epoch by the database server's clock.
    pub updated_at_ms: u64,
}

/// How far the work on a version is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reached {
    pub(crate) cursor: Option<String>,
    pub(crate) rows_done: u64,
    pub(crate) rows_written: u64,
    pub(crate) batches: u64,
}

impl Reached {
    pub(crate) fn of(row: Row) -> Self {
        let Row { cursor, rows_done, rows_written, batches, .. } = row;
        Self { cursor, rows_done, rows_written, batches }
    }
}

/// How far a version is in one database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Begun, and not finished: executing or reverting, see [`Row::kind`].
    Claimed,
    /// Its effect is here.
    Executed,
    /// Its effect is not here (any more), and never will be again.
    Reverted,
}

impl State {
    /// As it is stored.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Executed => "executed",
            Self::Reverted => "reverted",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Claimed, Self::Executed, Self::Reverted].into_iter().find(|state| state.name() == name)
    }
}
