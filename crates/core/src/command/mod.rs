//! Commands: everything that can change the replicated state, one file a family.

mod accept;
mod breach;
mod change;
mod cluster;
mod hold;
mod node;
mod report;
mod retention;
mod retry;
mod rollback;
mod session;

use crate::change::Spec;
use crate::drift::Drift;
use crate::ids::{ChangeId, NodeId, RequestId, SessionId, Timestamp, Version};
use crate::in_flight::{Execution, Preparation};
use crate::limits::Breach;
use crate::node::{Addresses, Candidate, Fingerprint};
use crate::refusal::Refusal;
use crate::session::Compatibility;
use crate::state::{Context, State};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The newest command format that this program can apply. Grows when a command is added or changes its meaning.
pub const FORMAT: u32 = 2;

/// A command with what the proposing leader added. A field that this program does not know is an error: to overlook it would
/// let the state of this agent go apart from that of newer ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stamped {
    /// The leader's time. Apply takes the larger of this and the newest one before.
    pub at: Timestamp,
    /// Who asks.
    pub actor: Actor,
    /// Makes the command take effect at most once. `None` for commands that are idempotent by themselves (reports, renewals).
    #[serde(default)]
    pub request: Option<RequestId>,
    /// What is asked.
    pub command: Command,
}

/// Who asks for a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// For the audit trail, e.g. `deploy-bot` or `node shard-1`.
    pub name: String,
    /// What it may do.
    pub role: Role,
}

/// What an actor may do. Given by the agent that authenticated it, never by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Opens sessions, submits changes.
    Client,
    /// An agent of the cluster: reports, expires sessions.
    Agent,
    /// Approves, cancels, rolls back, evicts, removes, forces.
    Operator,
}

