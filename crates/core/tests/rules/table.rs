//! The language of the tables: one event a row, its outcome behind the bar.
//!
//! Events are commands in short form (`executed shard-1 v1`), or questions (`why`, `status users`). What a row does not say has a
//! usual value: reasons are given, reports carry the schema that fits, clients can run on everything. A row that begins with
//! `as client:` has another actor than usual, one with `id r1:` a request id. `cluster 3` makes three active nodes; `all ready v1`
//! is one report of each active node. Every row takes one second; `wait 60` takes more.

use crate::make;
use lockstep_core::change::StepStatus;
use lockstep_core::command::{Command, Reply, Role, Stamped};
use lockstep_core::in_flight::{Preparation, Stage};
use lockstep_core::node::{Fingerprint, Status};
use lockstep_core::session::Compatibility;
use lockstep_core::{
    Applied, Drift, Event, LogIndex, NodeId, RequestId, SessionId, Source, State, Timestamp, Version,
};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Runs the table and compares every row.
#[track_caller]
pub(crate) fn check(table: &str) {
    let actual = World::default().run(table);
    assert!(
        normalised(table) == normalised(&actual),
        "the table comes out as\n<<<\n{actual}>>>\nfirst difference:\n{}",
        difference(table, &actual)
    );
}

fn normalised(table: &str) -> Vec<(String, String)> {
    rows(table).map(|(event, outcome)| (event.to_owned(), outcome.to_owned())).collect()
}

fn difference(expected: &str, actual: &str) -> String {
    let pairs = normalised(expected).into_iter().zip(normalised(actual));
    let first = pairs.filter(|(expected, actual)| expected != actual).map(|((event, expected), (_, actual))| {
        format!("  event     {event}\n  expected  {expected}\n  actual    {actual}\n")
    });
    first.take(1).collect()
}

fn rows(table: &str) -> impl Iterator<Item = (&str, &str)> {
    table.lines().map(str::trim).filter(|line| !line.is_empty()).map(|line| {
        let (event, outcome) = line.split_once('|').unwrap_or((line, ""));
        (event.trim(), outcome.trim())
    })
}

/// The state under test, and the names that a table uses for the ids in it.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) state: State,
    pub(crate) commands: Vec<(LogIndex, Stamped)>,
    now: u64,
    nodes: BTreeMap<String, NodeId>,
    sessions: BTreeMap<String, SessionId>,
}

/// One row, taken apart.
struct Words<'a> {
    words: Vec<&'a str>,
    role: Option<Role>,
    request: Option<&'a str>,
}

impl<'a> Words<'a> {
    fn of(event: &'a str) -> Self {
        let (mut rest, mut role, mut request) = (event, None, None);
        while let Some((prefix, event)) = rest.split_once(": ") {
            match prefix.split_once(' ') {
                Some(("as", "client")) => role = Some(Role::Client),
                Some(("as", "agent")) => role = Some(Role::Agent),
                Some(("as", "operator")) => role = Some(Role::Operator),
                Some(("id", id)) => request = Some(id),
                _ => break,
            }
            rest = event;
        }
        Self { words: rest.split_whitespace().collect(), role, request }
    }

    fn at(&self, position: usize) -> &'a str {
        self.words.get(position).copied().unwrap_or_else(|| panic!("too few words in {:?}", self.words))
    }

    fn flag(&self, word: &str) -> bool {
        self.words.contains(&word)
    }

    fn after(&self, word: &str) -> Option<&'a str> {
        let position = self.words.iter().position(|found| *found == word)?;
        self.words.get(position + 1).copied()
    }

    fn version(&self, position: usize) -> Version {
        version(self.at(position))
    }

    fn reason(&self) -> String {
        if self.flag("no-reason") { String::new() } else { "because".to_owned() }
    }
}

fn version(text: &str) -> Version {
    Version(text.strip_prefix('v').and_then(|number| number.parse().ok()).expect("a version, such as v1"))
}

impl World {
    /// Runs all rows and writes the table as it comes out.
    pub(crate) fn run(&mut self, table: &str) -> String {
        let width = rows(table).map(|(event, _)| event.len()).filter(|width| *width < 60).max().unwrap_or(0);
        let mut text = String::new();
        for (event, _) in rows(table) {
            if event.starts_with('#') {
                writeln!(text, "{event}").expect("writing to a String cannot fail");
                continue;
            }
            let outcome = self.row(event);
            let _ = writeln!(text, "{event:width$} | {outcome}");
        }
        text
    }

