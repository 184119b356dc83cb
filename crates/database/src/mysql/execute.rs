//! Executing and reverting.

use super::connect::Server;
use super::doubt;
use super::ledger;
use super::transaction::{Here, Run, Work};
use super::{backfill, one_by_one, preflight, statement};
use crate::control::Control;
use crate::decision::{Decision, decide};
use crate::error::Error;
use crate::job::{Job, Kind, Progress};
use crate::ledger::{Reached, Row, State};
use lockstep_core::in_flight::Measurement;
use lockstep_core::step::Action;
use tokio::sync::watch;

pub(super) async fn execute(
    server: &Server,
    job: &Job,
    progress: &watch::Sender<Progress>,
    control: &Control,
) -> Result<Measurement, Error> {
    let mut run = Run::new(server, job, progress, control).await?;
    let result = execute_in(&mut run).await;
    run.finish().await;
    result
}

async fn execute_in(run: &mut Run<'_>) -> Result<Measurement, Error> {
    match &run.job.action {
        Action::Nothing => one_transaction(run, &[]).await,
        // What commits by itself cannot be part of a transaction, whatever the step says.
        Action::Statements { statements, transactional }
            if *transactional && statements.iter().all(|sql| statement::is_transactional(sql)) =>
        {
            one_transaction(run, statements).await
        }
        Action::Statements { statements, .. } => one_by_one::run(run, statements).await,
        // What is done already must not fail because its table has gone since.
        Action::Backfill(_) | Action::Assert { .. } if !run.write(&IsDue).await? => {
            one_transaction(run, &[]).await
        }
        Action::Backfill(backfill) => backfill::run(run, backfill).await,
        Action::Assert { assertions } => {
            let rows_shown_max = crate::preflight::Limits::default().rows_shown_max;
            for assertion in assertions {
                preflight::assert_one(run, assertion, rows_shown_max).await?;
            }
            one_transaction(run, &[]).await
        }
    }
}

/// What the ledger says before anything is looked at; decided anew inside the transaction that writes.
struct IsDue;

#[async_trait::async_trait]
impl Work for IsDue {
    type Output = bool;

    fn is_of_the_ledger_only(&self) -> bool {
        true
    }

    async fn run(&self, here: &mut Here<'_>) -> Result<bool, Error> {
        let found = ledger::found(here).await?;
        Ok(decide(here.place, here.job, found)?.is_due())
    }
}

/// Statements, ledger row and fence check together.
async fn one_transaction(run: &mut Run<'_>, statements: &[String]) -> Result<Measurement, Error> {
    statement::check(&run.job.step_name, statements)?;
    let rows = run.write(&OneTransaction { statements }).await?;
    Ok(run.measurement(rows, 0))
}

struct OneTransaction<'a> {
    statements: &'a [String],
}

#[async_trait::async_trait]
impl Work for OneTransaction<'_> {
    type Output = u64;

    fn is_of_the_ledger_only(&self) -> bool {
        self.statements.is_empty()
    }

    async fn run(&self, here: &mut Here<'_>) -> Result<u64, Error> {
        let found = ledger::found(here).await?;
        let rows = match &decide(here.place, here.job, found)? {
            Decision::AlreadyDone => return Ok(0),
            Decision::RecordOnly => 0,
            Decision::Run => self.run_all(here, false).await?,
            Decision::Resume(row) => self.run_all(here, undoes_unfinished_work(here.job, row)).await?,
        };
        let reached = Reached { rows_done: rows, rows_written: rows, ..Reached::default() };
        ledger::write(here, here.job.kind.done(), &reached).await?;
        Ok(rows)
    }
}

impl OneTransaction<'_> {
    async fn run_all(&self, here: &mut Here<'_>, undoes_unfinished_work: bool) -> Result<u64, Error> {
        let mut rows = 0;
        for statement in self.statements {
            rows += doubt::run(here, statement, undoes_unfinished_work).await?;
        }
        Ok(rows)
    }
}

/// True for a revert of work that did not get to its end: what it should undo may not be there.
fn undoes_unfinished_work(job: &Job, row: &Row) -> bool {
    job.kind == Kind::Revert && row.state == State::Claimed
}

/// Writes the claimed row, or finds the one of an earlier attempt.
pub(super) struct ClaimRow;

/// Where work begins.
pub(super) struct Begin {
    pub(super) reached: Reached,
    /// True: what a revert should undo may not be there.
    pub(super) undoes_unfinished_work: bool,
}

#[async_trait::async_trait]
impl Work for ClaimRow {
    type Output = Option<Begin>;

    fn is_of_the_ledger_only(&self) -> bool {
        true
    }

    async fn run(&self, here: &mut Here<'_>) -> Result<Option<Begin>, Error> {
        let found = ledger::found(here).await?;
        let begin = match decide(here.place, here.job, found)? {
            Decision::AlreadyDone => return Ok(None),
            Decision::RecordOnly => {
                ledger::write(here, here.job.kind.done(), &Reached::default()).await?;
                return Ok(None);
            }
            Decision::Run => Begin { reached: Reached::default(), undoes_unfinished_work: false },
            Decision::Resume(row) => begin_after(here.job, *row),
        };
        ledger::write(here, State::Claimed, &begin.reached).await?;
        Ok(Some(begin))
    }
}

fn begin_after(job: &Job, row: Row) -> Begin {
    let undoes_unfinished_work = undoes_unfinished_work(job, &row);
    if row.kind != job.kind {
        return Begin { reached: Reached::default(), undoes_unfinished_work };
    }
    Begin { reached: Reached::of(row), undoes_unfinished_work }
}

/// Records how far the job is.
pub(super) struct Confirm {
    pub(super) state: State,
    pub(super) reached: Reached,
}

#[async_trait::async_trait]
impl Work for Confirm {
    type Output = ();

    fn is_of_the_ledger_only(&self) -> bool {
        true
    }

    async fn run(&self, here: &mut Here<'_>) -> Result<(), Error> {
        ledger::write(here, self.state, &self.reached).await
    }
}
