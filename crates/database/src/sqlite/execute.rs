//! Executing and reverting.

use super::ledger;
use super::session::{Here, Session};
use super::{Sqlite, backfill, preflight};
use crate::control::Control;
use crate::decision::{Decision, decide};
use crate::error::{Error, beginning};
use crate::job::{Job, Kind, Progress};
use crate::ledger::{Reached, State};
use crate::retry::{Attempts, milliseconds};
use crate::statement::{self, Quoting, check_statements};
use lockstep_core::in_flight::Measurement;
use lockstep_core::step::Action;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What one job works with.
pub(super) struct Run<'a> {
    pub(super) session: Session,
    pub(super) job: Arc<Job>,
    pub(super) attempts: Attempts<'a>,
    pub(super) progress: &'a watch::Sender<Progress>,
    pub(super) cancel: &'a CancellationToken,
}

impl Run<'_> {
    /// One write transaction.
    pub(super) async fn write<T: Send + 'static>(
        &mut self,
        work: impl Fn(&Here<'_>, &Job) -> Result<T, Error> + Clone + Send + 'static,
    ) -> Result<T, Error> {
        let job = Arc::clone(&self.job);
        self.session
            .write(&mut self.attempts, &self.job.step_name, self.cancel, move |here| work(here, &job))
            .await
    }

    /// Waits while the job is held.
    pub(super) async fn go_on(&mut self) -> Result<(), Error> {
        self.attempts.go_on(self.session.place(), &self.job.step_name).await
    }

    pub(super) fn measurement(&self, rows: u64, batches: u64) -> Measurement {
        Measurement {
            duration_ms: milliseconds(self.attempts.elapsed()),
            lock_wait_ms: milliseconds(self.attempts.lock_wait),
            attempts: self.attempts.count(),
            rows,
            batches,
            blocked_sessions_max: 0,
        }
    }
}

pub(super) async fn execute(
    database: &Sqlite,
    job: &Job,
    progress: &watch::Sender<Progress>,
    control: &Control,
) -> Result<Measurement, Error> {
    let mut run = Run {
        session: database.session().await?,
        attempts: Attempts::new(&job.patience, control, progress),
        job: Arc::new(job.clone()),
        progress,
        cancel: &control.cancel,
    };
    match &job.action {
        Action::Nothing => one_transaction(&mut run, Vec::new()).await,
        Action::Statements { statements, transactional: true } => {
            one_transaction(&mut run, statements.clone()).await
        }
        Action::Statements { statements, transactional: false } => one_by_one(&mut run, statements).await,
        // What is done already must not fail because its table has gone since.
        Action::Backfill(_) | Action::Assert { .. } if !is_due(&mut run).await? => {
            one_transaction(&mut run, Vec::new()).await
        }
        Action::Backfill(backfill) => backfill::run(&mut run, backfill).await,
        Action::Assert { assertions } => {
            let rows_shown_max = crate::preflight::Limits::default().rows_shown_max;
            preflight::assert_all(&mut run.session, assertions, rows_shown_max, run.cancel).await?;
            one_transaction(&mut run, Vec::new()).await
        }
    }
}

/// What the ledger says before anything is looked at; decided anew inside the transaction that writes.
async fn is_due(run: &mut Run<'_>) -> Result<bool, Error> {
    let job = Arc::clone(&run.job);
    let decide = move |here: &Here<'_>| decide(here.place, &job, ledger::found(here, job.version)?);
    Ok(run.session.read_or_cancel(run.cancel, decide).await?.is_due())
}

/// Statements, ledger row and fence check together.
async fn one_transaction(run: &mut Run<'_>, statements: Vec<String>) -> Result<Measurement, Error> {
    check_statements(&run.job.step_name, &statements, Quoting::Sqlite)?;
    if !statements.is_empty() {
        run.go_on().await?;
    }
    let cancel = run.cancel.clone();
    let rows = run
        .write(move |here, job| {
            let rows = match decide(here.place, job, ledger::found(here, job.version)?)? {
                Decision::AlreadyDone => return Ok(0),
                Decision::RecordOnly => 0,
                Decision::Run => run_all(here, &statements, &cancel, false)?,
                Decision::Resume(_) => run_all(here, &statements, &cancel, job.kind == Kind::Revert)?,
            };
            let reached = Reached { rows_done: rows, rows_written: rows, ..Reached::default() };
            ledger::write(here, job, job.kind.done(), &reached).map(|()| rows)
        })
        .await?;
    Ok(run.measurement(rows, 0))
}

fn run_all(
    here: &Here<'_>,
    statements: &[String],
    cancel: &CancellationToken,
    undoes_unfinished_work: bool,
) -> Result<u64, Error> {
    let mut rows = 0;
    for statement in statements {
        if cancel.is_cancelled() {
            return Err(Error::Cancelled { database: here.place.to_owned(), what: beginning(statement) });
        }
        rows += run_unless_undone(here, statement, undoes_unfinished_work)?;
        if here.connection.is_autocommit() {
            return Err(Error::Engine {
                database: here.place.to_owned(),
                reason: format!("`{}` ended the transaction", beginning(statement)),
            });
        }
    }
    if statements.iter().any(|statement| drops_a_table(statement)) {
        check_foreign_keys(here)?;
    }
    Ok(rows)
}

