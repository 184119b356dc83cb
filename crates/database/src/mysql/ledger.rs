//! The ledger's tables, and every statement that touches them.

use super::connect::{Server, code, meaning};
use super::sql::{literal, quote};
use super::transaction::Here;
use crate::decision::{self, Found};
use crate::error::Error;
use crate::job::Kind;
use crate::ledger::{FORMAT, Ledger, Owner, Reached, Row, State};
use lockstep_core::{Fence, NodeId, Version};
use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;

/// Lockstep's own tables.
pub(super) const OBJECTS: [&str; 2] = ["lockstep_meta", "lockstep_ledger"];

/// What an operator runs to remove a ledger.
const REMEDY: &str = "DROP TABLE lockstep_meta, lockstep_ledger";

/// No such table.
const MISSING: u16 = 1146;

/// Each may have been done by an agent that died between two of them. The row that makes it a ledger comes last.
const MAKE: [&str; 4] = [
    "CREATE TABLE IF NOT EXISTS lockstep_ledger (
        version bigint unsigned NOT NULL PRIMARY KEY,
        hash varchar(255) NOT NULL,
        step_name text NOT NULL,
        state varchar(16) NOT NULL,
        kind varchar(16) NOT NULL,
        fence bigint unsigned NOT NULL,
        progress longtext,
        rows_done bigint unsigned NOT NULL,
        rows_written bigint unsigned NOT NULL,
        batches bigint unsigned NOT NULL,
        updated_at_ms bigint unsigned NOT NULL,
        INDEX by_state (state, version)
    ) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin",
    "CREATE TABLE IF NOT EXISTS lockstep_meta (
        one_row tinyint NOT NULL PRIMARY KEY,
        format integer unsigned NOT NULL,
        database_id varchar(64) NOT NULL,
        cluster_id varchar(255) NOT NULL,
        owner_node_id bigint unsigned,
        owner_name varchar(255) NOT NULL,
        fence bigint unsigned NOT NULL
    ) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin",
    "DROP TRIGGER IF EXISTS lockstep_fence",
    "CREATE TRIGGER lockstep_fence BEFORE UPDATE ON lockstep_meta FOR EACH ROW
     IF NEW.fence < OLD.fence THEN
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'lockstep: a fence never goes down';
     END IF",
];

const ROW_COLUMNS: &str =
    "version, hash, step_name, state, kind, fence, progress, rows_done, rows_written, batches, updated_at_ms";

/// The server's clock, in milliseconds since the Unix epoch.
const NOW_MS: &str = "CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS UNSIGNED)";

/// Makes the tables when there are none, and writes the owner. Only whoever holds the claim may call it.
pub(super) async fn take(server: &Server, connection: &mut Conn, owner: &Owner) -> Result<Ledger, Error> {
    let place = &server.place;
    match read_of(place, connection, owner).await {
        Ok(_) => {}
        Err(Error::NoLedger { .. }) => make(server, connection, owner).await?,
        Err(error) => return Err(error),
    }
    let sql = format!(
        "UPDATE lockstep_meta SET owner_node_id = {}, owner_name = {}",
        owner.node_id.map_or("NULL".to_owned(), |id| id.0.to_string()),
        literal(&owner.node_name)
    );
    connection.query_drop(&sql).await.map_err(|error| meaning(place, &sql, &error))?;
    read(place, connection).await
}

async fn make(server: &Server, connection: &mut Conn, owner: &Owner) -> Result<(), Error> {
    for sql in MAKE {
        connection.query_drop(sql).await.map_err(|error| making_refused(server, &error))?;
    }
    let sql = format!(
        "INSERT INTO lockstep_meta VALUES (1, {FORMAT}, '{}', {}, NULL, {}, 0)",
        uuid::Uuid::new_v4(),
        literal(&owner.cluster_id),
        literal(&owner.node_name)
    );
    connection.query_drop(&sql).await.map_err(|error| meaning(&server.place, &sql, &error))
}

