//! Nodes: database nodes with their agents.

use crate::drift::Drift;
use crate::engine::Engine;
use crate::ids::{NodeId, Timestamp, Version};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Hash of an introspected schema, lower-case hex; equal schemas have equal fingerprints.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub String);

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Twelve digits tell any two schemas of a cluster apart, and fit into a table.
        formatter.write_str(self.0.get(..12).unwrap_or(&self.0))
    }
}

/// What a database is to its replication group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Takes writes: steps are executed here.
    #[default]
    Primary,
    /// Receives writes by replication: executes nothing.
    Replica,
}

/// Where an agent can be reached, each `host:port`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// For other agents.
    pub peer: String,
    /// For clients, people and programs.
    pub client: String,
}

/// A member of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Log index of its join.
    pub id: NodeId,
    /// Stable and unique; what operators type.
    pub name: String,
    /// What the database is.
    pub role: Role,
    /// Where its agent listens.
    pub addresses: Addresses,
    /// Written into the database when an agent first saw it; no two nodes may have the same.
    pub database_id: String,
    /// Whether it counts.
    pub status: Status,
    /// The newest version whose effect its database holds, as last reported.
    pub version: Version,
    /// The schema that it reported at that version.
    pub fingerprint: Fingerprint,
    /// When it joined.
    pub joined_at: Timestamp,
}

/// Whether a node counts in the gates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Status {
    /// Executes what it missed, one step after the other; does not count yet.
    CatchingUp {
        /// Since when.
        since: Timestamp,
        /// True: it took the place of a node whose database clients use, so no gate opens until it is active again.
        #[serde(default)]
        holds_gates: bool,
    },
    /// Counts: every gate waits for it.
    Active,
    /// Its schema is not what its version should give. No step moves forward until it is mended or removed.
    Quarantined {
        /// What differs, for an operator.
        reason: String,
        /// Since when.
        since: Timestamp,
        /// What its agent found; `None` when it is not the schema that does not fit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        drift: Option<Drift>,
    },
}

impl Node {
    /// True when the gates wait for it.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == Status::Active
    }

    /// True when clients may be using its database: it is active, or it was and no gate opens before it is again.
    pub(crate) fn counts(&self) -> bool {
        !matches!(self.status, Status::CatchingUp { holds_gates: false, .. })
    }
}

/// What an agent tells of itself and its database when it asks to join.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Stable and unique.
    pub name: String,
    /// Must be the cluster's.
    pub engine: Engine,
    /// What the database is.
    pub role: Role,
    /// Where its agent listens.
    pub addresses: Addresses,
    /// From the database's ledger.
    pub database_id: String,
    /// Newest executed version in the database's ledger; 0 if none.
    pub version: Version,
    /// [`crate::version::Entry::hash`] that the ledger recorded with that version; empty for 0.
    pub version_hash: String,
    /// Of the schema as it is now.
    pub fingerprint: Fingerprint,
    /// The newest command format that the agent's program can apply; see [`crate::command::FORMAT`].
    pub command_format: u32,
}
