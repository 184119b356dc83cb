//! Changes: submit, approve, hold, release, cancel.

use super::Reply;
use crate::change::{Approval, Change, Hold, Spec, StepRecord, StepStatus};
use crate::event::Event;
use crate::gate;
use crate::ids::ChangeId;
use crate::in_flight::{RevertReason, Stage};
use crate::refusal::Refusal;
use crate::state::{Context, State, require_reason};

pub(super) fn submit(state: &mut State, context: &mut Context<'_>, spec: &Spec) -> Result<Reply, Refusal> {
    let engine = state.require_cluster()?.engine;
    if spec.engine != engine {
        return Err(Refusal::WrongEngine { subject: spec.name.clone(), found: spec.engine, expected: engine });
    }
    if let Some(problem) = spec.problem() {
        return Err(Refusal::InvalidChange { name: spec.name.clone(), problem });
    }
    if state.change_named(&spec.name).is_some() {
        return Err(Refusal::NameTaken { what: "change".to_owned(), name: spec.name.clone() });
    }
    let id = ChangeId(context.index.0);
    let change = Change {
        id,
        name: spec.name.clone(),
        description: spec.description.clone(),
        block_deadline_ms: spec.block_deadline_ms,
        source: spec.source.clone(),
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

pub(super) fn approve(state: &mut State, context: &mut Context<'_>, name: &str) -> Result<Reply, Refusal> {
    let action = format!("approve a step of change {name}");
    context.require_operator(&action)?;
    let id = state.change_id(name)?;
    let approval = Approval { by: context.actor.name.clone(), at: context.at };
    let waiting = state.change_mut(id).steps.iter_mut().find(|record| record.awaits_approval());
    let Some(record) = waiting else {
        return Err(wrong_state("approve a step of", name, "none of its steps waits for approval"));
    };
    record.approval = Some(approval);
    let step_name = record.step.name.clone();
    context.record(state, format!("approve step {step_name} of change {name}"), "", Vec::new());
    context.events.push(Event::ChangeUpdated { change: id });
    Ok(Reply::Done)
}

pub(super) fn hold(
    state: &mut State,
    context: &mut Context<'_>,
    name: &str,
    hold: &str,
    reason: &str,
) -> Result<Reply, Refusal> {
    let action = format!("hold change {name}");
    context.require_operator(&action)?;
    require_reason(reason, &action)?;
    let id = state.change_id(name)?;
    let order = Hold { reason: reason.to_owned(), by: context.actor.name.clone(), at: context.at };
    state.change_mut(id).holds.entry(hold.to_owned()).or_insert(order);
    context.record(state, action, reason, Vec::new());
    context.events.push(Event::ChangeUpdated { change: id });
    Ok(Reply::Done)
}

pub(super) fn release(
    state: &mut State,
    context: &mut Context<'_>,
    name: &str,
    hold: &str,
) -> Result<Reply, Refusal> {
    let action = format!("release change {name}");
    context.require_operator(&action)?;
    let id = state.change_id(name)?;
    if state.change_mut(id).holds.remove(hold).is_some() {
        context.record(state, action, "", Vec::new());
        context.events.push(Event::ChangeUpdated { change: id });
    }
    Ok(Reply::Done)
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
        let is_reverting = state.in_flight.as_ref().is_some_and(|flight| flight.change == id);
        let why = if is_reverting { "it is being reverted already" } else { "nothing of it is left to do" };
        return Err(wrong_state("cancel change", name, why));
    }
    context.record(state, action, reason, Vec::new());
    context.events.push(Event::ChangeUpdated { change: id });
    Ok(Reply::Done)
}

/// Reverts the change's step in flight and lets no other step of it start. False when there was nothing to stop.
pub(super) fn stop(
    state: &mut State,
    context: &mut Context<'_>,
    id: ChangeId,
    reason: &str,
) -> Result<bool, Refusal> {
    let stage = state.in_flight.as_ref().filter(|flight| flight.change == id).map(|flight| &flight.stage);
    let is_in_flight = stage.is_some_and(|stage| !matches!(stage, Stage::Reverting { .. }));
    let is_confirmed = is_in_flight && !matches!(stage, Some(Stage::Preparing { .. }));
    if is_confirmed && !gate::is_reversible(state) {
        let name = state.change_mut(id).name.clone();
        return Err(wrong_state("cancel change", &name, "its step in flight has no revert; it will settle"));
    }
    let mut stopped = is_in_flight;
    for record in &mut state.change_mut(id).steps {
        if matches!(record.status, StepStatus::Queued | StepStatus::AwaitingApproval { .. }) {
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
