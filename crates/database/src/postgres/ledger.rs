//! The ledger's tables, and every statement that touches them.

use super::connect::{Server, meaning};
use super::transaction::Here;
use crate::decision::{self, Found};
use crate::error::Error;
use crate::job::Kind;
use crate::ledger::{FORMAT, Ledger, Owner, Reached, Row, State};
use lockstep_core::{Fence, NodeId, Version};
use tokio::sync::OnceCell;
use tokio_postgres::types::ToSql;
use tokio_postgres::{GenericClient, Statement};

/// What an operator runs to remove a ledger.
pub(super) const REMEDY: &str = "DROP SCHEMA lockstep CASCADE";

const MAKE: &str = "
CREATE TABLE lockstep.meta (
    one_row boolean PRIMARY KEY CHECK (one_row),
    format integer NOT NULL,
    database_id text NOT NULL,
    cluster_id text NOT NULL,
    owner_node_id bigint,
    owner_name text NOT NULL,
    fence bigint NOT NULL
);
CREATE FUNCTION lockstep.refuse_lower_fence() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    RAISE EXCEPTION 'lockstep: a fence never goes down (from % to %)', OLD.fence, NEW.fence;
END
$body$;
CREATE TRIGGER fence_never_goes_down BEFORE UPDATE ON lockstep.meta FOR EACH ROW
    WHEN (NEW.fence < OLD.fence) EXECUTE FUNCTION lockstep.refuse_lower_fence();
