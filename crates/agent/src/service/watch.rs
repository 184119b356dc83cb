//! Watches: streams that send what is, at once, and again each time that it moves.
//!
//! A watch is driven by the applied log index and by arriving soft state; it never polls. It looks at the state only when the
//! connection takes another message: states that a slow consumer would see too late are left out.

use super::Context;
use futures_util::Stream;
use lockstep_core::LogIndex;
use lockstep_proto::status;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, sleep_until};
use tonic::Status;

/// What tonic streams to a client.
pub(super) type Streamed<Message> = Pin<Box<dyn Stream<Item = Result<Message, Status>> + Send>>;

/// What one look gives.
pub(super) struct Look<View> {
    pub(super) view: View,
    pub(super) revision: LogIndex,
    /// True: nothing will follow.
    pub(super) is_final: bool,
    /// How large the view is, in parts such as holdouts: large ones are sent less often.
    pub(super) parts: usize,
}

/// A watch of something in the replicated state.
pub(super) struct Watch<View, Take, Show> {
    context: Arc<Context>,
    _permit: OwnedSemaphorePermit,
    applied: watch::Receiver<LogIndex>,
    soft: watch::Receiver<u64>,
    after: LogIndex,
    /// Compared without the revision: what did not move is not sent again.
    last: Option<View>,
    not_before: Instant,
    is_over: bool,
    take: Take,
    show: Show,
}

impl<View, Take, Show, Message> Watch<View, Take, Show>
where
    View: Clone + PartialEq + Send + Sync + 'static,
    Take: Fn(&Context) -> Result<Option<Look<View>>, Status> + Send + Sync + 'static,
    Show: Fn(View, LogIndex) -> Message + Send + Sync + 'static,
    Message: Send + 'static,
{
    /// A stream of what `take` finds (with its revision left out of the view) as `show` makes a message of it. While there is
    /// nothing, it waits.
    pub(super) fn stream(
        context: &Arc<Context>,
        after: LogIndex,
        take: Take,
        show: Show,
    ) -> Result<Streamed<Message>, Status> {
        let permit = context.admit_watch()?;
        let mut soft = context.consensus.soft_state_changes();
        soft.mark_unchanged();
        let watch = Self {
            applied: context.consensus.applied(),
            soft,
            context: Arc::clone(context),
            _permit: permit,
            after,
            last: None,
            not_before: Instant::now(),
            is_over: false,
            take,
            show,
        };
        Ok(Box::pin(futures_util::stream::unfold(watch, |mut watch| async move {
            let next = watch.next().await?;
            Some((next, watch))
        })))
    }

    async fn next(&mut self) -> Option<Result<Message, Status>> {
        if self.is_over {
            return None;
        }
        let context = Arc::clone(&self.context);
        let found = context.until_stopping(self.find()).await;
        self.is_over = found.as_ref().map_or(true, |look| look.is_final);
        Some(found.map(|look| (self.show)(look.view, look.revision)))
    }

    fn is_news(&self, look: &Look<View>) -> bool {
        let is_newer = look.revision > self.after || self.last.is_some();
        is_newer && self.last.as_ref() != Some(&look.view)
    }

    /// Waits for something that was not sent yet.
    async fn find(&mut self) -> Result<Look<View>, Status> {
        loop {
            sleep_until(self.not_before).await;
            self.applied.mark_unchanged();
            self.soft.mark_unchanged();
            if let Some(look) = (self.take)(&self.context)?.filter(|look| self.is_news(look)) {
                self.not_before = Instant::now() + pause(look.parts);
                self.last = Some(look.view.clone());
                return Ok(look);
            }
            tokio::select! {
                changed = self.applied.changed() => changed.map_err(|_| status::stopping())?,
                changed = self.soft.changed() => changed.map_err(|_| status::stopping())?,
            }
        }
    }
}

/// Small views are sent as they move; one that names thousands of holdouts, a few times a second.
fn pause(parts: usize) -> Duration {
    const PARTS_SMALL: usize = 50;
    const PAUSE_MAX_MS: u64 = 500;
    if parts <= PARTS_SMALL {
        Duration::ZERO
    } else {
        Duration::from_millis((parts as u64 / 10).min(PAUSE_MAX_MS))
    }
}
