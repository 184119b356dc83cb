//! What must hold after every command, whatever came before: DESIGN.md's invariants, written down a second time and apart from
//! the code under test.

use lockstep_core::command::{Command, Role, Stamped};
use lockstep_core::event::Event;
use lockstep_core::holdout::Subject;
use lockstep_core::in_flight::{InFlight, Preparation, Stage};
use lockstep_core::node::{Node, Status};
use lockstep_core::session::Session;
use lockstep_core::version::{Entry, GENESIS_HASH, Outcome};
use lockstep_core::{Applied, LogIndex, NodeId, Refusal, Reply, RequestId, SessionId, State, Version};
use std::collections::{BTreeMap, BTreeSet};

/// What it says when it does not hold: the number of the invariant, and what was found.
pub(crate) type Broken = String;

macro_rules! require {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err(format!($($text)+));
        }
    };
}

/// Looks at one command after the other.
#[derive(Default)]
pub(crate) struct Invariants {
    answers: BTreeMap<RequestId, (Command, Result<Reply, Refusal>)>,
    node_ids: BTreeSet<NodeId>,
    fence: LogIndex,
}

/// One command with the state before and after it.
pub(crate) struct Applying<'a> {
    pub(crate) before: &'a State,
    pub(crate) index: LogIndex,
    pub(crate) stamped: &'a Stamped,
    pub(crate) applied: &'a Applied,
    pub(crate) after: &'a State,
}

impl Invariants {
    pub(crate) fn check(&mut self, applying: &Applying<'_>) -> Result<(), Broken> {
        let state = applying.after;
        clock_and_index(applying)?;
        two_versions(state)?;
        version_log(applying.before, state)?;
        nodes_are_at_the_version_of_the_stage(state)?;
        clients_can_run_at_every_version_in_use(state)?;
        no_version_is_pulled_from_under_clients(applying)?;
        bookkeeping(state)?;
        nothing_waits_silently(state)?;
        refusals_change_nothing(applying)?;
        sessions_leave_by_the_door(applying)?;
        holdouts_are_passed_by_force_only(applying)?;
        moves_are_earned(applying)?;
        self.requests_take_effect_once(applying)?;
        self.node_ids_are_new(applying)?;
        self.fences_rise(state)
    }

    /// 6
    fn requests_take_effect_once(&mut self, applying: &Applying<'_>) -> Result<(), Broken> {
        let Some(request) = &applying.stamped.request else { return Ok(()) };
        let (command, result) = (&applying.stamped.command, &applying.applied.result);
        let Some((first, answer)) = self.answers.get(request) else {
            self.answers.insert(request.clone(), (command.clone(), result.clone()));
            return Ok(());
        };
        if first == command {
            require!(result == answer, "6: request {request} was answered {answer:?}, and then {result:?}");
        } else {
            let reused = Refusal::RequestReused { request: request.clone() };
            require!(*result == Err(reused), "6: request {request} was reused and answered {result:?}");
        }
        require!(applying.applied.events.is_empty(), "6: a repeat of {request} made events");
        require!(is_untouched(applying), "6: a repeat of {request} took effect");
        Ok(())
    }

    /// 13
    fn node_ids_are_new(&mut self, applying: &Applying<'_>) -> Result<(), Broken> {
        for id in applying.after.nodes().keys().filter(|id| !applying.before.nodes().contains_key(id)) {
            require!(self.node_ids.insert(*id), "13: node id {id} is used again");
        }
        Ok(())
    }

    /// 12, as far as the state hands out the fences
    fn fences_rise(&mut self, state: &State) -> Result<(), Broken> {
        let fence = match state.in_flight().map(|flight| &flight.stage) {
            Some(Stage::Executing { confirm, .. } | Stage::Settling { confirm, .. }) => *confirm,
            Some(Stage::Reverting { fence, .. }) => *fence,
            _ => self.fence,
        };
        require!(fence >= self.fence, "12: fence {fence} after {}", self.fence);
        self.fence = fence;
        Ok(())
    }
}

