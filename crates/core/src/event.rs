//! What an applied command changed, for watchers and logs. Events are derived, never stored.

use crate::ids::{ChangeId, NodeId, SessionId, Version};
use serde::{Deserialize, Serialize};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// The cluster exists.
    Bootstrapped,
    /// A node is a member; it catches up before it counts.
    NodeJoined {
        /// Which.
        node: NodeId,
    },
    /// A node counts from now on.
    NodeActivated {
        /// Which.
        node: NodeId,
    },
    /// A node's schema is not what it should be.
    NodeQuarantined {
        /// Which.
        node: NodeId,
    },
    /// A node is no member any more.
    NodeRemoved {
        /// Which.
        node: NodeId,
    },
    /// A change was accepted.
    ChangeSubmitted {
        /// Which.
        change: ChangeId,
    },
    /// Something about a change moved that is not a stage of a step: approval, hold, cancellation, rollback.
    ChangeUpdated {
        /// Which.
        change: ChangeId,
    },
    /// A step entered a stage or a final status.
    StepMoved {
        /// Its change.
        change: ChangeId,
        /// Its position.
        step: usize,
        /// The version that it makes.
        version: Version,
        /// The stage or status, as operators read it.
        to: String,
    },
    /// A node reported on the step in flight.
    NodeReported {
        /// Which.
        node: NodeId,
        /// On which version.
        version: Version,
    },
    /// Clients are told to use another version.
    Announced {
        /// Which.
        version: Version,
    },
    /// A client has a lease.
    SessionOpened {
        /// Which.
        session: SessionId,
    },
    /// A client acknowledged what was announced.
    SessionAcknowledged {
        /// Which.
        session: SessionId,
        /// The version.
        version: Version,
    },
    /// An operator evicts a session; it is gone when its lease has run out.
    SessionEvicting {
        /// Which.
        session: SessionId,
    },
    /// A lease is over.
    SessionGone {
        /// Which.
        session: SessionId,
    },
}