/// Everything that can change the replicated state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Makes the cluster, with its first node. Applied once.
    Bootstrap {
        /// Random and unique.
        cluster_id: String,
        /// The id under which the first agent initialised Raft: no log index can be known before the log is.
        node: NodeId,
        /// The first node.
        candidate: Candidate,
    },
    /// Lets nodes join that show a secret with this hash.
    IssueJoinToken {
        /// Lower-case hex SHA-256 of the secret.
        token_hash: String,
        /// Not accepted later.
        expires_at: Timestamp,
    },
    /// A new node; its id is the log index.
    JoinNode {
        /// What it tells of itself.
        candidate: Candidate,
        /// Of the secret that it showed.
        token_hash: String,
        /// True: takes the place of the node with the same name, whose data directory is lost.
        replace: bool,
    },
    /// An agent came back at other addresses.
    MoveNode {
        /// Which.
        node: NodeId,
        /// Where it listens now.
        addresses: Addresses,
    },
    /// A node leaves the cluster for good.
    RemoveNode {
        /// Its name.
        node: String,
        /// Why.
        reason: String,
        /// True: even when a gate waits for it.
        force: bool,
    },
    /// An operator takes a schema that was changed by hand, on every node alike, for what the settled version gives.
    AcceptNode {
        /// Name of one of the nodes.
        node: String,
        /// Why.
        reason: String,
    },
    /// A node that was catching up, or quarantined, holds this version and schema.
    ReportCaughtUp {
        /// Which.
        node: NodeId,
        /// Newest executed version in its ledger.
        version: Version,
        /// Of its schema.
        fingerprint: Fingerprint,
    },
    /// A node's schema is not what its version should give.
    ReportDrift {
        /// Which.
        node: NodeId,
        /// What differs.
        reason: String,
        /// What its schema is, when it is that which does not fit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        drift: Option<Drift>,
    },
    /// A node's answer to preflight.
    ReportPreparation {
        /// Which.
        node: NodeId,
        /// Of the step in flight.
        version: Version,
        /// The answer.
        preparation: Preparation,
    },
    /// A node executed the step in flight.
    ReportExecuted {
        /// Which.
        node: NodeId,
        /// Of the step in flight.
        version: Version,
        /// What came of it.
        execution: Execution,
    },
    /// A node could not execute the step in flight, and has left no trace of it.
    ReportExecuteFailed {
        /// Which.
        node: NodeId,
        /// Of the step in flight.
        version: Version,
        /// What failed, with names.
        message: String,
    },
    /// A node's database does not hold the version (any more).
    ReportReverted {
        /// Which.
        node: NodeId,
        /// Of the step in flight.
        version: Version,
        /// Of its schema now.
        fingerprint: Fingerprint,
    },
    /// A node could not revert; it goes on trying.
    ReportRevertFailed {
        /// Which.
        node: NodeId,
        /// Of the step in flight.
        version: Version,
        /// What failed, with names.
        message: String,
    },
    /// A reading of a node was beyond its threshold for long enough: the step in flight is to be undone.
    ReportBreach {
        /// Which.
        node: NodeId,
        /// Of the step in flight.
        version: Version,
        /// What was read.
        breach: Breach,
    },
    /// A person hands in a change.
    SubmitChange {
        /// What.
        spec: Spec,
    },
    /// An operator consents to the next step of a change that needs it.
    ApproveStep {
        /// Name of the change.
        change: String,
        /// Set: why it is to run before the old form has been kept for as long as the change says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        now: Option<String>,
    },
    /// An operator pauses a change.
    HoldChange {
        /// Name of the change.
        change: String,
        /// Name of the hold, e.g. `operator`.
        hold: String,
        /// Why.
        reason: String,
    },
    /// An operator resumes a change.
    ReleaseChange {
        /// Name of the change.
        change: String,
        /// Name of the hold.
        hold: String,
    },
    /// An operator stops a change: the step in flight is reverted, later ones never start, settled ones stay.
    CancelChange {
        /// Name of the change.
        change: String,
        /// Why.
        reason: String,
    },
    /// An operator has the settled steps of a finished change undone, by reverting steps that are versions of their own.
    RollbackChange {
        /// Name of the change.
        change: String,
        /// Why.
        reason: String,
    },
    /// An operator has what came to nothing tried again: at once if it is in flight, as versions of their own if it is over.
    RetryChange {
        /// Name of the change.
        change: String,
    },
    /// A time has come that the state waits for: its stamp says so, and the command is void when it does not.
    Wake {},
    /// A client asks for a lease; the session's id is the log index.
    OpenSession {
        /// The application.
        app: String,
        /// The process.
        instance: String,
        /// What it can run on.
        compatibility: Compatibility,
        /// How long the lease lasts after a renewal, in milliseconds.
        ttl_ms: u64,
    },
    /// A client uses the announced version from now on.
    Acknowledge {
        /// Which.
        session: SessionId,
        /// The announced version.
        version: Version,
    },
    /// A client is done.
    CloseSession {
        /// Which.
        session: SessionId,
    },
    /// The leader's lease keeper saw a lease run out.
    ExpireSession {
        /// Which.
        session: SessionId,
        /// The counter that the lease keeper saw; the command is void when it has moved.
        renew_counter: u64,
    },
    /// An operator lets a session go: it is not renewed, and gone once its lease has run out.
    EvictSession {
        /// Which.
        session: SessionId,
        /// Why; the client is told.
        reason: String,
        /// True: gone at once. The operator answers for it that the client does not run any more.
        force: bool,
    },
}

/// The answer to an accepted command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reply {
    /// Done; nothing to tell.
    Done,
    /// Nothing to do: it is so already.
    Unchanged {
        /// How it is, and by whom if somebody made it so.
        state: String,
        /// Since when, if that is known.
        since: Option<Timestamp>,
    },
    /// A node joined.
    Joined {
        /// Its id.
        node: NodeId,
        /// The cluster that it joined.
        cluster_id: String,
    },
    /// A change was accepted.
    Submitted {
        /// Its id.
        change: ChangeId,
    },
    /// A session was opened.
    Opened {
        /// Its id.
        session: SessionId,
        /// The version that the client uses from now on.
        version: Version,
    },
}

