//! What a ledger means for a job: pure, so that the rules of exactly-once stand in one place for all engines.

use crate::error::Error;
use crate::job::{Job, Kind};
use crate::ledger::{Row, State};
use lockstep_core::{Fence, Version};

/// What an adapter read of the ledger, with the ledger locked or inside the transaction that will write it.
pub(crate) struct Found {
    pub(crate) fence: Fence,
    pub(crate) head: Version,
    /// The version that is half done, if any.
    pub(crate) claimed: Option<Version>,
    /// The job's own row.
    pub(crate) row: Option<Row>,
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Nothing: the ledger has the version as wanted.
    AlreadyDone,
    /// Write the row and raise the fence: there is nothing to undo.
    RecordOnly,
    /// Run the action, from the beginning.
    Run,
    /// Run the action from where this row of an earlier attempt stopped; what came last before the stop is in doubt.
    Resume(Box<Row>),
}

/// The rules. See the table of tests below.
pub(crate) fn decide(database: &str, job: &Job, found: Found) -> Result<Decision, Error> {
    if let Some(row) = &found.row
        && row.hash != job.hash
    {
        return Err(Error::HashMismatch {
            database: database.to_owned(),
            version: job.version,
            stored: row.hash.clone(),
            offered: job.hash.clone(),
        });
    }
    check_fence(database, found.fence, job.fence)?;
    match job.kind {
        Kind::Forward => forward(database, job, found),
        Kind::Revert => revert(database, job, found),
    }
}

/// Refuses a job whose decision is older than one that has already written here.
pub(crate) fn check_fence(database: &str, stored: Fence, offered: Fence) -> Result<(), Error> {
    if stored > offered {
        return Err(Error::Fenced { database: database.to_owned(), stored, offered });
    }
    Ok(())
}

fn forward(database: &str, job: &Job, found: Found) -> Result<Decision, Error> {
    match found.row {
        Some(row) if row.state == State::Executed => return Ok(Decision::AlreadyDone),
        Some(row) if row.state == State::Reverted || row.kind == Kind::Revert => {
            return Err(Error::AlreadyReverted { database: database.to_owned(), version: job.version });
        }
        _ => {}
    }
    check_no_other_claim(database, job, found.claimed)?;
    if found.head != job.base {
        return Err(Error::BaseMismatch {
            database: database.to_owned(),
            version: job.version,
            base: job.base,
            head: found.head,
        });
    }
    Ok(found.row.map_or(Decision::Run, |row| Decision::Resume(Box::new(row))))
}

fn revert(database: &str, job: &Job, found: Found) -> Result<Decision, Error> {
    let Some(row) = found.row else {
        return Ok(Decision::RecordOnly);
    };
    match row.state {
        State::Reverted => Ok(Decision::RecordOnly),
        State::Claimed => Ok(Decision::Resume(Box::new(row))),
        State::Executed if found.head > job.version => {
            Err(Error::NotHead { database: database.to_owned(), version: job.version, head: found.head })
        }
        State::Executed => {
            check_no_other_claim(database, job, found.claimed)?;
            Ok(Decision::Run)
        }
    }
}

fn check_no_other_claim(database: &str, job: &Job, claimed: Option<Version>) -> Result<(), Error> {
    match claimed {
        Some(claimed) if claimed != job.version => {
            Err(Error::HalfDone { database: database.to_owned(), version: job.version, claimed })
        }
        _ => Ok(()),
    }
}