    fn row(&mut self, event: &str) -> String {
        let words = Words::of(event);
        self.now += 1_000;
        match words.at(0) {
            "cluster" => self.cluster(words.at(1).parse().expect("how many nodes")),
            "all" => self.all(event),
            "pass" => self.pass(words.version(1)),
            "wait" => {
                self.now += 1_000 * words.at(1).parse::<u64>().expect("seconds");
                String::new()
            }
            "why" | "remedies" | "ages" | "status" | "reasons" | "audit" | "phase" | "nodes" | "running"
            | "hurried" => self.answer(&words),
            _ => {
                let stamped = self.stamped(&words);
                let applied = self.apply(&stamped);
                self.learn(&words, &applied);
                self.outcome(&applied)
            }
        }
    }

    /// Applies a command of the table's own making.
    pub(crate) fn apply(&mut self, stamped: &Stamped) -> Applied {
        let index = LogIndex(self.state.applied().0 + 1);
        self.commands.push((index, stamped.clone()));
        self.state.apply(index, stamped)
    }

    fn stamped(&self, words: &Words<'_>) -> Stamped {
        let (role, command) = self.command(words);
        Stamped {
            at: Timestamp(words.after("stamp").map_or(self.now, |stamp| stamp.parse().expect("milliseconds"))),
            actor: make::actor(words.role.unwrap_or(role)),
            request: words.request.map(|id| RequestId(id.to_owned())),
            command,
        }
    }

    fn learn(&mut self, words: &Words<'_>, applied: &Applied) {
        for event in &applied.events {
            match event {
                Event::NodeJoined { node } => {
                    self.nodes.insert(self.state.nodes()[node].name.clone(), *node);
                }
                Event::SessionOpened { session } => {
                    self.sessions.insert(words.at(1).to_owned(), *session);
                }
                _ => {}
            }
        }
    }

    fn node(&self, name: &str) -> NodeId {
        self.nodes.get(name).copied().unwrap_or(NodeId(999))
    }

    fn session(&self, title: &str) -> SessionId {
        self.sessions.get(title).copied().unwrap_or(SessionId(999))
    }

    fn schema(&self, words: &Words<'_>, version: Version) -> Fingerprint {
        words.after("schema").map_or_else(|| make::schema_at(&self.state, version), make::fingerprint)
    }

    fn base(&self) -> Version {
        self.state.in_flight().map_or(self.state.version(), |flight| flight.base)
    }

    fn command(&self, words: &Words<'_>) -> (Role, Command) {
        match words.at(0) {
            "bootstrap" | "join" | "token" | "move" | "remove" | "caughtup" | "drift" | "accept" => {
                self.command_of_cluster(words)
            }
            "ready" | "notready" | "executed" | "failed" | "reverted" | "stuck" | "breach" => {
                (Role::Agent, self.report(words, words.at(0), self.node(words.at(1)), words.version(2)))
            }
            "open" | "ack" | "close" | "expire" | "evict" => self.command_of_session(words),
            _ => self.command_of_change(words),
        }
    }

    fn command_of_cluster(&self, words: &Words<'_>) -> (Role, Command) {
        let name = words.words.get(1).copied().unwrap_or_default();
        match words.at(0) {
            "bootstrap" => {
                let node = NodeId(words.after("id").map_or(1, |id| id.parse().expect("a node id")));
                let candidate = self.candidate(words, name);
                (Role::Agent, Command::Bootstrap { cluster_id: "c1".to_owned(), node, candidate })
            }
            "join" => {
                let token_hash = words.after("token").unwrap_or(make::TOKEN).to_owned();
                let candidate = self.candidate(words, name);
                (Role::Agent, Command::JoinNode { candidate, token_hash, replace: words.flag("replace") })
            }
            "token" => {
                let seconds: u64 = words.after("for").map_or(3_600, |seconds| seconds.parse().expect("seconds"));
                let expires_at = Timestamp(self.now + 1_000 * seconds);
                (Role::Operator, Command::IssueJoinToken { token_hash: name.to_owned(), expires_at })
            }
            "move" => {
                (Role::Agent, Command::MoveNode { node: self.node(name), addresses: make::addresses("new") })
            }
            "remove" => {
                let (node, reason, force) = (name.to_owned(), words.reason(), words.flag("force"));
                (Role::Operator, Command::RemoveNode { node, reason, force })
            }
            "drift" => {
                let (node, reason) = (self.node(name), "index x is extra".to_owned());
                let drift = words.after("schema").map(|schema| Drift {
                    version: words.after("at").map_or(self.state.version(), version),
                    fingerprint: make::fingerprint(schema),
                    differences: Vec::new(),
                    left_out: 0,
                });
                (Role::Agent, Command::ReportDrift { node, reason, drift })
            }
            "accept" => (Role::Operator, Command::AcceptNode { node: name.to_owned(), reason: words.reason() }),
            _ => {
                let version = words.version(2);
                let fingerprint = self.schema(words, version);
                (Role::Agent, Command::ReportCaughtUp { node: self.node(name), version, fingerprint })
            }
        }
    }

