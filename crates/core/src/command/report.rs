//! What nodes report of the step in flight.

use super::Reply;
use super::node::quarantine;
use crate::drift::Drift;
use crate::event::Event;
use crate::gate;
use crate::ids::{NodeId, Version};
use crate::in_flight::{Execution, Failure, InFlight, Preparation, RevertReason, Stage};
use crate::node::Fingerprint;
use crate::refusal::Refusal;
use crate::state::{Context, State};

pub(super) fn preparation(
    state: &mut State,
    context: &mut Context<'_>,
    id: NodeId,
    version: Version,
    preparation: &Preparation,
) -> Result<Reply, Refusal> {
    let (name, flight) = require_reporter(state, context, id, version)?;
    let base = flight.base;
    if !matches!(flight.stage, Stage::Preparing { .. }) {
        return Err(stale(name, version, "the step is not being prepared"));
    }
    if let (Preparation::Ready { fingerprint }, Some(expected)) = (preparation, state.expected_fingerprint(base))
        && expected != fingerprint
    {
        let reason = format!("at version {base} its schema is {fingerprint}, and must be {expected}");
        let drift = Drift::unnamed(base, fingerprint);
        quarantine(state, context, id, reason, Some(drift));
        return Ok(Reply::Done);
    }
    let at = context.at;
    let Some(InFlight { stage: Stage::Preparing { reports }, .. }) = &mut state.in_flight else {
        return Err(stale(name, version, "the step is not being prepared"));
    };
    let mut preparation = preparation.clone();
    if let Preparation::NotReady { since, .. } = &mut preparation {
        *since = match reports.get(&id) {
            Some(Preparation::NotReady { since, .. }) => *since,
            _ => at,
        };
    }
    reports.insert(id, preparation);
    context.events.push(Event::NodeReported { node: id, version });
    Ok(Reply::Done)
}

pub(super) fn executed(
    state: &mut State,
    context: &mut Context<'_>,
    id: NodeId,
    version: Version,
    execution: &Execution,
) -> Result<Reply, Refusal> {
    let (name, _) = require_reporter(state, context, id, version)?;
    let expected = gate::fingerprint_at(state, version).filter(|expected| *expected != execution.fingerprint);
    let Some(flight) = &mut state.in_flight else { return Err(stale(name, version, "no step is in flight")) };
    match &mut flight.stage {
        Stage::Preparing { .. } => return Err(stale(name, version, "the step is not confirmed")),
        Stage::Reverting { reverted, .. } if reverted.contains(&id) => {
            return Err(stale(name, version, "the node has reverted the step since"));
        }
        Stage::Executing { executed, failures, .. } => {
            executed.insert(id, execution.clone());
            failures.remove(&id);
        }
        Stage::Settling { .. } | Stage::Reverting { .. } => {}
    }
    let (change, step) = (flight.change, flight.step);
    state.record_mut(change, step).measurements.insert(name.clone(), execution.measurement.clone());
    let node = state.node_mut(id)?;
    node.version = version;
    node.fingerprint = execution.fingerprint.clone();
    context.events.push(Event::NodeReported { node: id, version });
    if let Some(expected) = expected {
        diverge(state, context, id, name, execution.fingerprint.clone(), expected);
    }
    Ok(Reply::Done)
}

/// A node got another schema than it should: undo the step everywhere, or, if it has no revert, hold the node out.
fn diverge(
    state: &mut State,
    context: &mut Context<'_>,
    id: NodeId,
    node: String,
    fingerprint: Fingerprint,
    expected: Fingerprint,
) {
    let drift = state.in_flight.as_ref().map(|flight| Drift::unnamed(flight.version, &fingerprint));
    let reason = RevertReason::Diverged { node, fingerprint, expected };
    match state.in_flight.as_ref().map(|flight| &flight.stage) {
        Some(Stage::Executing { .. }) if gate::is_reversible(state) => {
            gate::start_reverting(state, context, reason)
        }
        Some(Stage::Executing { .. } | Stage::Settling { .. }) => {
            quarantine(state, context, id, reason.to_string(), drift)
        }
        _ => {}
    }
}

