//! A live session.

use super::Surroundings;
use super::progress::milliseconds;
use lockstep_core::State;
use lockstep_core::session::Session;
use lockstep_proto::view;

/// The view of one session.
pub(crate) fn session(state: &State, session: &Session, around: &Surroundings) -> view::Session {
    let remaining = around.leases.as_ref().and_then(|leases| leases.remaining(session.id));
    view::Session {
        remaining_ms: remaining.map(milliseconds),
        owed_version: state.owes_acknowledgement(session.id).then(|| state.announced()),
        session: session.clone(),
    }
}
