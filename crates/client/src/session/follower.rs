//! Follows announcements: adopts each version as the application allows, and acknowledges it once nothing uses another.

use super::options::SessionOptions;
use super::shared::{Shared, State};
use crate::call::backoff;
use crate::{Client, view};
use lockstep_core::LogIndex;
use lockstep_proto::limits;
use std::sync::Arc;
use tokio::sync::watch;

/// Follows what is announced to one session.
pub(super) struct Follower {
    pub(super) client: Client,
    pub(super) shared: Arc<Shared>,
    pub(super) options: SessionOptions,
}

impl Follower {
    /// Until the session is over. `first` is what was announced when it opened; `announced` says how new the
    /// leader's announcement is.
    pub(super) async fn run(self, first: view::Announcement, announced: watch::Receiver<LogIndex>) {
        let (sender, receiver) = watch::channel(first);
        tokio::select! {
            () = self.shared.until(State::is_over) => {}
            () = self.listen(sender, announced) => {}
            () = self.adopt_all(receiver) => {}
        }
    }

    /// Hands on the newest announcement, over as many streams as it takes.
    async fn listen(&self, sender: watch::Sender<view::Announcement>, mut announced: watch::Receiver<LogIndex>) {
        let mut pauses = backoff();
        loop {
            let after = sender.borrow().revision;
            let mut watch = self.client.watch_session(self.shared.id, after);
            let mut is_stuck = false;
            while !is_stuck {
                tokio::select! {
                    next = watch.next() => match next {
                        Some(Ok(announcement)) => self.told(announcement, &sender),
                        // That the session is gone can be the mistake of an agent that lags; the next renewal tells.
                        _ => break,
                    },
                    stuck = missed(&mut announced, &sender) => is_stuck = stuck,
                }
            }
            tracing::debug!(session = %self.shared.id, is_stuck, "watch of the session begins anew");
            tokio::time::sleep(pauses.next().unwrap_or(limits::RETRY_PAUSE_MAX)).await;
        }
    }

    fn told(&self, announcement: view::Announcement, sender: &watch::Sender<view::Announcement>) {
        if let Some(eviction) = announcement.eviction.clone()
            && self.shared.evict(eviction.clone())
        {
            tracing::warn!(session = %self.shared.id, by = eviction.by, reason = eviction.reason, "session is being evicted");
        }
        sender.send_replace(announcement);
    }

    /// Adopts one announcement after the other; leaves out those that were replaced before their turn came.
    async fn adopt_all(&self, mut announcements: watch::Receiver<view::Announcement>) {
        loop {
            let announcement = announcements.borrow_and_update().clone();
            if self.prepare(&announcement, &mut announcements).await {
                tokio::select! {
                    () = self.settle(&announcement) => {}
                    changed = announcements.changed() => if changed.is_err() { return } else { continue },
                }
            }
            if announcements.changed().await.is_err() {
                return;
            }
        }
    }

    /// Makes new units of work use the announced version. False when they do not: this release cannot run there, or something
    /// newer was announced while the callback failed.
    async fn prepare(
        &self,
        announcement: &view::Announcement,
        announcements: &mut watch::Receiver<view::Announcement>,
    ) -> bool {
        if announcement.version == self.shared.read(|state| state.terms.version) {
            return true;
        }
        if let Some(problem) = self.options.incompatibility(announcement.version) {
            tracing::error!(session = %self.shared.id, problem, "cannot adopt the announced version; the cluster waits");
            self.shared.set_problem(problem);
            return false;
        }
        let mut pauses = backoff();
        // The callback is never cut short: only between two calls may a newer announcement take over.
        while let Err(error) = self.options.acknowledge.run(announcement.clone()).await {
            tracing::warn!(session = %self.shared.id, version = %announcement.version, %error, "callback failed; calling it again");
            self.shared.set_problem(format!("the callback for version {} failed: {error}", announcement.version));
            let pause = pauses.next().unwrap_or(limits::RETRY_PAUSE_MAX);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = announcements.changed() => {
                    announcements.mark_changed();
                    return false;
                }
            }
        }
        self.shared.adopt(announcement);
        true
    }

    /// Acknowledges, once no unit of work on another version is under way.
    async fn settle(&self, announcement: &view::Announcement) {
        if !announcement.must_acknowledge {
            return;
        }
        self.shared.until_only_uses(announcement.version).await;
        while let Err(error) = self.client.acknowledge(self.shared.id, announcement.version).await {
            tracing::debug!(session = %self.shared.id, %error, "acknowledgement failed");
            if !error.retryable() {
                // Something newer is announced, or the session is gone: both are told by the watch or the next renewal.
                return;
            }
            tokio::time::sleep(limits::RETRY_PAUSE_MAX).await;
        }
        self.shared.acknowledged(announcement.version);
    }
}

/// Waits for the next renewal. True when the leader announced something newer than was told, then as at the renewal before: the
/// watch is stuck, e.g. in a proxy that buffers.
async fn missed(announced: &mut watch::Receiver<LogIndex>, told: &watch::Sender<view::Announcement>) -> bool {
    let was_behind = *announced.borrow_and_update() > told.borrow().revision;
    if announced.changed().await.is_err() {
        return std::future::pending().await;
    }
    was_behind && *announced.borrow() > told.borrow().revision
}
