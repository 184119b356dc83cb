//! A change with everything that is known of it.

use super::Surroundings;
use super::gate::gate_of;
use super::progress::progress;
use lockstep_core::change::{Change, Status};
use lockstep_core::in_flight::{InFlight, Stage};
use lockstep_core::{ChangeId, NodeId, SessionId, State};
use lockstep_proto::view;
use std::collections::BTreeMap;

/// A change by name; `None` when there is none.
pub(crate) fn change(state: &State, name: &str, around: &Surroundings) -> Option<view::Change> {
    let change = state.change_named(name)?;
    let in_flight = state.in_flight().filter(|flight| flight.change == change.id).cloned();
    Some(view::Change {
        status: status(state, change),
        gate: gate_of(state, change.id, around),
        progress: in_flight.as_ref().map(|flight| progress_of(state, flight, around)).unwrap_or_default(),
        node_names: node_names(state),
        session_titles: in_flight.as_ref().map(|flight| titles(state, flight)).unwrap_or_default(),
        in_flight,
        revision: state.applied(),
        change: change.clone(),
    })
}

/// The state of a change as a whole.
pub(crate) fn status(state: &State, change: &Change) -> Status {
    change.status(is_reverting(state, change.id))
}

/// A change in one line.
pub(crate) fn summary(state: &State, change: &Change) -> view::ChangeSummary {
    view::ChangeSummary::of(change, is_reverting(state, change.id))
}

fn is_reverting(state: &State, change: ChangeId) -> bool {
    let flight = state.in_flight().filter(|flight| flight.change == change);
    flight.is_some_and(|flight| matches!(flight.stage, Stage::Reverting { .. }))
}

fn progress_of(state: &State, flight: &InFlight, around: &Surroundings) -> Vec<view::Progress> {
    let of_node = |(id, heard): (&NodeId, _)| progress(*id, &state.nodes().get(id)?.name, heard);
    around.heard.iter().filter_map(of_node).filter(|progress| progress.version == flight.version).collect()
}

fn node_names(state: &State) -> BTreeMap<NodeId, String> {
    state.nodes().values().map(|node| (node.id, node.name.clone())).collect()
}

fn titles(state: &State, flight: &InFlight) -> BTreeMap<SessionId, String> {
    let (Stage::Settling { owing, .. } | Stage::Reverting { owing, .. }) = &flight.stage else {
        return BTreeMap::new();
    };
    owing.iter().filter_map(|id| Some((*id, state.sessions().get(id)?.title()))).collect()
}
