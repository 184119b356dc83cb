//! The ledger's tables, and every statement that touches them.

use super::session::Here;
use crate::decision::{self, Found};
use crate::error::Error;
use crate::job::{Job, Kind};
use crate::ledger::{FORMAT, Ledger, Owner, Reached, Row, State};
use lockstep_core::{Fence, NodeId, Version};
use rusqlite::{OptionalExtension, named_params};

/// Names of everything that the ledger is made of; introspection leaves them out.
pub(super) const OBJECTS: [&str; 2] = ["lockstep_meta", "lockstep_ledger"];

/// What an operator runs to remove a ledger.
pub(super) const REMEDY: &str = "DROP TABLE lockstep_ledger; DROP TABLE lockstep_meta";

const MAKE: &str = "
CREATE TABLE lockstep_meta (
    one_row INTEGER PRIMARY KEY CHECK (one_row = 1),
    format INTEGER NOT NULL,
    database_id TEXT NOT NULL,
    cluster_id TEXT NOT NULL,
    owner_node_id INTEGER,
    owner_name TEXT NOT NULL,
    fence INTEGER NOT NULL
) STRICT;
CREATE TRIGGER lockstep_meta_fence_never_goes_down BEFORE UPDATE ON lockstep_meta WHEN NEW.fence < OLD.fence
BEGIN SELECT RAISE(ABORT, 'lockstep: a fence never goes down'); END;
CREATE TABLE lockstep_ledger (
    version INTEGER PRIMARY KEY,
    hash TEXT NOT NULL,
    step_name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('claimed', 'executed', 'reverted')),
    kind TEXT NOT NULL CHECK (kind IN ('forward', 'revert')),
    fence INTEGER NOT NULL,
    cursor TEXT,
    rows_done INTEGER NOT NULL,
    rows_written INTEGER NOT NULL,
    batches INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX lockstep_ledger_executed ON lockstep_ledger (version) WHERE state = 'executed';
CREATE INDEX lockstep_ledger_claimed ON lockstep_ledger (version) WHERE state = 'claimed';
";

const ROW_COLUMNS: &str =
    "version, hash, step_name, state, kind, fence, cursor, rows_done, rows_written, batches, updated_at_ms";

/// Makes the tables when there are none, and writes the owner. Inside a write transaction.
pub(super) fn take(here: &Here<'_>, owner: &Owner) -> Result<Ledger, Error> {
    if exists(here)? {
        check_owner(here, owner)?;
    } else {
        make(here, owner)?;
    }
    here.own(here.connection.execute(
        "UPDATE lockstep_meta SET owner_node_id = ?1, owner_name = ?2",
        (owner.node_id.map(|id| signed(id.0)), &owner.node_name),
    ))?;
    read(here)
}

fn make(here: &Here<'_>, owner: &Owner) -> Result<(), Error> {
    here.own(here.connection.execute_batch(MAKE))?;
    here.own(here.connection.execute(
        "INSERT INTO lockstep_meta VALUES (1, ?1, ?2, ?3, NULL, ?4, 0)",
        (FORMAT, uuid::Uuid::new_v4().to_string(), &owner.cluster_id, &owner.node_name),
    ))?;
    Ok(())
}

fn check_owner(here: &Here<'_>, owner: &Owner) -> Result<(), Error> {
    let stored = read(here)?.owner.cluster_id;
    if stored != owner.cluster_id {
        return Err(Error::ForeignLedger {
            database: here.place.to_owned(),
            stored,
            offered: owner.cluster_id.clone(),
            remedy: REMEDY,
        });
    }
    Ok(())
}

fn exists(here: &Here<'_>) -> Result<bool, Error> {
    let found = here.connection.query_row(
        "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'lockstep_meta'",
        (),
        |_| Ok(()),
    );
    Ok(here.own(found.optional())?.is_some())
}

/// Head, fence and unfinished row.
pub(super) fn read(here: &Here<'_>) -> Result<Ledger, Error> {
    if !exists(here)? {
        return Err(Error::NoLedger { database: here.place.to_owned() });
    }
    check_format(here)?;
    let (database_id, cluster_id, node_id, node_name, fence) = here.own(here.connection.query_row(
        "SELECT database_id, cluster_id, owner_node_id, owner_name, fence FROM lockstep_meta",
        (),
        |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, Option<i64>>(2)?, row.get(3)?, row.get(4)?)),
    ))?;
    let head = one_row(here, "WHERE state = 'executed' ORDER BY version DESC LIMIT 1", None)?;
    Ok(Ledger {
        database_id,
        owner: Owner { cluster_id, node_id: node_id.map(|id| NodeId(unsigned(id))), node_name },
        head: head.as_ref().map_or(Version::BASELINE, |row| row.version),
        head_hash: head.map_or_else(String::new, |row| row.hash),
        fence: Fence(unsigned(fence)),
        claimed: one_row(here, "WHERE state = 'claimed' ORDER BY version LIMIT 1", None)?,
    })
}

