//! Statements that commit by themselves: claim, note what the schema is, run, note that it is done.
//!
//! The claimed row says how many statements are done, and, while one that commits by itself is running, the fingerprint of the
//! schema before it. After a crash the schema tells: it is still that one, so the statement had no effect (a server undoes or
//! finishes what it was at when it died), or it is another, so the statement is done. What the agent left running is over before
//! anybody looks ([`super::claim::run_alone`]). Statements of which the schema does not tell are harmless when done twice (`ANALYZE`,
//! a comment, a column's place) or refused ([`super::statement::check`]).

use super::doubt;
use super::execute::{Begin, ClaimRow, Confirm};
use super::introspect;
use super::ledger;
use super::statement;
use super::transaction::{Here, Run, Work};
use crate::error::Error;
use crate::ledger::{Reached, State};
use lockstep_core::in_flight::Measurement;

/// Where a list of statements stands, as the ledger keeps it: `2`, or `2 <fingerprint>` while the third is running.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    done: usize,
    before: Option<String>,
}

impl Cursor {
    fn parse(text: Option<&str>) -> Option<Self> {
        let Some(text) = text else { return Some(Self::default()) };
        let (done, before) = match text.split_once(' ') {
            Some((done, before)) => (done, Some(before.to_owned())),
            None => (text, None),
        };
        Some(Self { done: done.parse().ok()?, before })
    }

    fn reached(&self) -> Reached {
        let cursor = match &self.before {
            Some(before) => format!("{} {before}", self.done),
            None => self.done.to_string(),
        };
        Reached { cursor: Some(cursor), ..Reached::default() }
    }
}

pub(super) async fn run(run: &mut Run<'_>, statements: &[String]) -> Result<Measurement, Error> {
    statement::check(&run.job.step_name, statements)?;
    let Some(begin) = run.write(&ClaimRow).await? else {
        return Ok(run.measurement(0, 0));
    };
    let Begin { reached, undoes_unfinished_work } = begin;
    let mut cursor = Cursor::parse(reached.cursor.as_deref()).ok_or_else(|| Error::DamagedLedger {
        database: run.server.place.clone(),
        reason: format!("the cursor of version {} is not readable", run.job.version),
    })?;
    if let Some(before) = cursor.before.take()
        && fingerprint(run).await? != before
    {
        if let Some(left) = statements.get(cursor.done).and_then(|sql| statement::drop_what_is_left(sql)) {
            run_one(run, &left, true).await?;
        }
        tracing::info!(database = run.server.place, statement = cursor.done + 1, "done before the agent stopped");
        cursor.done += 1;
    }
    for (position, sql) in statements.iter().enumerate().skip(cursor.done) {
        run.attempts.next_transaction();
        if statement::is_transactional(sql) {
            run.write(&OneStatement { sql, position, undoes_unfinished_work }).await?;
            continue;
        }
        let before = Some(fingerprint(run).await?);
        let claimed = Cursor { done: position, before };
        run.write(&Confirm { state: State::Claimed, reached: claimed.reached() }).await?;
        let result = run_one(run, sql, undoes_unfinished_work).await;
        if let Err(error) = &result
            && had_no_effect(sql, error)
        {
            // Whoever mends what it failed on changes the schema: that must not look as if the statement had been done. The
            // statement's own error is what counts.
            let reached = Cursor { done: position, before: None }.reached();
            let _ = run.write_once(&Confirm { state: State::Claimed, reached }).await;
        }
        result?;
        let done = Cursor { done: position + 1, before: None };
        run.write(&Confirm { state: State::Claimed, reached: done.reached() }).await?;
    }
    run.write(&Confirm { state: run.job.kind.done(), reached: Reached::default() }).await?;
    Ok(run.measurement(0, 0))
}

/// True when the server itself said that the statement failed; what drops a list may have dropped a part of it.
fn had_no_effect(sql: &str, error: &Error) -> bool {
    let is_answer = !matches!(error, Error::ConnectionLost { .. } | Error::Unknown { .. });
    is_answer && statement::drop_what_is_left(sql).is_none()
}

async fn fingerprint(run: &Run<'_>) -> Result<String, Error> {
    Ok(introspect::schema(run.server).await?.fingerprint().0)
}

/// Runs one statement until it had its locks. One that was interrupted had no effect.
async fn run_one(run: &mut Run<'_>, sql: &str, undoes_unfinished_work: bool) -> Result<(), Error> {
    run.go_on().await?;
    loop {
        run.wait_for_holders().await?;
        run.attempts.begin();
        match run.alone(sql).await {
            Err(Error::Busy { .. }) => run.pause().await?,
            Err(error) if undoes_unfinished_work && doubt::is_undone(sql, &error) => {
                tracing::info!(database = run.server.place, statement = sql, "nothing to undo");
                return Ok(());
            }
            result => return result.map(drop),
        }
    }
}

/// A statement together with the note that it is done.
struct OneStatement<'a> {
    sql: &'a str,
    position: usize,
    undoes_unfinished_work: bool,
}

#[async_trait::async_trait]
impl Work for OneStatement<'_> {
    type Output = ();

    async fn run(&self, here: &mut Here<'_>) -> Result<(), Error> {
        ledger::check_fence(here).await?;
        doubt::run(here, self.sql, self.undoes_unfinished_work).await?;
        let done = Cursor { done: self.position + 1, before: None };
        ledger::write(here, State::Claimed, &done.reached()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_go_to_the_ledger_and_back() {
        for cursor in [Cursor { done: 2, before: None }, Cursor { done: 0, before: Some("abc".to_owned()) }] {
            assert_eq!(Cursor::parse(cursor.reached().cursor.as_deref()), Some(cursor));
        }
        assert_eq!(Cursor::parse(None), Some(Cursor::default()));
        assert_eq!(Cursor::parse(Some("two")), None);
    }
}
