//! The probe: what an operator's own statement takes, as a client would feel it.

use std::time::Duration;

/// An operator's own statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The statement. Any that the agent's role may run; what it returns is thrown away.
    pub sql: String,
    /// The server ends it after so long.
    pub time_limit: Duration,
}

/// How much longer than the time limit an answer is waited for: a server that hangs ends nothing.
pub(crate) const GRACE: Duration = Duration::from_secs(1);
