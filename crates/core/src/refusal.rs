//! Why a command was refused at apply. A refusal changes nothing but the record of its request id.

use crate::engine::Engine;
use crate::ids::{RequestId, SessionId, Timestamp, Version};
use serde::{Deserialize, Serialize};

/// Why a command was refused: what, with which names, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the text of each variant is its documentation; fields are the names in it")]
pub enum Refusal {
    #[error("the cluster has not been bootstrapped; start its first agent with `bootstrap = true`")]
    NotBootstrapped,
    #[error("this is already cluster {cluster_id}; start the agent with a join token instead of `bootstrap`")]
    AlreadyBootstrapped { cluster_id: String },
    #[error("there is no change named `{name}`; `lockstep change list` shows those there are")]
    UnknownChange { name: String },
    #[error("there is no node named `{name}`; `lockstep node list` shows those there are")]
    UnknownNode { name: String },
    #[error("session {session} is not (any more) a live session; open a new one")]
    UnknownSession { session: SessionId },
    #[error("the name `{name}` is taken by another {what}; choose another one")]
    NameTaken { what: String, name: String },
    #[error(
        "{file} (SHA-256 {sha256}) is not what change `{name}` was made of: that was {known_file} (SHA-256 {known_sha256}), and no \
         database would be told of the edit; put its old text back, and write what is still to be done into a new file"
    )]
    SourceDiffers { name: String, file: String, sha256: String, known_file: String, known_sha256: String },
    #[error("`{subject}` is for {found}, but this is a cluster of {expected} databases")]
    WrongEngine { subject: String, found: Engine, expected: Engine },
    #[error("change `{name}` is not valid: {problem}")]
    InvalidChange { name: String, problem: String },
    #[error("request id `{request}` was used for another request; a new request needs a new id")]
    RequestReused { request: RequestId },
    #[error("client {client} cannot run at version {version}: {reason}")]
    ClientIncompatible { client: String, version: Version, reason: String },
    #[error("client {client} is not valid: {problem}")]
    InvalidSession { client: String, problem: String },
    #[error("node `{node}` may not join: {reason}; {remedy}")]
    JoinRefused {
        node: String,
        reason: String,
        remedy: String,
        /// Where clients reach the agent of a node that has the schema which the refused one should have.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        compare_with: Option<String>,
    },
    #[error("{actor} may not {action}: its role does not allow that (operators decide, agents report)")]
    Denied { actor: String, action: String },
    #[error("to {action}, give a reason: it goes into the audit trail")]
    ReasonMissing { action: String },
    #[error("to {action} would pass a gate that waits for {}; repeat with force to override", holdouts.join(", "))]
    NeedsForce { action: String, holdouts: Vec<String> },
    #[error("change `{change}` cannot be rolled back: {reason}")]
    RollbackRefused { change: String, reason: String },
    #[error("cannot {action} `{subject}`: {state}")]
    WrongState { action: String, subject: String, state: String },
    #[error("the report of node `{node}` on version {version} is out of date: {state}")]
    StaleReport { node: String, version: Version, state: String },
    #[error("session {session} cannot acknowledge version {version}: version {announced} is announced")]
    StaleAcknowledgement { session: SessionId, version: Version, announced: Version },
    #[error("session {session} moved since the lease keeper looked; it does not expire")]
    ExpiryVoid { session: SessionId },
    #[error("no time has come that the cluster waits for")]
    NotDue { due_at: Option<Timestamp> },
    #[error("session {session} is being evicted by {by}: {reason}; stop using it")]
    SessionEvicting { session: SessionId, by: String, reason: String },
}

/// How a caller should take a refusal. Each maps to one gRPC code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// What was named is not there.
    NotFound,
    /// What should be made is there already.
    Conflict,
    /// The request can never succeed as it stands.
    Invalid,
    /// The request may succeed once the cluster has moved.
    NotNow,
    /// The caller may not.
    Denied,
}

impl Refusal {
    /// How a caller should take it.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::UnknownChange { .. } | Self::UnknownNode { .. } | Self::UnknownSession { .. } => Class::NotFound,
            Self::AlreadyBootstrapped { .. }
            | Self::NameTaken { .. }
            | Self::SourceDiffers { .. }
            | Self::RequestReused { .. } => Class::Conflict,
            Self::WrongEngine { .. }
            | Self::InvalidChange { .. }
            | Self::InvalidSession { .. }
            | Self::ReasonMissing { .. } => Class::Invalid,
            Self::Denied { .. } => Class::Denied,
            Self::NotBootstrapped
            | Self::ClientIncompatible { .. }
            | Self::JoinRefused { .. }
            | Self::NeedsForce { .. }
            | Self::RollbackRefused { .. }
            | Self::WrongState { .. }
            | Self::StaleReport { .. }
            | Self::StaleAcknowledgement { .. }
            | Self::ExpiryVoid { .. }
            | Self::NotDue { .. }
            | Self::SessionEvicting { .. } => Class::NotNow,
        }
    }
}
