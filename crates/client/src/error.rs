//! What can go wrong in a call.

use lockstep_proto::convert;
use lockstep_proto::problem::{Kind, Outcome, Problem};

/// A call that did not succeed, after all its attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    operation: &'static str,
    problem: Box<Problem>,
    attempts: u32,
    /// True when an earlier attempt may have taken effect and the last one did not tell.
    earlier_unknown: bool,
    request_id: Option<String>,
}

impl Error {
    pub(crate) fn call(
        operation: &'static str,
        problem: Problem,
        attempts: u32,
        earlier_unknown: bool,
        request_id: Option<String>,
    ) -> Self {
        Self { operation, problem: Box::new(problem), attempts, earlier_unknown, request_id }
    }

    pub(crate) fn options(message: impl Into<String>) -> Self {
        Self::local("connect", Kind::Invalid, message)
    }

    pub(crate) fn unreadable(operation: &'static str, error: &convert::Error) -> Self {
        Self::local(
            operation,
            Kind::Unsupported,
            format!("the answer cannot be read: {error}; use a matching client"),
        )
    }

    pub(crate) fn local(operation: &'static str, kind: Kind, message: impl Into<String>) -> Self {
        Self::call(operation, Problem::local(kind, message), 0, false, None)
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.problem.kind
    }

    /// The newest answer, with its reason, names and holdouts.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// True when the same request may succeed later without anybody doing anything. Repeat it with
    /// [`crate::Client::with_request_id`] and [`Error::request_id`].
    #[must_use]
    pub fn retryable(&self) -> bool {
        self.problem.retryable()
    }

    /// Whether the request may have taken effect.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        if self.earlier_unknown { Outcome::Unknown } else { self.problem.outcome() }
    }

    /// The id under which every attempt was made; `None` for reads.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}", self.operation)?;
        if self.attempts > 1 {
            write!(formatter, " ({} attempts)", self.attempts)?;
        }
        write!(formatter, ": {}", self.problem)?;
        match (&self.request_id, self.outcome()) {
            (Some(id), Outcome::Unknown) => {
                write!(formatter, "; it may have taken effect: repeat it with request id {id} to know")
            }
            _ => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
