//! The loop of a backfill where rows are locked one by one: keyset batches, each its own transaction together with its cursor.
//!
//! One worker does them, one batch after the other; where the node has room, others beside it, each on a connection of its own.
//! What is done and what is left they know together ([`Shared`]).

mod shared;

use crate::batch_size::BatchSize;
use crate::error::Error;
use crate::job::{Job, Progress};
use crate::ledger::{Reached, State};
use crate::retry::Attempts;
use crate::span::Span;
use futures_util::future;
use lockstep_core::in_flight::Measurement;
use shared::Taken;
pub(crate) use shared::{Shared, Turn};
use std::time::Instant;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How often a read is done again that was interrupted.
const INTERRUPTED_MAX: u32 = 10;

/// A key, each column as the server prints it: text goes through every type and back without loss.
pub(crate) type Key = Vec<String>;

/// One batch: rows with keys above `after`, up to `until`.
pub(crate) struct Batch<'s> {
    /// Empty: from the first row on.
    pub(crate) after: Key,
    /// `None`: there are no rows left.
    pub(crate) until: Option<Key>,
    /// How many rows that are.
    pub(crate) rows: u64,
    /// What the ledger says afterwards.
    pub(crate) state: State,
    shared: &'s Shared,
}

impl<'s> Batch<'s> {
    /// Once its rows are written: waits until no other batch is on its way into the ledger. What comes back says what to write
    /// there, and is kept until that is committed.
    pub(crate) async fn turn(&self, rows_written: u64) -> Turn<'s> {
        self.shared.turn(self, rows_written).await
    }
}

/// The job that it is done for, and what goes with it.
pub(crate) struct Around<'t, 'a> {
    pub(crate) job: &'a Job,
    /// Where the database is.
    pub(crate) place: &'a str,
    pub(crate) progress: &'a watch::Sender<Progress>,
    pub(crate) attempts: &'t mut Attempts<'a>,
}

/// What an engine does for one worker.
#[async_trait::async_trait]
pub(crate) trait Table<'a>: Send {
    fn around(&mut self) -> Around<'_, 'a>;

    /// What the engine believes how many rows there are; `None` when it does not know.
    async fn estimate(&mut self) -> Result<Option<u64>, Error>;
    /// The greatest key; `None` for a table without rows.
    async fn last_key(&mut self) -> Result<Option<Key>, Error>;
    /// The end of a batch of about so many rows at the beginning of a span; `None` when it has fewer rows.
    async fn end_of(&mut self, span: &Span<String>, rows: u32) -> Result<Option<End>, Error>;
    /// How many rows a span has.
    async fn count(&mut self, span: &Span<String>) -> Result<u64, Error>;
    /// Rows, then, in its turn, fence check and ledger row: in one transaction that is tried once.
    async fn write<'s>(&mut self, batch: &Batch<'s>) -> Result<Turn<'s>, Error>;
    /// How many rows still need it after all were gone through, where rows change their key; `None` where they keep it.
    async fn left_over(&mut self) -> Result<Option<u64>, Error> {
        Ok(None)
    }
}

/// What an engine does to have several workers.
#[async_trait::async_trait]
pub(crate) trait Crew: Sync {
    /// Connects once more, and calls [`work`] with that. `None` when there is no connection to be had: the others go on without.
    async fn help(&self, shared: &Shared, seat: &Seat) -> Result<Option<Measurement>, Error>;
}

/// What a worker works by: the first one always, others while there is room for so many.
pub(crate) struct Seat {
    number: u32,
    room: watch::Receiver<u32>,
}

impl Seat {
    fn has_room(&self) -> bool {
        self.number == 0 || *self.room.borrow() > self.number
    }

    /// Others need the cores.
    fn is_crowded(&self) -> bool {
        *self.room.borrow() <= 1
    }

    /// False: there is never room any more.
    async fn wait_for_room(&self) -> bool {
        self.room.clone().wait_for(|room| *room > self.number).await.is_ok()
    }
}

/// Where a batch ends.
pub(crate) struct End {
    pub(crate) key: Key,
    pub(crate) rows: u64,
}

