//! The one step that is in flight, and what has been reported of it.

use crate::ids::{ChangeId, LogIndex, NodeId, SessionId, Timestamp, Version};
use crate::limits::Breach;
use crate::node::Fingerprint;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The step in flight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InFlight {
    /// Its change.
    pub change: ChangeId,
    /// Its position in the change.
    pub step: usize,
    /// The version that it makes.
    pub version: Version,
    /// The settled version on which it builds.
    pub base: Version,
    /// When its present stage began.
    pub since: Timestamp,
    /// How far it is.
    pub stage: Stage,
    /// Log index of an operator's newest order to try at once what waits for its next attempt. 0 if there was none.
    #[serde(default, skip_serializing_if = "LogIndex::is_none")]
    pub hurried_at: LogIndex,
}

/// How far the step in flight is. What a stage needs to resume lives in its variant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Stage {
    /// Nodes preflight.
    Preparing {
        /// The newest report of each node.
        reports: BTreeMap<NodeId, Preparation>,
    },
    /// Confirmed: nodes execute.
    Executing {
        /// Log index of the confirmation: the fence under which nodes execute.
        confirm: LogIndex,
        /// Nodes that executed.
        executed: BTreeMap<NodeId, Execution>,
        /// Nodes that could not execute a step that has no revert, with the newest error; they go on trying.
        failures: BTreeMap<NodeId, Failure>,
    },
    /// All nodes hold the version; clients are told.
    Settling {
        /// As in Executing.
        confirm: LogIndex,
        /// Live sessions that have not acknowledged yet.
        owing: BTreeSet<SessionId>,
    },
    /// Being undone: first clients step back, then nodes revert.
    Reverting {
        /// Log index of this decision: the fence under which nodes revert.
        fence: LogIndex,
        /// Why.
        reason: RevertReason,
        /// Live sessions that were told of the version and have not acknowledged the one before.
        owing: BTreeSet<SessionId>,
        /// Nodes whose database does not hold the version (any more).
        reverted: BTreeSet<NodeId>,
        /// Nodes that could not revert, with the newest error; they go on trying.
        failures: BTreeMap<NodeId, Failure>,
    },
}

impl Stage {
    /// As operators read it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Preparing { .. } => "preparing",
            Self::Executing { .. } => "executing",
            Self::Settling { .. } => "settling",
            Self::Reverting { .. } => "reverting",
        }
    }
}

/// A node's answer to preflight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Preparation {
    /// It could execute now.
    Ready {
        /// Of its schema before.
        fingerprint: Fingerprint,
    },
    /// It could not, and tries again by itself.
    NotReady {
        /// What stands in the way. At least one.
        obstacles: Vec<Obstacle>,
        /// When it first said so without interruption.
        since: Timestamp,
    },
}

/// Something on one database that stands in the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obstacle {
    /// Short and stable, e.g. `lock_held`, `violations`, `fingerprint`, `unreachable`, `lag`, `disk`.
    pub kind: String,
    /// What, where, who, with names and numbers.
    pub message: String,
    /// What an operator can do about it.
    pub remedy: String,
}

/// A node's report that it executed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execution {
    /// Of its schema after.
    pub fingerprint: Fingerprint,
    /// What it cost.
    pub measurement: Measurement,
}

/// What an execution cost on one node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measurement {
    /// From the start of the attempt that succeeded to its commit.
    pub duration_ms: u64,
    /// Waiting for locks, over all attempts.
    pub lock_wait_ms: u64,
    /// Attempts, the one that succeeded included.
    pub attempts: u32,
    /// Rows written or read by the step.
    pub rows: u64,
    /// Batches of a backfill; 0 for other actions.
    pub batches: u64,
    /// Largest number of sessions seen waiting behind the step.
    pub blocked_sessions_max: u32,
}

/// A node's report that something did not work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What failed, with names, and what to do.
    pub message: String,
    /// When.
    pub at: Timestamp,
}

/// Why a step is undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RevertReason {
    /// An operator cancelled it.
    Cancelled {
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// It failed on a node.
    Failed {
        /// The node's name.
        node: String,
        /// What it reported.
        message: String,
    },
    /// A node's schema after the step is not what the other nodes have.
    Diverged {
        /// The node's name.
        node: String,
        /// What it reported.
        fingerprint: Fingerprint,
        /// What the others reported.
        expected: Fingerprint,
    },
    /// A reading was beyond its threshold on a node.
    Breached {
        /// The node's name.
        node: String,
        /// What it read.
        breach: Breach,
    },
}

impl std::fmt::Display for RevertReason {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cancelled { by, reason } => write!(formatter, "cancelled by {by}: {reason}"),
            Self::Failed { node, message } => write!(formatter, "failed on {node}: {message}"),
            Self::Diverged { node, fingerprint, expected } => {
                write!(formatter, "{node} got schema {fingerprint} where the others have {expected}")
            }
            Self::Breached { node, breach } => write!(formatter, "on {node}, {breach}"),
        }
    }
}