CREATE TABLE lockstep.ledger (
    version bigint PRIMARY KEY,
    hash text NOT NULL,
    step_name text NOT NULL,
    state text NOT NULL CHECK (state IN ('claimed', 'executed', 'reverted')),
    kind text NOT NULL CHECK (kind IN ('forward', 'revert')),
    fence bigint NOT NULL,
    cursor text,
    rows_done bigint NOT NULL,
    rows_written bigint NOT NULL,
    batches bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ledger_executed ON lockstep.ledger (version) WHERE state = 'executed';
CREATE INDEX ledger_claimed ON lockstep.ledger (version) WHERE state = 'claimed';
";

const ROW_COLUMNS: &str = "version, hash, step_name, state, kind, fence, cursor, rows_done, rows_written, batches,
    (extract(epoch FROM updated_at) * 1000)::bigint";

/// Makes the tables when there are none, and writes the owner. Only whoever holds the claim may call it.
pub(super) async fn take(
    server: &Server,
    client: &mut tokio_postgres::Client,
    owner: &Owner,
) -> Result<Ledger, Error> {
    let place = &server.place;
    let transaction = client.transaction().await.map_err(|error| meaning(place, "BEGIN", &error))?;
    if exists(place, &transaction).await? {
        read_of(place, &transaction, owner).await?;
    } else {
        make(server, &transaction, owner).await?;
    }
    let sql = "UPDATE lockstep.meta SET owner_node_id = $1, owner_name = $2";
    let node_id = owner.node_id.map(|id| signed(id.0));
    transaction.execute(sql, &[&node_id, &owner.node_name]).await.map_err(|error| meaning(place, sql, &error))?;
    let ledger = read(place, &transaction).await?;
    transaction.commit().await.map_err(|error| meaning(place, "COMMIT", &error))?;
    Ok(ledger)
}

async fn make(server: &Server, client: &impl GenericClient, owner: &Owner) -> Result<(), Error> {
    let place = &server.place;
    // An administrator may have made the schema, so that the agent's role needs no right on the whole database.
    let sql = "SELECT to_regnamespace('lockstep') IS NOT NULL";
    let has_schema: bool = client.query_one(sql, &[]).await.map_err(|error| meaning(place, sql, &error))?.get(0);
    let schema = if has_schema { "" } else { "CREATE SCHEMA lockstep;" };
    client.batch_execute(&format!("{schema}{MAKE}")).await.map_err(|error| making_refused(server, &error))?;
    let sql = "INSERT INTO lockstep.meta VALUES (true, $1, $2, $3, NULL, $4, 0)";
    let (format, id) = (FORMAT.cast_signed(), uuid::Uuid::new_v4().to_string());
    let values: [&(dyn ToSql + Sync); 4] = [&format, &id, &owner.cluster_id, &owner.node_name];
    client.execute(sql, &values).await.map_err(|error| meaning(place, sql, &error))?;
    Ok(())
}

fn making_refused(server: &Server, error: &tokio_postgres::Error) -> Error {
    match meaning(&server.place, "making the ledger", error) {
        Error::NoPermission { database, reason, .. } => Error::NoPermission {
            database,
            reason,
            remedy: format!(
                "let an administrator run CREATE SCHEMA lockstep AUTHORIZATION {user} (enough for the ledger), or \
                 GRANT CREATE ON DATABASE {name} TO {user}",
                user = crate::statement::quote(server.user()),
                name = crate::statement::quote(server.database()),
            ),
        },
        other => other,
    }
}

/// As [`read`]; refuses the ledger of another cluster.
pub(super) async fn read_of(place: &str, client: &impl GenericClient, owner: &Owner) -> Result<Ledger, Error> {
    let ledger = read(place, client).await?;
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

async fn exists(place: &str, client: &impl GenericClient) -> Result<bool, Error> {
    // The catalogue, and not to_regclass: a role without rights on the schema is told so by the first real statement.
    let sql = "SELECT EXISTS (SELECT FROM pg_class WHERE relname = 'meta' AND relnamespace = to_regnamespace('lockstep'))";
    Ok(client.query_one(sql, &[]).await.map_err(|error| meaning(place, sql, &error))?.get(0))
}

/// Head, fence and unfinished row, in one snapshot.
pub(super) async fn read(place: &str, client: &impl GenericClient) -> Result<Ledger, Error> {
    if !exists(place, client).await? {
        return Err(Error::NoLedger { database: place.to_owned() });
    }
    let sql =
        "SELECT m.format, m.database_id, m.cluster_id, m.owner_node_id, m.owner_name, m.fence, h.version, h.hash,
                   (SELECT min(version) FROM lockstep.ledger WHERE state = 'claimed')
               FROM lockstep.meta m LEFT JOIN LATERAL (
                   SELECT version, hash FROM lockstep.ledger WHERE state = 'executed' ORDER BY version DESC LIMIT 1
               ) h ON true";
    let row = client.query_opt(sql, &[]).await.map_err(|error| meaning(place, sql, &error))?;
    let row = row.ok_or_else(|| damaged(place, "lockstep.meta is empty"))?;
    let stored = row.get::<_, i32>(0).cast_unsigned();
    if stored > FORMAT {
        return Err(Error::NewerLedger { database: place.to_owned(), stored, supported: FORMAT });
    }
    let claimed = match row.get::<_, Option<i64>>(8) {
        None => None,
        Some(version) => one_row(place, client, Version(unsigned(version))).await?,
    };
    Ok(Ledger {
        database_id: row.get(1),
        owner: Owner {
            cluster_id: row.get(2),
            node_id: row.get::<_, Option<i64>>(3).map(|id| NodeId(unsigned(id))),
            node_name: row.get(4),
        },
        fence: Fence(unsigned(row.get(5))),
        head: Version(row.get::<_, Option<i64>>(6).map_or(0, unsigned)),
        head_hash: row.get::<_, Option<String>>(7).unwrap_or_default(),
        claimed: claimed.filter(|row| row.state == State::Claimed),
    })
}

/// What [`decision::decide`] needs to know. Locks the ledger until the transaction ends.
pub(super) async fn found(here: &Here<'_>) -> Result<Found, Error> {
    lock(here).await?;
    let ledger = read(here.place, here.transaction).await?;
    Ok(Found {
        fence: ledger.fence,
        head: ledger.head,
        claimed: ledger.claimed.map(|row| row.version),
        row: one_row(here.place, here.transaction, here.job.version).await?,
    })
}

/// The statements of almost every transaction, prepared once a connection.
#[derive(Default)]
pub(super) struct Prepared {
    lock: OnceCell<Statement>,
    write: OnceCell<Statement>,
}

async fn prepared<'s>(
    here: &'s Here<'_>,
    cell: &'s OnceCell<Statement>,
    sql: &str,
) -> Result<&'s Statement, Error> {
    let prepare = || here.transaction.prepare(sql);
    cell.get_or_try_init(prepare).await.map_err(|error| here.meaning(sql, &error))
}

