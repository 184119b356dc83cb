//! What preflight looks for, and how it says what it found.

use crate::error::Error;
use lockstep_core::in_flight::Obstacle;
use std::time::Duration;

/// Limits of preflight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A transaction that holds a target of the step for longer is an obstacle.
    pub transaction_age_max: Duration,
    /// Offending rows to show for each assertion that does not hold.
    pub rows_shown_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { transaction_age_max: Duration::from_secs(5), rows_shown_max: 5 }
    }
}

/// An obstacle made of the error of a look that failed.
pub(crate) fn failed_look(error: &Error) -> Obstacle {
    let (kind, remedy) = match error {
        Error::Unreachable { .. } | Error::ConnectionLost { .. } => {
            ("unreachable", "start the database or mend the way to it; the agent tries again by itself")
        }
        Error::NoPermission { remedy, .. } | Error::ReadOnly { remedy, .. } => ("permission", remedy.as_str()),
        Error::Busy { .. } => ("lock_held", "wait for the other writer or end it"),
        _ => ("statement", "mend the step and submit the change again"),
    };
    Obstacle { kind: kind.to_owned(), message: error.to_string(), remedy: remedy.to_owned() }
}

/// An obstacle for a right that the agent lacks, with the statement that grants it.
pub(crate) fn lacking(message: String, grant: &str) -> Obstacle {
    Obstacle { kind: "permission".to_owned(), message, remedy: format!("let an administrator run {grant}") }
}

/// An obstacle for a precondition that does not hold.
pub(crate) fn violated(assertion: &str, rows: &[String]) -> Obstacle {
    Obstacle {
        kind: "violations".to_owned(),
        message: format!("`{assertion}` does not hold; first rows: {}", rows.join("; ")),
        remedy: "correct these rows; the agent looks again by itself".to_owned(),
    }
}
