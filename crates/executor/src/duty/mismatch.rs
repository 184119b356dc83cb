//! Where a ledger contradicts the log.

use crate::ledger_view::LedgerView;
use lockstep_core::in_flight::Stage;
use lockstep_core::version::Outcome;
use lockstep_core::{State, Version};
use lockstep_database::job::Kind;

const REMEDY: &str = "restore the database that belongs to this cluster, or point the agent at another one";

/// What of the ledger cannot be, if the log is right and complete.
pub(super) fn between(state: &State, ledger: &LedgerView) -> Option<String> {
    let claimed = ledger.claimed.as_ref();
    written_later(state, ledger)
        .or_else(|| foreign(state, ledger.head, &ledger.head_hash))
        .or_else(|| claimed.and_then(|claimed| foreign(state, claimed.version, &claimed.hash)))
        .or_else(|| out_of_order(state, ledger))
}

fn written_later(state: &State, ledger: &LedgerView) -> Option<String> {
    (ledger.fence.0 > state.applied().0).then(|| {
        format!(
            "the ledger was written under log index {}, and the log ends at {}: the ledger is ahead of the log; {REMEDY}",
            ledger.fence,
            state.applied()
        )
    })
}

fn foreign(state: &State, version: Version, hash: &str) -> Option<String> {
    if version == Version::BASELINE {
        return None;
    }
    let Some(entry) = state.entry(version) else {
        return Some(format!(
            "the ledger holds version {version}, and the version log ends at {}: the ledger is ahead of the log; {REMEDY}",
            state.version_log().len()
        ));
    };
    if entry.hash != hash {
        return Some(format!(
            "the ledger holds version {version} with hash {hash}, and the version log has {}: the ledger is another cluster's; {REMEDY}",
            entry.hash
        ));
    }
    let is_unconfirmed = entry.outcome == Outcome::InFlight
        && state.in_flight().is_some_and(|flight| matches!(flight.stage, Stage::Preparing { .. }));
    is_unconfirmed.then(|| {
        format!(
            "the ledger holds version {version}, and the log has not confirmed it: the ledger is ahead of the log; {REMEDY}"
        )
    })
}

/// Half done is only the version after the head, or one that the cluster has reverted.
fn out_of_order(state: &State, ledger: &LedgerView) -> Option<String> {
    let claimed = ledger.claimed.as_ref()?;
    let entry = state.entry(claimed.version)?;
    let is_settled = matches!(entry.outcome, Outcome::Settled { .. });
    let holds_or_lacks_it = [entry.base, entry.version].contains(&ledger.head);
    let is_impossible = is_settled && claimed.kind == Kind::Revert || entry.is_effective() && !holds_or_lacks_it;
    is_impossible.then(|| {
        format!(
            "version {} is half done in the ledger, which holds version {}: no log leads there; {REMEDY}",
            claimed.version, ledger.head
        )
    })
}
