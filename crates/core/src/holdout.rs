//! What the next move of the cluster waits for: who, why, since when, and what can be done about it.

use crate::ids::{ChangeId, NodeId, SessionId, Timestamp, Version};
use serde::{Deserialize, Serialize};

/// Who or what a gate waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holdout {
    /// Who.
    pub subject: Subject,
    /// Its name, as an operator types it.
    pub name: String,
    /// Why it holds the gate.
    pub reason: String,
    /// What an operator can do.
    pub remedy: String,
    /// Since when.
    pub since: Timestamp,
}

/// The kind of a holdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "snake_case")]
pub enum Subject {
    /// A database node.
    Node(NodeId),
    /// A client.
    Session(SessionId),
    /// A person: an approval or a hold.
    Operator(ChangeId),
    /// Another change, whose turn is before this one's.
    Change(ChangeId),
    /// The time for which this change keeps what it is about to take away.
    Time(ChangeId),
    /// The cluster itself, e.g. it has no active node.
    Cluster,
}

/// What the cluster waits for now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// The change whose step waits.
    pub change: ChangeId,
    /// Its name.
    pub change_name: String,
    /// Position of the step.
    pub step: usize,
    /// Its name.
    pub step_name: String,
    /// The version that it makes; `None` before it has one.
    pub version: Option<Version>,
    /// What it is trying to leave: `queued`, `awaiting_approval`, or the name of a [`crate::in_flight::Stage`].
    pub stage: String,
    /// Since when it is there.
    pub since: Timestamp,
    /// From when on it is to be shown as BLOCKED.
    pub blocked_at: Timestamp,
    /// Whom it waits for; never empty while it waits.
    pub holdouts: Vec<Holdout>,
}