    fn candidate(&self, words: &Words<'_>, name: &str) -> lockstep_core::node::Candidate {
        let mut candidate = make::candidate(name);
        candidate.version = words.after("at").map(version).unwrap_or_default();
        let entry = self.state.entry(candidate.version);
        candidate.version_hash = entry.map(|entry| entry.hash.clone()).unwrap_or_default();
        if let Some(hash) = words.after("hash") {
            candidate.version_hash = hash.to_owned();
        }
        if let Some(engine) = words.after("engine") {
            candidate.engine = engine.parse().expect("an engine");
        }
        if words.flag("replica") {
            candidate.role = lockstep_core::node::Role::Replica;
        }
        if let Some(name) = words.after("database") {
            candidate.database_id = format!("database of {name}");
        }
        if let Some(format) = words.after("format") {
            candidate.command_format = format.parse().expect("a command format");
        }
        let is_bootstrapped = self.state.cluster().is_some();
        candidate.fingerprint = match words.after("schema") {
            Some(schema) => make::fingerprint(schema),
            None if is_bootstrapped => make::schema_at(&self.state, candidate.version),
            None => make::fingerprint("s0"),
        };
        candidate
    }

    fn report(&self, words: &Words<'_>, what: &str, node: NodeId, version: Version) -> Command {
        let message = || "disk full".to_owned();
        match what {
            "ready" => {
                let preparation = Preparation::Ready { fingerprint: self.schema(words, self.base()) };
                Command::ReportPreparation { node, version, preparation }
            }
            "notready" => {
                let preparation = match words.words.get(3) {
                    Some(kind) => make::not_ready(kind),
                    None => Preparation::NotReady { obstacles: Vec::new(), since: Timestamp(0) },
                };
                Command::ReportPreparation { node, version, preparation }
            }
            "executed" => {
                let execution = make::execution(self.schema(words, version));
                Command::ReportExecuted { node, version, execution }
            }
            "failed" => Command::ReportExecuteFailed { node, version, message: message() },
            "reverted" => Command::ReportReverted { node, version, fingerprint: self.schema(words, self.base()) },
            "stuck" => Command::ReportRevertFailed { node, version, message: message() },
            "breach" => Command::ReportBreach { node, version, breach: make::breach() },
            other => panic!("no report is called {other}"),
        }
    }

    fn command_of_session(&self, words: &Words<'_>) -> (Role, Command) {
        let session = self.session(words.at(1));
        match words.at(0) {
            "open" => {
                let (app, instance) = words.at(1).split_once('/').expect("app/instance");
                let understands = words.after("knows").into_iter().flat_map(|names| names.split(','));
                let compatibility = Compatibility {
                    version_min: words.after("min").map(version).unwrap_or_default(),
                    version_max: words.after("max").map(version),
                    understands: understands.map(str::to_owned).collect(),
                };
                let ttl_ms = words.after("ttl").map_or(10_000, |ttl| ttl.parse().expect("milliseconds"));
                let (app, instance) = (app.to_owned(), instance.to_owned());
                (Role::Client, Command::OpenSession { app, instance, compatibility, ttl_ms })
            }
            "ack" => (Role::Client, Command::Acknowledge { session, version: words.version(2) }),
            "close" => (Role::Client, Command::CloseSession { session }),
            "expire" => {
                let counter = self.state.sessions().get(&session).map(|session| session.renew_counter);
                let seen = words.after("counter").map(|counter| counter.parse().expect("a counter"));
                let renew_counter = seen.or(counter).unwrap_or_default();
                (Role::Agent, Command::ExpireSession { session, renew_counter })
            }
            _ => {
                let (reason, force) = (words.reason(), words.flag("force"));
                (Role::Operator, Command::EvictSession { session, reason, force })
            }
        }
    }

