//! What callers are told when consensus cannot do what they ask.

use lockstep_consensus::Error;
use lockstep_proto::{convert, status};
use tonic::Status;

/// The status for an error of consensus. Log-worthy ones are logged here, where they are handled.
pub(super) fn status_of(error: &Error) -> Status {
    let text = error.to_string();
    match error {
        Error::NoQuorum { .. } | Error::Timeout { .. } | Error::Peer { .. } => status::no_quorum(&text),
        Error::NotLeader { leader } => status::not_leader(leader.as_deref()),
        Error::Unknown { .. } => status::outcome_unknown(&text),
        Error::TooLarge { .. } => status::invalid(&convert::Error::new("request", text)),
        Error::Refused(refusal) => status::from_refusal(refusal),
        Error::NotMember => status::no_quorum(&text),
        Error::Removed { .. } => status::stopping(),
        _ => {
            tracing::error!(%error, "a call failed because this agent cannot go on");
            status::internal(&text)
        }
    }
}