fn clock_and_index(applying: &Applying<'_>) -> Result<(), Broken> {
    let (before, after) = (applying.before.clock(), applying.after.clock());
    require!(after == before.max(applying.stamped.at), "5: the clock went from {before} to {after}");
    require!(applying.after.applied() == applying.index, "5: applied is {}", applying.after.applied());
    Ok(())
}

/// 1
fn two_versions(state: &State) -> Result<(), Broken> {
    let effective = |version: Version| -> usize {
        let is_effective = |entry: &&Entry| !matches!(entry.outcome, Outcome::Reverted { .. });
        state.version_log().iter().filter(|entry| entry.version <= version).filter(is_effective).count()
    };
    let nodes = state.nodes().values().filter(|node| node.is_active()).map(|node| node.version);
    let sessions = state.sessions().values().map(|session| session.acknowledged);
    let told = state.sessions().keys().filter(|id| state.owes_acknowledgement(**id)).map(|_| state.announced());
    let used: BTreeSet<usize> = nodes.chain(sessions).chain(told).map(effective).collect();
    let spread = used.last().unwrap_or(&0) - used.first().unwrap_or(&0);
    require!(spread <= 1, "1: the versions in use are {spread} apart");
    require!(spread == state.spread(), "1: spread() says {} and not {spread}", state.spread());
    Ok(())
}

/// 4
fn version_log(before: &State, after: &State) -> Result<(), Broken> {
    let (was, is) = (before.version_log(), after.version_log());
    require!(is.len() >= was.len(), "4: the version log became shorter");
    was.iter().zip(is).try_for_each(|(was, is)| only_the_outcome_moves(was, is))?;
    let (mut settled, mut previous) = (Version::BASELINE, GENESIS_HASH);
    for (number, entry) in (1..).zip(is) {
        require!(entry.version == Version(number), "4: entry {number} has version {}", entry.version);
        require!(entry.base == settled, "4: entry {number} builds on {} and not on {settled}", entry.base);
        let is_last = number as usize == is.len();
        let is_in_flight = entry.outcome == Outcome::InFlight;
        require!(
            is_in_flight == (is_last && after.in_flight().is_some()),
            "4: entry {number}: {:?}",
            entry.outcome
        );
        if number as usize > was.len() {
            chained(after, entry, previous)?;
        }
        if matches!(entry.outcome, Outcome::Settled { .. }) {
            settled = entry.version;
        }
        previous = &entry.hash;
    }
    require!(after.version() == settled, "4: the version is {} and {settled} settled", after.version());
    Ok(())
}

fn chained(state: &State, entry: &Entry, previous: &str) -> Result<(), Broken> {
    let version = entry.version;
    require!(entry.previous_hash == previous, "4: entry {version} does not follow the one before");
    require!(entry.hash == entry.compute_hash(), "4: the hash of entry {version} is wrong");
    let is_its_step = entry.step_hash == state.record_of(entry).step.content_hash();
    require!(is_its_step, "4: the step of entry {version} is another one");
    Ok(())
}

fn only_the_outcome_moves(was: &Entry, is: &Entry) -> Result<(), Broken> {
    if was == is {
        return Ok(());
    }
    let same = Entry { outcome: was.outcome.clone(), ..is.clone() };
    require!(*was == same, "4: entry {} changed", was.version);
    require!(was.outcome == Outcome::InFlight, "4: the outcome of entry {} changed again", was.version);
    require!(is.hash == is.compute_hash(), "4: the hash of entry {} does not hold any more", is.version);
    Ok(())
}

fn counts(node: &Node) -> bool {
    !matches!(node.status, Status::CatchingUp { holds_gates: false, .. })
}

