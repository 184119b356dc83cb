//! Signals.

use super::Agent;
use crate::{Config, Error};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a process that is killed by its second SIGINT exits with, by the custom of shells.
const EXIT_AT_ONCE: i32 = 130;

/// Starts an agent and runs it until a signal comes or it ends by itself.
pub(super) async fn until_told(config: Config) -> Result<(), Error> {
    let mut signals = Signals::listen()?;
    let mut agent = tokio::select! {
        started = Agent::start(config) => started?,
        () = signals.next() => return Ok(()),
    };
    let outcome = tokio::select! {
        outcome = agent.ended() => outcome,
        () = signals.next() => Ok(()),
    };
    tokio::select! {
        () = agent.shutdown() => outcome,
        () = signals.next() => {
            tracing::warn!("told to stop a second time: ending at once");
            std::process::exit(EXIT_AT_ONCE)
        }
    }
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Error> {
        let on = |kind| {
            signal(kind).map_err(|error| Error::Ended { part: "listening for signals", reason: error.to_string() })
        };
        Ok(Self { interrupt: on(SignalKind::interrupt())?, terminate: on(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
