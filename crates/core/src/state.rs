//! The replicated state and the one door through which it changes.

use crate::audit;
use crate::change::{Change, StepRecord, StepStatus};
use crate::command::{Actor, Reply, Role, Stamped};
use crate::engine::Engine;
use crate::event::Event;
use crate::gate;
use crate::ids::{ChangeId, LogIndex, NodeId, RequestId, SessionId, Timestamp, Version};
use crate::in_flight::{InFlight, Stage};
use crate::node::{Fingerprint, Node};
use crate::refusal::Refusal;
use crate::request;
use crate::session::Session;
use crate::version::{Entry, Outcome};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Everything that all agents agree on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Log index of the newest command that was applied.
    pub(crate) applied: LogIndex,
    /// The newest stamp.
    pub(crate) clock: Timestamp,
    pub(crate) cluster: Option<Cluster>,
    /// The newest settled version: the one that every node holds and every client may use.
    pub(crate) version: Version,
    pub(crate) log: Vec<Entry>,
    pub(crate) changes: BTreeMap<ChangeId, Change>,
    pub(crate) nodes: BTreeMap<NodeId, Node>,
    pub(crate) sessions: BTreeMap<SessionId, Session>,
    pub(crate) in_flight: Option<InFlight>,
    /// Live sessions that keep the preparing step from its confirmation; kept so that a command need not look at all sessions.
    #[serde(default)]
    pub(crate) unready_sessions: BTreeSet<SessionId>,
    /// Log index at which clients were last told to use another version.
    #[serde(default)]
    pub(crate) announced_at: LogIndex,
    /// Schemas that operators accepted as what a settled version gives, in place of what it gave when it settled.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) accepted: BTreeMap<Version, Fingerprint>,
    /// Log index of an operator's newest order to compare every database's schema at once. 0 if there was none.
    #[serde(default, skip_serializing_if = "LogIndex::is_none")]
    pub(crate) schemas_asked_at: LogIndex,
    pub(crate) join_tokens: BTreeMap<String, Timestamp>,
    pub(crate) requests: BTreeMap<RequestId, request::Record>,
    /// Request ids, oldest first.
    pub(crate) request_order: VecDeque<RequestId>,
    pub(crate) audit: VecDeque<audit::Record>,
}

/// What never changes in a cluster's life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    /// Random and unique.
    pub id: String,
    /// Of all its databases.
    pub engine: Engine,
    /// Of the schema at version 0.
    pub baseline: Fingerprint,
    /// The command format that its agents must be able to apply.
    pub command_format: u32,
    /// When it was bootstrapped.
    pub created_at: Timestamp,
}

/// The answer to one command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// What the one who asked is told.
    pub result: Result<Reply, Refusal>,
    /// What changed, in order. Empty for a refusal and for a repeat.
    pub events: Vec<Event>,
}

/// What a command knows beside the state while it is applied.
pub(crate) struct Context<'a> {
    pub(crate) index: LogIndex,
    pub(crate) at: Timestamp,
    pub(crate) actor: &'a Actor,
    pub(crate) events: Vec<Event>,
}

impl State {
    /// Applies the command at `index` and everything that it enables. A refused command changes nothing but the record of its
    /// request id.
    ///
    /// # Panics
    ///
    /// When `index` is not larger than the newest one applied: the log is replayed wrongly, and going on would do harm.
    pub fn apply(&mut self, index: LogIndex, stamped: &Stamped) -> Applied {
        assert!(index > self.applied, "log index {index} applied after {}", self.applied);
        self.applied = index;
        self.clock = self.clock.max(stamped.at);
        let content_hash = stamped.request.as_ref().map(|_| stamped.command.content_hash());
        if let Some(answer) = self.first_answer(stamped, content_hash.as_deref()) {
            return Applied { result: answer, events: Vec::new() };
        }
        let mut context = Context { index, at: self.clock, actor: &stamped.actor, events: Vec::new() };
        let result = stamped.command.apply(self, &mut context);
        if result.is_ok() {
            gate::advance(self, &mut context);
        }
        let events = context.events;
        if let (Some(request), Some(content_hash)) = (&stamped.request, content_hash) {
            self.remember(request, content_hash, &result);
        }
        Applied { result, events }
    }

    fn first_answer(&self, stamped: &Stamped, content_hash: Option<&str>) -> Option<Result<Reply, Refusal>> {
        let request = stamped.request.as_ref()?;
        let record = self.requests.get(request)?;
        if Some(record.content_hash.as_str()) == content_hash {
            Some(record.result.clone())
        } else {
            Some(Err(Refusal::RequestReused { request: request.clone() }))
        }
    }