fn nodes_are_at_the_version_of_the_stage(state: &State) -> Result<(), Broken> {
    require!(state.cluster().is_none() || state.nodes().values().any(counts), "14: nobody is left to go on");
    for node in state.nodes().values().filter(|node| node.is_active()) {
        let allowed = match state.in_flight() {
            None => vec![state.version()],
            Some(InFlight { base, stage: Stage::Preparing { .. }, .. }) => vec![*base],
            Some(InFlight { version, stage: Stage::Settling { .. }, .. }) => vec![*version],
            Some(InFlight { base, version, .. }) => vec![*base, *version],
        };
        require!(allowed.contains(&node.version), "7: node {} is at {}, not {allowed:?}", node.name, node.version);
    }
    Ok(())
}

/// 7
fn clients_can_run_at_every_version_in_use(state: &State) -> Result<(), Broken> {
    for session in state.sessions().values() {
        for version in state.versions_in_use() {
            let problem = state.incompatibility(&session.compatibility, version);
            require!(problem.is_none(), "7: session {} at {version}: {problem:?}", session.id);
        }
        let used = session.acknowledged;
        let problem = state.incompatibility(&session.compatibility, used);
        require!(problem.is_none(), "7: session {} uses {used}: {problem:?}", session.id);
    }
    Ok(())
}

/// While clients step back from a version, every node that has it keeps it, and none without it becomes active.
fn no_version_is_pulled_from_under_clients(applying: &Applying<'_>) -> Result<(), Broken> {
    let Some(InFlight { stage: Stage::Reverting { owing, .. }, version, .. }) = applying.after.in_flight() else {
        return Ok(());
    };
    if owing.is_empty() {
        return Ok(());
    }
    for node in applying.after.nodes().values().filter(|node| node.is_active()) {
        require!(node.version == *version, "1: node {} is at {} under clients", node.name, node.version);
    }
    Ok(())
}

fn is_unready(state: &State, flight: &InFlight, session: &Session) -> bool {
    let cannot = |version| state.incompatibility(&session.compatibility, version).is_some();
    cannot(flight.base) || cannot(flight.version) || session.acknowledged != flight.base
}

fn bookkeeping(state: &State) -> Result<(), Broken> {
    let named: BTreeSet<SessionId> = state
        .holdouts()
        .filter_map(|holdout| match holdout.subject {
            Subject::Session(id) => Some(id),
            _ => None,
        })
        .collect();
    let waited_for: BTreeSet<SessionId> = match state.in_flight() {
        Some(flight) if matches!(flight.stage, Stage::Preparing { .. }) => {
            state.sessions().values().filter(|session| is_unready(state, flight, session)).map(|s| s.id).collect()
        }
        _ => state.sessions().keys().filter(|id| state.owes_acknowledgement(**id)).copied().collect(),
    };
    require!(named == waited_for, "14: sessions {waited_for:?} are waited for, and {named:?} named");
    if let Some(Stage::Settling { owing, .. } | Stage::Reverting { owing, .. }) =
        state.in_flight().map(|f| &f.stage)
    {
        require!(owing.iter().all(|id| state.sessions().contains_key(id)), "8: a dead session owes");
    }
    require!(state.audit().iter().map(|record| record.index).is_sorted(), "9: the audit trail is out of order");
    if state.applied().0.is_multiple_of(16) {
        let stored = serde_json::to_value(state).map_err(|error| error.to_string())?;
        let requests = stored["requests"].as_object().map_or(0, serde_json::Map::len);
        require!(stored["request_order"].as_array().map(Vec::len) == Some(requests), "6: {requests} answers");
    }
    Ok(())
}

/// 14
fn nothing_waits_silently(state: &State) -> Result<(), Broken> {
    let is_unfinished =
        state.changes().values().any(|change| change.steps.iter().any(|step| step.is_unfinished()));
    let gate = state.gate();
    require!(gate.is_some() == is_unfinished, "14: unfinished is {is_unfinished}, and the gate {gate:?}");
    let Some(gate) = gate else { return Ok(()) };
    require!(!gate.holdouts.is_empty(), "14: {}/{} waits for nobody", gate.change_name, gate.step_name);
    require!(gate.since <= state.clock(), "14: it waits since {}", gate.since);
    for holdout in &gate.holdouts {
        let is_named =
            [&holdout.name, &holdout.reason, &holdout.remedy].iter().all(|text| !text.trim().is_empty());
        require!(is_named && holdout.since <= state.clock(), "14: {holdout:?}");
    }
    Ok(())
}

