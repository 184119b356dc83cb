//! The lease keeper: opens the book when this agent becomes leader, closes it when it is not any more, and proposes the end of
//! leases that ran out.

use super::Shared;
use super::book::Book;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use lockstep_consensus::{Events, Leadership};
use lockstep_core::{Event, Refusal, SessionId};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

/// Before an expiry whose outcome is not known is proposed again.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// Runs until the cluster's side is gone.
pub(super) async fn keep(shared: &Shared) {
    let mut leadership = shared.cluster.leadership();
    loop {
        let term = *leadership.borrow_and_update();
        if let Some(term) = term {
            lead(shared, term, &mut leadership).await;
            *shared.book() = None;
            shared.decided();
            tracing::info!(term, "leases closed: this agent does not lead any more");
        } else if leadership.changed().await.is_err() {
            return;
        }
    }
}

/// What became of an expiry.
enum Outcome {
    Gone,
    /// The client gave a sign of life in between.
    Void,
}

async fn lead(shared: &Shared, term: u64, leadership: &mut watch::Receiver<Leadership>) {
    let mut events = shared.cluster.events();
    open(shared, term);
    let mut expiries = FuturesUnordered::new();
    loop {
        let next_look = shared.book().as_ref().and_then(Book::next_look);
        tokio::select! {
            changed = leadership.wait_for(|now| *now != Some(term)) => {
                drop(changed);
                return;
            }
            event = events.recv() => follow(shared, event),
            () = until(next_look) => {
                for session in take_due(shared) {
                    expiries.push(expire(shared, term, session));
                }
            }
            Some((session, outcome)) = expiries.next() => settle(shared, session, &outcome),
        }
    }
}

/// Grants every session one full TTL: nobody here knows when it was last renewed.
fn open(shared: &Shared, term: u64) {
    let now = Instant::now();
    let mut book = Book::new(now);
    let sessions = shared.cluster.sessions();
    let count = sessions.len();
    for (session, ttl_ms) in sessions {
        book.add(now, session, ttl_ms);
    }
    *shared.book() = Some(book);
    shared.decided();
    tracing::info!(term, sessions = count, "leases opened: this agent leads");
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

fn take_due(shared: &Shared) -> Vec<SessionId> {
    shared.book().as_mut().map(|book| book.take_due(Instant::now())).unwrap_or_default()
}

fn follow(shared: &Shared, events: Result<Events, RecvError>) {
    match events {
        Ok((_, events)) => events.iter().for_each(|event| note(shared, event)),
        Err(broadcast::error::RecvError::Lagged(_)) => catch_up(shared),
        // Consensus is stopping; leadership says so in a moment.
        Err(broadcast::error::RecvError::Closed) => {}
    }
}

fn note(shared: &Shared, event: &Event) {
    match event {
        Event::SessionOpened { session } => {
            let facts = shared.cluster.session(*session);
            if let (Some(facts), Some(book)) = (facts, shared.book().as_mut()) {
                book.add(Instant::now(), *session, facts.ttl_ms);
            }
        }
        Event::SessionGone { session } => {
            if let Some(book) = shared.book().as_mut() {
                book.remove(*session);
            }
            shared.decided();
        }
        _ => {}
    }
}

/// Some events were missed: the state says which sessions there are.
fn catch_up(shared: &Shared) {
    let sessions = shared.cluster.sessions();
    let live: BTreeSet<SessionId> = sessions.iter().map(|(session, _)| *session).collect();
    if let Some(book) = shared.book().as_mut() {
        let now = Instant::now();
        sessions.iter().for_each(|(session, ttl_ms)| book.add(now, *session, *ttl_ms));
        book.retain(|session| live.contains(&session));
    }
    shared.decided();
}

/// Proposes the end of a lease until the cluster has decided. Dropped when the term ends: the next leader grants a TTL anyway.
async fn expire(shared: &Shared, term: u64, session: SessionId) -> (SessionId, Outcome) {
    loop {
        let Some(facts) = shared.cluster.session(session) else { return (session, Outcome::Gone) };
        match shared.cluster.expire(term, session, facts.renew_counter).await {
            Ok(committed) => match committed.result {
                Ok(_) => {
                    tracing::info!(%session, log_index = %committed.index, "session expired");
                    return (session, Outcome::Gone);
                }
                Err(Refusal::UnknownSession { .. }) => return (session, Outcome::Gone),
                Err(Refusal::ExpiryVoid { .. }) => return (session, Outcome::Void),
                Err(refusal) => {
                    tracing::error!(%session, %refusal, "the cluster refuses to let an expired session go")
                }
            },
            Err(error) => tracing::warn!(%session, %error, "expiry of a session is not decided yet"),
        }
        sleep(RETRY_PAUSE).await;
    }
}

fn settle(shared: &Shared, session: SessionId, outcome: &Outcome) {
    if let Some(book) = shared.book().as_mut() {
        match outcome {
            Outcome::Gone => book.remove(session),
            Outcome::Void => book.grant_again(Instant::now(), session),
        }
    }
    shared.decided();
}
