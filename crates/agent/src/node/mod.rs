//! An agent from its start to its end: what is opened in which order, and closed in which.

mod admission;
mod comparison;
mod duties;
mod identity;
mod memory;
mod ports;
mod running;
mod shutdown;
mod waking;

pub use running::Agent;

use crate::{Config, Error, logging};

/// Runs an agent until it is told to stop (SIGINT or SIGTERM), its node is removed from the cluster, or it cannot go on. A
/// second signal ends the process at once.
///
/// # Errors
///
/// [`Error`]: cause, names, remedy; [`Error::class`] for the exit code.
pub async fn run(config: Config) -> Result<(), Error> {
    logging::init(&config.log)?;
    let outcome = shutdown::until_told(config).await;
    if let Err(error) = &outcome {
        tracing::error!(%error, "the agent ends");
    }
    outcome
}
