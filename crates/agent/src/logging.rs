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
    let builder = tracing_subscriber::fmt().with_env_filter(filter(&log.level)?).with_writer(std::io::stderr);
    match log.format {
        LogFormat::Text => builder.with_ansi(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    }
    .map_err(|error| Error::Log(error.to_string()))
}

/// The library's own ERROR for a membership change that a new leader goes on with: we get it as a result, and try again.
const HANDLED_HERE: &str = "openraft::raft::api::management=off";

fn filter(level: &str) -> Result<EnvFilter, Error> {
    let unreadable = |error: &dyn std::fmt::Display| Error::Log(error.to_string());
    let directive = HANDLED_HERE.parse().map_err(|error| unreadable(&error))?;
    Ok(EnvFilter::try_new(level).map_err(|error| unreadable(&error))?.add_directive(directive))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_handled_here_is_not_logged_by_the_library() {
        let filter = filter("info,openraft=warn").unwrap().to_string();
        assert!(filter.contains(HANDLED_HERE) && filter.contains("openraft=warn"), "{filter}");
    }
}
