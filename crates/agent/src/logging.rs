//! The agent's log: to stderr, for people or for machines.
//!
//! ERROR means that a person must look. An event is logged once, where it is handled.

use crate::Error;
use crate::config::{Log, LogFormat};
use tracing_subscriber::EnvFilter;

/// Sets up the log of this process.
///
/// # Errors
///
/// [`Error::Log`] when the level cannot be read, or the process logs already.
pub fn init(log: &Log) -> Result<(), Error> {
    let filter = EnvFilter::try_new(&log.level).map_err(|error| Error::Log(error.to_string()))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match log.format {
        LogFormat::Text => builder.with_ansi(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    }
    .map_err(|error| Error::Log(error.to_string()))
}
