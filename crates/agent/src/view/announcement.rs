//! What a session is told to use.

use lockstep_core::{LogIndex, SessionId, State};
use lockstep_proto::view::Announcement;

/// What is announced to a live session; `None` when it is not live.
pub(crate) fn announcement(state: &State, id: SessionId) -> Option<Announcement> {
    let session = state.sessions().get(&id)?;
    let version = state.announced();
    let phase = |name: &String| Some((name.clone(), state.phase_at(name, version)?));
    Some(Announcement {
        revision: revision(state, id),
        version,
        phases: session.compatibility.understands.iter().filter_map(phase).collect(),
        must_acknowledge: state.owes_acknowledgement(id),
        eviction: session.eviction.clone(),
    })
}

/// Log index at which the newest announcement to a session was decided: its opening is the first.
pub(crate) fn revision(state: &State, id: SessionId) -> LogIndex {
    state.announced_at().max(LogIndex(id.0))
}
