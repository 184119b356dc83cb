//! Many callers, one piece of work: everybody who asks while a round is under way shares the next one. Never the one
//! under way: it may have looked at the world before the caller asked.

use crate::Error;
use lockstep_core::LogIndex;
use std::future::Future;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

type Waiting = oneshot::Sender<Result<LogIndex, Error>>;

/// Where callers ask.
pub(crate) struct Coalescer {
    asking: mpsc::UnboundedSender<Waiting>,
}

impl Coalescer {
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Waiting>) {
        let (asking, asked) = mpsc::unbounded_channel();
        (Self { asking }, asked)
    }

    /// The outcome of a round that begins after this call.
    pub(crate) async fn ask(&self) -> Result<LogIndex, Error> {
        let (answer, outcome) = oneshot::channel();
        self.asking.send(answer).map_err(|_| Error::stopped("shut down"))?;
        outcome.await.map_err(|_| Error::stopped("shut down"))?
    }
}

/// Runs rounds for as long as there are callers. Between the beginnings of two rounds lies at least `interval`: where callers can
/// wait a moment, thousands of them shall not cost a round each.
pub(crate) async fn run_rounds<Round>(
    mut asked: mpsc::UnboundedReceiver<Waiting>,
    interval: Duration,
    round: impl Fn() -> Round,
) where
    Round: Future<Output = Result<LogIndex, Error>>,
{
    let mut not_before = Instant::now();
    while let Some(first) = asked.recv().await {
        sleep_until(not_before).await;
        not_before = Instant::now() + interval;
        let mut waiting = vec![first];
        while let Ok(next) = asked.try_recv() {
            waiting.push(next);
        }
        let outcome = round().await;
        for answer in waiting {
            // Whoever asked may have given up.
            let _ = answer.send(outcome.clone());
        }
    }
}
