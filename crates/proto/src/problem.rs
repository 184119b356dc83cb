//! Client side of rich errors: what a failed call means and what to do about it. [`crate::status`] writes them.

use crate::reason::{DOMAIN, LEADER, Reason};
use std::collections::BTreeMap;
use std::fmt;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What kind of failure it is; tools choose their exit code by it.
    pub kind: Kind,
    /// `ErrorInfo.reason`, e.g. `NEEDS_FORCE`; empty when the failure did not come from an agent.
    pub reason: String,
    /// For people: what failed, with which names, what to do.
    pub message: String,
    /// The names in the message, by field, e.g. `change` or `node`.
    pub metadata: BTreeMap<String, String>,
    /// What the refused gate waits for.
    pub holdouts: Vec<Violation>,
    /// What is wrong with which field of the request.
    pub fields: Vec<Violation>,
}

/// A holdout of a refused gate, or a bad field of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The holdout's name or the field's path.
    pub subject: String,
    /// Why it stands in the way.
    pub description: String,
}

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What was named is not there.
    NotFound,
    /// What should be made is there already, or the request id was used for something else.
    Conflict,
    /// The request can never succeed as it stands.
    Invalid,
    /// The cluster has to move first.
    NotNow,
    /// The caller may not.
    Denied,
    /// Another agent leads: [`Problem::leader`]. Nothing was done.
    NotLeader,
    /// There is no leader with a majority. Nothing was done.
    NoQuorum,
    /// The agent sheds load or is stopping. Nothing was done.
    Overloaded,
    /// No agent could be reached, or the connection broke before an answer.
    Unreachable,
    /// No answer in time, or nobody knows whether the request took effect.
    OutcomeUnknown,
    /// The agent speaks another version of the protocol, or answered with something that cannot be read.
    Unsupported,
    /// The agent failed.
    Internal,
}

/// Whether a failed request may have taken effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did not.
    Failed,
    /// It may have; repeating it with the same request id tells.
    Unknown,
}

impl Problem {
    /// Reads a status, from an agent or made by the transport.
    #[must_use]
    pub fn from_status(status: &Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info().filter(|info| info.domain == DOMAIN);
        let reason = info.map(|info| info.reason.clone()).unwrap_or_default();
        let holdouts = details.precondition_failure().map(|failure| &failure.violations[..]);
        let fields = details.bad_request().map(|request| &request.field_violations[..]);
        Self {
            kind: kind(&reason, status.code()),
            reason,
            message: message(status),
            metadata: info.map(|info| info.metadata.clone().into_iter().collect()).unwrap_or_default(),
            holdouts: holdouts
                .unwrap_or_default()
                .iter()
                .map(|v| Violation::new(&v.subject, &v.description))
                .collect(),
            fields: fields.unwrap_or_default().iter().map(|v| Violation::new(&v.field, &v.description)).collect(),
        }
    }

    /// A problem that the client itself found.
    pub fn local(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            reason: String::new(),
            message: message.into(),
            metadata: BTreeMap::new(),
            holdouts: Vec::new(),
            fields: Vec::new(),
        }
    }

    /// Client address of the leader, when the asked agent knew it.
    #[must_use]
    pub fn leader(&self) -> Option<&str> {
        self.metadata.get(LEADER).map(String::as_str)
    }

    /// True when the same request, with the same request id, may succeed soon without anybody doing anything.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(
            self.kind,
            Kind::NotLeader | Kind::NoQuorum | Kind::Overloaded | Kind::Unreachable | Kind::OutcomeUnknown
        )
    }

    /// Whether the request may have taken effect.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self.kind {
            Kind::Unreachable | Kind::OutcomeUnknown | Kind::Internal | Kind::Unsupported => Outcome::Unknown,
            _ => Outcome::Failed,
        }
    }
}

impl Violation {
    fn new(subject: &str, description: &str) -> Self {
        Self { subject: subject.to_owned(), description: description.to_owned() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)?;
        for holdout in &self.holdouts {
            write!(formatter, "\n  waits for {}: {}", holdout.subject, holdout.description)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

impl From<Status> for Problem {
    fn from(status: Status) -> Self {
        Self::from_status(&status)
    }
}

/// Reasons say more than codes: UNAVAILABLE alone may be a broken connection in the middle of a request.
fn kind(reason: &str, code: Code) -> Kind {
    match Reason::from_name(reason) {
        Some(Reason::NotLeader) => return Kind::NotLeader,
        Some(Reason::NoQuorum) => return Kind::NoQuorum,
        Some(Reason::OutcomeUnknown) => return Kind::OutcomeUnknown,
        Some(Reason::Overloaded | Reason::Stopping) => return Kind::Overloaded,
        _ => {}
    }
    match code {
        Code::NotFound => Kind::NotFound,
        Code::AlreadyExists => Kind::Conflict,
        Code::InvalidArgument | Code::OutOfRange => Kind::Invalid,
        Code::FailedPrecondition => Kind::NotNow,
        Code::PermissionDenied | Code::Unauthenticated => Kind::Denied,
        Code::ResourceExhausted => Kind::Overloaded,
        Code::Unavailable => Kind::Unreachable,
        Code::Unimplemented => Kind::Unsupported,
        Code::Ok | Code::Cancelled | Code::Unknown | Code::DeadlineExceeded | Code::Aborted => {
            Kind::OutcomeUnknown
        }
        Code::Internal | Code::DataLoss => Kind::Internal,
    }
}

/// The message with the causes that the transport hides behind `transport error`.
fn message(status: &Status) -> String {
    let mut text = status.message().to_owned();
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    if text.is_empty() { format!("{:?}: {}", status.code(), status.code().description()) } else { text }
}
