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

impl Decision {
    /// True when the action has to be run.
    pub(crate) fn is_due(&self) -> bool {
        matches!(self, Self::Run | Self::Resume(_))
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Patience;
    use lockstep_core::step::Action;

    /// A row of version 5, if any; what the job asks; what comes of it. The job's fence is 50, its base 4.
    const TABLE: &str = "
        row                | head | claimed | fence | asks    | outcome
        none               | 4    | -       | 40    | forward | Run
        none               | 4    | -       | 50    | forward | Run
        none               | 4    | -       | 51    | forward | fence 50 is stale
        none               | 3    | -       | 40    | forward | builds on version 4
        none               | 6    | -       | 40    | forward | builds on version 4
        none               | 4    | 3       | 40    | forward | version 3 is half done
        claimed forward    | 4    | 5       | 50    | forward | Resume
        claimed forward    | 4    | 5       | 51    | forward | fence 50 is stale
        claimed forward    | 3    | 5       | 50    | forward | builds on version 4
        claimed revert     | 4    | 5       | 50    | forward | was reverted
        executed forward   | 5    | -       | 50    | forward | AlreadyDone
        executed forward   | 7    | -       | 50    | forward | AlreadyDone
        executed forward   | 5    | -       | 51    | forward | fence 50 is stale
        reverted revert    | 4    | -       | 50    | forward | was reverted
        other hash         | 5    | -       | 50    | forward | was written with hash
        none               | 4    | -       | 40    | revert  | RecordOnly
        none               | 4    | -       | 51    | revert  | fence 50 is stale
        claimed forward    | 4    | 5       | 40    | revert  | Resume
        claimed revert     | 4    | 5       | 50    | revert  | Resume
        executed forward   | 5    | -       | 40    | revert  | Run
        executed forward   | 5    | -       | 51    | revert  | fence 50 is stale
        executed forward   | 6    | -       | 40    | revert  | version 6 stands on it
        executed forward   | 5    | 6       | 40    | revert  | version 6 is half done
        reverted revert    | 4    | -       | 50    | revert  | RecordOnly
        other hash         | 5    | -       | 40    | revert  | was written with hash
    ";

    #[test]
    fn follows_the_table() {
        for line in TABLE.lines().map(str::trim).filter(|line| !line.is_empty()).skip(1) {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let outcome = match decide("shop", &job(cells[4]), found(&cells)) {
                Ok(decision) => format!("{decision:?}"),
                Err(error) => error.to_string(),
            };
            assert!(outcome.contains(cells[5]), "{line}\n{outcome}");
        }
    }

    fn job(kind: &str) -> Job {
        Job {
            version: Version(5),
            base: Version(4),
            hash: "right".to_owned(),
            step_name: "step".to_owned(),
            action: Action::Nothing,
            fence: Fence(50),
            kind: Kind::from_name(kind).unwrap(),
            targets: vec![],
            patience: Patience::default(),
        }
    }

    fn found(cells: &[&str]) -> Found {
        let number = |cell: &str| cell.parse().ok();
        Found {
            head: Version(number(cells[1]).unwrap()),
            claimed: number(cells[2]).map(Version),
            fence: Fence(number(cells[3]).unwrap()),
            row: row(cells[0]),
        }
    }

    fn row(cell: &str) -> Option<Row> {
        let (state, kind) = match cell {
            "none" => return None,
            "other hash" => ("executed", "forward"),
            words => words.split_once(' ').unwrap(),
        };
        Some(Row {
            version: Version(5),
            hash: if cell == "other hash" { "wrong" } else { "right" }.to_owned(),
            step_name: "step".to_owned(),
            state: State::from_name(state).unwrap(),
            kind: Kind::from_name(kind).unwrap(),
            fence: Fence(40),
            cursor: None,
            rows_done: 0,
            rows_written: 0,
            batches: 0,
            updated_at_ms: 0,
        })
    }
}