fn making_refused(server: &Server, error: &mysql_async::Error) -> Error {
    const BINARY_LOG_WANTS_SUPER: u16 = 1419;
    let remedy = match code(error) {
        Some(BINARY_LOG_WANTS_SUPER) => "SET GLOBAL log_bin_trust_function_creators = 1".to_owned(),
        _ => format!("GRANT ALL ON {}.* TO the agent's user {}", quote(server.database()), server.user()),
    };
    match meaning(&server.place, "making the ledger", error) {
        Error::NoPermission { database, reason, .. } => {
            Error::NoPermission { database, reason, remedy: format!("let an administrator run {remedy}") }
        }
        other => other,
    }
}

/// As [`read`]; refuses the ledger of another cluster.
pub(super) async fn read_of(place: &str, connection: &mut Conn, owner: &Owner) -> Result<Ledger, Error> {
    let ledger = read(place, connection).await?;
    if ledger.owner.cluster_id != owner.cluster_id {
        return Err(Error::ForeignLedger {
            database: place.to_owned(),
            stored: ledger.owner.cluster_id,
            offered: owner.cluster_id.clone(),
            remedy: REMEDY,
        });
    }
    Ok(ledger)
}

/// Head, fence and unfinished row, in one snapshot.
pub(super) async fn read(place: &str, connection: &mut Conn) -> Result<Ledger, Error> {
    let sql = "SELECT format, database_id, cluster_id, owner_node_id, owner_name, fence,
            (SELECT MAX(version) FROM lockstep_ledger WHERE state = 'executed'),
            (SELECT hash FROM lockstep_ledger WHERE state = 'executed' ORDER BY version DESC LIMIT 1),
            (SELECT MIN(version) FROM lockstep_ledger WHERE state = 'claimed')
        FROM lockstep_meta";
    let row: Option<mysql_async::Row> =
        connection.query_first(sql).await.map_err(|error| failed(place, sql, &error))?;
    let Some(row) = row else { return Err(without_row(place, connection).await?) };
    let stored: u32 = cell(place, &row, 0)?;
    if stored > FORMAT {
        return Err(Error::NewerLedger { database: place.to_owned(), stored, supported: FORMAT });
    }
    let claimed = match cell::<Option<u64>>(place, &row, 8)? {
        None => None,
        Some(version) => one_row(place, connection, Version(version)).await?,
    };
    Ok(Ledger {
        database_id: cell(place, &row, 1)?,
        owner: Owner {
            cluster_id: cell(place, &row, 2)?,
            node_id: cell::<Option<u64>>(place, &row, 3)?.map(NodeId),
            node_name: cell(place, &row, 4)?,
        },
        fence: Fence(cell(place, &row, 5)?),
        head: Version(cell::<Option<u64>>(place, &row, 6)?.unwrap_or(0)),
        head_hash: cell::<Option<String>>(place, &row, 7)?.unwrap_or_default(),
        claimed: claimed.filter(|row| row.state == State::Claimed),
    })
}

/// Tables without their row are those of an agent that died while it made them, unless something was recorded already.
async fn without_row(place: &str, connection: &mut Conn) -> Result<Error, Error> {
    let sql = "SELECT version FROM lockstep_ledger LIMIT 1";
    let version: Option<u64> = connection.query_first(sql).await.map_err(|error| failed(place, sql, &error))?;
    Ok(match version {
        None => Error::NoLedger { database: place.to_owned() },
        Some(_) => damaged(place, "lockstep_meta is empty"),
    })
}

fn failed(place: &str, sql: &str, error: &mysql_async::Error) -> Error {
    if code(error) == Some(MISSING) {
        return Error::NoLedger { database: place.to_owned() };
    }
    meaning(place, sql, error)
}

/// What [`decision::decide`] needs to know. Locks the ledger until the transaction ends.
pub(super) async fn found(here: &mut Here<'_>) -> Result<Found, Error> {
    lock(here).await?;
    let ledger = read(here.place, here.connection).await?;
    Ok(Found {
        fence: ledger.fence,
        head: ledger.head,
        claimed: ledger.claimed.map(|row| row.version),
        row: one_row(here.place, here.connection, here.job.version).await?,
    })
}

const LOCK: &str = "SELECT fence FROM lockstep_meta FOR UPDATE";

async fn lock(here: &mut Here<'_>) -> Result<Fence, Error> {
    lock_and(here, LOCK).await
}