    fn remember(&mut self, request: &RequestId, content_hash: String, result: &Result<Reply, Refusal>) {
        let record = request::Record { content_hash, at: self.clock, result: result.clone() };
        self.requests.insert(request.clone(), record);
        self.request_order.push_back(request.clone());
        while self.oldest_request_is_over() {
            if let Some(oldest) = self.request_order.pop_front() {
                self.requests.remove(&oldest);
            }
        }
    }

    fn oldest_request_is_over(&self) -> bool {
        let Some(record) = self.request_order.front().and_then(|id| self.requests.get(id)) else {
            return false;
        };
        self.request_order.len() > request::RECORDS_MAX || self.clock.since_ms(record.at) > request::RETENTION_MS
    }

    /// Lower-case hex SHA-256 of the whole state. Equal on all agents at equal log index.
    ///
    /// # Panics
    ///
    /// Never: the state holds only text, numbers, lists and ordered maps, which always serialise.
    #[must_use]
    pub fn digest(&self) -> String {
        let bytes = serde_json::to_vec(self).expect("the state always serialises");
        crate::version::hex(&Sha256::digest(bytes))
    }
}

/// Reading.
impl State {
    /// Log index of the newest command that was applied.
    #[must_use]
    pub fn applied(&self) -> LogIndex {
        self.applied
    }

    /// The newest stamp.
    #[must_use]
    pub fn clock(&self) -> Timestamp {
        self.clock
    }

    /// The cluster, once bootstrapped.
    #[must_use]
    pub fn cluster(&self) -> Option<&Cluster> {
        self.cluster.as_ref()
    }

    /// The newest settled version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The version log, in order; entry `i` has version `i + 1`.
    #[must_use]
    pub fn version_log(&self) -> &[Entry] {
        &self.log
    }

    /// All changes, in order of submission.
    #[must_use]
    pub fn changes(&self) -> &BTreeMap<ChangeId, Change> {
        &self.changes
    }

    /// All members.
    #[must_use]
    pub fn nodes(&self) -> &BTreeMap<NodeId, Node> {
        &self.nodes
    }

    /// All live sessions.
    #[must_use]
    pub fn sessions(&self) -> &BTreeMap<SessionId, Session> {
        &self.sessions
    }

    /// The step in flight, if any.
    #[must_use]
    pub fn in_flight(&self) -> Option<&InFlight> {
        self.in_flight.as_ref()
    }

    /// Log index of an operator's newest order to try and to look at once, instead of after a pause. 0 if there was none.
    #[must_use]
    pub fn hurried_at(&self) -> LogIndex {
        self.in_flight
            .as_ref()
            .map_or(self.schemas_asked_at, |flight| flight.hurried_at.max(self.schemas_asked_at))
    }

    /// The audit trail, oldest first.
    #[must_use]
    pub fn audit(&self) -> &VecDeque<audit::Record> {
        &self.audit
    }

    /// The version that clients are told to use.
    #[must_use]
    pub fn announced(&self) -> Version {
        match &self.in_flight {
            Some(InFlight { stage: Stage::Settling { .. }, version, .. }) => *version,
            _ => self.version,
        }
    }

    /// Log index at which clients were last told to use another version; what a session's watch resumes after. 0 if never.
    #[must_use]
    pub fn announced_at(&self) -> LogIndex {
        self.announced_at
    }

    /// True when `session` was told of a version and has not acknowledged it.
    #[must_use]
    pub fn owes_acknowledgement(&self, session: SessionId) -> bool {
        match self.in_flight.as_ref().map(|flight| &flight.stage) {
            Some(Stage::Settling { owing, .. } | Stage::Reverting { owing, .. }) => owing.contains(&session),
            _ => false,
        }
    }

    /// The change with this name.
    #[must_use]
    pub fn change_named(&self, name: &str) -> Option<&Change> {
        self.changes.values().find(|change| change.name == name)
    }

    /// The node with this name.
    #[must_use]
    pub fn node_named(&self, name: &str) -> Option<&Node> {
        self.nodes.values().find(|node| node.name == name)
    }

    /// The version log's entry for `version`; `None` for the baseline and for versions that are not there yet.
    #[must_use]
    pub fn entry(&self, version: Version) -> Option<&Entry> {
        self.log.get(usize::try_from(version.0.checked_sub(1)?).ok()?)
    }

    /// The step that made, or is to make, the version of `entry`.
    ///
    /// # Panics
    ///
    /// Never for an entry of this state: changes and their steps are never deleted.
    #[must_use]
    pub fn record_of(&self, entry: &Entry) -> &StepRecord {
        &self.changes[&entry.change].steps[entry.step]
    }

