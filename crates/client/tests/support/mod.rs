//! An agent that does what a test says, over loopback, and time that stands still.

mod fake;
mod services;

pub(crate) use fake::Fake;

use lockstep_client::Options;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

/// How long a test may take in real time; each takes far less than a second.
const PATIENCE: Duration = Duration::from_secs(60);

/// Time that moves only when told. Without it, paused time would jump ahead whenever a test waits for a socket.
pub(crate) struct FrozenTime {
    _until_dropped: std::sync::mpsc::Sender<()>,
}

impl FrozenTime {
    /// Within `#[tokio::test(start_paused = true)]`: tokio does not advance by itself while a blocking task runs.
    pub(crate) fn new() -> Self {
        let (sender, receiver) = std::sync::mpsc::channel();
        let test = std::thread::current().name().unwrap_or_default().to_owned();
        tokio::task::spawn_blocking(move || {
            // No time-out of tokio can end a test that waits in vain: its time stands still.
            if receiver.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                eprintln!("test {test}: what it waits for has not come in {PATIENCE:?} of real time");
                std::process::exit(101);
            }
        });
        Self { _until_dropped: sender }
    }

    pub(crate) async fn advance_ms(&self, milliseconds: u64) {
        tokio::time::advance(Duration::from_millis(milliseconds)).await;
    }
}

/// Options for these agents, in this order.
pub(crate) fn options(agents: &[&Fake]) -> Options {
    Options::new(agents.iter().map(|agent| agent.address()), "tester")
}
