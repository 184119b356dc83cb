//! An entry of the version log, with the names that belong to it.

use lockstep_core::State;
use lockstep_core::version::Entry;
use lockstep_proto::view::Version;

/// The view of one entry of this state's log.
pub(crate) fn version(state: &State, entry: &Entry) -> Version {
    let step = &state.record_of(entry).step;
    Version {
        change_name: state.changes().get(&entry.change).map(|change| change.name.clone()).unwrap_or_default(),
        step_name: step.name.clone(),
        phase: step.phase,
        entry: entry.clone(),
    }
}