pub(super) fn execute_failed(
    state: &mut State,
    context: &mut Context<'_>,
    id: NodeId,
    version: Version,
    message: &str,
) -> Result<Reply, Refusal> {
    let (name, _) = require_reporter(state, context, id, version)?;
    let is_reversible = gate::is_reversible(state);
    let failure = Failure { message: message.to_owned(), at: context.at };
    let Some(InFlight { stage: Stage::Executing { executed, failures, .. }, .. }) = &mut state.in_flight else {
        return Err(stale(name, version, "the step is not being executed"));
    };
    if executed.contains_key(&id) {
        return Err(stale(name, version, "the node has executed the step since"));
    }
    context.events.push(Event::NodeReported { node: id, version });
    if is_reversible {
        let reason = RevertReason::Failed { node: name, message: message.to_owned() };
        gate::start_reverting(state, context, reason);
    } else {
        failures.insert(id, failure);
    }
    Ok(Reply::Done)
}

pub(super) fn reverted(
    state: &mut State,
    context: &mut Context<'_>,
    id: NodeId,
    version: Version,
    fingerprint: &Fingerprint,
) -> Result<Reply, Refusal> {
    let (name, flight) = require_reporter(state, context, id, version)?;
    let base = flight.base;
    let expected = state.expected_fingerprint(base).filter(|expected| *expected != fingerprint).cloned();
    let at = context.at;
    let Some(InFlight { stage: Stage::Reverting { owing, reverted, failures, .. }, .. }) = &mut state.in_flight
    else {
        return Err(stale(name, version, "the step is not being reverted"));
    };
    if !owing.is_empty() {
        return Err(stale(name, version, "clients may still be using the version"));
    }
    if let Some(expected) = expected {
        let message = format!("after the revert its schema is {fingerprint}, and was {expected} before");
        failures.insert(id, Failure { message, at });
        reverted.remove(&id);
    } else {
        failures.remove(&id);
        reverted.insert(id);
    }
    let node = state.node_mut(id)?;
    node.version = base;
    node.fingerprint = fingerprint.clone();
    context.events.push(Event::NodeReported { node: id, version });
    Ok(Reply::Done)
}

pub(super) fn revert_failed(
    state: &mut State,
    context: &mut Context<'_>,
    id: NodeId,
    version: Version,
    message: &str,
) -> Result<Reply, Refusal> {
    let (name, _) = require_reporter(state, context, id, version)?;
    let failure = Failure { message: message.to_owned(), at: context.at };
    let Some(InFlight { stage: Stage::Reverting { reverted, failures, .. }, .. }) = &mut state.in_flight else {
        return Err(stale(name, version, "the step is not being reverted"));
    };
    if reverted.contains(&id) {
        return Err(stale(name, version, "the node has reverted the step since"));
    }
    failures.insert(id, failure);
    context.events.push(Event::NodeReported { node: id, version });
    Ok(Reply::Done)
}

/// The node's name and the step in flight, if the node may report on that step and it makes `version`.
pub(super) fn require_reporter<'a>(
    state: &'a State,
    context: &Context<'_>,
    id: NodeId,
    version: Version,
) -> Result<(String, &'a InFlight), Refusal> {
    context.require_agent("report for a node")?;
    let node = state.node(id)?;
    let name = node.name.clone();
    if matches!(node.status, crate::node::Status::CatchingUp { .. }) {
        return Err(Refusal::WrongState {
            action: "take a report of node".to_owned(),
            subject: name,
            state: "it is catching up".to_owned(),
        });
    }
    match &state.in_flight {
        Some(flight) if flight.version == version => Ok((name, flight)),
        Some(flight) => Err(stale(name, version, &format!("version {} is in flight", flight.version))),
        None => Err(stale(name, version, "no step is in flight")),
    }
}

pub(super) fn stale(node: String, version: Version, state: &str) -> Refusal {
    Refusal::StaleReport { node, version, state: state.to_owned() }
}
