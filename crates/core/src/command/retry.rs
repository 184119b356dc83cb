//! Retry: what came to nothing is tried again.
//!
//! What is over gets versions of its own: the version log only grows. What is in flight is tried at once instead of after its pause.
//! What a quarantined node keeps back has every schema compared at once.

use super::Reply;
use super::change::wrong_state;
use super::rollback::{change_built_on, reverting_steps};
use crate::change::{Status, StepRecord, StepStatus};
use crate::event::Event;
use crate::ids::{ChangeId, Version};
use crate::in_flight::Stage;
use crate::node;
use crate::refusal::Refusal;
use crate::state::{Context, State};

pub(super) fn retry(state: &mut State, context: &mut Context<'_>, name: &str) -> Result<Reply, Refusal> {
    let action = format!("retry change {name}");
    context.require_operator(&action)?;
    let id = state.change_id(name)?;
    let is_kept_back = state.nodes.values().any(|node| matches!(node.status, node::Status::Quarantined { .. }));
    if let Some(flight) = state.in_flight.as_mut().filter(|flight| flight.change == id) {
        if matches!(flight.stage, Stage::Settling { .. }) && !is_kept_back {
            return Ok(Reply::unchanged("every node holds its version, only clients are waited for", None));
        }
        flight.hurried_at = context.index;
    } else if state.changes[&id].next_step().is_some() {
        if !is_kept_back || state.changes[&id].is_held() {
            return Ok(not_begun(state, id, name));
        }
    } else {
        let again = steps_again(state, id, name)?;
        if again.is_empty() {
            return Ok(Reply::unchanged("it has settled", state.ended_at(&state.changes[&id])));
        }
        state.change_mut(id).steps.extend(again);
    }
    if is_kept_back {
        state.schemas_asked_at = context.index;
    }
    context.record(state, action, "", Vec::new());
    context.events.push(Event::ChangeUpdated { change: id });
    Ok(Reply::Done)
}

/// Nothing has failed: it goes on by itself, or waits for a person.
fn not_begun(state: &State, id: ChangeId, name: &str) -> Reply {
    let change = &state.changes[&id];
    let how = match change.next_step().map(|step| &change.steps[step]) {
        _ if change.is_held() => format!("it is paused; lockstep change resume {name} lets it go on"),
        Some(StepRecord { status: StepStatus::AwaitingApproval { .. }, step, .. }) => {
            format!("step {} waits for approval; lockstep change approve {name} gives it", step.name)
        }
        _ => "it goes on by itself; lockstep cluster why says what it waits for".to_owned(),
    };
    Reply::unchanged(how, None)
}

fn steps_again(state: &State, id: ChangeId, name: &str) -> Result<Vec<StepRecord>, Refusal> {
    let change = &state.changes[&id];
    if change.status(false) == Status::Settled {
        return Ok(Vec::new());
    }
    if change.left_to_undo().next().is_some() {
        return reverting_steps(state, id, name);
    }
    if let Some(other) = oldest_in_effect(state, id).and_then(|oldest| change_built_on(state, id, oldest)) {
        let how = format!(
            "change {other} has been built on top of its settled steps; submit what is left of it as a change of its own"
        );
        return Err(wrong_state("retry change", name, &how));
    }
    let is_settled = |index: &usize| change.settled_version(*index).is_some();
    let again = |index: usize| {
        let step = change.steps[index].step.clone();
        StepRecord { retry_of: Some(index), ..StepRecord::queued(step) }
    };
    Ok(change.planned().filter(|index| !is_settled(index)).map(again).collect())
}

fn oldest_in_effect(state: &State, id: ChangeId) -> Option<Version> {
    let change = &state.changes[&id];
    change.planned().find_map(|index| change.settled_version(index))
}
