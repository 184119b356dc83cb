//! What can be wrong with a configuration.

use std::fmt;
use std::path::PathBuf;

/// Where a value comes from, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A line of the configuration file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// An environment variable.
    Environment {
        /// Its name.
        variable: String,
    },
    /// The command line.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(formatter, "{}:{line}", path.display()),
            Self::Environment { variable } => write!(formatter, "environment variable {variable}"),
            Self::Flag => formatter.write_str("command line"),
        }
    }
}

/// Why a configuration cannot be used. Never retryable: somebody has to change it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read {what} {}: {reason}; check its path and permissions", path.display())]
    Unreadable {
        /// Which file, e.g. `the configuration`.
        what: String,
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The file is no TOML.
    #[error("{origin}: {reason}; the configuration is TOML")]
    Syntax {
        /// Where.
        origin: Origin,
        /// What the parser said.
        reason: String,
    },
    /// A key that does not exist.
    #[error("{origin}: there is no setting `{key}`; the nearest is `{nearest}`")]
    UnknownKey {
        /// Where.
        origin: Origin,
        /// The key.
        key: String,
        /// What may have been meant.
        nearest: String,
    },
    /// A value that cannot be what it says.
    #[error("{origin}: `{key}` {problem}")]
    InvalidValue {
        /// Where.
        origin: Origin,
        /// The key.
        key: String,
        /// What is wrong, and what to write.
        problem: String,
    },
    /// A value that there must be.
    #[error("`{key}` is not set: {purpose}; write it into the configuration file or set {variable}")]
    Missing {
        /// The key.
        key: String,
        /// What it is for.
        purpose: String,
        /// The environment variable that sets it.
        variable: String,
    },
    /// Values that do not go together.
    #[error("{problem}")]
    Contradiction {
        /// Which, why, and what to do.
        problem: String,
    },
}