fn check_format(here: &Here<'_>) -> Result<(), Error> {
    let stored: u32 =
        here.own(here.connection.query_row("SELECT format FROM lockstep_meta", (), |row| row.get(0)))?;
    if stored > FORMAT {
        return Err(Error::NewerLedger { database: here.place.to_owned(), stored, supported: FORMAT });
    }
    Ok(())
}

/// What [`decision::decide`] needs to know.
pub(super) fn found(here: &Here<'_>, version: Version) -> Result<Found, Error> {
    let ledger = read(here)?;
    Ok(Found {
        fence: ledger.fence,
        head: ledger.head,
        claimed: ledger.claimed.map(|row| row.version),
        row: one_row(here, "WHERE version = ?1", Some(version))?,
    })
}

/// Refuses when a newer decision has written here.
pub(super) fn check_fence(here: &Here<'_>, offered: Fence) -> Result<(), Error> {
    let stored: i64 =
        here.own(here.connection.query_row("SELECT fence FROM lockstep_meta", (), |row| row.get(0)))?;
    decision::check_fence(here.place, Fence(unsigned(stored)), offered)
}

/// Writes the fence. Never down: neither this condition nor the trigger lets it.
pub(super) fn raise_fence(here: &Here<'_>, fence: Fence) -> Result<(), Error> {
    let raised = here.own(
        here.connection.execute("UPDATE lockstep_meta SET fence = ?1 WHERE fence <= ?1", [signed(fence.0)]),
    )?;
    if raised == 0 { check_fence(here, fence) } else { Ok(()) }
}

/// Writes the job's row and raises the fence.
pub(super) fn write(here: &Here<'_>, job: &Job, state: State, reached: &Reached) -> Result<(), Error> {
    raise_fence(here, job.fence)?;
    here.own(here.connection.execute(
        "INSERT INTO lockstep_ledger VALUES (:version, :hash, :step, :state, :kind, :fence, :cursor, :done, :written,
             :batches, CAST(unixepoch('subsec') * 1000 AS INTEGER))
         ON CONFLICT (version) DO UPDATE SET state = excluded.state, kind = excluded.kind, fence = excluded.fence,
             cursor = excluded.cursor, rows_done = excluded.rows_done, rows_written = excluded.rows_written,
             batches = excluded.batches, updated_at_ms = excluded.updated_at_ms",
        named_params! {
            ":version": signed(job.version.0), ":hash": job.hash, ":step": job.step_name, ":state": state.name(),
            ":kind": job.kind.name(), ":fence": signed(job.fence.0), ":cursor": reached.cursor,
            ":done": signed(reached.rows_done), ":written": signed(reached.rows_written),
            ":batches": signed(reached.batches),
        },
    ))?;
    Ok(())
}

/// Rows above a version.
pub(super) fn rows_after(here: &Here<'_>, after: Version, rows_max: u32) -> Result<Vec<Row>, Error> {
    read(here)?;
    let sql = format!("SELECT {ROW_COLUMNS} FROM lockstep_ledger WHERE version > ?1 ORDER BY version LIMIT ?2");
    let raw = here.own(here.connection.prepare(&sql).and_then(|mut statement| {
        statement.query_map((signed(after.0), rows_max), RawRow::read)?.collect::<rusqlite::Result<Vec<_>>>()
    }))?;
    raw.into_iter().map(|row| row.check(here.place)).collect()
}

fn one_row(here: &Here<'_>, condition: &str, version: Option<Version>) -> Result<Option<Row>, Error> {
    let sql = format!("SELECT {ROW_COLUMNS} FROM lockstep_ledger {condition}");
    let parameters = rusqlite::params_from_iter(version.map(|version| signed(version.0)));
    let raw = here.own(
        here.connection
            .prepare_cached(&sql)
            .and_then(|mut statement| statement.query_row(parameters, RawRow::read).optional()),
    )?;
    raw.map(|row| row.check(here.place)).transpose()
}

/// A row whose words are not checked yet.
struct RawRow {
    row: Row,
    state: String,
    kind: String,
}

impl RawRow {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        let number = |column| row.get::<_, i64>(column).map(unsigned);
        Ok(Self {
            state: row.get(3)?,
            kind: row.get(4)?,
            row: Row {
                version: Version(number(0)?),
                hash: row.get(1)?,
                step_name: row.get(2)?,
                state: State::Claimed,
                kind: Kind::Forward,
                fence: Fence(number(5)?),
                cursor: row.get(6)?,
                rows_done: number(7)?,
                rows_written: number(8)?,
                batches: number(9)?,
                updated_at_ms: number(10)?,
            },
        })
    }

    fn check(self, place: &str) -> Result<Row, Error> {
        match (State::from_name(&self.state), Kind::from_name(&self.kind)) {
            (Some(state), Some(kind)) => Ok(Row { state, kind, ..self.row }),
            _ => Err(Error::DamagedLedger {
                database: place.to_owned(),
                reason: format!(
                    "version {} has state `{}` and kind `{}`",
                    self.row.version, self.state, self.kind
                ),
            }),
        }
    }
}

/// Log indexes and counts stay far below the largest signed number.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
