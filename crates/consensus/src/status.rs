//! What an operator sees of consensus.

use crate::consensus::Running;
use crate::raft::Metrics;
use lockstep_core::{LogIndex, NodeId};
use openraft::Instant as _;
use std::collections::BTreeSet;
use std::time::Duration;

/// How the Raft group looks from this agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// This agent.
    pub me: NodeId,
    /// Its cluster.
    pub cluster_id: String,
    /// Who leads, as far as this agent knows.
    pub leader: Option<NodeId>,
    /// The Raft term.
    pub term: u64,
    /// The last entry of the log here.
    pub last_log: LogIndex,
    /// The last entry applied here.
    pub last_applied: LogIndex,
    /// The last entry that the newest snapshot here covers.
    pub snapshot: LogIndex,
    /// The last entry that is gone from the log here.
    pub purged: LogIndex,
    /// Who votes.
    pub voters: BTreeSet<NodeId>,
    /// Who follows without a vote.
    pub learners: BTreeSet<NodeId>,
    /// A change of the voters is under way: two sets of voters are in force, and a majority of each is needed.
    pub changing: bool,
    /// The other members as the leader sees them; empty on other agents.
    pub peers: Vec<PeerStatus>,
    /// Why consensus has stopped here, if it has.
    pub stopped: Option<String>,
}

/// Another member as the leader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// Which.
    pub node: NodeId,
    /// Where it listens for other agents, `host:port`.
    pub peer_address: String,
    /// How long ago it last answered this leader; `None` when it has not yet.
    pub last_contact: Option<Duration>,
    /// The last entry that it is known to hold.
    pub matched: LogIndex,
    /// How many entries it lacks.
    pub lag_entries: u64,
}

pub(crate) fn of(running: &Running) -> Status {
    let leader = running.leader().map(NodeId);
    Status { leader, ..running.look(|metrics| of_metrics(running, metrics)) }
}

fn of_metrics(running: &Running, metrics: &Metrics) -> Status {
    let membership = metrics.membership_config.membership();
    let index = |id: &Option<crate::raft::LogId>| LogIndex(id.map_or(0, |id| id.index));
    let last_log = metrics.last_log_index.unwrap_or(0);
    let heard = metrics.heartbeat.clone().unwrap_or_default();
    let matched = metrics.replication.clone().unwrap_or_default();
    let peer = |(id, member): (&u64, &crate::raft::Member)| {
        let matched = matched.get(id).copied().flatten().map_or(0, |id| id.index);
        PeerStatus {
            node: NodeId(*id),
            peer_address: member.peer.clone(),
            last_contact: heard.get(id).copied().flatten().map(|at| at.elapsed()),
            matched: LogIndex(matched),
            lag_entries: last_log.saturating_sub(matched),
        }
    };
    let leads = metrics.replication.is_some();
    let others = membership.nodes().filter(|(id, _)| leads && **id != running.identity.node_id);
    Status {
        me: NodeId(running.identity.node_id),
        cluster_id: running.identity.cluster_id.clone(),
        leader: None,
        term: metrics.current_term,
        last_log: LogIndex(last_log),
        last_applied: index(&metrics.last_applied),
        snapshot: index(&metrics.snapshot),
        purged: index(&metrics.purged),
        voters: membership.voter_ids().map(NodeId).collect(),
        learners: membership.learner_ids().map(NodeId).collect(),
        changing: membership.get_joint_config().len() > 1,
        peers: others.map(peer).collect(),
        stopped: metrics.running_state.as_ref().err().map(ToString::to_string),
    }
}
