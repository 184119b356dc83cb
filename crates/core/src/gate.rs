//! The gate: decides, from the state alone, what may happen next. Level-triggered: it asks what *is*, not what changed.
//!
//! One question serves both the machine and people: [`holdouts`](State::holdouts) lists whom the present stage waits for. The
//! stage is left when that list is empty, so nothing can wait for something that an operator does not see.

use crate::change::StepStatus;
use crate::event::Event;
use crate::holdout::{Gate, Holdout, Subject};
use crate::ids::{ChangeId, LogIndex, NodeId, Timestamp, Version};
use crate::in_flight::{InFlight, RevertReason, Stage};
use crate::node::Fingerprint;
use crate::state::{Context, State};
use crate::version::{Entry, GENESIS_HASH, Outcome};
use std::collections::{BTreeMap, BTreeSet};

/// Moves until nothing more is enabled.
pub(crate) fn advance(state: &mut State, context: &mut Context<'_>) {
    while advance_once(state, context) {}
}

fn advance_once(state: &mut State, context: &mut Context<'_>) -> bool {
    ask_for_approval(state, context);
    if state.holdouts().any(|holdout| !is_over(state, &holdout)) {
        return false;
    }
    match state.in_flight.as_ref().map(|flight| &flight.stage) {
        None => match state.candidate() {
            None => return false,
            Some((change, step)) => start_preparing(state, context, change, step),
        },
        Some(Stage::Preparing { .. }) => confirm(state, context),
        Some(Stage::Executing { .. }) => start_settling(state, context),
        Some(Stage::Settling { .. }) => settle(state, context),
        Some(Stage::Reverting { .. }) => finish_reverting(state, context),
    }
    true
}

/// A time that has come is shown until a command is accepted after it: nothing waits for what is not shown.
fn is_over(state: &State, holdout: &Holdout) -> bool {
    matches!(holdout.subject, Subject::Time(_)) && state.due_at().is_some_and(|due| due <= state.clock)
}

fn ask_for_approval(state: &mut State, context: &mut Context<'_>) {
    if state.in_flight.is_some() {
        return;
    }
    let Some((change, step)) = state.candidate() else { return };
    let since = context.at;
    let record = state.record_mut(change, step);
    if record.awaits_approval() && record.status == StepStatus::Queued {
        record.status = StepStatus::AwaitingApproval { since };
        context.events.push(Event::ChangeUpdated { change });
    }
}

fn start_preparing(state: &mut State, context: &mut Context<'_>, change: ChangeId, step: usize) {
    let version = Version(state.log.len() as u64 + 1);
    let mut entry = Entry {
        version,
        base: state.version,
        change,
        step,
        step_hash: state.changes[&change].steps[step].step.content_hash(),
        previous_hash: state.log.last().map_or(GENESIS_HASH, |entry| &entry.hash).to_owned(),
        hash: String::new(),
        at: context.at,
        outcome: Outcome::InFlight,
    };
    entry.hash = entry.compute_hash();
    state.log.push(entry);
    state.in_flight = Some(InFlight {
        change,
        step,
        version,
        base: state.version,
        since: context.at,
        stage: Stage::Preparing { reports: BTreeMap::new() },
        hurried_at: LogIndex::default(),
    });
    state.set_step(context, StepStatus::InFlight { version }, "preparing");
    state.unready_sessions =
        state.sessions.values().filter(|s| state.session_problem(s).is_some()).map(|s| s.id).collect();
}

fn confirm(state: &mut State, context: &mut Context<'_>) {
    let confirm = context.index;
    enter(state, context, Stage::Executing { confirm, executed: BTreeMap::new(), failures: BTreeMap::new() });
}

fn start_settling(state: &mut State, context: &mut Context<'_>) {
    let owing = state.sessions.keys().copied().collect();
    if let Some(InFlight { stage: Stage::Executing { confirm, .. }, version, .. }) = state.in_flight {
        enter(state, context, Stage::Settling { confirm, owing });
        announce(state, context, version);
    }
}

