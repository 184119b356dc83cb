//! Statements that refuse to run in a transaction: claim, run each alone, look, confirm.

use super::connect::meaning;
use super::doubt::{self, ConcurrentIndex, IndexConstraint};
use super::execute::{Begin, ClaimRow, Confirm};
use super::lock_mode::LockMode;
use super::transaction::{Run, set_lock_timeout};
use crate::error::Error;
use crate::ledger::{Reached, State};
use crate::statement::{self, Quoting};
use lockstep_core::in_flight::Measurement;

pub(super) async fn run(run: &mut Run<'_>, statements: &[String]) -> Result<Measurement, Error> {
    statement::check_statements(&run.job.step_name, statements, Quoting::Standard)?;
    let Some(begin) = run.write(&ClaimRow).await? else {
        return Ok(run.measurement(0, 0));
    };
    let Begin { reached, resumed, undoes_unfinished_work } = begin;
    let done = reached.cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
    for (position, statement) in statements.iter().enumerate().skip(done) {
        let in_doubt = undoes_unfinished_work || (resumed && position == done);
        run.attempts.next_transaction();
        run_one(run, statement, in_doubt).await?;
        let reached = Reached { cursor: Some((position + 1).to_string()), ..Reached::default() };
        run.write(&Confirm { state: State::Claimed, reached }).await?;
    }
    run.write(&Confirm { state: run.job.kind.done(), reached: Reached::default() }).await?;
    Ok(run.measurement(0, 0))
}

/// Runs one statement until it had its locks. From the second attempt on, the one before may have left something.
async fn run_one(run: &mut Run<'_>, sql: &str, in_doubt: bool) -> Result<(), Error> {
    let is_concurrent = is_concurrent(sql);
    if is_concurrent {
        // The short timeout would only throw the work of the build away again and again: it counts each wait for an old transaction.
        set_lock_timeout(&run.client, &run.server.place, run.job.patience.concurrent_wait_max).await?;
    }
    let done = until_done(run, sql, is_concurrent, in_doubt).await;
    if is_concurrent && done.is_ok() {
        set_lock_timeout(&run.client, &run.server.place, run.job.patience.lock_timeout).await?;
    }
    done
}

async fn until_done(run: &mut Run<'_>, sql: &str, is_concurrent: bool, mut in_doubt: bool) -> Result<(), Error> {
    let lock_mode = if is_concurrent { None } else { LockMode::of(&[sql]) };
    run.go_on().await?;
    loop {
        run.wait_for_holders(lock_mode).await?;
        run.attempts.begin();
        match run.alone(attempt(run, sql, in_doubt)).await {
            Err(Error::Busy { .. }) => run.pause().await?,
            result => return result,
        }
        in_doubt = true;
    }
}

async fn attempt(run: &Run<'_>, sql: &str, in_doubt: bool) -> Result<(), Error> {
    if in_doubt
        && let Some(index) = doubt::concurrent_index(sql)
        && is_built(run, &index).await?
    {
        return Ok(());
    }
    if in_doubt
        && let Some(constraint) = doubt::index_constraint(sql)
        && is_made(run, &constraint).await?
    {
        return Ok(());
    }
    match run.client.execute(sql, &[]).await {
        Ok(_) => Ok(()),
        Err(error) if in_doubt && doubt::is_done(sql, &error) => {
            tracing::info!(database = run.server.place, statement = sql, "nothing to do for a statement in doubt");
            Ok(())
        }
        Err(error) => Err(meaning(&run.server.place, sql, &error)),
    }
}

/// True when the index is there and valid. One whose build stopped half-way is dropped, so that it can be built again.
async fn is_built(run: &Run<'_>, index: &ConcurrentIndex) -> Result<bool, Error> {
    let sql = "SELECT format('%I.%I', n.nspname, c.relname), i.indisvalid FROM pg_index i
               JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE c.relname = $1 AND i.indrelid = to_regclass($2)";
    let found = run.client.query_opt(sql, &[&index.name, &index.table]).await;
    let Some(row) = found.map_err(|error| meaning(&run.server.place, sql, &error))? else {
        return Ok(false);
    };
    let (name, valid): (String, bool) = (row.get(0), row.get(1));
    if !valid {
        let drop = format!("DROP INDEX CONCURRENTLY {name}");
        run.client.execute(&drop, &[]).await.map_err(|error| meaning(&run.server.place, &drop, &error))?;
    }
    Ok(valid)
}

async fn is_made(run: &Run<'_>, constraint: &IndexConstraint) -> Result<bool, Error> {
    let sql = "SELECT 1 FROM pg_constraint WHERE conname = $1 AND conrelid = to_regclass($2)";
    let found = run.client.query_opt(sql, &[&constraint.name, &constraint.table]).await;
    Ok(found.map_err(|error| meaning(&run.server.place, sql, &error))?.is_some())
}

/// A concurrent build waits for old transactions, and nobody waits behind it.
fn is_concurrent(sql: &str) -> bool {
    statement::tokens(sql, Quoting::Standard).iter().any(|token| token.is_word("concurrently"))
}