/// Runs the batches that are left, from where the ledger says. What comes back: how far it is, and what each helper took.
pub(crate) async fn run<'a>(
    table: &mut impl Table<'a>,
    crew: &impl Crew,
    reached: Reached,
    batch_rows_max: u32,
) -> Result<(Reached, Vec<Measurement>), Error> {
    let spans = spans_of(table, &reached).await?;
    let rows_total_estimate = table.estimate().await?;
    table.around().progress.send_modify(|progress| {
        progress.rows_done = reached.rows_done;
        progress.batches = reached.batches;
        progress.rows_total_estimate = rows_total_estimate;
    });
    let shared = Shared::new(spans, reached, batch_rows_max);
    let (mut helped, mut rounds) = (Vec::new(), Rounds::default());
    loop {
        helped.extend(together(table, crew, &shared).await?);
        let Some(until) = rounds.another(table).await? else { break };
        shared.begin_again(until);
    }
    finish(table, &shared).await?;
    Ok((shared.into_reached(), helped))
}

/// What a job with helpers took.
pub(crate) fn sum(own: Measurement, helped: &[Measurement]) -> Measurement {
    helped.iter().fold(own, |sum, helped| Measurement {
        lock_wait_ms: sum.lock_wait_ms + helped.lock_wait_ms,
        // The first of each is none that failed.
        attempts: sum.attempts + helped.attempts.saturating_sub(1),
        blocked_sessions_max: sum.blocked_sessions_max.max(helped.blocked_sessions_max),
        ..sum
    })
}

/// What is left to do, by the ledger; up to the last row that is there now if it does not say.
async fn spans_of<'a>(table: &mut impl Table<'a>, reached: &Reached) -> Result<Vec<Span<String>>, Error> {
    let until = table.last_key().await?.unwrap_or_default();
    let Around { job, place, .. } = table.around();
    Span::read_all(reached.cursor.as_deref(), until).map_err(|error| Error::DamagedLedger {
        database: place.to_owned(),
        reason: format!("the cursor of version {} is not readable: {error}", job.version),
    })
}

/// One worker, and as many beside it as there is room for, until nothing is left to begin or one of them fails. Each ends its batch.
async fn together<'a>(
    table: &mut impl Table<'a>,
    crew: &impl Crew,
    shared: &Shared,
) -> Result<Vec<Measurement>, Error> {
    let Around { job, attempts, progress, .. } = table.around();
    let (over, room) = (CancellationToken::new(), attempts.room());
    let seat = |number| Seat { number, room: room.clone() };
    let own = async {
        let done = work(table, shared, &seat(0)).await;
        if done.is_err() {
            shared.give_up();
        }
        over.cancel();
        done
    };
    let others =
        (1..job.patience.backfill_sessions_max).map(|number| help(crew, shared, seat(number), &over, progress));
    let (own, others) = tokio::join!(own, future::join_all(others));
    own?;
    others.into_iter().collect::<Result<Vec<_>, _>>().map(|helped| helped.concat())
}

/// Helps whenever there is room, until all is begun.
async fn help(
    crew: &impl Crew,
    shared: &Shared,
    seat: Seat,
    over: &CancellationToken,
    progress: &watch::Sender<Progress>,
) -> Result<Vec<Measurement>, Error> {
    let mut helped = Vec::new();
    loop {
        let has_room = tokio::select! {
            biased;
            () = over.cancelled() => false,
            has_room = seat.wait_for_room() => has_room,
        };
        if !has_room || shared.is_over() {
            return Ok(helped);
        }
        let counted = Counted::begin(progress);
        let done = crew.help(shared, &seat).await;
        drop(counted);
        if done.is_err() {
            shared.give_up();
        }
        match done? {
            Some(measurement) => helped.push(measurement),
            None => return Ok(helped),
        }
    }
}

/// A helper that shows in the progress while it lives.
struct Counted<'p>(&'p watch::Sender<Progress>);

impl<'p> Counted<'p> {
    fn begin(progress: &'p watch::Sender<Progress>) -> Self {
        progress.send_modify(|progress| progress.helpers += 1);
        Self(progress)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|progress| progress.helpers -= 1);
    }
}

