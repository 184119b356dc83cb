//! The one thread that writes: it takes what has queued up, makes one atomic batch of it, waits once for the disk,
//! writes the watermark, and only then answers everybody. While it waits for the disk the next batch queues up.
//!
//! What makes a batch durable is the journal. The engine gets many batches as one, right before a barrier: a key that each
//! of them replaces is written to it once.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crate::barrier::Barrier;
use crate::compaction;
use crate::digest::Digest;
use crate::engine::{Batch, Building, guarded};
use crate::error::Error;
use crate::head::Head;
use crate::journal::{self, Journal};
use crate::keys;
use crate::state::{Change, Request, Shared, Work};
use crate::watermark::{Watermark, WatermarkFile};

/// No more than this goes into one batch, so that nobody waits for a huge one.
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long the queue has to be empty before the watermark's own sync is made up.
const IDLE: Duration = Duration::from_millis(20);
/// How long that sync may be put off under load.
const WATERMARK_SYNC_MAX: Duration = Duration::from_secs(1);

/// What the writer thread owns.
pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) barrier: Barrier,
    pub(crate) journal: Journal,
    pub(crate) watermark: WatermarkFile,
    /// Number of the last batch.
    pub(crate) sequence: u64,
    pub(crate) generation: u64,
    /// What the journal holds and the engine does not have yet.
    pub(crate) behind: Behind,
    /// Pieces of the head's record as it was last written; as many as there can be when nobody knows.
    pub(crate) head_pieces: usize,
    /// Size of the engine's file at which the live bytes are counted next.
    pub(crate) inspect_at_bytes: u64,
    /// When the oldest unsynced watermark was written.
    pub(crate) unsynced_since: Option<Instant>,
}

/// Batches on their way to the engine, as one.
#[derive(Default)]
pub(crate) struct Behind {
    batch: Batch,
    /// Entries among them, which stay in memory meanwhile.
    appended: Vec<(u64, Digest)>,
}

impl Writer {
    /// Runs until the last handle is gone or a write fails.
    pub(crate) fn run(mut self) {
        while let Some(mut requests) = self.next_group() {
            if let Err(error) = guarded("write a batch", || self.write(&mut requests)) {
                return self.stop(requests, &error);
            }
        }
        if let Err(error) = self.settle() {
            tracing::warn!(%error, "cannot sync the engine while closing the store: the journal has it all");
        }
    }