    fn command_of_change(&self, words: &Words<'_>) -> (Role, Command) {
        let (change, reason) = (words.words.get(1).copied().unwrap_or_default().to_owned(), words.reason());
        let hold = words.after("hold").unwrap_or("operator").to_owned();
        let command = match words.at(0) {
            "submit" => return (Role::Client, Command::SubmitChange { spec: spec(words) }),
            "approve" => {
                let now = words.flag("now").then_some(reason);
                Command::ApproveStep { change, now }
            }
            "retry" => Command::RetryChange { change },
            "wake" => return (Role::Agent, Command::Wake {}),
            "pause" => Command::HoldChange { change, hold, reason },
            "resume" => Command::ReleaseChange { change, hold },
            "cancel" => Command::CancelChange { change, reason },
            "rollback" => Command::RollbackChange { change, reason },
            other => panic!("no event is called {other}"),
        };
        (Role::Operator, command)
    }

    fn cluster(&mut self, size: usize) -> String {
        let mut rows = vec!["bootstrap shard-1".to_owned(), format!("token {}", make::TOKEN)];
        for number in 2..=size {
            rows.extend([format!("join shard-{number}"), format!("caughtup shard-{number} v0")]);
        }
        rows.iter().for_each(|row| assert!(self.row(row).starts_with("ok"), "{row}"));
        self.answer(&Words::of("nodes"))
    }

    /// One report of each active node; what each of them came to, if it is more than `ok`.
    fn all(&mut self, event: &str) -> String {
        let event = event.strip_prefix("all ").unwrap_or(event);
        let (what, rest) = event.split_once(' ').expect("what they report");
        let counts = |status: &Status| !matches!(status, Status::CatchingUp { .. });
        let nodes = self.state.nodes().values().filter(|node| counts(&node.status));
        let names: Vec<String> = nodes.map(|node| node.name.clone()).collect();
        let outcomes: Vec<String> = names.iter().map(|name| self.row(&format!("{what} {name} {rest}"))).collect();
        outcomes.into_iter().find(|outcome| outcome != "ok").unwrap_or_else(|| "ok".to_owned())
    }

    /// Everything that it takes to settle a step that is preparing.
    fn pass(&mut self, version: Version) -> String {
        let mut outcomes =
            vec![self.all(&format!("all ready v{version}")), self.all(&format!("all executed v{version}"))];
        let titles: Vec<String> = self.state.sessions().values().map(|session| session.title()).collect();
        outcomes.extend(titles.iter().map(|title| self.row(&format!("ack {title} v{version}"))));
        outcomes.pop().unwrap_or_default()
    }

    fn outcome(&self, applied: &Applied) -> String {
        let first = match &applied.result {
            Ok(Reply::Unchanged { state, .. }) => format!("as it was: {state}"),
            Ok(_) => "ok".to_owned(),
            Err(refusal) => format!("no: {refusal}"),
        };
        let told = applied.events.iter().filter_map(|event| self.told(event));
        std::iter::once(first).chain(told).collect::<Vec<_>>().join("; ")
    }

    fn told(&self, event: &Event) -> Option<String> {
        let node = |id: &NodeId| {
            let known = self.nodes.iter().find(|(_, known)| *known == id);
            known.map_or_else(|| format!("#{id}"), |(name, _)| name.clone())
        };
        Some(match event {
            Event::StepMoved { version, to, .. } => format!("v{version} -> {to}"),
            Event::Announced { version } => format!("clients are told v{version}"),
            Event::NodeActivated { node: id } => format!("{} active", node(id)),
            Event::NodeQuarantined { node: id } => format!("{} quarantined", node(id)),
            Event::NodeRemoved { node: id } => format!("{} removed", node(id)),
            Event::SessionGone { .. } => "session gone".to_owned(),
            _ => return None,
        })
    }

    fn answer(&self, words: &Words<'_>) -> String {
        match words.at(0) {
            "why" => self.gate(words, |holdout| &holdout.reason),
            "remedies" => self.gate(words, |holdout| &holdout.remedy),
            "ages" => self.ages(),
            "status" => self.status(words.at(1)),
            "reasons" => self.reasons(words.at(1)),
            "phase" => {
                let phase = self.state.phase_at(words.at(1), words.version(2));
                phase.map_or_else(|| "none".to_owned(), |phase| phase.name().to_owned())
            }
            "running" => self.running(),
            "hurried" => self.state.hurried_at().to_string(),
            "audit" => self.state.audit().back().map_or_else(String::new, |record| {
                let overridden = record.overridden.join(", ");
                format!("{}: {} [{}] overrode [{overridden}]", record.actor, record.action, record.reason)
            }),
            _ => self.nodes(),
        }
    }

