//! Wakes the watches of sessions, and only those that have something new: ten thousand sessions acknowledge one after the other,
//! and each acknowledgement concerns one watch.

use lockstep_consensus::{Consensus, Events};
use lockstep_core::{Event, SessionId, State};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

/// Who watches which session.
#[derive(Default)]
pub(crate) struct Hub {
    watched: Mutex<HashMap<SessionId, watch::Sender<()>>>,
}

/// One watch's interest in a session.
pub(super) struct Interest {
    hub: Arc<Hub>,
    session: SessionId,
    news: watch::Receiver<()>,
}

impl Hub {
    /// From now on, no news of the session is missed.
    pub(super) fn follow(self: &Arc<Self>, session: SessionId) -> Interest {
        let news = self.watched().entry(session).or_default().subscribe();
        Interest { hub: Arc::clone(self), session, news }
    }

    /// Hands on news until consensus stops.
    pub(crate) async fn run(&self, consensus: &Consensus) {
        let mut events = consensus.events();
        let mut applied = consensus.applied();
        let mut announced_at = consensus.with_state(State::announced_at);
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Ok(events) => self.wake_those_in(&events),
                    Err(RecvError::Lagged(_)) => self.wake_all(),
                    Err(RecvError::Closed) => return,
                },
                // A snapshot brings no events, but it can bring an announcement.
                changed = applied.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let now = consensus.with_state(State::announced_at);
                    if now != announced_at {
                        announced_at = now;
                        self.wake_all();
                    }
                }
            }
        }
    }

    fn wake_those_in(&self, (_, events): &Events) {
        for event in events.iter() {
            if let Event::SessionEvicting { session } | Event::SessionGone { session } = event
                && let Some(news) = self.watched().get(session)
            {
                news.send_replace(());
            }
        }
    }

    fn wake_all(&self) {
        self.watched().values().for_each(|news| {
            news.send_replace(());
        });
    }

    fn watched(&self) -> MutexGuard<'_, HashMap<SessionId, watch::Sender<()>>> {
        // Entries are put in and taken out whole.
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Interest {
    /// Returns when there may be something new since the last call.
    pub(super) async fn news(&mut self) {
        // The sender stays in the hub as long as this is there.
        let _ = self.news.changed().await;
    }
}

impl Drop for Interest {
    fn drop(&mut self) {
        let mut watched = self.hub.watched();
        // This one's own receiver is still counted.
        if watched.get(&self.session).is_some_and(|news| news.receiver_count() <= 1) {
            watched.remove(&self.session);
        }
    }
}
