//! Holds: an operator pauses a change and lets it go on.

use super::Reply;
use super::change::wrong_state;
use crate::change::{Change, Hold, Status};
use crate::event::Event;
use crate::ids::ChangeId;
use crate::refusal::Refusal;
use crate::state::{Context, State, require_reason};

pub(super) fn place(
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
    let change = &state.changes[&id];
    if let Some(Hold { reason, by, at }) = change.holds.get(hold) {
        return Ok(Reply::unchanged(format!("it was paused by {by} ({hold}): {reason}"), Some(*at)));
    }
    if let Some(over) = state.how_it_ended(change) {
        return Err(wrong_state("pause change", name, &format!("{over}, nothing of it is left to pause")));
    }
    let order = Hold { reason: reason.to_owned(), by: context.actor.name.clone(), at: context.at };
    state.change_mut(id).holds.insert(hold.to_owned(), order);
    done(state, context, id, action, reason)
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
    if state.change_mut(id).holds.remove(hold).is_none() {
        return Ok(Reply::unchanged(how_it_is_held(&state.changes[&id], hold), None));
    }
    done(state, context, id, action, "")
}

fn done(
    state: &mut State,
    context: &mut Context<'_>,
    id: ChangeId,
    action: String,
    reason: &str,
) -> Result<Reply, Refusal> {
    context.record(state, action, reason, Vec::new());
    context.events.push(Event::ChangeUpdated { change: id });
    Ok(Reply::Done)
}

/// What is so when there is no hold of that name.
fn how_it_is_held(change: &Change, hold: &str) -> String {
    let others: Vec<String> = change
        .holds
        .iter()
        .map(|(other, order)| {
            format!(
                "by {} ({other}: lockstep change resume {} --hold {other}): {}",
                order.by, change.name, order.reason
            )
        })
        .collect();
    if others.is_empty() {
        return "it is not paused".to_owned();
    }
    format!("it has no hold named {hold}, but is paused {}", others.join("; "))
}

impl State {
    /// How a change came to its end; `None` while something of it is left to do.
    fn how_it_ended(&self, change: &Change) -> Option<String> {
        if change.steps.iter().any(crate::change::StepRecord::is_unfinished) {
            return None;
        }
        match change.status(false) {
            Status::Settled => Some("it has settled".to_owned()),
            Status::RolledBack => Some("it was rolled back".to_owned()),
            _ => self.how_it_failed(change),
        }
    }
}
