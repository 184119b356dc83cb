//! Server side of rich errors: a gRPC status for everything that can go wrong. [`crate::problem`] reads them back.
//!
//! | what | code | `ErrorInfo.reason` |
//! |---|---|---|
//! | a refusal at apply | by its class, see [`code_of`] | its kind in upper case, e.g. `NEEDS_FORCE` |
//! | a request that cannot be read | INVALID_ARGUMENT, with `BadRequest` | `INVALID_FIELD` |
//! | this agent does not lead | UNAVAILABLE; metadata `leader` is the leader's client address | `NOT_LEADER` |
//! | no leader, or it cannot reach a majority | UNAVAILABLE | `NO_QUORUM` |
//! | proposed, and nobody knows whether it was committed | UNKNOWN | `OUTCOME_UNKNOWN` |
//! | more work than the agent takes on | RESOURCE_EXHAUSTED | `OVERLOADED` |
//! | the agent is stopping | UNAVAILABLE | `STOPPING` |
//! | the agent's database does not answer | UNAVAILABLE | `DATABASE_UNAVAILABLE` |
//! | an answer that does not fit into a response | FAILED_PRECONDITION | `TOO_LARGE` |
//! | the agent cannot go on | INTERNAL | `INTERNAL` |

use crate::convert;
use crate::limits::{STATUS_DETAIL_CHARS_MAX, STATUS_MESSAGE_CHARS_MAX, STATUS_VIOLATIONS_MAX};
use crate::reason::{DOMAIN, LEADER, Reason};
use lockstep_core::holdout::{Gate, Holdout, Subject};
use lockstep_core::refusal::{Class, Refusal};
use serde_json::Value;
use std::collections::HashMap;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, PreconditionViolation, StatusExt};

/// The gRPC code for a refusal of this class.
#[must_use]
pub fn code_of(class: Class) -> Code {
    match class {
        Class::NotFound => Code::NotFound,
        Class::Conflict => Code::AlreadyExists,
        Class::Invalid => Code::InvalidArgument,
        Class::NotNow => Code::FailedPrecondition,
        Class::Denied => Code::PermissionDenied,
    }
}

/// The status of a command that was refused at apply. A refusal that names holdouts has one violation for each.
#[must_use]
pub fn from_refusal(refusal: &Refusal) -> Status {
    let names: &[String] = match refusal {
        Refusal::NeedsForce { holdouts, .. } => holdouts,
        _ => &[],
    };
    let violation = |name: &String| {
        PreconditionViolation::new("HOLDOUT", cut(name, STATUS_DETAIL_CHARS_MAX), "the gate waits for it")
    };
    refused(refusal, names.iter().map(violation))
}

/// As [`from_refusal`], with everything that is known about what the gate waits for.
#[must_use]
pub fn from_refusal_at_gate(refusal: &Refusal, gate: &Gate) -> Status {
    refused(refusal, gate.holdouts.iter().map(violation))
}

/// A request that cannot be read.
#[must_use]
pub fn invalid(error: &convert::Error) -> Status {
    let mut details = described(Reason::InvalidField.name(), HashMap::new());
    details.set_bad_request(vec![FieldViolation::new(&error.field, &error.problem)]);
    status(Code::InvalidArgument, &error.to_string(), details)
}

/// Something that a read asked for is not there, e.g. a version.
#[must_use]
pub fn not_found(message: &str) -> Status {
    plain(Code::NotFound, Reason::NotFound, message)
}

/// This agent does not lead; `leader` is the client address of the agent that does, as far as this one knows.
#[must_use]
pub fn not_leader(leader: Option<&str>) -> Status {
    let metadata = leader.map(|address| (LEADER.to_owned(), address.to_owned()));
    let details = described(Reason::NotLeader.name(), metadata.into_iter().collect());
    let message = match leader {
        Some(address) => format!("this agent is not the leader; ask the agent at {address}"),
        None => "this agent is not the leader and knows none; ask another agent, or again".to_owned(),
    };
    status(Code::Unavailable, &message, details)
}