/// Undoes the step in flight. Before its confirmation no node has executed, so there is nothing to wait for.
pub(crate) fn start_reverting(state: &mut State, context: &mut Context<'_>, reason: RevertReason) {
    let Some(flight) = &state.in_flight else { return };
    let base = flight.base;
    let (owing, reverted): (BTreeSet<_>, BTreeSet<_>) = match flight.stage {
        Stage::Preparing { .. } => (BTreeSet::new(), state.nodes.keys().copied().collect()),
        Stage::Settling { .. } => (state.sessions.keys().copied().collect(), BTreeSet::new()),
        _ => (BTreeSet::new(), BTreeSet::new()),
    };
    let was_announced = matches!(flight.stage, Stage::Settling { .. });
    let fence = context.index;
    enter(state, context, Stage::Reverting { fence, reason, owing, reverted, failures: BTreeMap::new() });
    if was_announced {
        announce(state, context, base);
    }
}

fn announce(state: &mut State, context: &mut Context<'_>, version: Version) {
    state.announced_at = context.index;
    context.events.push(Event::Announced { version });
}

fn enter(state: &mut State, context: &mut Context<'_>, stage: Stage) {
    let Some(flight) = &mut state.in_flight else { return };
    state.unready_sessions.clear();
    flight.stage = stage;
    flight.since = context.at;
    context.events.push(Event::StepMoved {
        change: flight.change,
        step: flight.step,
        version: flight.version,
        to: flight.stage.name().to_owned(),
    });
}

fn settle(state: &mut State, context: &mut Context<'_>) {
    let Some(InFlight { stage: Stage::Settling { confirm, .. }, change, step, version, .. }) = state.in_flight
    else {
        return;
    };
    let fingerprint = fingerprint_at(state, version).expect("a settling version is held by an active node");
    let at = context.at;
    state.set_step(context, StepStatus::Settled { version, at }, "settled");
    if let Some(entry) = state.log.last_mut() {
        entry.outcome = Outcome::Settled { at, confirm, fingerprint };
    }
    state.version = version;
    state.in_flight = None;
    let record = state.changes[&change].steps[step].rollback_of;
    if let Some(undone) = record.and_then(|index| Some((index, state.changes[&change].settled_version(index)?))) {
        let (index, made) = undone;
        state.record_mut(change, index).status = StepStatus::RolledBack { version: made, by: version };
    }
}

fn finish_reverting(state: &mut State, context: &mut Context<'_>) {
    let Some(InFlight { stage: Stage::Reverting { reason, .. }, change, step, version, .. }) = &state.in_flight
    else {
        return;
    };
    let (change, step, version, reason, at) = (*change, *step, *version, reason.clone(), context.at);
    state.set_step(context, StepStatus::Reverted { version, at, reason }, "reverted");
    if let Some(entry) = state.log.last_mut() {
        entry.outcome = Outcome::Reverted { at };
    }
    state.in_flight = None;
    // A forward step that fails leaves the rollback of the settled ones to go on; a reverting step that fails stops it all.
    let was_rollback = state.changes[&change].steps[step].is_rollback();
    for record in &mut state.change_mut(change).steps {
        if record.has_not_started() && (was_rollback || !record.is_rollback()) {
            record.status = StepStatus::Cancelled;
        }
    }
}

/// True when the step in flight can be undone after its confirmation.
pub(crate) fn is_reversible(state: &State) -> bool {
    state.record_in_flight().is_some_and(|record| record.step.revert.is_some())
}

/// The schema that a node must have at `version`: as settled, or, for the version in flight, as it must become.
pub(crate) fn fingerprint_at(state: &State, version: Version) -> Option<Fingerprint> {
    let Some(flight) = state.in_flight.as_ref().filter(|flight| flight.version == version) else {
        return state.expected_fingerprint(version).cloned();
    };
    let record = state.record_in_flight()?;
    if !record.step.forward.changes_schema() {
        return state.expected_fingerprint(flight.base).cloned();
    }
    let undone = record.rollback_of.and_then(|index| state.changes[&flight.change].settled_version(index));
    // What was accepted since stays when the step is undone, and nobody has seen the two together.
    let has_stayed_alone = |entry: &&Entry| state.accepted.keys().all(|version| *version <= entry.base);
    if let Some(entry) = undone.and_then(|version| state.entry(version)).filter(has_stayed_alone) {
        return state.expected_fingerprint(entry.base).cloned();
    }
    // What the first node got is what all must get; a node that drifted since counts only when there is no other.
    let holders = || state.nodes.values().filter(|node| node.counts() && node.version == version);
    let holder = holders().find(|node| node.is_active()).or_else(|| holders().next());
    holder.map(|node| node.fingerprint.clone())
}