/// Whether nothing differs that a command may change only when it is accepted.
fn is_untouched(applying: &Applying<'_>) -> bool {
    let (before, after) = (applying.before, applying.after);
    before.nodes() == after.nodes()
        && before.sessions() == after.sessions()
        && before.in_flight() == after.in_flight()
        && before.changes() == after.changes()
        && before.version_log() == after.version_log()
        && before.audit() == after.audit()
        && before.cluster() == after.cluster()
        // The whole state is slow to compare: now and then is often enough.
        && (!applying.index.0.is_multiple_of(8) || essence(before) == essence(after))
}

fn essence(state: &State) -> serde_json::Value {
    let mut stored = serde_json::to_value(state).unwrap_or_default();
    for field in ["applied", "clock", "requests", "request_order"] {
        stored[field] = serde_json::Value::Null;
    }
    stored
}

fn refusals_change_nothing(applying: &Applying<'_>) -> Result<(), Broken> {
    if let Err(refusal) = &applying.applied.result {
        require!(applying.applied.events.is_empty(), "refused ({refusal}) with events");
        require!(is_untouched(applying), "refused ({refusal}) and yet changed");
    }
    Ok(())
}

/// 8
fn sessions_leave_by_the_door(applying: &Applying<'_>) -> Result<(), Broken> {
    for (id, was) in applying.before.sessions() {
        if applying.after.sessions().contains_key(id) {
            continue;
        }
        let role = applying.stamped.actor.role;
        let is_valid = match &applying.stamped.command {
            Command::CloseSession { session } => session == id,
            Command::ExpireSession { session, renew_counter } => {
                session == id && *renew_counter == was.renew_counter && role == Role::Agent
            }
            Command::EvictSession { session, reason, force: true } => {
                session == id && role == Role::Operator && !reason.trim().is_empty()
            }
            _ => false,
        };
        require!(is_valid, "8: session {id} is gone by {:?}", applying.stamped.command);
    }
    Ok(())
}

/// 9
fn holdouts_are_passed_by_force_only(applying: &Applying<'_>) -> Result<(), Broken> {
    let (before, after) = (applying.before, applying.after);
    for holdout in before.holdouts() {
        let (is_gone, by_itself) = match holdout.subject {
            Subject::Node(id) => (!after.nodes().contains_key(&id), is_replacing(applying)),
            Subject::Session(id) => {
                let command = &applying.stamped.command;
                let leaves = matches!(command, Command::CloseSession { .. } | Command::ExpireSession { .. });
                (!after.sessions().contains_key(&id), leaves)
            }
            Subject::Operator(_) | Subject::Change(_) | Subject::Time(_) | Subject::Cluster => (false, true),
        };
        if !is_gone || by_itself {
            continue;
        }
        let record = after.audit().back().filter(|record| record.index == applying.index);
        let names = |text: &String| text.contains(&holdout.name);
        let stands = record.is_some_and(|r| !r.reason.trim().is_empty() && r.overridden.iter().any(names));
        let role = applying.stamped.actor.role;
        require!(role == Role::Operator && stands, "9: {} was passed by {role:?}, {record:?}", holdout.name);
    }
    Ok(())
}

/// A node that is replaced is waited for under its new id, and nothing moved.
fn is_replacing(applying: &Applying<'_>) -> bool {
    let (before, after) = (applying.before, applying.after);
    let Command::JoinNode { candidate, replace: true, .. } = &applying.stamped.command else { return false };
    let waits = after.node_named(&candidate.name).is_some_and(counts);
    waits && before.in_flight().map(|f| f.stage.name()) == after.in_flight().map(|f| f.stage.name())
}

