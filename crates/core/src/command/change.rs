//! Changes: submit, approve, cancel.
//!
//! What an operator wishes twice is fulfilled once: the second time the answer says how it is, and nothing changes. An error is only
//! what contradicts the state. docs/operating.md has the answer for every state; its tables are a test.

use super::Reply;
use crate::change::{Approval, Change, Spec, Status, StepRecord, StepStatus};
use crate::event::Event;
use crate::gate;
use crate::ids::{ChangeId, Timestamp};
use crate::in_flight::{InFlight, RevertReason, Stage};
use crate::refusal::Refusal;
use crate::state::{Context, State, require_reason};
use crate::version::Outcome;

pub(super) fn submit(state: &mut State, context: &mut Context<'_>, spec: &Spec) -> Result<Reply, Refusal> {
    let engine = state.require_cluster()?.engine;
    if spec.engine != engine {
        return Err(Refusal::WrongEngine { subject: spec.name.clone(), found: spec.engine, expected: engine });
    }
    if let Some(problem) = spec.problem() {
        return Err(Refusal::InvalidChange { name: spec.name.clone(), problem });
    }
    if let Some(known) = state.change_named(&spec.name) {
        return Err(name_taken(known, spec));
    }
    let id = ChangeId(context.index.0);
    let change = Change {
        id,
        name: spec.name.clone(),
        description: spec.description.clone(),
        block_deadline_ms: spec.block_deadline_ms,
        retention_ms: spec.retention_ms.unwrap_or_default(),
        source: spec.source.clone(),
        limits: spec.limits.clone(),
        submitted_by: context.actor.name.clone(),
        submitted_at: context.at,
        steps: spec.steps.iter().cloned().map(StepRecord::queued).collect(),
        holds: Default::default(),
    };
    state.changes.insert(id, change);
    context.record(state, format!("submit change {}", spec.name), "", Vec::new());
    context.events.push(Event::ChangeSubmitted { change: id });
    Ok(Reply::Submitted { change: id })
}

/// A file that was edited after it was submitted is told from one that comes twice.
fn name_taken(known: &Change, spec: &Spec) -> Refusal {
    match (&known.source, &spec.source) {
        (Some(there), Some(new)) if there.sha256 != new.sha256 => Refusal::SourceDiffers {
            name: spec.name.clone(),
            file: new.file.clone(),
            sha256: new.sha256.clone(),
            known_file: there.file.clone(),
            known_sha256: there.sha256.clone(),
        },
        _ => Refusal::NameTaken { what: "change".to_owned(), name: spec.name.clone() },
    }
}

/// `now` is why the step is to run before the old form has been kept for as long as the change says.
pub(super) fn approve(
    state: &mut State,
    context: &mut Context<'_>,
    name: &str,
    now: Option<&str>,
) -> Result<Reply, Refusal> {
    let action = format!("approve a step of change {name}");
    context.require_operator(&action)?;
    if let Some(reason) = now {
        require_reason(reason, &format!("{action} before its time"))?;
    }
    let id = state.change_id(name)?;
    let waits = |record: &&mut StepRecord| {
        record.is_unfinished() && (record.step.needs_approval || (now.is_some() && record.is_contract()))
    };
    let is_new = |record: &&mut StepRecord| {
        record.approval.as_ref().is_none_or(|approval| record.has_not_started() && now.is_some() && !approval.now)
    };
    // One at a time: an approval that is repeated must not reach the step behind.
    let Some(record) = state.change_mut(id).steps.iter_mut().find(waits).filter(is_new) else {
        return nothing_to_approve(state, id, name);
    };
    record.approval = Some(Approval { by: context.actor.name.clone(), at: context.at, now: now.is_some() });
    let (step_name, change) = (record.step.name.clone(), &state.changes[&id]);
    let overridden: Vec<String> = now.map(|_| change.retention_in_words()).into_iter().collect();
    let early = if now.is_some() { " before its time" } else { "" };
    let action = format!("approve step {step_name} of change {name}{early}");
    context.record(state, action, now.unwrap_or_default(), overridden);
    context.events.push(Event::ChangeUpdated { change: id });
    Ok(Reply::Done)
}

