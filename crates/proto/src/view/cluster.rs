//! Views of the cluster and its members.

use super::{Gate, Progress};
use lockstep_core::node::Node;
use lockstep_core::{Engine, LogIndex, NodeId, Version};
use serde::Serialize;

/// The cluster as one agent sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClusterStatus {
    /// Random and unique.
    pub cluster_id: String,
    /// The engine of all its databases.
    pub engine: Engine,
    /// The leader; `None` when the answering agent knows none.
    pub leader: Option<NodeId>,
    /// Raft term.
    pub term: u64,
    /// The answering agent.
    pub this_node: NodeId,
    /// The answering agent's program version.
    pub this_program_version: String,
    /// Members, by name.
    pub members: Vec<Member>,
    /// The newest settled version.
    pub settled_version: Version,
    /// The version that clients are told to use.
    pub announced_version: Version,
    /// Digest of the replicated state; equal at equal `revision` on all agents.
    pub state_digest: String,
    /// Log index up to which the answering agent has applied.
    pub revision: LogIndex,
    /// Live sessions.
    pub sessions: u64,
    /// How many versions lie between the oldest and the newest that an active node holds or a live session may be using, reverted
    /// ones not counted. At most 1.
    pub version_spread: u64,
    /// What the next move waits for, if it waits.
    pub gate: Option<Gate>,
    /// What an operator should look at.
    pub warnings: Vec<Warning>,
}

/// Something that an operator should look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// Short and stable, e.g. `clock`, `disk`, `version_skew`.
    pub kind: String,
    /// What, with names and numbers.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

/// A member with what is known of it outside the replicated state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Member {
    /// From the replicated state.
    #[serde(flatten)]
    pub node: Node,
    /// What it is in Raft; `None` when the answering agent does not know.
    pub raft_role: Option<RaftRole>,
    /// True for the leader, as the answering agent knows.
    pub is_leader: bool,
    /// How it is doing.
    pub health: Health,
    /// Why it is not healthy; empty when it is.
    pub health_message: String,
    /// Time since it was last heard from, in milliseconds.
    pub last_seen_age_ms: Option<u64>,
    /// Log index up to which the leader knows its log.
    pub matched_index: Option<LogIndex>,
    /// What it is doing now, if that is something long.
    pub progress: Option<Progress>,
    /// How far its database is behind the one that it follows, in milliseconds; `None` when it follows none, or does not tell.
    pub replication_lag_ms: Option<u64>,
}

/// What a member is in Raft.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RaftRole {
    /// Its vote counts.
    Voter,
    /// Receives the log and does not vote.
    Learner,
}

/// How a member is doing, as the answering agent knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Heard from lately, and its database answers.
    Healthy,
    /// Heard from lately, but something is wrong.
    Degraded,
    /// Not heard from lately.
    Unreachable,
    /// Only the leader hears from all members, and the answering agent is not the leader.
    Unknown,
}

impl RaftRole {
    /// As operators read it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Voter => "voter",
            Self::Learner => "learner",
        }
    }
}

impl Health {
    /// As operators read it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unreachable => "unreachable",
            Self::Unknown => "unknown",
        }
    }
}
