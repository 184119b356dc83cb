//! What all agents that could be asked say about the cluster, and how far that can be trusted.

use super::findings;
use lockstep_core::{LogIndex, Timestamp};
use lockstep_proto::view::{ClusterStatus, Gate, Health, Member, RaftRole, Warning};
use serde::Serialize;

/// The answers of all agents that were asked, at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Observation {
    /// When they were asked, by the clock of this machine.
    pub(crate) asked_at: Timestamp,
    /// One for each endpoint, in the order in which they were asked.
    pub(crate) answers: Vec<Answer>,
    /// Why nothing can be decided now; `None` when a leader proved that it has a majority.
    pub(crate) quorum_problem: Option<String>,
}

/// What came of asking one agent: its view, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) endpoint: String,
    pub(crate) result: Result<ClusterStatus, String>,
}

/// How far a status can be trusted; least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Freshness {
    /// There is no quorum: what the agent knew last.
    Stale,
    /// From another member, while there is a leader: a moment behind.
    Follower,
    /// From a leader that hears a majority.
    Leader,
}

/// The cluster as the most trustworthy of the agents sees it, with how the others differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Status {
    /// When agents were asked, by the clock of this machine.
    pub(crate) asked_at: Timestamp,
    /// How far `status` can be trusted.
    pub(crate) freshness: Freshness,
    /// Why nothing can be decided now; `null` when it can.
    pub(crate) quorum_problem: Option<String>,
    /// The endpoint whose answer `status` is.
    pub(crate) answered_by: String,
    /// As that agent sees it.
    pub(crate) status: ClusterStatus,
    /// All agents that were asked.
    pub(crate) agents: Vec<Agent>,
    /// What only the comparison of the answers shows.
    pub(crate) findings: Vec<Warning>,
}

/// An agent that was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Agent {
    /// Where.
    pub(crate) endpoint: String,
    /// Its node's name; `None` when it did not answer or is no member.
    pub(crate) node: Option<String>,
    /// Why it did not answer; `None` when it did.
    pub(crate) error: Option<String>,
    /// Log index up to which it has applied.
    pub(crate) revision: Option<LogIndex>,
    /// Raft term.
    pub(crate) term: Option<u64>,
    /// Digest of its replicated state.
    pub(crate) state_digest: Option<String>,
    /// Version of its program.
    pub(crate) program_version: Option<String>,
}

impl Observation {
    /// What the answers say together; `None` when nobody answered.
    pub(crate) fn status(&self) -> Option<Status> {
        let (best, status) = self.answered().max_by_key(|(_, status)| trust(status))?;
        Some(Status {
            asked_at: self.asked_at,
            freshness: self.freshness(status),
            quorum_problem: self.quorum_problem.clone(),
            answered_by: best.endpoint.clone(),
            status: status.clone(),
            agents: self.answers.iter().map(Agent::of).collect(),
            findings: findings::compare(status, &self.answered().map(|(_, status)| status).collect::<Vec<_>>()),
        })
    }

    /// The proof that there is a quorum counts for more than what an agent says of it: that may be seconds old.
    fn freshness(&self, status: &ClusterStatus) -> Freshness {
        match (&self.quorum_problem, freshness(status)) {
            (Some(_), _) => Freshness::Stale,
            (None, Freshness::Stale) => Freshness::Follower,
            (None, freshness) => freshness,
        }
    }

    /// The agents that did not answer, with why.
    pub(crate) fn silent(&self) -> impl Iterator<Item = (&str, &str)> {
        self.answers.iter().filter_map(|answer| {
            answer.result.as_ref().err().map(|error| (answer.endpoint.as_str(), error.as_str()))
        })
    }

    fn answered(&self) -> impl Iterator<Item = (&Answer, &ClusterStatus)> {
        self.answers.iter().filter_map(|answer| answer.result.as_ref().ok().map(|status| (answer, status)))
    }
}

impl Agent {
    fn of(answer: &Answer) -> Self {
        let status = answer.result.as_ref().ok();
        Self {
            endpoint: answer.endpoint.clone(),
            node: status.and_then(this_name).map(str::to_owned),
            error: answer.result.as_ref().err().cloned(),
            revision: status.map(|status| status.revision),
            term: status.map(|status| status.term),
            state_digest: status.map(|status| status.state_digest.clone()),
            program_version: status.map(|status| status.this_program_version.clone()),
        }
    }
}

impl Status {
    /// Name of the node whose agent answered.
    pub(crate) fn answered_by_node(&self) -> &str {
        this_name(&self.status).unwrap_or("an agent that is no member any more")
    }

    /// Name of the leader, if the answering agent knows one.
    pub(crate) fn leader(&self) -> Option<&str> {
        let leader = self.status.leader?;
        self.status.members.iter().find(|member| member.node.id == leader).map(|member| member.node.name.as_str())
    }

    /// True when the member's agent was asked at its client address and did not answer.
    pub(crate) fn is_silent(&self, member: &Member) -> bool {
        let address = &member.node.addresses.client;
        self.agents.iter().any(|agent| agent.error.is_some() && bare(&agent.endpoint) == address)
    }

    /// What the next move waits for, as of this status.
    pub(crate) fn gate(&self) -> Option<&Gate> {
        self.status.gate.as_ref()
    }
}

pub(super) fn this_name(status: &ClusterStatus) -> Option<&str> {
    let this = status.members.iter().find(|member| member.node.id == status.this_node);
    this.map(|member| member.node.name.as_str())
}

/// A leader with a majority is trusted most, then the highest term, then who has applied most.
fn trust(status: &ClusterStatus) -> (Freshness, u64, LogIndex) {
    (freshness(status), status.term, status.revision)
}

/// Whether, by its own account, a leader with a majority stands behind the answer. A leader that hears no majority any more may not know yet that it
/// is none.
fn freshness(status: &ClusterStatus) -> Freshness {
    match status.leader {
        None => Freshness::Stale,
        Some(leader) if leader != status.this_node => Freshness::Follower,
        Some(_) => {
            let (heard, voters) = voters_heard(status);
            if 2 * heard > voters { Freshness::Leader } else { Freshness::Stale }
        }
    }
}

/// How many voters the leader hears, itself among them, and how many there are.
pub(crate) fn voters_heard(status: &ClusterStatus) -> (usize, usize) {
    let voters = || status.members.iter().filter(|member| member.raft_role == Some(RaftRole::Voter));
    let is_heard = |health| matches!(health, Health::Healthy | Health::Degraded);
    let heard = voters().filter(|member| member.node.id == status.this_node || is_heard(member.health));
    (heard.count(), voters().count())
}

/// An endpoint as agents tell their addresses: `host:port`.
pub(crate) fn bare(endpoint: &str) -> &str {
    endpoint.trim().trim_start_matches("http://").trim_end_matches('/')
}