fn nothing_to_approve(state: &State, id: ChangeId, name: &str) -> Result<Reply, Refusal> {
    let change = &state.changes[&id];
    if let Some(over) = state.how_it_failed(change) {
        let when = if state.flight_of(id).is_some() { "once that is done, " } else { "" };
        let remedy = format!("{over}; {when}lockstep change retry {name} runs it again");
        return Err(wrong_state("approve a step of change", name, &remedy));
    }
    let approved = change.steps.iter().rev().find_map(|record| Some((record, record.approval.as_ref()?)));
    Ok(match approved {
        Some((record, Approval { by, at, .. })) => {
            Reply::unchanged(format!("step {} was approved by {by}", record.step.name), Some(*at))
        }
        None => Reply::unchanged("none of its steps needs an approval", None),
    })
}

pub(super) fn cancel(
    state: &mut State,
    context: &mut Context<'_>,
    name: &str,
    reason: &str,
) -> Result<Reply, Refusal> {
    let action = format!("cancel change {name}");
    context.require_operator(&action)?;
    require_reason(reason, &action)?;
    let id = state.change_id(name)?;
    if !stop(state, context, id, reason)? {
        return nothing_to_cancel(state, id, name);
    }
    context.record(state, action, reason, Vec::new());
    context.events.push(Event::ChangeUpdated { change: id });
    Ok(Reply::Done)
}

fn nothing_to_cancel(state: &State, id: ChangeId, name: &str) -> Result<Reply, Refusal> {
    let change = &state.changes[&id];
    match (state.how_it_failed(change), change.status(false)) {
        (Some(over), _) => Ok(Reply::unchanged(over, state.ended_at(change))),
        (None, Status::RolledBack) => Ok(Reply::unchanged("it was rolled back", state.ended_at(change))),
        (None, _) => {
            let how = format!("it has settled; lockstep change rollback {name} --reason ... undoes it");
            Err(wrong_state("cancel change", name, &how))
        }
    }
}

/// Reverts the change's step in flight and lets no other step of it start. False when there was nothing to stop.
pub(super) fn stop(
    state: &mut State,
    context: &mut Context<'_>,
    id: ChangeId,
    reason: &str,
) -> Result<bool, Refusal> {
    let stage = state.flight_of(id).map(|flight| &flight.stage);
    let is_in_flight = stage.is_some_and(|stage| !matches!(stage, Stage::Reverting { .. }));
    let is_confirmed = is_in_flight && !matches!(stage, Some(Stage::Preparing { .. }));
    if is_confirmed && !gate::is_reversible(state) {
        let name = state.change_mut(id).name.clone();
        let how = format!(
            "its step in flight has no revert and will settle; lockstep change pause {name} --reason ... stops it after that"
        );
        return Err(wrong_state("cancel change", &name, &how));
    }
    let mut stopped = is_in_flight;
    for record in &mut state.change_mut(id).steps {
        if record.has_not_started() {
            record.status = StepStatus::Cancelled;
            stopped = true;
        }
    }
    if is_in_flight {
        let by = context.actor.name.clone();
        gate::start_reverting(state, context, RevertReason::Cancelled { by, reason: reason.to_owned() });
    }
    Ok(stopped)
}

pub(super) fn wrong_state(action: &str, subject: &str, state: &str) -> Refusal {
    Refusal::WrongState { action: action.to_owned(), subject: subject.to_owned(), state: state.to_owned() }
}

/// How a change that does not move forward came to that, in words for an answer.
impl State {
    pub(super) fn flight_of(&self, id: ChangeId) -> Option<&InFlight> {
        self.in_flight.as_ref().filter(|flight| flight.change == id)
    }

    /// `None` unless it is being reverted, or was reverted or cancelled.
    pub(super) fn how_it_failed(&self, change: &Change) -> Option<String> {
        if let Some(Stage::Reverting { reason, .. }) = self.flight_of(change.id).map(|flight| &flight.stage) {
            return Some(format!("it is being reverted: {reason}"));
        }
        match change.status(false) {
            Status::Reverted => change.steps.iter().rev().find_map(|record| match &record.status {
                StepStatus::Reverted { reason, .. } => Some(format!("it was reverted: {reason}")),
                _ => None,
            }),
            Status::Cancelled => Some("it was cancelled".to_owned()),
            _ => None,
        }
    }

    /// When the newest of its versions came to its end, or its present stage began.
    pub(super) fn ended_at(&self, change: &Change) -> Option<Timestamp> {
        if let Some(flight) = self.flight_of(change.id) {
            return Some(flight.since);
        }
        let entry = self.log.iter().rev().find(|entry| entry.change == change.id)?;
        match &entry.outcome {
            Outcome::Settled { at, .. } | Outcome::Reverted { at } => Some(*at),
            Outcome::InFlight => None,
        }
    }
}