/// No leader, or the leader cannot reach a majority: nothing was proposed.
#[must_use]
pub fn no_quorum(message: &str) -> Status {
    plain(Code::Unavailable, Reason::NoQuorum, message)
}

/// It was proposed, and nobody knows whether it was committed. A repeat with the same request id tells.
#[must_use]
pub fn outcome_unknown(message: &str) -> Status {
    plain(Code::Unknown, Reason::OutcomeUnknown, message)
}

/// The caller's role or token does not allow it. For refusals at apply, see [`from_refusal`].
#[must_use]
pub fn unauthenticated(message: &str) -> Status {
    plain(Code::Unauthenticated, Reason::Unauthenticated, message)
}

/// The agent has more work than it takes on; nothing was done.
#[must_use]
pub fn overloaded(message: &str) -> Status {
    plain(Code::ResourceExhausted, Reason::Overloaded, message)
}

/// The agent is stopping; nothing was done.
#[must_use]
pub fn stopping() -> Status {
    plain(Code::Unavailable, Reason::Stopping, "this agent is stopping; ask another one")
}

/// The agent's database does not answer; another agent's may.
#[must_use]
pub fn database_unavailable(message: &str) -> Status {
    plain(Code::Unavailable, Reason::DatabaseUnavailable, message)
}

/// The answer does not fit into a response.
#[must_use]
pub fn too_large(message: &str) -> Status {
    plain(Code::FailedPrecondition, Reason::TooLarge, message)
}

/// The agent cannot go on; its log says more.
#[must_use]
pub fn internal(message: &str) -> Status {
    plain(Code::Internal, Reason::Internal, message)
}

fn refused(refusal: &Refusal, violations: impl Iterator<Item = PreconditionViolation>) -> Status {
    let (reason, metadata) = fields(refusal);
    let mut details = described(&reason, metadata);
    let violations: Vec<_> = violations.take(STATUS_VIOLATIONS_MAX).collect();
    if !violations.is_empty() {
        details.set_precondition_failure(violations);
    }
    status(code_of(refusal.class()), &refusal.to_string(), details)
}

/// Kind and fields of a refusal, as it serialises: the wire format follows core without a second list of variants.
fn fields(refusal: &Refusal) -> (String, HashMap<String, String>) {
    let Ok(Value::Object(mut fields)) = serde_json::to_value(refusal) else {
        unreachable!("a refusal serialises as an object: it is an internally tagged enum");
    };
    let kind = fields.remove("kind").map(|kind| text(&kind)).unwrap_or_default();
    let metadata = fields.iter().map(|(name, value)| (name.clone(), cut(&text(value), STATUS_DETAIL_CHARS_MAX)));
    (kind.to_ascii_uppercase(), metadata.collect())
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

fn violation(holdout: &Holdout) -> PreconditionViolation {
    let kind = match holdout.subject {
        Subject::Node(_) => "NODE",
        Subject::Session(_) => "SESSION",
        Subject::Operator(_) => "OPERATOR",
        Subject::Change(_) => "CHANGE",
        Subject::Time(_) => "TIME",
        Subject::Cluster => "CLUSTER",
    };
    let description = format!("{}; {}", holdout.reason, holdout.remedy);
    PreconditionViolation::new(
        kind,
        cut(&holdout.name, STATUS_DETAIL_CHARS_MAX),
        cut(&description, STATUS_DETAIL_CHARS_MAX),
    )
}

fn plain(code: Code, reason: Reason, message: &str) -> Status {
    status(code, message, described(reason.name(), HashMap::new()))
}

fn described(reason: &str, metadata: HashMap<String, String>) -> ErrorDetails {
    ErrorDetails::with_error_info(reason, DOMAIN, metadata)
}

fn status(code: Code, message: &str, details: ErrorDetails) -> Status {
    Status::with_error_details(code, cut(message, STATUS_MESSAGE_CHARS_MAX), details)
}

/// At most so many characters, with a mark where something was left out.
fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
