//! Members, the status of the cluster and the audit trail.

use super::{Error, enumeration, list, optional, present, required, same_variants};
use crate::{v1, view};
use lockstep_core::audit::Record;
use lockstep_core::node::{Addresses, Fingerprint, Node, Role, Status};
use lockstep_core::{Difference, Drift, LogIndex, NodeId, Timestamp, Version};

same_variants!(v1::NodeRole, Role, Primary, Replica);
same_variants!(v1::Health, view::Health, Healthy, Degraded, Unreachable, Unknown);
same_variants!(v1::RaftRole, view::RaftRole, Voter, Learner);

impl From<Node> for v1::Node {
    fn from(node: Node) -> Self {
        let holds_gates = matches!(node.status, Status::CatchingUp { holds_gates: true, .. });
        let (state, reason, since, drift) = match node.status {
            Status::CatchingUp { since, .. } => (v1::NodeState::CatchingUp, String::new(), Some(since), None),
            Status::Active => (v1::NodeState::Active, String::new(), None, None),
            Status::Quarantined { reason, since, drift } => {
                (v1::NodeState::Quarantined, reason, Some(since), drift)
            }
        };
        Self {
            id: node.id.0,
            name: node.name,
            role: v1::NodeRole::from(node.role).into(),
            peer_address: node.addresses.peer,
            client_address: node.addresses.client,
            database_id: node.database_id,
            state: state.into(),
            state_reason: reason,
            state_since_ms: since.map(|at| at.0),
            version: node.version.0,
            fingerprint: node.fingerprint.0,
            joined_at_ms: node.joined_at.0,
            holds_gates,
            drift: drift.map(Into::into),
        }
    }
}

impl TryFrom<v1::Node> for Node {
    type Error = Error;

    fn try_from(node: v1::Node) -> Result<Self, Error> {
        let since = || present("state_since_ms", node.state_since_ms).map(Timestamp);
        let status = match node.state() {
            v1::NodeState::Unspecified => return Err(Error::new("state", "is not set")),
            v1::NodeState::CatchingUp => Status::CatchingUp { since: since()?, holds_gates: node.holds_gates },
            v1::NodeState::Active => Status::Active,
            v1::NodeState::Quarantined => Status::Quarantined {
                since: since()?,
                reason: node.state_reason,
                drift: optional("drift", node.drift)?,
            },
        };
        Ok(Self {
            id: NodeId(node.id),
            name: node.name,
            role: enumeration::<v1::NodeRole, _>("role", node.role)?,
            addresses: Addresses { peer: node.peer_address, client: node.client_address },
            database_id: node.database_id,
            status,
            version: Version(node.version),
            fingerprint: Fingerprint(node.fingerprint),
            joined_at: Timestamp(node.joined_at_ms),
        })
    }
}

impl From<Drift> for v1::SchemaDrift {
    fn from(drift: Drift) -> Self {
        Self {
            version: drift.version.0,
            fingerprint: drift.fingerprint.0,
            differences: drift.differences.into_iter().map(Into::into).collect(),
            differences_left_out: drift.left_out,
        }
    }
}

impl TryFrom<v1::SchemaDrift> for Drift {
    type Error = Error;

    fn try_from(drift: v1::SchemaDrift) -> Result<Self, Error> {
        Ok(Self {
            version: Version(drift.version),
            fingerprint: Fingerprint(drift.fingerprint),
            differences: list("differences", drift.differences)?,
            left_out: drift.differences_left_out,
        })
    }
}

impl From<Difference> for v1::SchemaDifference {
    fn from(difference: Difference) -> Self {
        let Difference { object, found, expected } = difference;
        Self { object, found, expected }
    }
}

impl TryFrom<v1::SchemaDifference> for Difference {
    type Error = Error;

    fn try_from(difference: v1::SchemaDifference) -> Result<Self, Error> {
        let v1::SchemaDifference { object, found, expected } = difference;
        Ok(Self { object, found, expected })
    }
}