    /// What the cluster waits for, or the change that is named.
    fn gate(&self, words: &Words<'_>, part: fn(&lockstep_core::holdout::Holdout) -> &str) -> String {
        let gate = match words.words.get(1) {
            None => self.state.gate(),
            Some(name) => self.state.change_named(name).and_then(|change| self.state.gate_of(change.id)),
        };
        let Some(gate) = gate else { return "nothing to do".to_owned() };
        let holdouts: Vec<String> =
            gate.holdouts.iter().map(|holdout| format!("{}: {}", holdout.name, part(holdout))).collect();
        format!("{}/{} {}: {}", gate.change_name, gate.step_name, gate.stage, holdouts.join("; "))
    }

    fn ages(&self) -> String {
        let Some(gate) = self.state.gate() else { return "nothing to do".to_owned() };
        let seconds = |since: Timestamp| Timestamp(self.now).since_ms(since) / 1_000;
        let holdouts: Vec<String> =
            gate.holdouts.iter().map(|holdout| format!("{} {} s", holdout.name, seconds(holdout.since))).collect();
        let blocked = if Timestamp(self.now) >= gate.blocked_at { ", BLOCKED" } else { "" };
        format!("{} {} s{blocked}: {}", gate.stage, seconds(gate.since), holdouts.join("; "))
    }

    fn status(&self, name: &str) -> String {
        let Some(change) = self.state.change_named(name) else { return "unknown".to_owned() };
        let is_reverting =
            self.state.in_flight().is_some_and(|flight| matches!(flight.stage, Stage::Reverting { .. }));
        let steps: Vec<String> = change
            .steps
            .iter()
            .map(|record| {
                let status = serde_json::to_value(&record.status).expect("a status serialises");
                let version = status.get("version").map(|version| format!(" v{version}")).unwrap_or_default();
                format!("{} {}{version}", record.step.name, status["kind"].as_str().unwrap_or_default())
            })
            .collect();
        format!("{}: {}", change.status(is_reverting).name(), steps.join(", "))
    }

    /// Why steps of a change were undone.
    fn reasons(&self, name: &str) -> String {
        let records = self.state.change_named(name).into_iter().flat_map(|change| &change.steps);
        let reasons = records.filter_map(|record| match &record.status {
            StepStatus::Reverted { reason, .. } => Some(format!("{}: {reason}", record.step.name)),
            _ => None,
        });
        reasons.collect::<Vec<_>>().join("; ")
    }

    fn nodes(&self) -> String {
        let nodes = self.state.nodes().values().map(|node| {
            let status = match &node.status {
                Status::Active => "",
                Status::CatchingUp { holds_gates: true, .. } => " (replaces)",
                Status::CatchingUp { .. } => " (catching up)",
                Status::Quarantined { .. } => " (quarantined)",
            };
            format!("{} v{}{status}", node.name, node.version)
        });
        nodes.collect::<Vec<_>>().join(", ")
    }

    /// What clients run, and how far apart the versions in use are.
    fn running(&self) -> String {
        let sessions = self.state.sessions().values().map(|session| {
            let owes = if self.state.owes_acknowledgement(session.id) { " owes" } else { "" };
            format!("{} v{}{owes}", session.title(), session.acknowledged)
        });
        let sessions = sessions.collect::<Vec<_>>().join(", ");
        format!("announced v{}; spread {}; {sessions}", self.state.announced(), self.state.spread())
    }
}

/// `submit NAME STEP... [engine E] [deadline SECONDS] [retention SECONDS] [holding TEXT]`; with a text it is made of a file.
fn spec(words: &Words<'_>) -> lockstep_core::change::Spec {
    let is_step =
        |word: &&&str| !word.chars().all(char::is_numeric) && !["engine", "deadline", "retention"].contains(*word);
    let is_engine = |word: &str| word == "postgres" || word == "sqlite";
    let text = words.after("holding");
    let is_of_file = |word: &str| word == "holding" || Some(word) == text;
    let steps = words.words[2..].iter().filter(is_step).filter(|word| !is_engine(word) && !is_of_file(word));
    let name = if words.at(1) == "unnamed" { "" } else { words.at(1) };
    let mut spec = make::spec(name, steps.map(|word| make::step(word)).collect());
    if let Some(engine) = words.after("engine") {
        spec.engine = engine.parse().expect("an engine");
    }
    if let Some(seconds) = words.after("deadline") {
        spec.block_deadline_ms = 1_000 * seconds.parse::<u64>().expect("seconds");
    }
    if let Some(seconds) = words.after("retention") {
        spec.retention_ms = Some(1_000 * seconds.parse::<u64>().expect("seconds"));
    }
    spec.source = text.map(|text| Source::of(&format!("{name}.sql"), text.as_bytes()));
    spec
}