/// 2, 10, 11: each step's move forward is checked against what all had said by then.
fn moves_are_earned(applying: &Applying<'_>) -> Result<(), Broken> {
    for event in &applying.applied.events {
        if let Event::StepMoved { version, to, change, step } = event {
            let entry = applying.after.entry(*version).ok_or("4: a version without an entry")?;
            require!(entry.change == *change && entry.step == *step, "4: entry {version} is of another step");
            let verdict = match to.as_str() {
                "executing" => confirmed(applying, entry),
                "settling" => executed(applying.after, entry),
                "settled" => settled(applying.after, entry),
                "reverted" => reverted(applying, entry),
                _ => Ok(()),
            };
            verdict.map_err(|broken| format!("v{version} -> {to}: {broken}"))?;
        }
    }
    Ok(())
}

/// A step is confirmed when all are ready and every client can run at both versions, and has acknowledged the base.
fn confirmed(applying: &Applying<'_>, entry: &Entry) -> Result<(), Broken> {
    let state = applying.after;
    let reports = match applying.before.in_flight().map(|flight| &flight.stage) {
        Some(Stage::Preparing { reports }) => reports.clone(),
        _ => BTreeMap::new(),
    };
    for node in state.nodes().values().filter(|node| counts(node)) {
        let says_so_now = matches!(&applying.stamped.command, Command::ReportPreparation { node: id, preparation: Preparation::Ready { .. }, .. } if *id == node.id);
        let said_so = matches!(reports.get(&node.id), Some(Preparation::Ready { .. }));
        require!(node.is_active() && (said_so || says_so_now), "2: node {} is not ready", node.name);
        require!(node.version == entry.base, "2: node {} is at {}", node.name, node.version);
    }
    for session in state.sessions().values() {
        require!(session.acknowledged == entry.base, "10: session {} uses {}", session.id, session.acknowledged);
        for version in [entry.base, entry.version] {
            let problem = state.incompatibility(&session.compatibility, version);
            require!(problem.is_none(), "10: session {} at {version}: {problem:?}", session.id);
        }
    }
    let (change, record) = (&state.changes()[&entry.change], state.record_of(entry));
    require!(!change.is_held(), "change {} is held", change.name);
    require!(
        !record.step.needs_approval || record.approval.is_some(),
        "step {} is not approved",
        record.step.name
    );
    Ok(())
}

fn executed(state: &State, entry: &Entry) -> Result<(), Broken> {
    for node in state.nodes().values().filter(|node| counts(node)) {
        require!(node.is_active(), "1: node {} is {:?}", node.name, node.status);
        require!(node.version == entry.version, "1: node {} is at {}", node.name, node.version);
    }
    Ok(())
}

fn settled(state: &State, entry: &Entry) -> Result<(), Broken> {
    executed(state, entry)?;
    let Outcome::Settled { fingerprint, .. } = &entry.outcome else {
        return Err("4: it has not settled".to_owned());
    };
    for node in state.nodes().values().filter(|node| node.is_active()) {
        require!(node.fingerprint == *fingerprint, "1: node {} has schema {}", node.name, node.fingerprint);
    }
    for session in state.sessions().values() {
        require!(session.acknowledged == entry.version, "10: session {} has not acknowledged", session.id);
    }
    Ok(())
}

/// 11
fn reverted(applying: &Applying<'_>, entry: &Entry) -> Result<(), Broken> {
    let state = applying.after;
    for session in state.sessions().values() {
        require!(session.acknowledged == entry.base, "1: session {} uses {}", session.id, session.acknowledged);
    }
    let was_preparing =
        applying.before.in_flight().is_some_and(|flight| matches!(flight.stage, Stage::Preparing { .. }));
    if was_preparing {
        return Ok(());
    }
    for node in state.nodes().values().filter(|node| counts(node)) {
        require!(node.version == entry.base, "11: node {} is at {}", node.name, node.version);
        let expected = state.expected_fingerprint(entry.base);
        let has = &node.fingerprint;
        require!(Some(has) == expected, "11: node {} has schema {has} and not {expected:?}", node.name);
    }
    Ok(())
}
