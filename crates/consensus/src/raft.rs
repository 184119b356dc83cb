//! The types with which this crate uses openraft. Nothing of openraft is public.

use lockstep_core::command::Stamped;
use serde::{Deserialize, Serialize};
use std::fmt;

openraft::declare_raft_types!(
    /// One Raft entry is one command, because ids are log indexes.
    pub(crate) TypeConfig:
        D = Proposed,
        R = Response,
        NodeId = u64,
        Node = Member,
);

pub(crate) type Raft = openraft::Raft<TypeConfig, crate::machine::Machine>;
pub(crate) type Entry = openraft::alias::EntryOf<TypeConfig>;
pub(crate) type Payload = openraft::alias::PayloadOf<TypeConfig>;
pub(crate) type LogId = openraft::alias::LogIdOf<TypeConfig>;
pub(crate) type LeaderId = openraft::alias::LeaderIdOf<TypeConfig>;
pub(crate) type Vote = openraft::alias::VoteOf<TypeConfig>;
pub(crate) type StoredMembership = openraft::alias::StoredMembershipOf<TypeConfig>;
pub(crate) type SnapshotMeta = openraft::alias::SnapshotMetaOf<TypeConfig>;
pub(crate) type Snapshot = openraft::alias::SnapshotOf<TypeConfig, crate::snapshot::Body>;
pub(crate) type Membership = openraft::Membership<u64, Member>;
pub(crate) type Metrics = openraft::RaftMetrics<TypeConfig>;

/// What a Raft entry carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Proposed(pub(crate) Stamped);

impl fmt::Display for Proposed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "command of {}", self.0.actor.name)
    }
}

/// What applying an entry gave; `None` for an entry without a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Response(pub(crate) Option<crate::Committed>);

/// Where a member of the Raft group is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    /// By other agents, `host:port`.
    pub(crate) peer: String,
    /// By clients, `host:port`.
    pub(crate) client: String,
}

impl From<&lockstep_core::node::Addresses> for Member {
    fn from(addresses: &lockstep_core::node::Addresses) -> Self {
        Self { peer: addresses.peer.clone(), client: addresses.client.clone() }
    }
}