/// A revert of work that did not get to its end may be asked to drop what was never made: that is done already.
fn run_unless_undone(here: &Here<'_>, statement: &str, undoes_unfinished_work: bool) -> Result<u64, Error> {
    match run_one(here, statement) {
        Err(Error::Statement { message, .. }) if undoes_unfinished_work && is_undone(statement, &message) => {
            tracing::info!(database = here.place, statement, "nothing to do for a statement in doubt");
            Ok(0)
        }
        result => result,
    }
}

/// The engine has no code of its own for a missing object, only this text.
fn is_undone(statement: &str, message: &str) -> bool {
    let drops = statement::tokens(statement, Quoting::Sqlite).iter().any(|token| token.is_word("drop"));
    drops && message.contains("no such ")
}

/// Runs one statement to its end; the number of rows that it changed.
pub(super) fn run_one(here: &Here<'_>, statement: &str) -> Result<u64, Error> {
    let run = || -> rusqlite::Result<u64> {
        let changes_before = here.connection.total_changes();
        let mut prepared = here.connection.prepare(statement)?;
        let mut rows = prepared.raw_query();
        while rows.next()?.is_some() {}
        Ok(here.connection.total_changes() - changes_before)
    };
    run().map_err(|error| here.meaning(statement, &error))
}

fn drops_a_table(statement: &str) -> bool {
    statement::begins(&statement::tokens(statement, Quoting::Sqlite), &["drop", "table"])
}

/// Foreign keys are off while a table is rebuilt, so what they promise is checked before the commit.
fn check_foreign_keys(here: &Here<'_>) -> Result<(), Error> {
    let violations = preflight::first_rows(here, "PRAGMA foreign_key_check", 5)?;
    if violations.is_empty() {
        return Ok(());
    }
    Err(Error::Violations {
        database: here.place.to_owned(),
        assertion: "every foreign key points at a row (table, rowid, parent, key)".to_owned(),
        rows: violations,
    })
}

/// Claim, run each statement alone, confirm.
async fn one_by_one(run: &mut Run<'_>, statements: &[String]) -> Result<Measurement, Error> {
    check_statements(&run.job.step_name, statements, Quoting::Sqlite)?;
    let Some(Begin { reached, undoes_unfinished_work }) = claim_row(run).await? else {
        return Ok(run.measurement(0, 0));
    };
    let done = reached.cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
    for (position, statement) in statements.iter().enumerate().skip(done) {
        let reached = Reached { cursor: Some((position + 1).to_string()), ..Reached::default() };
        run.attempts.next_transaction();
        run.go_on().await?;
        if refuses_transactions(statement) {
            run_alone(run, statement.clone()).await?;
            confirm(run, None, reached, State::Claimed).await?;
        } else {
            let recorded = Recorded { statement: statement.clone(), undoes_unfinished_work };
            confirm(run, Some(recorded), reached, State::Claimed).await?;
        }
    }
    let state = run.job.kind.done();
    confirm(run, None, Reached::default(), state).await?;
    Ok(run.measurement(0, 0))
}

/// Nearly every statement of SQLite can stand in the transaction that records it. These cannot, and may be run twice.
fn refuses_transactions(statement: &str) -> bool {
    let tokens = statement::tokens(statement, Quoting::Sqlite);
    ["vacuum", "pragma", "attach", "detach"].iter().any(|word| statement::begins(&tokens, &[word]))
}

async fn run_alone(run: &mut Run<'_>, statement: String) -> Result<(), Error> {
    run.write(|here, job| ledger::check_fence(here, job.fence)).await?;
    loop {
        run.attempts.begin();
        let alone = statement.clone();
        let result = run
            .session
            .run(run.cancel, move |connection, place| run_one(&Here { place, connection }, &alone).map(|_| ()))
            .await;
        match result {
            Err(Error::Busy { database, .. }) => run.attempts.pause(&database, &run.job.step_name).await?,
            result => return result,
        }
    }
}

/// A statement that stands in the transaction that records it.
#[derive(Clone)]
struct Recorded {
    statement: String,
    undoes_unfinished_work: bool,
}

/// Records how far the job is, together with the statement that got it there, if that can stand in a transaction.
async fn confirm(
    run: &mut Run<'_>,
    recorded: Option<Recorded>,
    reached: Reached,
    state: State,
) -> Result<(), Error> {
    run.write(move |here, job| {
        ledger::check_fence(here, job.fence)?;
        if let Some(Recorded { statement, undoes_unfinished_work }) = &recorded {
            run_unless_undone(here, statement, *undoes_unfinished_work)?;
        }
        ledger::write(here, job, state, &reached)
    })
    .await
}

/// Where work begins.
#[derive(Default)]
pub(super) struct Begin {
    pub(super) reached: Reached,
    /// True: what a revert should undo may not be there.
    undoes_unfinished_work: bool,
}

/// Writes the claimed row; where earlier work in the same direction stopped. `None`: nothing is left to do.
pub(super) async fn claim_row(run: &mut Run<'_>) -> Result<Option<Begin>, Error> {
    run.write(|here, job| {
        let begin = match decide(here.place, job, ledger::found(here, job.version)?)? {
            Decision::AlreadyDone => return Ok(None),
            Decision::RecordOnly => {
                return ledger::write(here, job, job.kind.done(), &Reached::default()).map(|()| None);
            }
            Decision::Run => Begin::default(),
            Decision::Resume(row) => Begin {
                undoes_unfinished_work: job.kind == Kind::Revert,
                reached: if row.kind == job.kind { Reached::of(*row) } else { Reached::default() },
            },
        };
        ledger::write(here, job, State::Claimed, &begin.reached).map(|()| Some(begin))
    })
    .await
}
