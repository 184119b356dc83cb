//! Random histories: numbers become commands by looking at the state, so that deep states are reached and a shorter list of
//! numbers is still a history.

use crate::make;
use lockstep_core::command::{Command, Role, Stamped};
use lockstep_core::in_flight::{InFlight, Preparation, Stage};
use lockstep_core::node::{Fingerprint, Node, Status};
use lockstep_core::session::Compatibility;
use lockstep_core::{NodeId, RequestId, SessionId, State, Timestamp, Version};

/// One command to be: which kind, and numbers from which its parts are picked.
pub(crate) type Pick = (u8, u16, u16);

/// Who asks, and for what.
type Asked = (Role, Command);

/// Writes a command for the state in front of it.
pub(crate) fn command(state: &State, (kind, first, second): Pick) -> Stamped {
    let numbers = Numbers { state, first: usize::from(first), second: usize::from(second) };
    let (role, command) = if state.cluster().is_none() && !kind.is_multiple_of(8) {
        let node = NodeId(1);
        let candidate = make::candidate("shard-1");
        (Role::Agent, Command::Bootstrap { cluster_id: "c1".to_owned(), node, candidate })
    } else {
        numbers.asked(kind)
    };
    let stray = usize::from(kind) + numbers.first + numbers.second;
    let role = if stray.is_multiple_of(29) {
        [Role::Client, Role::Agent, Role::Operator][numbers.second % 3]
    } else {
        role
    };
    let clock = state.clock().0;
    Stamped {
        at: Timestamp(if stray.is_multiple_of(11) {
            clock.saturating_sub(5_000)
        } else {
            clock + (stray as u64 % 4) * 700
        }),
        actor: make::actor(role),
        request: (stray.is_multiple_of(5)).then(|| RequestId(format!("r{}", stray % 61))),
        command,
    }
}

/// The next command towards a cluster of `size` active nodes; `None` when it is there.
pub(crate) fn beginning(state: &State, size: usize) -> Option<Stamped> {
    let known = state.nodes().len();
    let late = state.nodes().values().find(|node| !node.is_active());
    let (role, command) = match late {
        Some(node) => {
            let (node, version, fingerprint) = (node.id, Version::BASELINE, make::fingerprint("s0"));
            (Role::Agent, Command::ReportCaughtUp { node, version, fingerprint })
        }
        None if known >= size => return None,
        None if known == 0 => {
            let (cluster_id, candidate) = ("c1".to_owned(), make::candidate("shard-1"));
            (Role::Agent, Command::Bootstrap { cluster_id, node: NodeId(1), candidate })
        }
        None => Numbers { state, first: known, second: 1 }.join(),
    };
    Some(Stamped { at: state.clock(), actor: make::actor(role), request: None, command })
}

struct Numbers<'a> {
    state: &'a State,
    first: usize,
    second: usize,
}

const CHANGES: [&str; 7] = ["c0", "c1", "c2", "c3", "c4", "c5", "c6"];

const STEPS: [&[&str]; 9] = [
    &["expand"],
    &["expand", "backfill", "validate", "switch_writes+", "switch_reads+", "contract?!"],
    &["switch_reads"],
    &["contract!"],
    &["expand", "contract"],
    &["switch_writes+", "contract"],
    &["expand?", "more=expand"],
    &["backfill!", "expand"],
    &["expand!", "more=expand!"],
];