/// Batch after batch, until there is none left to begin or no room.
pub(crate) async fn work<'a>(table: &mut impl Table<'a>, shared: &Shared, seat: &Seat) -> Result<(), Error> {
    let mut size = BatchSize::new(shared.batch_rows_max, table.around().job.patience.batch_target);
    while seat.has_room() {
        let Around { job, place, attempts, .. } = table.around();
        attempts.go_on(place, &job.step_name).await?;
        size.aim(&job.patience, seat.is_crowded());
        match shared.take(table, size.rows()).await? {
            Taken::Nothing => break,
            Taken::Batch(batch) => one(table, shared, &mut size, batch).await?,
            Taken::Later(changed) => tokio::select! {
                () = changed => {}
                () = table.around().attempts.told_to_wait() => {}
            },
        }
    }
    Ok(())
}

/// Tried again with fewer rows when somebody was in its way, or it in somebody's.
async fn one<'s, 'a>(
    table: &mut impl Table<'a>,
    shared: &'s Shared,
    size: &mut BatchSize,
    mut batch: Batch<'s>,
) -> Result<(), Error> {
    table.around().attempts.next_transaction();
    loop {
        let begun = Instant::now();
        match table.write(&batch).await {
            Err(Error::Busy { .. }) => {
                size.shrink();
                batch = shared.narrow(table, batch, size.rows()).await?;
                let Around { job, place, attempts, .. } = table.around();
                attempts.pause(place, &job.step_name).await?;
            }
            Err(error) => return Err(error),
            Ok(turn) => {
                // Pages without rows say nothing of what a row takes, and what a commit takes does not depend on them.
                if batch.rows > 0 {
                    size.observe(batch.rows, turn.since - begun);
                }
                size.observe_commit(turn.since.elapsed());
                turn.committed(table.around().progress);
                return Ok(());
            }
        }
    }
}

/// The ledger says that there is none left.
async fn finish<'a>(table: &mut impl Table<'a>, shared: &Shared) -> Result<(), Error> {
    loop {
        let Around { job, place, progress, attempts } = table.around();
        attempts.go_on(place, &job.step_name).await?;
        match table.write(&shared.end(job.kind.done())).await {
            Err(Error::Busy { .. }) => {
                let Around { job, place, attempts, .. } = table.around();
                attempts.pause(place, &job.step_name).await?;
            }
            written => return written.map(|turn| turn.committed(progress)),
        }
    }
}

/// `None` when no rows are left.
async fn find_end<'a>(table: &mut impl Table<'a>, span: &Span<String>, rows: u32) -> Result<Option<End>, Error> {
    for _ in 0..INTERRUPTED_MAX {
        match look_for_end(table, span, rows).await {
            // A read waits for no row. What was to interrupt the statement before it may come too late.
            Err(Error::Busy { .. }) => {}
            result => return result,
        }
    }
    look_for_end(table, span, rows).await
}

async fn look_for_end<'a>(
    table: &mut impl Table<'a>,
    span: &Span<String>,
    rows: u32,
) -> Result<Option<End>, Error> {
    if let Some(end) = table.end_of(span, rows).await? {
        return Ok(Some(end));
    }
    let rows = table.count(span).await?;
    Ok((rows > 0).then(|| End { key: span.until.clone(), rows }))
}

/// Rows that change their key while others are gone through are gone through again, as long as each round leaves fewer.
#[derive(Default)]
pub(crate) struct Rounds {
    left: Option<u64>,
}

impl Rounds {
    /// Up to where; `None` when there is to be no other round.
    async fn another<'a>(&mut self, table: &mut impl Table<'a>) -> Result<Option<Key>, Error> {
        let Some(left) = table.left_over().await? else { return Ok(None) };
        if self.goes_on(left) { table.last_key().await } else { Ok(None) }
    }

    /// True when another round is to be made for so many rows.
    pub(crate) fn goes_on(&mut self, left: u64) -> bool {
        let is_getting_on = self.left.is_none_or(|before| left < before);
        self.left = Some(left);
        left > 0 && is_getting_on
    }
}