impl From<view::Member> for v1::Member {
    fn from(member: view::Member) -> Self {
        let raft_role = member.raft_role.map_or(v1::RaftRole::Unspecified, v1::RaftRole::from);
        Self {
            node: Some(member.node.into()),
            raft_role: raft_role.into(),
            is_leader: member.is_leader,
            health: v1::Health::from(member.health).into(),
            health_message: member.health_message,
            last_seen_age_ms: member.last_seen_age_ms,
            matched_index: member.matched_index.map(|index| index.0),
            progress: member.progress.map(Into::into),
            replication_lag_ms: member.replication_lag_ms,
        }
    }
}

impl TryFrom<v1::Member> for view::Member {
    type Error = Error;

    fn try_from(member: v1::Member) -> Result<Self, Error> {
        let raft_role = match member.raft_role() {
            v1::RaftRole::Unspecified => None,
            role => Some(view::RaftRole::try_from(role)?),
        };
        Ok(Self {
            node: required("node", member.node)?,
            raft_role,
            is_leader: member.is_leader,
            health: enumeration::<v1::Health, _>("health", member.health)?,
            health_message: member.health_message,
            last_seen_age_ms: member.last_seen_age_ms,
            matched_index: member.matched_index.map(LogIndex),
            progress: optional("progress", member.progress)?,
            replication_lag_ms: member.replication_lag_ms,
        })
    }
}

impl From<view::ClusterStatus> for v1::ClusterStatus {
    fn from(status: view::ClusterStatus) -> Self {
        Self {
            cluster_id: status.cluster_id,
            engine: v1::Engine::from(status.engine).into(),
            leader_node_id: status.leader.map(|id| id.0),
            term: status.term,
            this_node_id: status.this_node.0,
            this_program_version: status.this_program_version,
            members: status.members.into_iter().map(Into::into).collect(),
            settled_version: status.settled_version.0,
            announced_version: status.announced_version.0,
            state_digest: status.state_digest,
            revision: status.revision.0,
            sessions: status.sessions,
            version_spread: status.version_spread,
            gate: status.gate.map(Into::into),
            warnings: status.warnings.into_iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<v1::ClusterStatus> for view::ClusterStatus {
    type Error = Error;

    fn try_from(status: v1::ClusterStatus) -> Result<Self, Error> {
        Ok(Self {
            cluster_id: status.cluster_id,
            engine: enumeration::<v1::Engine, _>("engine", status.engine)?,
            leader: status.leader_node_id.map(NodeId),
            term: status.term,
            this_node: NodeId(status.this_node_id),
            this_program_version: status.this_program_version,
            members: list("members", status.members)?,
            settled_version: Version(status.settled_version),
            announced_version: Version(status.announced_version),
            state_digest: status.state_digest,
            revision: LogIndex(status.revision),
            sessions: status.sessions,
            version_spread: status.version_spread,
            gate: optional("gate", status.gate)?,
            warnings: list("warnings", status.warnings)?,
        })
    }
}

impl From<view::Warning> for v1::Warning {
    fn from(warning: view::Warning) -> Self {
        Self { kind: warning.kind, message: warning.message, remedy: warning.remedy }
    }
}

impl TryFrom<v1::Warning> for view::Warning {
    type Error = Error;

    fn try_from(warning: v1::Warning) -> Result<Self, Error> {
        Ok(Self { kind: warning.kind, message: warning.message, remedy: warning.remedy })
    }
}

impl From<Record> for v1::AuditRecord {
    fn from(record: Record) -> Self {
        Self {
            index: record.index.0,
            at_ms: record.at.0,
            actor: record.actor,
            action: record.action,
            reason: record.reason,
            overridden: record.overridden,
        }
    }
}

impl TryFrom<v1::AuditRecord> for Record {
    type Error = Error;

    fn try_from(record: v1::AuditRecord) -> Result<Self, Error> {
        Ok(Self {
            index: LogIndex(record.index),
            at: Timestamp(record.at_ms),
            actor: record.actor,
            action: record.action,
            reason: record.reason,
            overridden: record.overridden,
        })
    }
}