impl Numbers<'_> {
    fn asked(&self, kind: u8) -> Asked {
        match kind {
            // More than half of all help the history along: garbage alone gets nowhere.
            0..=112 => self.helpful().unwrap_or_else(|| self.submit()),
            113..=116 => (Role::Agent, self.failure()),
            117..=119 => self.cancel_in_flight(),
            120..=129 => self.submit(),
            130..=149 => self.open(),
            150..=159 => (Role::Client, Command::Acknowledge { session: self.session(), version: self.version() }),
            160..=163 => (Role::Client, Command::CloseSession { session: self.session() }),
            164..=169 => self.expire(),
            170..=174 => self.evict(),
            175..=186 => self.join(),
            187..=196 => self.caught_up(),
            197..=199 => {
                (Role::Agent, Command::ReportDrift { node: self.node(), reason: "drift".to_owned(), drift: None })
            }
            200..=203 => self.remove(),
            204..=226 => (Role::Agent, self.report()),
            227..=231 => self.order(0),
            232..=236 => self.order(1),
            237..=240 => self.order(2),
            241..=244 => self.order(3),
            245..=247 => self.order(4),
            248..=249 => self.order(5),
            250 => (Role::Agent, Command::MoveNode { node: self.node(), addresses: make::addresses("new") }),
            251..=253 => self.token(),
            _ => {
                let candidate = make::candidate("shard-9");
                (Role::Agent, Command::Bootstrap { cluster_id: "c2".to_owned(), node: NodeId(9), candidate })
            }
        }
    }

    /// What a well-behaved cluster would do next.
    fn helpful(&self) -> Option<Asked> {
        let holdouts: Vec<_> = self.state.holdouts().collect();
        let holdout = holdouts.get(self.first % holdouts.len().max(1))?;
        crate::helper::answer(self.state, holdout)
    }

    /// What goes wrong in the stage that there is.
    fn failure(&self) -> Command {
        let (node, message, fingerprint) = (self.node(), "disk full".to_owned(), make::fingerprint("s-other"));
        let version = self.state.in_flight().map_or(self.state.version(), |flight| flight.version);
        let is_reverting =
            self.state.in_flight().is_some_and(|flight| matches!(flight.stage, Stage::Reverting { .. }));
        if self.second.is_multiple_of(5) {
            return Command::ReportBreach { node, version, breach: make::breach() };
        }
        match (is_reverting, self.second.is_multiple_of(3)) {
            (true, true) => Command::ReportRevertFailed { node, version, message },
            (true, false) => Command::ReportReverted { node, version, fingerprint },
            (false, true) => Command::ReportExecuted { node, version, execution: make::execution(fingerprint) },
            (false, false) => Command::ReportExecuteFailed { node, version, message },
        }
    }

    fn cancel_in_flight(&self) -> Asked {
        let change = self.state.in_flight().map(|flight| self.state.changes()[&flight.change].name.clone());
        let change = change.unwrap_or_else(|| self.change());
        (Role::Operator, Command::CancelChange { change, reason: "because".to_owned() })
    }

    fn node(&self) -> NodeId {
        let known = self.state.nodes().len();
        let id = self.state.nodes().keys().nth(self.first % (known + 1)).copied();
        id.unwrap_or(NodeId(self.first as u64 % 50))
    }

    fn session(&self) -> SessionId {
        let known = self.state.sessions().len();
        let id = self.state.sessions().keys().nth(self.first % (known + 1)).copied();
        id.unwrap_or(SessionId(self.first as u64 % 50))
    }

    /// One that is in use, or near.
    fn version(&self) -> Version {
        match self.second % 4 {
            0 => self.state.announced(),
            1 => Version(self.state.version_log().len() as u64),
            2 => self.state.in_flight().map_or(self.state.version(), |flight| flight.base),
            _ => Version(self.second as u64 / 4 % (self.state.version_log().len() as u64 + 2)),
        }
    }

    /// The one that fits, or another one.
    fn schema(&self, version: Version) -> Fingerprint {
        if self.second % 7 == 6 { make::fingerprint("s-other") } else { make::schema_at(self.state, version) }
    }

    fn reason(&self) -> String {
        if self.second % 17 == 16 { String::new() } else { "because".to_owned() }
    }

    fn change(&self) -> String {
        let names: Vec<_> = self.state.changes().values().map(|change| change.name.as_str()).collect();
        // Mostly one of the newest: older ones are over.
        let name =
            names.iter().rev().nth(self.first % 4).or(CHANGES.get(self.first % 7).filter(|_| names.is_empty()));
        name.copied().unwrap_or("unknown").to_owned()
    }

    fn submit(&self) -> Asked {
        let number = self.state.changes().len();
        let name = if self.first % 9 == 8 { "c0".to_owned() } else { format!("c{number}") };
        let steps = STEPS[self.second % STEPS.len()].iter().map(|step| make::step(step)).collect();
        let mut spec = make::spec(&name, steps);
        spec.retention_ms = self.first.is_multiple_of(3).then_some(3_000);
        (Role::Client, Command::SubmitChange { spec })
    }

    fn order(&self, which: usize) -> Asked {
        let (change, reason, hold) = (self.change(), self.reason(), ["a", "b"][self.second % 2].to_owned());
        let command = match which {
            0 => Command::ApproveStep { change, now: self.second.is_multiple_of(3).then_some(reason) },
            1 => Command::RollbackChange { change, reason },
            2 => Command::HoldChange { change, hold, reason },
            3 => Command::ReleaseChange { change, hold },
            4 => Command::CancelChange { change, reason },
            _ => Command::RetryChange { change },
        };
        (Role::Operator, command)
    }

    fn open(&self) -> Asked {
        let near = |offset: usize| Version((self.state.version().0 + offset as u64 % 3).saturating_sub(1));
        let names = self.state.changes().values().map(|change| change.name.clone());
        let compatibility = Compatibility {
            version_min: if self.first.is_multiple_of(4) { near(self.first / 4) } else { Version::BASELINE },
            version_max: (self.second.is_multiple_of(5)).then(|| near(self.second / 5 + 1)),
            understands: if self.second % 4 == 3 {
                Default::default()
            } else {
                names.chain(["c5".to_owned()]).collect()
            },
        };
        let ttl_ms = if self.first % 31 == 30 { 1 } else { 5_000 };
        let (app, instance) = ("shop".to_owned(), format!("i{}", self.first % 5));
        (Role::Client, Command::OpenSession { app, instance, compatibility, ttl_ms })
    }

    fn expire(&self) -> Asked {
        let session = self.session();
        let counter = self.state.sessions().get(&session).map_or(0, |session| session.renew_counter);
        let renew_counter = if self.second % 3 == 2 { counter.saturating_sub(1) } else { counter };
        (Role::Agent, Command::ExpireSession { session, renew_counter })
    }

    fn evict(&self) -> Asked {
        let (session, reason, force) = (self.session(), self.reason(), self.second.is_multiple_of(2));
        (Role::Operator, Command::EvictSession { session, reason, force })
    }

    fn token(&self) -> Asked {
        let expires_at = Timestamp(self.state.clock().0 + 2_000 * (1 + self.first as u64 % 50));
        (Role::Operator, Command::IssueJoinToken { token_hash: make::TOKEN.to_owned(), expires_at })
    }

    fn join(&self) -> Asked {
        let stored = serde_json::to_value(self.state).unwrap_or_default();
        if stored["join_tokens"].get(make::TOKEN).is_none() {
            return self.token();
        }
        let mut candidate = make::candidate(&format!("shard-{}", 1 + self.first % 4));
        candidate.version = if self.second.is_multiple_of(5) { self.version() } else { Version::BASELINE };
        let entry = self.state.entry(candidate.version);
        candidate.version_hash = entry.map(|entry| entry.hash.clone()).unwrap_or_default();
        candidate.fingerprint = self.schema(candidate.version);
        let (token_hash, replace) = (make::TOKEN.to_owned(), self.second.is_multiple_of(3));
        (Role::Agent, Command::JoinNode { candidate, token_hash, replace })
    }

    fn caught_up(&self) -> Asked {
        let version = self.version();
        (Role::Agent, Command::ReportCaughtUp { node: self.node(), version, fingerprint: self.schema(version) })
    }

    fn remove(&self) -> Asked {
        let name = self.state.nodes().get(&self.node()).map_or("shard-8", |node| &node.name).to_owned();
        (
            Role::Operator,
            Command::RemoveNode { node: name, reason: self.reason(), force: !self.second.is_multiple_of(4) },
        )
    }

    fn report(&self) -> Command {
        let node = self.node();
        let stale = self.second % 13 == 12;
        let version = match self.state.in_flight() {
            Some(flight) if !stale => flight.version,
            _ => self.version(),
        };
        let base = self.state.in_flight().map_or(self.state.version(), |flight| flight.base);
        let message = "disk full".to_owned();
        match self.first / 7 % 9 {
            0 | 1 => {
                let preparation = Preparation::Ready { fingerprint: self.schema(base) };
                Command::ReportPreparation { node, version, preparation }
            }
            2 => Command::ReportPreparation { node, version, preparation: make::not_ready("lag") },
            3 | 4 => Command::ReportExecuted { node, version, execution: make::execution(self.schema(version)) },
            5 => Command::ReportExecuteFailed { node, version, message },
            6 | 7 => Command::ReportReverted { node, version, fingerprint: self.schema(base) },
            _ => Command::ReportRevertFailed { node, version, message },
        }
    }
}

/// The version at which a node that does not count may become active, if there is one now.
pub(crate) fn version_to_join_at(state: &State) -> Version {
    match state.in_flight() {
        Some(InFlight { version, stage: Stage::Settling { .. }, .. }) => *version,
        Some(InFlight { base, .. }) => *base,
        None => state.version(),
    }
}

/// True for a node that cannot report on the step in flight before it is active.
pub(crate) fn is_unfit(state: &State, node: &Node) -> bool {
    let is_reverting = state.in_flight().is_some_and(|flight| matches!(flight.stage, Stage::Reverting { .. }));
    match node.status {
        Status::Active => false,
        Status::Quarantined { .. } => !is_reverting,
        Status::CatchingUp { .. } => true,
    }
}