/// As [`lock`]; `sql` begins with that.
async fn lock_and(here: &mut Here<'_>, sql: &str) -> Result<Fence, Error> {
    let fence: Option<u64> =
        here.connection.query_first(sql).await.map_err(|error| failed(here.place, sql, &error))?;
    Ok(Fence(fence.ok_or_else(|| damaged(here.place, "lockstep_meta is empty"))?))
}

/// Refuses when a newer decision has written here. Locks the ledger until the transaction ends.
pub(super) async fn check_fence(here: &mut Here<'_>) -> Result<(), Error> {
    let stored = lock(here).await?;
    decision::check_fence(here.place, stored, here.job.fence)
}

/// Writes the job's row and raises the fence; refuses when a newer decision has written here. Locks the ledger until the transaction
/// ends.
pub(super) async fn write(here: &mut Here<'_>, state: State, reached: &Reached) -> Result<(), Error> {
    let job = here.job;
    let changing = format!(
        "state = '{}', kind = '{}', fence = {}, progress = {}, rows_done = {}, rows_written = {}, batches = {}, updated_at_ms = {NOW_MS}",
        state.name(),
        job.kind.name(),
        job.fence.0,
        reached.cursor.as_ref().map_or("NULL".to_owned(), |cursor| literal(cursor)),
        reached.rows_done,
        reached.rows_written,
        reached.batches
    );
    let sql = format!(
        "{LOCK}; INSERT INTO lockstep_ledger SET version = {}, hash = {}, step_name = {}, {changing}
            ON DUPLICATE KEY UPDATE {changing}",
        job.version.0,
        literal(&job.hash),
        literal(&job.step_name)
    );
    // Both at once: where the fence refuses it, the row goes with the transaction.
    let stored = lock_and(here, &sql).await?;
    decision::check_fence(here.place, stored, job.fence)?;
    if stored < job.fence {
        here.run(&format!("UPDATE lockstep_meta SET fence = {}", job.fence.0)).await?;
    }
    Ok(())
}

/// Rows above a version.
pub(super) async fn rows_after(
    place: &str,
    connection: &mut Conn,
    after: Version,
    rows_max: u32,
) -> Result<Vec<Row>, Error> {
    read(place, connection).await?;
    let sql = format!(
        "SELECT {ROW_COLUMNS} FROM lockstep_ledger WHERE version > {} ORDER BY version LIMIT {rows_max}",
        after.0
    );
    let rows: Vec<mysql_async::Row> = connection.query(&sql).await.map_err(|error| failed(place, &sql, &error))?;
    rows.iter().map(|row| parse(place, row)).collect()
}

async fn one_row(place: &str, connection: &mut Conn, version: Version) -> Result<Option<Row>, Error> {
    let sql = format!("SELECT {ROW_COLUMNS} FROM lockstep_ledger WHERE version = {}", version.0);
    let row: Option<mysql_async::Row> =
        connection.query_first(&sql).await.map_err(|error| failed(place, &sql, &error))?;
    row.map(|row| parse(place, &row)).transpose()
}

fn parse(place: &str, row: &mysql_async::Row) -> Result<Row, Error> {
    let (state, kind): (String, String) = (cell(place, row, 3)?, cell(place, row, 4)?);
    let version = Version(cell(place, row, 0)?);
    let (Some(state), Some(kind)) = (State::from_name(&state), Kind::from_name(&kind)) else {
        return Err(damaged(place, &format!("version {version} has state `{state}` and kind `{kind}`")));
    };
    Ok(Row {
        version,
        hash: cell(place, row, 1)?,
        step_name: cell(place, row, 2)?,
        state,
        kind,
        fence: Fence(cell(place, row, 5)?),
        cursor: cell(place, row, 6)?,
        rows_done: cell(place, row, 7)?,
        rows_written: cell(place, row, 8)?,
        batches: cell(place, row, 9)?,
        updated_at_ms: cell(place, row, 10)?,
    })
}

fn cell<T: mysql_async::prelude::FromValue>(
    place: &str,
    row: &mysql_async::Row,
    position: usize,
) -> Result<T, Error> {
    match row.get_opt(position) {
        Some(Ok(value)) => Ok(value),
        _ => Err(damaged(place, &format!("column {} of a row has another type than it should", position + 1))),
    }
}

fn damaged(place: &str, reason: &str) -> Error {
    Error::DamagedLedger { database: place.to_owned(), reason: reason.to_owned() }
}
