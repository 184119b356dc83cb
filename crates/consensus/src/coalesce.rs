//! Many callers, one piece of work: everybody who asks while a round is under way shares the next one. Never the one
//! under way: it may have looked at the world before the caller asked.

use crate::Error;
use lockstep_core::LogIndex;
use std::future::Future;
use tokio::sync::{mpsc, oneshot};

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

/// Runs rounds for as long as there are callers.
pub(crate) async fn run_rounds<Round>(mut asked: mpsc::UnboundedReceiver<Waiting>, round: impl Fn() -> Round)
where
    Round: Future<Output = Result<LogIndex, Error>>,
{
    while let Some(first) = asked.recv().await {
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
