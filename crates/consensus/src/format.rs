//! What is stored, in formats of our own: openraft's types may change with any of its releases, stored bytes may not.
//!
//! Everything is JSON. A reader ignores fields that it does not know and refuses a `format` that it does not know.

use crate::raft::{Entry, LogId, Member, Membership, Proposed, SnapshotMeta, StoredMembership, Vote};
use lockstep_core::command::Stamped;
use openraft::EntryPayload;
use openraft::impls::leader_id_adv::LeaderId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// The newest format of everything in this file.
pub(crate) const FORMAT: u32 = 1;

/// A position in the log together with the leader that wrote it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct StoredLogId {
    term: u64,
    leader: u64,
    index: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredEntry {
    format: u32,
    #[serde(flatten)]
    id: StoredLogId,
    payload: StoredPayload,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredPayload {
    Blank,
    Command(Box<Stamped>),
    Membership(StoredMembers),
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredMembers {
    voters: Vec<BTreeSet<u64>>,
    nodes: BTreeMap<u64, Member>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredVote {
    format: u32,
    term: u64,
    leader: u64,
    committed: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredSnapshotMeta {
    format: u32,
    last_applied: Option<StoredLogId>,
    membership_at: Option<StoredLogId>,
    membership: StoredMembers,
}

#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

impl From<&LogId> for StoredLogId {
    fn from(id: &LogId) -> Self {
        Self { term: id.leader_id.term, leader: id.leader_id.node_id, index: id.index }
    }
}

impl From<StoredLogId> for LogId {
    fn from(stored: StoredLogId) -> Self {
        Self { leader_id: LeaderId { term: stored.term, node_id: stored.leader }, index: stored.index }
    }
}

impl From<&Membership> for StoredMembers {
    fn from(membership: &Membership) -> Self {
        let nodes = membership.nodes().map(|(id, member)| (*id, member.clone())).collect();
        Self { voters: membership.get_joint_config().clone(), nodes }
    }
}

impl StoredMembers {
    fn decode(self) -> io::Result<Membership> {
        if self.voters.is_empty() && self.nodes.is_empty() {
            return Ok(Membership::default());
        }
        Membership::new(self.voters, self.nodes).map_err(|error| invalid("membership", error))
    }
}

pub(crate) fn encode_entry(entry: &Entry) -> io::Result<Vec<u8>> {
    let payload = match &entry.payload {
        EntryPayload::Blank => StoredPayload::Blank,
        EntryPayload::Normal(proposed) => StoredPayload::Command(Box::new(proposed.0.clone())),
        EntryPayload::Membership(membership) => StoredPayload::Membership(membership.into()),
    };
    encode(&StoredEntry { format: FORMAT, id: (&entry.log_id).into(), payload })
}

pub(crate) fn decode_entry(bytes: &[u8]) -> io::Result<Entry> {
    let stored: StoredEntry = decode("log entry", bytes)?;
    let payload = match stored.payload {
        StoredPayload::Blank => EntryPayload::Blank,
        StoredPayload::Command(stamped) => EntryPayload::Normal(Proposed(*stamped)),
        StoredPayload::Membership(members) => EntryPayload::Membership(members.decode()?),
    };
    Ok(Entry { log_id: stored.id.into(), payload })
}

pub(crate) fn encode_log_id(id: &LogId) -> io::Result<Vec<u8>> {
    encode(&StoredLogId::from(id))
}

pub(crate) fn decode_log_id(bytes: &[u8]) -> io::Result<LogId> {
    let stored: StoredLogId = serde_json::from_slice(bytes).map_err(|error| invalid("log id", error))?;
    Ok(stored.into())
}

pub(crate) fn encode_vote(vote: &Vote) -> io::Result<Vec<u8>> {
    let (term, leader) = (vote.leader_id.term, vote.leader_id.node_id);
    encode(&StoredVote { format: FORMAT, term, leader, committed: vote.committed })
}

pub(crate) fn decode_vote(bytes: &[u8]) -> io::Result<Vote> {
    let stored: StoredVote = decode("vote", bytes)?;
    let leader_id = LeaderId { term: stored.term, node_id: stored.leader };
    Ok(Vote { leader_id, committed: stored.committed })
}

pub(crate) fn encode_snapshot_meta(meta: &SnapshotMeta) -> io::Result<Vec<u8>> {
    encode(&StoredSnapshotMeta {
        format: FORMAT,
        last_applied: meta.last_log_id.as_ref().map(Into::into),
        membership_at: meta.last_membership.log_id().as_ref().map(Into::into),
        membership: meta.last_membership.membership().into(),
    })
}

pub(crate) fn decode_snapshot_meta(bytes: &[u8]) -> io::Result<SnapshotMeta> {
    let stored: StoredSnapshotMeta = decode("snapshot description", bytes)?;
    let membership = stored.membership.decode()?;
    let last_membership = StoredMembership::new(stored.membership_at.map(Into::into), membership);
    Ok(SnapshotMeta { last_log_id: stored.last_applied.map(Into::into), last_membership })
}

fn encode(value: &impl Serialize) -> io::Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(io::Error::other)
}

/// Looks at the format first, so that a newer one is told from a damaged one.
pub(crate) fn decode<Value: DeserializeOwned>(what: &str, bytes: &[u8]) -> io::Result<Value> {
    serde_json::from_slice(bytes).map_err(|error| match serde_json::from_slice::<FormatOnly>(bytes) {
        Ok(found) if found.format > FORMAT => newer(what, found.format),
        _ => invalid(what, error),
    })
}

pub(crate) fn newer(what: &str, found: u32) -> io::Error {
    let text = format!(
        "{what} has format {found}, this release reads formats up to {FORMAT}: start the release that wrote it, or a newer one"
    );
    io::Error::new(io::ErrorKind::InvalidData, text)
}

pub(crate) fn invalid(what: &str, error: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{what} cannot be read: {error}"))
}
