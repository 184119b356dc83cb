//! Rollback: reverting steps for what a change had settled, as versions of their own.

use super::Reply;
use super::change::stop;
use crate::change::{Status, StepRecord, StepStatus};
use crate::event::Event;
use crate::ids::{ChangeId, Version};
use crate::refusal::Refusal;
use crate::state::{Context, State, require_reason};
use crate::step::{ClientRequirement, Step};

pub(super) fn rollback(
    state: &mut State,
    context: &mut Context<'_>,
    name: &str,
    reason: &str,
) -> Result<Reply, Refusal> {
    let action = format!("roll back change {name}");
    context.require_operator(&action)?;
    require_reason(reason, &action)?;
    let id = state.change_id(name)?;
    if let Some(done) = undone_already(state, id) {
        return Ok(done);
    }
    let undoing = reverting_steps(state, id, name)?;
    stop(state, context, id, reason)?;
    state.change_mut(id).steps.extend(undoing);
    context.record(state, action, reason, Vec::new());
    context.events.push(Event::ChangeUpdated { change: id });
    Ok(Reply::Done)
}

/// What is so when the wish is fulfilled: nothing of the change is in effect, or soon will be.
fn undone_already(state: &State, id: ChangeId) -> Option<Reply> {
    let change = &state.changes[&id];
    if change.steps.iter().any(|record| record.is_rollback() && record.is_unfinished()) {
        return Some(Reply::unchanged("it is being rolled back", None));
    }
    if change.planned().any(|index| change.settled_version(index).is_some()) {
        return None;
    }
    let since = state.ended_at(change);
    if change.status(false) == Status::RolledBack {
        return Some(Reply::unchanged("it was rolled back", since));
    }
    let over = state.how_it_failed(change)?;
    Some(Reply::unchanged(format!("{over}; nothing of it is in effect"), since))
}

pub(super) fn reverting_steps(state: &State, id: ChangeId, name: &str) -> Result<Vec<StepRecord>, Refusal> {
    let refuse = |reason: String| Refusal::RollbackRefused { change: name.to_owned(), reason };
    let change = &state.changes[&id];
    let settled: Vec<(usize, Version)> = (0..change.steps.len())
        .filter(|index| !change.steps[*index].is_rollback())
        .filter_map(|index| Some((index, change.settled_version(index)?)))
        .collect();
    let Some((_, oldest)) = settled.first().copied() else {
        let how = format!("none of its steps has settled; lockstep change cancel {name} --reason ... stops it");
        return Err(refuse(how));
    };
    if let Some(other) = change_built_on(state, id, oldest) {
        return Err(refuse(format!("change {other} is built on top of it; cancel or roll back that one first")));
    }
    settled
        .into_iter()
        .rev()
        .map(|(index, _)| {
            let step = &change.steps[index].step;
            let undo = step.undo().ok_or_else(|| refuse(format!("step {} has no revert", step.name)))?;
            Ok(StepRecord { rollback_of: Some(index), ..StepRecord::queued(undo) })
        })
        .collect()
}

/// The name of another change that has a version in effect after `oldest`.
pub(super) fn change_built_on(state: &State, id: ChangeId, oldest: Version) -> Option<String> {
    state
        .log
        .iter()
        .filter(|entry| entry.version > oldest && entry.change != id && entry.is_effective())
        .map(|entry| (&state.changes[&entry.change], entry.step))
        .find(|(change, step)| {
            let record = &change.steps[*step];
            !record.is_rollback() && !matches!(record.status, StepStatus::RolledBack { .. })
        })
        .map(|(change, _)| change.name.clone())
}

impl Step {
    /// The step that undoes this one; `None` if it has no revert.
    fn undo(&self) -> Option<Self> {
        Some(Self {
            name: format!("undo {}", self.name),
            phase: self.phase,
            forward: self.revert.clone()?,
            revert: Some(self.forward.clone()),
            preconditions: Vec::new(),
            targets: self.targets.clone(),
            requires: ClientRequirement::Nothing,
            needs_approval: false,
        })
    }
}
