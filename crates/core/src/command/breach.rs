//! A node reports that a reading was beyond its threshold.

use super::Reply;
use super::report::{require_reporter, stale};
use crate::change::Hold;
use crate::event::Event;
use crate::gate;
use crate::ids::{ChangeId, NodeId, Version};
use crate::in_flight::{RevertReason, Stage};
use crate::limits::Breach;
use crate::node::Node;
use crate::refusal::Refusal;
use crate::state::{Context, State};

/// Under this name a step that cannot be undone is held instead.
const HOLD: &str = "threshold";

/// Undoes the step in flight; one without a revert is held where it stands, for an operator to decide.
pub(super) fn report(
    state: &mut State,
    context: &mut Context<'_>,
    id: NodeId,
    version: Version,
    breach: &Breach,
) -> Result<Reply, Refusal> {
    let (node, flight) = require_reporter(state, context, id, version)?;
    let change = flight.change;
    match flight.stage {
        Stage::Preparing { .. } => return Err(stale(node, version, "the step is not confirmed")),
        Stage::Reverting { .. } => return Err(stale(node, version, "the step is being reverted already")),
        Stage::Executing { .. } | Stage::Settling { .. } => {}
    }
    if !state.nodes.get(&id).is_some_and(Node::is_active) {
        return Err(stale(node, version, "the node is not active"));
    }
    context.events.push(Event::NodeReported { node: id, version });
    let reason = RevertReason::Breached { node, breach: breach.clone() };
    if gate::is_reversible(state) {
        gate::start_reverting(state, context, reason);
    } else {
        hold(state, context, change, &reason);
    }
    Ok(Reply::Done)
}

/// Placed once: what is held already tells of the first breach.
fn hold(state: &mut State, context: &mut Context<'_>, id: ChangeId, reason: &RevertReason) {
    let change = state.change_mut(id);
    if change.holds.contains_key(HOLD) {
        return;
    }
    let reason = format!("{reason}; its step in flight has no revert");
    let action = format!("hold change {} ({HOLD})", change.name);
    let by = context.actor.name.clone();
    change.holds.insert(HOLD.to_owned(), Hold { reason: reason.clone(), by, at: context.at });
    context.record(state, action, &reason, Vec::new());
    context.events.push(Event::ChangeUpdated { change: id });
}