/// What a gate now waits for from this node, in words.
pub(crate) fn node_holdouts(state: &State, id: NodeId) -> Vec<String> {
    let is_it = |holdout: &Holdout| holdout.subject == Subject::Node(id);
    state.holdouts().filter(is_it).map(|holdout| format!("{} ({})", holdout.name, holdout.reason)).collect()
}

impl State {
    /// The schema that a node at `version` must have: as settled, or, for the version in flight, as it must become. `None`
    /// when the log does not tell: the version in flight changes the schema and no node holds it yet.
    #[must_use]
    pub fn required_fingerprint(&self, version: Version) -> Option<Fingerprint> {
        fingerprint_at(self, version)
    }

    /// The change and step whose turn it is when no step is in flight: changes run in the order of their submission. One that
    /// has begun goes on, even when an older one is tried again meanwhile.
    pub(crate) fn candidate(&self) -> Option<(ChangeId, usize)> {
        let begun = self.log.last().and_then(|entry| self.changes.get(&entry.change));
        begun.into_iter().chain(self.changes.values()).find_map(|change| Some((change.id, change.next_step()?)))
    }

    /// What the cluster waits for now; `None` when there is nothing to do.
    #[must_use]
    pub fn gate(&self) -> Option<Gate> {
        let (id, step, version, stage, since) = self.present_stage()?;
        let change = &self.changes[&id];
        Some(Gate {
            change: id,
            change_name: change.name.clone(),
            step,
            step_name: change.steps[step].step.name.clone(),
            version,
            stage,
            since,
            // Nothing is wrong with a step that is kept waiting on purpose.
            blocked_at: Timestamp(
                since.max(self.kept_until().unwrap_or(since)).0.saturating_add(change.block_deadline_ms),
            ),
            holdouts: self.holdouts().collect(),
        })
    }

    /// What one change waits for; `None` when nothing of it is left to do.
    #[must_use]
    pub fn gate_of(&self, id: ChangeId) -> Option<Gate> {
        let first = self.gate()?;
        if first.change == id {
            return Some(first);
        }
        let change = self.changes.get(&id)?;
        let step = change.next_step()?;
        Some(Gate {
            change: id,
            change_name: change.name.clone(),
            step,
            step_name: change.steps[step].step.name.clone(),
            version: None,
            stage: "queued".to_owned(),
            since: change.submitted_at,
            blocked_at: first.blocked_at.max(change.submitted_at),
            holdouts: vec![self.behind(&first)],
        })
    }

    fn last_outcome_at(&self) -> Timestamp {
        match self.log.last().map(|entry| &entry.outcome) {
            Some(Outcome::Settled { at, .. } | Outcome::Reverted { at }) => *at,
            Some(Outcome::InFlight) | None => Timestamp::default(),
        }
    }

    fn present_stage(&self) -> Option<(ChangeId, usize, Option<Version>, String, Timestamp)> {
        if let Some(flight) = &self.in_flight {
            let stage = flight.stage.name().to_owned();
            return Some((flight.change, flight.step, Some(flight.version), stage, flight.since));
        }
        let (id, step) = self.candidate()?;
        let change = &self.changes[&id];
        let (stage, since) = match change.steps[step].status {
            StepStatus::AwaitingApproval { since } => ("awaiting_approval", since),
            // Its turn came when it was submitted, or when the step before it was done.
            _ => ("queued", change.submitted_at.max(self.last_outcome_at())),
        };
        Some((id, step, None, stage.to_owned(), since))
    }
}