async fn lock(here: &Here<'_>) -> Result<Fence, Error> {
    let sql = "SELECT fence FROM lockstep.meta FOR UPDATE";
    let lock = prepared(here, &here.prepared.lock, sql).await?;
    let row = here.transaction.query_opt(lock, &[]).await.map_err(|error| here.meaning(sql, &error))?;
    let row = row.ok_or_else(|| damaged(here.place, "lockstep.meta is empty"))?;
    Ok(Fence(unsigned(row.get(0))))
}

/// Refuses when a newer decision has written here. Locks the ledger until the transaction ends.
pub(super) async fn check_fence(here: &Here<'_>) -> Result<(), Error> {
    decision::check_fence(here.place, lock(here).await?, here.job.fence)
}

/// Raises the fence, unless it is there already: a batch need not write it again. Writes no row under a lower one.
const WRITE: &str = "
WITH raised AS (UPDATE lockstep.meta SET fence = $6::bigint WHERE fence < $6::bigint)
INSERT INTO lockstep.ledger
    SELECT $1::bigint, $2::text, $3::text, $4::text, $5::text, $6::bigint, $7::text, $8::bigint, $9::bigint, $10::bigint, now()
    FROM lockstep.meta WHERE fence <= $6::bigint
ON CONFLICT (version) DO UPDATE SET state = excluded.state, kind = excluded.kind, fence = excluded.fence,
    cursor = excluded.cursor, rows_done = excluded.rows_done, rows_written = excluded.rows_written,
    batches = excluded.batches, updated_at = excluded.updated_at";

/// Writes the job's row and raises the fence. Never down: neither this statement nor the trigger lets it.
pub(super) async fn write(here: &Here<'_>, state: State, reached: &Reached) -> Result<(), Error> {
    let job = here.job;
    let fence = signed(job.fence.0);
    let numbers = [job.version.0, reached.rows_done, reached.rows_written, reached.batches].map(signed);
    let values: [&(dyn ToSql + Sync); 10] = [
        &numbers[0],
        &job.hash,
        &job.step_name,
        &state.name(),
        &job.kind.name(),
        &fence,
        &reached.cursor,
        &numbers[1],
        &numbers[2],
        &numbers[3],
    ];
    let write = prepared(here, &here.prepared.write, WRITE).await?;
    let written = here.transaction.execute(write, &values).await;
    match written.map_err(|error| here.meaning("writing the ledger", &error))? {
        0 => check_fence(here).await,
        _ => Ok(()),
    }
}

/// Rows above a version.
pub(super) async fn rows_after(
    place: &str,
    client: &impl GenericClient,
    after: Version,
    rows_max: u32,
) -> Result<Vec<Row>, Error> {
    if !exists(place, client).await? {
        return Err(Error::NoLedger { database: place.to_owned() });
    }
    let sql = format!("SELECT {ROW_COLUMNS} FROM lockstep.ledger WHERE version > $1 ORDER BY version LIMIT $2");
    let rows = client.query(&sql, &[&signed(after.0), &i64::from(rows_max)]).await;
    rows.map_err(|error| meaning(place, &sql, &error))?.iter().map(|row| parse(place, row)).collect()
}

async fn one_row(place: &str, client: &impl GenericClient, version: Version) -> Result<Option<Row>, Error> {
    let sql = format!("SELECT {ROW_COLUMNS} FROM lockstep.ledger WHERE version = $1");
    let row = client.query_opt(&sql, &[&signed(version.0)]).await.map_err(|error| meaning(place, &sql, &error))?;
    row.map(|row| parse(place, &row)).transpose()
}

fn parse(place: &str, row: &tokio_postgres::Row) -> Result<Row, Error> {
    let number = |column: usize| unsigned(row.get::<_, i64>(column));
    let (state, kind): (&str, &str) = (row.get(3), row.get(4));
    let version = Version(number(0));
    let (Some(state), Some(kind)) = (State::from_name(state), Kind::from_name(kind)) else {
        return Err(damaged(place, &format!("version {version} has state `{state}` and kind `{kind}`")));
    };
    Ok(Row {
        version,
        hash: row.get(1),
        step_name: row.get(2),
        state,
        kind,
        fence: Fence(number(5)),
        cursor: row.get(6),
        rows_done: number(7),
        rows_written: number(8),
        batches: number(9),
        updated_at_ms: number(10),
    })
}

fn damaged(place: &str, reason: &str) -> Error {
    Error::DamagedLedger { database: place.to_owned(), reason: reason.to_owned() }
}

/// Log indexes and counts stay far below the largest signed number.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
