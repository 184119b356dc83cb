//! A member with what is known of it outside the replicated state.

use super::Surroundings;
use super::progress::{milliseconds, progress};
use lockstep_consensus::Status;
use lockstep_core::node::{self, Node};
use lockstep_core::{LogIndex, NodeId};
use lockstep_proto::view::{Health, Member, RaftRole};
use std::time::Duration;

/// An agent that has not been heard of for so long is called unreachable. Agents tell something every 5 s at least; the leader
/// hears from every one with each heartbeat.
pub(crate) const SILENT_AFTER: Duration = Duration::from_secs(12);

/// The view of one member.
pub(crate) fn member(node: &Node, around: &Surroundings) -> Member {
    let status = around.status.as_ref();
    let heard = around.heard.get(&node.id);
    let silence = silence(node.id, around);
    let (health, health_message) = health(node, around, silence);
    Member {
        raft_role: status.and_then(|status| raft_role(status, node.id)),
        is_leader: status.is_some_and(|status| status.leader == Some(node.id)),
        health,
        health_message,
        last_seen_age_ms: silence.map(milliseconds),
        matched_index: status.and_then(|status| matched(status, node.id)),
        progress: heard.and_then(|heard| progress(node.id, &node.name, heard)),
        replication_lag_ms: heard.and_then(|heard| heard.told.replication_lag_ms),
        node: node.clone(),
    }
}

fn raft_role(status: &Status, node: NodeId) -> Option<RaftRole> {
    let is_learner = status.learners.contains(&node);
    let role = if status.voters.contains(&node) { RaftRole::Voter } else { RaftRole::Learner };
    (role == RaftRole::Voter || is_learner).then_some(role)
}

fn matched(status: &Status, node: NodeId) -> Option<LogIndex> {
    if node == status.me {
        return Some(status.last_log);
    }
    status.peers.iter().find(|peer| peer.node == node).map(|peer| peer.matched)
}

/// How long nothing was heard of a member; `None` when this agent cannot know.
pub(crate) fn silence(node: NodeId, around: &Surroundings) -> Option<Duration> {
    let status = around.status.as_ref();
    if status.is_some_and(|status| status.me == node) {
        return Some(Duration::ZERO);
    }
    let told = around.heard.get(&node).map(|heard| heard.age);
    let answered = status.and_then(|status| status.peers.iter().find(|peer| peer.node == node)?.last_contact);
    told.into_iter().chain(answered).min()
}

fn health(node: &Node, around: &Surroundings, silence: Option<Duration>) -> (Health, String) {
    let is_leader_here = around.status.as_ref().is_some_and(|status| status.leader == Some(status.me));
    match silence {
        None if is_leader_here => (Health::Unreachable, "its agent has not answered this leader yet".to_owned()),
        None => (Health::Unknown, "the agent that answers has not heard of it; ask the leader's".to_owned()),
        Some(age) if age > SILENT_AFTER => {
            (Health::Unreachable, format!("its agent has not been heard of for {}", super::spoken(age)))
        }
        Some(_) => match complaint(node, around) {
            Some(complaint) => (Health::Degraded, complaint),
            None => (Health::Healthy, String::new()),
        },
    }
}

/// What a member that answers is not happy with.
fn complaint(node: &Node, around: &Surroundings) -> Option<String> {
    if let node::Status::Quarantined { reason, .. } = &node.status {
        return Some(format!("quarantined: {reason}"));
    }
    let told = &around.heard.get(&node.id)?.told;
    let database =
        told.database_problem.as_ref().map(|problem| format!("its database does not answer: {problem}"));
    let work = told.work.as_ref().and_then(|work| work.last_error.clone());
    database.or(work).or_else(|| told.clock_warning.clone())
}
