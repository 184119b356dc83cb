//! What can go wrong, and what to do about it.

use lockstep_core::Refusal;
use std::time::Duration;

/// An error of the consensus layer. A command that was committed and then refused by the state is no such error: see
/// [`crate::Committed::result`].
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The settings cannot work.
    #[error("wrong consensus settings: {problem}")]
    Config {
        /// What.
        problem: String,
    },
    /// This agent has no node id yet. Retryable once it has joined.
    #[error(
        "this agent is not yet a member of a cluster: start its first agent with `bootstrap = true`, or this one with a join token"
    )]
    NotMember,
    /// The data directory belongs to a cluster already.
    #[error(
        "the data directory belongs to cluster {found}; it cannot become part of cluster {wanted}: use an empty data directory"
    )]
    OtherCluster {
        /// Cluster of the data directory.
        found: String,
        /// What was asked for.
        wanted: String,
    },
    /// No leader answered in time, and nothing was proposed. Retryable.
    #[error("no leader found within {waited:?}: fewer than half of the voters can be reached; known members: {}", members.join(", "))]
    NoQuorum {
        /// Names and addresses of the members that this agent knows.
        members: Vec<String>,
        /// How long was tried.
        waited: Duration,
    },
    /// Only the leader can do this. Retryable at the leader.
    #[error("this agent is not the leader; the leader's client address is {}", leader.as_deref().unwrap_or("unknown"))]
    NotLeader {
        /// Client address of the leader, when known.
        leader: Option<String>,
    },
    /// The command is over its bound; nothing was proposed. Never retryable.
    #[error("the command has {size_bytes} bytes, the limit is {limit_bytes}: split it into smaller ones")]
    TooLarge {
        /// Its size as JSON.
        size_bytes: usize,
        /// The bound.
        limit_bytes: usize,
    },
    /// Nothing came back in time, and nothing was changed. Retryable.
    #[error("{what} took longer than {waited:?}")]
    Timeout {
        /// What was waited for.
        what: String,
        /// How long.
        waited: Duration,
    },
    /// The command may or may not take effect. Safe to repeat only with the same request id.
    #[error(
        "the outcome is unknown: {reason}; ask again with the same request id, or look at the state before you repeat it"
    )]
    Unknown {
        /// What happened.
        reason: String,
    },
    /// The node was removed from the cluster. Never retryable: the agent must stop.
    #[error(
        "node {node} has been removed from cluster {cluster_id}; stop this agent, and let its database join anew with an empty data directory if that was a mistake"
    )]
    Removed {
        /// Its id.
        node: u64,
        /// The cluster.
        cluster_id: String,
    },
    /// The cluster's state refused to let this agent in.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Another agent could not be reached or refused the call. Retryable.
    #[error("agent at {address}: {reason}")]
    Peer {
        /// Its peer address.
        address: String,
        /// What it said, or why it could not be reached.
        reason: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] lockstep_storage::Error),
    /// Consensus has stopped, because it was shut down or because storage failed. Not retryable in this process.
    #[error("consensus has stopped: {reason}; mend the cause and restart the agent")]
    Stopped {
        /// Why.
        reason: String,
    },
}

impl Error {
    /// Whether the same call can succeed later, and does no harm when repeated.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::NotMember
            | Self::NoQuorum { .. }
            | Self::NotLeader { .. }
            | Self::Timeout { .. }
            | Self::Peer { .. } => true,
            Self::Store(error) => error.retryable(),
            _ => false,
        }
    }

    pub(crate) fn stopped(reason: impl ToString) -> Self {
        Self::Stopped { reason: reason.to_string() }
    }
}
