//! The loop of a backfill where rows are locked one by one: keyset batches, each its own transaction together with its cursor.

use crate::batch_size::BatchSize;
use crate::error::Error;
use crate::job::{Job, Progress};
use crate::ledger::{Reached, State};
use crate::retry::Attempts;
use crate::span::Span;
use std::time::Instant;
use tokio::sync::watch;

/// A key, each column as the server prints it: text goes through every type and back without loss.
pub(crate) type Key = Vec<String>;

/// One batch: rows with keys above `after`, up to `until`.
pub(crate) struct Batch<'a> {
    /// Empty: from the first row on.
    pub(crate) after: &'a Key,
    /// `None`: there are no rows left.
    pub(crate) until: Option<&'a Key>,
    /// What the ledger says afterwards; the rows that the batch changes come on top.
    pub(crate) reached: Reached,
    pub(crate) state: State,
}

/// The job that it is done for, and what goes with it.
pub(crate) struct Around<'t, 'a> {
    pub(crate) job: &'a Job,
    /// Where the database is.
    pub(crate) place: &'a str,
    pub(crate) progress: &'a watch::Sender<Progress>,
    pub(crate) attempts: &'t mut Attempts<'a>,
}

/// What an engine does for it.
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
    /// Fence check, rows and ledger row in one transaction that is tried once; how far the ledger is then.
    async fn write(&mut self, batch: &Batch<'_>) -> Result<Reached, Error>;
    /// How many rows still need it after all were gone through, where rows change their key; `None` where they keep it.
    async fn left_over(&mut self) -> Result<Option<u64>, Error> {
        Ok(None)
    }
}

/// Where a batch ends.
pub(crate) struct End {
    pub(crate) key: Key,
    pub(crate) rows: u64,
}

/// Runs the batches that are left, from where the ledger says.
pub(crate) async fn run<'a>(
    table: &mut impl Table<'a>,
    mut reached: Reached,
    batch_rows_max: u32,
) -> Result<Reached, Error> {
    let mut span = span_of(table, &reached).await?;
    let rows_total_estimate = table.estimate().await?;
    let mut size = BatchSize::new(batch_rows_max, table.around().job.patience.batch_target);
    let mut rounds = Rounds::default();
    let mut is_last = false;
    while !is_last {
        let Around { job, place, progress, attempts } = table.around();
        progress.send_modify(|progress| {
            progress.rows_done = reached.rows_done;
            progress.batches = reached.batches;
            progress.rows_total_estimate = rows_total_estimate;
        });
        attempts.go_on(place, &job.step_name).await?;
        is_last = batch(table, &mut span, &mut reached, &mut size, &mut rounds).await?;
    }
    Ok(reached)
}

/// What is left to do, by the ledger; up to the last row that is there now if it does not say.
async fn span_of<'a>(table: &mut impl Table<'a>, reached: &Reached) -> Result<Span<String>, Error> {
    let until = table.last_key().await?.unwrap_or_default();
    let Around { job, place, .. } = table.around();
    Span::read(reached.cursor.as_deref(), until).map_err(|error| Error::DamagedLedger {
        database: place.to_owned(),
        reason: format!("the cursor of version {} is not readable: {error}", job.version),
    })
}

/// One batch; true when there was none left, and the ledger says so. Tried again with fewer rows when somebody was in its way, or it in
/// somebody's.
async fn batch<'a>(
    table: &mut impl Table<'a>,
    span: &mut Span<String>,
    reached: &mut Reached,
    size: &mut BatchSize,
    rounds: &mut Rounds,
) -> Result<bool, Error> {
    table.around().attempts.next_transaction();
    loop {
        let end = find_end(table, span, size.rows()).await?;
        if end.is_none()
            && let Some(until) = rounds.another(table).await?
        {
            *span = Span { after: Key::new(), until };
            continue;
        }
        let is_last = end.is_none();
        let next = next(table.around().job, span, reached, end.as_ref());
        let begun = Instant::now();
        match table.write(&next).await {
            Err(Error::Busy { .. }) => {
                size.shrink();
                let Around { job, place, attempts, .. } = table.around();
                attempts.pause(place, &job.step_name).await?;
            }
            Err(error) => return Err(error),
            Ok(now) => {
                *reached = now;
                if let Some(End { key, rows }) = end {
                    // Pages without rows say nothing of what a row takes.
                    if rows > 0 {
                        size.observe(rows, begun.elapsed());
                    }
                    span.after = key;
                }
                return Ok(is_last);
            }
        }
    }
}

fn next<'a>(job: &Job, span: &'a Span<String>, reached: &Reached, end: Option<&'a End>) -> Batch<'a> {
    let mut reached = reached.clone();
    if let Some(end) = end {
        reached.rows_done += end.rows;
        reached.batches += 1;
        reached.cursor = Some(Span { after: end.key.clone(), until: span.until.clone() }.text());
    }
    let state = if end.is_some() { State::Claimed } else { job.kind.done() };
    Batch { after: &span.after, until: end.map(|end| &end.key), reached, state }
}

/// `None` when no rows are left.
async fn find_end<'a>(table: &mut impl Table<'a>, span: &Span<String>, rows: u32) -> Result<Option<End>, Error> {
    if span.until.is_empty() || span.after == span.until {
        return Ok(None);
    }
    if let Some(end) = table.end_of(span, rows).await? {
        return Ok(Some(end));
    }
    let rows = table.count(span).await?;
    Ok((rows > 0).then(|| End { key: span.until.clone(), rows }))
}

/// Rows that change their key while others are gone through are gone through again, as long as each round leaves fewer.
#[derive(Default)]
struct Rounds {
    left: Option<u64>,
}

impl Rounds {
    /// Up to where; `None` when there is to be no other round.
    async fn another<'a>(&mut self, table: &mut impl Table<'a>) -> Result<Option<Key>, Error> {
        let Some(left) = table.left_over().await? else { return Ok(None) };
        let is_getting_on = self.left.is_none_or(|before| left < before);
        self.left = Some(left);
        if left > 0 && is_getting_on { table.last_key().await } else { Ok(None) }
    }
}
