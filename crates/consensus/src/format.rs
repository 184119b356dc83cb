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

/// A record that says its format.
trait Formatted {
    fn format(&self) -> u32;
}

impl Formatted for StoredEntry {
    fn format(&self) -> u32 {
        self.format
    }
}

impl Formatted for StoredVote {
    fn format(&self) -> u32 {
        self.format
    }
}

impl Formatted for StoredSnapshotMeta {
    fn format(&self) -> u32 {
        self.format
    }
}

/// Tells a newer format from a damaged record, also when the newer one happens to look like ours.
fn decode<Value: DeserializeOwned + Formatted>(what: &str, bytes: &[u8]) -> io::Result<Value> {
    match serde_json::from_slice::<Value>(bytes) {
        Ok(value) if value.format() > FORMAT => Err(newer(what, value.format())),
        Ok(value) => Ok(value),
        Err(error) => match serde_json::from_slice::<FormatOnly>(bytes) {
            Ok(found) if found.format > FORMAT => Err(newer(what, found.format)),
            _ => Err(invalid(what, error)),
        },
    }
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

#[cfg(test)]
mod tests {
    //! What earlier releases stored must stay readable: these texts are never edited, only added to.

    use super::*;
    use lockstep_core::command::{Actor, Command, Role};
    use lockstep_core::{RequestId, SessionId, Timestamp};

    const BLANK: &str = r#"{"format":1,"term":2,"leader":1,"index":7,"payload":"blank"}"#;
    const COMMAND: &str = r#"{"format":1,"term":2,"leader":1,"index":8,"payload":{"command":{"at":1000,"actor":{"name":"shop-1","role":"client"},"request":"r-1","command":{"kind":"close_session","session":5}}}}"#;
    const MEMBERSHIP: &str = r#"{"format":1,"term":2,"leader":1,"index":9,"payload":{"membership":{"voters":[[1]],"nodes":{"1":{"peer":"a:1","client":"a:2"},"4":{"peer":"b:1","client":"b:2"}}}}}"#;
    const VOTE: &str = r#"{"format":1,"term":3,"leader":4,"committed":true}"#;
    const LOG_ID: &str = r#"{"term":2,"leader":1,"index":7}"#;
    const SNAPSHOT: &str = r#"{"format":1,"last_applied":{"term":2,"leader":1,"index":9},"membership_at":{"term":2,"leader":1,"index":9},"membership":{"voters":[[1]],"nodes":{"1":{"peer":"a:1","client":"a:2"}}}}"#;

    fn log_id(index: u64) -> LogId {
        StoredLogId { term: 2, leader: 1, index }.into()
    }

    fn member(host: &str) -> Member {
        Member { peer: format!("{host}:1"), client: format!("{host}:2") }
    }

    fn membership(nodes: &[(u64, &str)]) -> Membership {
        let nodes: BTreeMap<u64, Member> = nodes.iter().map(|(id, host)| (*id, member(host))).collect();
        Membership::new(vec![BTreeSet::from([1])], nodes).expect("a valid membership")
    }

    fn close_session() -> Stamped {
        Stamped {
            at: Timestamp(1_000),
            actor: Actor { name: "shop-1".to_owned(), role: Role::Client },
            request: Some(RequestId("r-1".to_owned())),
            command: Command::CloseSession { session: SessionId(5) },
        }
    }

    #[track_caller]
    fn check_entry(stored: &str, payload: crate::raft::Payload) {
        let entry = decode_entry(stored.as_bytes()).expect("readable");
        assert_eq!(entry.payload, payload);
        assert_eq!(String::from_utf8(encode_entry(&entry).expect("writable")).expect("text"), stored);
    }

    #[test]
    fn entries_are_stored_as_ever() {
        check_entry(BLANK, EntryPayload::Blank);
        check_entry(COMMAND, EntryPayload::Normal(Proposed(close_session())));
        check_entry(MEMBERSHIP, EntryPayload::Membership(membership(&[(1, "a"), (4, "b")])));
    }

    #[test]
    fn votes_log_ids_and_snapshot_descriptions_are_stored_as_ever() {
        let vote = Vote { leader_id: LeaderId { term: 3, node_id: 4 }, committed: true };
        assert_eq!(encode_vote(&vote).expect("writable"), VOTE.as_bytes());
        assert_eq!(decode_vote(VOTE.as_bytes()).expect("readable"), vote);
        assert_eq!(encode_log_id(&log_id(7)).expect("writable"), LOG_ID.as_bytes());
        assert_eq!(decode_log_id(LOG_ID.as_bytes()).expect("readable"), log_id(7));
        let last_membership = StoredMembership::new(Some(log_id(9)), membership(&[(1, "a")]));
        let meta = SnapshotMeta { last_log_id: Some(log_id(9)), last_membership };
        assert_eq!(encode_snapshot_meta(&meta).expect("writable"), SNAPSHOT.as_bytes());
        assert_eq!(decode_snapshot_meta(SNAPSHOT.as_bytes()).expect("readable"), meta);
    }

    #[test]
    fn a_newer_format_is_told_from_a_damaged_record() {
        for newer in [r#"{"format":2,"something":"else"}"#, r#"{"format":2,"term":3,"leader":4,"committed":true}"#]
        {
            let error = decode_vote(newer.as_bytes()).expect_err("newer").to_string();
            assert!(error.contains("vote has format 2, this release reads formats up to 1"), "{error}");
        }
        let damaged = decode_vote(b"{").expect_err("damaged").to_string();
        assert!(damaged.contains("vote cannot be read"), "{damaged}");
    }

    #[test]
    fn fields_of_later_releases_are_passed_over() {
        let extended = VOTE.replacen('{', r#"{"later":true,"#, 1);
        assert!(decode_vote(extended.as_bytes()).is_ok());
    }
}
