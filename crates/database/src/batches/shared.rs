//! What the workers of a backfill know together: the spans that are left, who works on which, and what the ledger says.

use super::{Batch, End, Key, Table, find_end};
use crate::error::Error;
use crate::job::Progress;
use crate::ledger::{Reached, State};
use crate::span::Span;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, watch};

/// What is left, and how far the ledger is.
pub(crate) struct Shared {
    pub(super) batch_rows_max: u32,
    /// Never held while anything is awaited.
    parts: Mutex<Vec<Part>>,
    /// Held while the end of a batch is looked for: what is free stays so meanwhile.
    choosing: tokio::sync::Mutex<()>,
    /// What is committed. Held from before the ledger is written until that is, so that each batch is written on top of the one
    /// before.
    ledger: tokio::sync::Mutex<Reached>,
    given_up: AtomicBool,
    /// Something was done or became free, or was given up.
    changed: Notify,
}

/// What there is to do for a worker.
pub(super) enum Taken<'s> {
    Batch(Batch<'s>),
    /// Others are at what is left, and may leave a part of it.
    Later(Notified<'s>),
    Nothing,
}

/// A span without rows that are done.
#[derive(Clone)]
struct Part {
    span: Span<String>,
    /// Somebody works on it.
    is_taken: bool,
}

impl Shared {
    pub(super) fn new(spans: Vec<Span<String>>, reached: Reached, batch_rows_max: u32) -> Self {
        let part = |span| Part { span, is_taken: false };
        Self {
            batch_rows_max,
            parts: Mutex::new(spans.into_iter().map(part).collect()),
            choosing: tokio::sync::Mutex::default(),
            ledger: tokio::sync::Mutex::new(reached),
            given_up: AtomicBool::new(false),
            changed: Notify::new(),
        }
    }

    fn parts(&self) -> MutexGuard<'_, Vec<Part>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All rows once more.
    pub(super) fn begin_again(&self, until: Key) {
        *self.parts() = vec![Part { span: Span { after: Key::new(), until }, is_taken: false }];
    }

    /// Nobody begins another batch: one worker failed.
    pub(super) fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
        self.changed.notify_waiters();
    }

    /// Nothing is left to begin.
    pub(super) fn is_over(&self) -> bool {
        self.given_up.load(Ordering::Relaxed) || self.parts().is_empty()
    }

    /// The next batch of about so many rows.
    pub(super) async fn take<'s, 'a>(&'s self, table: &mut impl Table<'a>, rows: u32) -> Result<Taken<'s>, Error> {
        let _choosing = self.choosing.lock().await;
        // Notices what happens from here on.
        let changed = self.changed.notified();
        while !self.is_over() {
            let free = self.parts().iter().find(|part| !part.is_taken).map(|part| part.span.clone());
            let Some(span) = free else { return Ok(Taken::Later(changed)) };
            let end = find_end(table, &span, rows).await?;
            let Some(End { key, rows }) = end else {
                self.remove(&span.after);
                continue;
            };
            self.split(&span.after, &key);
            return Ok(Taken::Batch(self.batch(span.after, key, rows)));
        }
        Ok(Taken::Nothing)
    }

    fn batch(&self, after: Key, until: Key, rows: u64) -> Batch<'_> {
        Batch { after, until: Some(until), rows, state: State::Claimed, shared: self }
    }

    /// The first rows of a part are somebody's; what is behind `until` is free.
    fn split(&self, after: &Key, until: &Key) {
        let mut parts = self.parts();
        let Some(position) = parts.iter().position(|part| part.span.after == *after) else { return };
        let part = &mut parts[position];
        part.is_taken = true;
        let end = std::mem::replace(&mut part.span.until, until.clone());
        if *until == end {
            return;
        }
        match parts.get_mut(position + 1).filter(|next| !next.is_taken && next.span.after == end) {
            Some(next) => next.span.after.clone_from(until),
            None => {
                let span = Span { after: until.clone(), until: end };
                parts.insert(position + 1, Part { span, is_taken: false });
            }
        }
    }

    /// The beginning of a batch that could not be done, about so many rows; the rest is free for others.
    pub(super) async fn narrow<'s, 'a>(
        &'s self,
        table: &mut impl Table<'a>,
        batch: Batch<'s>,
        rows: u32,
    ) -> Result<Batch<'s>, Error> {
        let _choosing = self.choosing.lock().await;
        let span = Span { after: batch.after.clone(), until: batch.until.clone().unwrap_or_default() };
        // Its rows may be gone by now: then the whole of it takes no time.
        let Some(End { key, rows }) = find_end(table, &span, rows).await? else { return Ok(batch) };
        self.split(&span.after, &key);
        self.changed.notify_waiters();
        Ok(self.batch(span.after, key, rows))
    }

    fn remove(&self, after: &Key) {
        self.parts().retain(|part| part.span.after != *after);
        self.changed.notify_waiters();
    }

    /// What ends the work.
    pub(super) fn end(&self, state: State) -> Batch<'_> {
        Batch { after: Key::new(), until: None, rows: 0, state, shared: self }
    }

    pub(super) async fn turn<'s>(&'s self, batch: &Batch<'s>, rows_written: u64) -> Turn<'s> {
        let since = Instant::now();
        let ledger = self.ledger.lock().await;
        let mut reached = ledger.clone();
        if batch.until.is_some() {
            let left = self.parts();
            let left = left.iter().map(|part| &part.span).filter(|span| span.after != batch.after);
            reached.cursor = Some(Span::text_of_all(left));
            reached.rows_done += batch.rows;
            reached.rows_written += rows_written;
            reached.batches += 1;
        }
        Turn { since, reached, after: batch.until.as_ref().map(|_| batch.after.clone()), ledger, shared: self }
    }

    pub(super) fn into_reached(self) -> Reached {
        self.ledger.into_inner()
    }
}

/// The right to write the ledger.
pub(crate) struct Turn<'s> {
    /// When the rows had been written.
    pub(super) since: Instant,
    /// What it is to say.
    pub(crate) reached: Reached,
    /// Which part is done then.
    after: Option<Key>,
    ledger: tokio::sync::MutexGuard<'s, Reached>,
    shared: &'s Shared,
}

impl Turn<'_> {
    /// The transaction is committed. Without this nothing has happened.
    pub(super) fn committed(mut self, progress: &watch::Sender<Progress>) {
        if let Some(after) = &self.after {
            self.shared.remove(after);
        }
        progress.send_modify(|progress| {
            progress.rows_done = self.reached.rows_done;
            progress.batches = self.reached.batches;
        });
        *self.ledger = self.reached;
    }
}
