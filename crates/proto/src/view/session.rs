//! Views of sessions.

use lockstep_core::session::{self, Eviction};
use lockstep_core::step::Phase;
use lockstep_core::{LogIndex, Version};
use serde::Serialize;
use std::collections::BTreeMap;

/// A live session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Session {
    /// From the replicated state.
    #[serde(flatten)]
    pub session: session::Session,
    /// Time until the leader takes the lease for over, in milliseconds; `None` when the answering agent is not the leader.
    pub remaining_ms: Option<u64>,
    /// The version that it has been told of and has not acknowledged.
    pub owed_version: Option<Version>,
}

/// What a client is told to use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Announcement {
    /// Log index at which this was decided, or any later one of a state where it holds.
    pub revision: LogIndex,
    /// The version to use.
    pub version: Version,
    /// The phase that each change has reached at that version, by name: only changes that the session understands and that have
    /// begun.
    pub phases: BTreeMap<String, Phase>,
    /// True: the cluster waits for this session to acknowledge `version`.
    pub must_acknowledge: bool,
    /// Set: the session is evicted.
    pub eviction: Option<Eviction>,
}
