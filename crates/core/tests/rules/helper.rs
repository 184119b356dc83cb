//! What everybody would do who means well: answers a holdout with the command that removes it.

use crate::history::{is_unfit, version_to_join_at};
use crate::make;
use lockstep_core::command::{Command, Role};
use lockstep_core::holdout::{Holdout, Subject};
use lockstep_core::in_flight::{Preparation, Stage};
use lockstep_core::{ChangeId, NodeId, SessionId, State};

/// Who has to say what; `None` when somebody else must move first.
pub(crate) fn answer(state: &State, holdout: &Holdout) -> Option<(Role, Command)> {
    match holdout.subject {
        Subject::Node(id) => Some((Role::Agent, of_node(state, id)?)),
        Subject::Session(id) => of_session(state, id),
        Subject::Operator(id) => Some((Role::Operator, of_operator(state, id))),
        Subject::Time(_) => Some((Role::Agent, Command::Wake {})),
        Subject::Change(_) | Subject::Cluster => None,
    }
}

fn of_node(state: &State, id: NodeId) -> Option<Command> {
    let node = state.nodes().get(&id)?;
    if is_unfit(state, node) {
        let version = version_to_join_at(state);
        return Some(Command::ReportCaughtUp { node: id, version, fingerprint: make::schema_at(state, version) });
    }
    let flight = state.in_flight()?;
    let (version, base) = (flight.version, make::schema_at(state, flight.base));
    Some(match flight.stage {
        Stage::Preparing { .. } => {
            let preparation = Preparation::Ready { fingerprint: base };
            Command::ReportPreparation { node: id, version, preparation }
        }
        Stage::Reverting { .. } => Command::ReportReverted { node: id, version, fingerprint: base },
        _ => {
            let execution = make::execution(make::schema_at(state, version));
            Command::ReportExecuted { node: id, version, execution }
        }
    })
}

/// Acknowledges; a client that cannot run at the next version is evicted, and then expires.
fn of_session(state: &State, id: SessionId) -> Option<(Role, Command)> {
    let session = state.sessions().get(&id)?;
    if session.eviction.is_some() {
        return Some((Role::Agent, Command::ExpireSession { session: id, renew_counter: session.renew_counter }));
    }
    if state.owes_acknowledgement(id) {
        return Some((Role::Client, Command::Acknowledge { session: id, version: state.announced() }));
    }
    Some((Role::Operator, Command::EvictSession { session: id, reason: "too old".to_owned(), force: false }))
}

fn of_operator(state: &State, id: ChangeId) -> Command {
    let change = state.changes()[&id].name.clone();
    match state.changes()[&id].holds.keys().next() {
        Some(hold) => Command::ReleaseChange { change, hold: hold.clone() },
        None => Command::ApproveStep { change, now: None },
    }
}