    /// Waits for work and takes as much as goes into one batch. `None` when the store closes and all is written.
    fn next_group(&mut self) -> Option<Vec<Request>> {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.state();
        while state.queue.is_empty() {
            if state.closing {
                return None;
            }
            if self.unsynced_since.is_none() {
                state = shared.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let (guard, timeout) = shared.work.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
            state = guard;
            if timeout.timed_out() && state.queue.is_empty() {
                drop(state);
                if let Err(error) = self.settle() {
                    self.stop(Vec::new(), &error);
                    return None;
                }
                state = shared.state();
            }
        }
        let mut requests = Vec::new();
        let mut bytes = 0;
        while bytes < BATCH_BYTES_MAX {
            let Some(request) = state.queue.pop_front() else {
                break;
            };
            bytes += request.changes.iter().map(Change::bytes).sum::<usize>();
            requests.push(request);
        }
        Some(requests)
    }

    /// One batch, one sync, one watermark, the answers.
    fn write(&mut self, requests: &mut Vec<Request>) -> Result<(), Error> {
        let Some(last) = requests.last() else { return Ok(()) };
        let head = Head { sequence: self.sequence + 1, ..last.head.clone() };
        let record = head.to_record();
        let acknowledged = Watermark { sequence: head.sequence, head: Digest::of(&[&record]) };
        let forced = requests.iter().any(|request| request.work == Work::Compact);
        let batch = self.batch(requests, &record)?;
        self.store(acknowledged, batch, requests)?;
        let since = *self.unsynced_since.get_or_insert_with(Instant::now);
        if since.elapsed() > WATERMARK_SYNC_MAX {
            self.settle()?;
        }
        if compaction::compact_if_due(self, forced)? {
            self.journal.restart();
        }
        self.answer(requests);
        Ok(())
    }

    /// The changes of all requests and the head, as one batch over what the engine has and what it is to get before.
    fn batch(&mut self, requests: &[Request], head: &[u8]) -> Result<Batch, Error> {
        let database = self.shared.database();
        let mut batch = Batch::over(&database, &self.behind.batch);
        for change in requests.iter().flat_map(|request| &request.changes) {
            change.add_to(&mut batch)?;
        }
        // Looking for pieces of the head that a shorter one would leave behind costs more than all the rest.
        let pieces = head.len().div_ceil(keys::PIECE_BYTES);
        if pieces < std::mem::replace(&mut self.head_pieces, pieces) {
            batch.remove(keys::pieces(keys::HEAD))?;
        }
        batch.put(keys::HEAD, head);
        Ok(batch.finish())
    }

    /// Makes the batch durable: through the journal when it is short, by the engine's own barrier when it is long.
    fn store(&mut self, acknowledged: Watermark, batch: Batch, requests: &mut Vec<Request>) -> Result<(), Error> {
        let appended: Vec<_> = requests.iter().flat_map(|request| &request.appended).copied().collect();
        let record = journal::encode(acknowledged.sequence, &batch);
        if record.len() > journal::RECORD_BYTES_MAX {
            // A batch that is not in the journal ends its use at the next open: all before it has to be safe first.
            self.checkpoint()?;
            self.behind = Behind { batch, appended };
            self.checkpoint()?;
            return self.acknowledge(acknowledged);
        }
        if self.journal.checkpoint_due() {
            self.checkpoint()?;
        }
        self.journal.append(&record)?;
        self.acknowledge(acknowledged)?;
        self.behind.batch.append(batch);
        self.behind.appended.extend(appended);
        if requests.iter().all(|request| request.work == Work::Nothing) {
            self.answer(requests);
            return Ok(());
        }
        self.catch_up()
    }

    /// Lets the engine have what it does not have yet.
    pub(crate) fn catch_up(&mut self) -> Result<(), Error> {
        let Behind { batch, appended } = std::mem::take(&mut self.behind);
        batch.apply(&self.shared.database())?;
        self.release(&appended);
        Ok(())
    }

    /// From here on the batch may not get lost.
    fn acknowledge(&mut self, acknowledged: Watermark) -> Result<(), Error> {
        self.watermark.write(acknowledged)?;
        self.sequence = acknowledged.sequence;
        Ok(())
    }

    /// Makes the engine durable on its own, so that the journal can start again.
    fn checkpoint(&mut self) -> Result<(), Error> {
        self.catch_up()?;
        self.barrier.pass()?;
        self.journal.restart();
        Ok(())
    }

    /// Makes up what nobody waits for.
    fn settle(&mut self) -> Result<(), Error> {
        self.checkpoint()?;
        self.watermark.sync()?;
        self.unsynced_since = None;
        Ok(())
    }

    fn answer(&self, requests: &mut Vec<Request>) {
        for request in requests.drain(..) {
            // Whoever asked may have gone: the write stands all the same.
            let _ = request.done.send(Ok(()));
        }
    }

    /// Lets entries out of memory that the engine has.
    fn release(&self, appended: &[(u64, Digest)]) {
        let mut state = self.shared.state();
        for (index, chain) in appended {
            if let Some(entry) = state.tail.get_mut(index).filter(|entry| entry.chain == *chain) {
                entry.readable = true;
            }
        }
        state.trim_tail(self.shared.options.log_cache_bytes);
    }

    /// After a failed barrier nobody knows what is on disk: everything that waits fails, and so does all that follows.
    /// The next open reads everything and decides whether there is damage: a panic of the engine is no proof of it here.
    fn stop(&self, requests: Vec<Request>, error: &Error) {
        tracing::error!(%error, "the store has stopped");
        let mut state = self.shared.state();
        state.stopped = Some(error.to_string());
        let waiting: Vec<Request> = requests.into_iter().chain(state.queue.drain(..)).collect();
        drop(state);
        for request in waiting {
            let _ = request.done.send(Err(error.clone()));
        }
    }
}

impl Change {
    fn bytes(&self) -> usize {
        match self {
            Change::Put { record, .. } | Change::Replace { record, .. } => record.len(),
            Change::Remove { .. } => 0,
        }
    }

    fn add_to(&self, batch: &mut Building<'_>) -> Result<(), Error> {
        match self {
            Change::Put { key, record } => batch.put(key, record),
            Change::Replace { key, record } => batch.replace(key, record)?,
            Change::Remove { range } => batch.remove(range.clone())?,
        }
        Ok(())
    }
}
