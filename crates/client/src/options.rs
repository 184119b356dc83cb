//! How to reach a cluster, and as whom.

use crate::Error;
use lockstep_proto::limits;
use std::time::Duration;

/// How to reach a cluster, and as whom. Time-outs have sensible defaults; see [`Options::new`].
#[derive(Clone)]
pub struct Options {
    /// Client addresses of agents: `host:port` or `http://host:port`. At least one; several survive the loss of one.
    pub endpoints: Vec<String>,
    /// Who asks, for the audit trail. Printable ASCII.
    pub actor: String,
    /// Proof of the operator role; `None` for what clients may do.
    pub operator_token: Option<String>,
    /// How long to wait for a connection before the next endpoint is tried.
    pub connect_timeout: Duration,
    /// How long one attempt of a call may take.
    pub call_timeout: Duration,
    /// How long a call with all its attempts may take, and how long a watch tries to resume.
    pub retry_timeout: Duration,
}

impl Options {
    /// Options with the default time-outs and no operator token.
    pub fn new(endpoints: impl IntoIterator<Item = impl Into<String>>, actor: impl Into<String>) -> Self {
        Self {
            endpoints: endpoints.into_iter().map(Into::into).collect(),
            actor: actor.into(),
            operator_token: None,
            connect_timeout: limits::CONNECT_TIMEOUT,
            call_timeout: limits::CALL_TIMEOUT,
            retry_timeout: limits::RETRY_TIMEOUT,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.endpoints.is_empty() {
            return Err(Error::options("no endpoint is given: name at least one agent as `host:port`"));
        }
        if self.actor.is_empty() {
            return Err(Error::options("no actor is given: the audit trail needs the name of who asks"));
        }
        Ok(())
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Options")
            .field("endpoints", &self.endpoints)
            .field("actor", &self.actor)
            .field("operator_token", &self.operator_token.as_ref().map(|_| "..."))
            .finish_non_exhaustive()
    }
}