    /// The schema that a node at this settled version must have.
    #[must_use]
    pub fn expected_fingerprint(&self, version: Version) -> Option<&Fingerprint> {
        if let Some(accepted) = self.accepted.get(&version) {
            return Some(accepted);
        }
        if version == Version::BASELINE {
            return self.cluster.as_ref().map(|cluster| &cluster.baseline);
        }
        match &self.entry(version)?.outcome {
            Outcome::Settled { fingerprint, .. } => Some(fingerprint),
            _ => None,
        }
    }

    /// The next entry for a database that holds `version`: the first one after it that was not reverted.
    #[must_use]
    pub fn next_entry(&self, version: Version) -> Option<&Entry> {
        self.log.iter().skip(usize::try_from(version.0).ok()?).find(|entry| entry.is_effective())
    }

    /// How many versions lie between the oldest and the newest that an active node holds or a live session may be using,
    /// reverted ones not counted. Invariant 1: at most 1.
    #[must_use]
    pub fn spread(&self) -> usize {
        let announced = self.announced();
        let owing = |session: &Session| self.owes_acknowledgement(session.id).then_some(announced);
        let used: BTreeSet<Version> = self
            .nodes
            .values()
            .filter(|node| node.is_active())
            .map(|node| node.version)
            .chain(self.sessions.values().flat_map(|s| [Some(s.acknowledged), owing(s)]).flatten())
            .collect();
        match (used.first(), used.last()) {
            (Some(oldest), Some(newest)) => self.position(*newest) - self.position(*oldest),
            _ => 0,
        }
    }

    fn position(&self, version: Version) -> usize {
        self.log.iter().filter(|entry| entry.is_effective() && entry.version <= version).count()
    }
}

/// What several commands do.
impl State {
    pub(crate) fn require_cluster(&self) -> Result<&Cluster, Refusal> {
        self.cluster.as_ref().ok_or(Refusal::NotBootstrapped)
    }

    pub(crate) fn node(&self, id: NodeId) -> Result<&Node, Refusal> {
        self.nodes.get(&id).ok_or_else(|| Refusal::UnknownNode { name: format!("#{id}") })
    }

    pub(crate) fn node_mut(&mut self, id: NodeId) -> Result<&mut Node, Refusal> {
        self.nodes.get_mut(&id).ok_or_else(|| Refusal::UnknownNode { name: format!("#{id}") })
    }

    pub(crate) fn change_id(&self, name: &str) -> Result<ChangeId, Refusal> {
        self.change_named(name)
            .map(|change| change.id)
            .ok_or_else(|| Refusal::UnknownChange { name: name.to_owned() })
    }

    /// The change with an id that the state itself holds.
    pub(crate) fn change_mut(&mut self, id: ChangeId) -> &mut Change {
        self.changes.get_mut(&id).expect("changes are never deleted")
    }

    pub(crate) fn record_mut(&mut self, change: ChangeId, step: usize) -> &mut StepRecord {
        &mut self.change_mut(change).steps[step]
    }

    /// The record of the step in flight.
    pub(crate) fn record_in_flight(&self) -> Option<&StepRecord> {
        let flight = self.in_flight.as_ref()?;
        Some(&self.changes.get(&flight.change)?.steps[flight.step])
    }

    pub(crate) fn set_step(&mut self, context: &mut Context<'_>, status: StepStatus, to: &str) {
        let Some(flight) = &self.in_flight else { return };
        let (change, step, version) = (flight.change, flight.step, flight.version);
        self.record_mut(change, step).status = status;
        context.events.push(Event::StepMoved { change, step, version, to: to.to_owned() });
    }
}

impl Context<'_> {
    /// Refuses unless the actor is an operator.
    pub(crate) fn require_operator(&self, action: &str) -> Result<(), Refusal> {
        self.require(Role::Operator, action)
    }

    /// Refuses unless the actor is an agent of the cluster.
    pub(crate) fn require_agent(&self, action: &str) -> Result<(), Refusal> {
        self.require(Role::Agent, action)
    }

    fn require(&self, role: Role, action: &str) -> Result<(), Refusal> {
        if self.actor.role == role {
            return Ok(());
        }
        Err(Refusal::Denied { actor: self.actor.name.clone(), action: action.to_owned() })
    }

    /// Writes into the audit trail.
    pub(crate) fn record(&self, state: &mut State, action: String, reason: &str, overridden: Vec<String>) {
        state.audit.push_back(audit::Record {
            index: self.index,
            at: self.at,
            actor: self.actor.name.clone(),
            action,
            reason: reason.to_owned(),
            overridden,
        });
        if state.audit.len() > audit::RECORDS_MAX {
            state.audit.pop_front();
        }
    }
}

/// Refuses a missing reason.
pub(crate) fn require_reason(reason: &str, action: &str) -> Result<(), Refusal> {
    if reason.trim().is_empty() {
        return Err(Refusal::ReasonMissing { action: action.to_owned() });
    }
    Ok(())
}