impl Reply {
    pub(crate) fn unchanged(state: impl Into<String>, since: Option<Timestamp>) -> Self {
        Self::Unchanged { state: state.into(), since }
    }
}

impl Command {
    /// Lower-case hex SHA-256 of the serialised command.
    ///
    /// # Panics
    ///
    /// Never: a command holds only text, numbers and lists, which always serialise.
    #[must_use]
    pub fn content_hash(&self) -> String {
        let bytes = serde_json::to_vec(self).expect("a command always serialises");
        crate::version::hex(&Sha256::digest(bytes))
    }

    /// Checks the command against the state, then carries it out; a refusal leaves the state as it was.
    pub(crate) fn apply(&self, state: &mut State, context: &mut Context<'_>) -> Result<Reply, Refusal> {
        if !matches!(self, Self::Bootstrap { .. }) {
            state.require_cluster()?;
        }
        match self {
            Self::Bootstrap { cluster_id, node, candidate } => {
                cluster::bootstrap(state, context, cluster_id, *node, candidate)
            }
            Self::IssueJoinToken { token_hash, expires_at } => {
                cluster::issue_join_token(state, context, token_hash, *expires_at)
            }
            Self::JoinNode { candidate, token_hash, replace } => {
                cluster::join(state, context, candidate, token_hash, *replace)
            }
            Self::MoveNode { node, addresses } => node::move_to(state, context, *node, addresses),
            Self::RemoveNode { node, reason, force } => node::remove(state, context, node, reason, *force),
            Self::ReportCaughtUp { node, version, fingerprint } => {
                node::report_caught_up(state, context, *node, *version, fingerprint)
            }
            Self::ReportDrift { node, reason, drift } => {
                node::report_drift(state, context, *node, reason, drift.as_ref())
            }
            Self::AcceptNode { node, reason } => accept::accept(state, context, node, reason),
            Self::ReportPreparation { node, version, preparation } => {
                report::preparation(state, context, *node, *version, preparation)
            }
            Self::ReportExecuted { node, version, execution } => {
                report::executed(state, context, *node, *version, execution)
            }
            Self::ReportExecuteFailed { node, version, message } => {
                report::execute_failed(state, context, *node, *version, message)
            }
            Self::ReportReverted { node, version, fingerprint } => {
                report::reverted(state, context, *node, *version, fingerprint)
            }
            Self::ReportRevertFailed { node, version, message } => {
                report::revert_failed(state, context, *node, *version, message)
            }
            Self::ReportBreach { node, version, breach } => {
                breach::report(state, context, *node, *version, breach)
            }
            Self::SubmitChange { spec } => change::submit(state, context, spec),
            Self::ApproveStep { change, now } => change::approve(state, context, change, now.as_deref()),
            Self::HoldChange { change, hold, reason } => hold::place(state, context, change, hold, reason),
            Self::ReleaseChange { change, hold } => hold::release(state, context, change, hold),
            Self::CancelChange { change, reason } => change::cancel(state, context, change, reason),
            Self::RollbackChange { change, reason } => rollback::rollback(state, context, change, reason),
            Self::RetryChange { change } => retry::retry(state, context, change),
            Self::Wake {} => retention::wake(state, context),
            Self::OpenSession { app, instance, compatibility, ttl_ms } => {
                session::open(state, context, app, instance, compatibility, *ttl_ms)
            }
            Self::Acknowledge { session, version } => session::acknowledge(state, context, *session, *version),
            Self::CloseSession { session } => session::close(state, context, *session),
            Self::ExpireSession { session, renew_counter } => {
                session::expire(state, context, *session, *renew_counter)
            }
            Self::EvictSession { session, reason, force } => {
                session::evict(state, context, *session, reason, *force)
            }
        }
    }
}
