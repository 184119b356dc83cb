//! What a planned step locks, read inside its transaction, against what the plan announced. PostgreSQL only.

use anyhow::{Context as _, Result, ensure};
use lockstep_core::step::Action;
use lockstep_database::plain::{Connection, Value};
use lockstep_planner::{Plan, plan::Note};
use std::collections::BTreeSet;

/// Modes by how much they block, as statements say them.
const MODES: [&str; 8] = [
    "ACCESS SHARE",
    "ROW SHARE",
    "ROW EXCLUSIVE",
    "SHARE UPDATE EXCLUSIVE",
    "SHARE",
    "SHARE ROW EXCLUSIVE",
    "EXCLUSIVE",
    "ACCESS EXCLUSIVE",
];

/// Locks below are those of usual reads and writes.
const SHARE_UPDATE_EXCLUSIVE: usize = 3;

/// What a rollback does that is announced as a hazard and not as a lock.
const WRITES_ANEW: &str = "a rollback writes";

/// Runs the steps of a plan forward and, where all have a way back, back again, and compares.
///
/// # Errors
///
/// A table that is locked more than announced, or locked by a revert and no target of its step; one whose rows are read, or that is
/// written anew, while it blocks writes.
pub async fn check(connection: &Connection, plan: &Plan) -> Result<()> {
    let mut seen = Seen::default();
    for (step, note) in plan.change.steps.iter().zip(&plan.notes) {
        let blocks = note.impact.locks.iter().any(|lock| rank(lock.mode) > SHARE_UPDATE_EXCLUSIVE);
        let reads_rows = note.impact.scans || note.impact.rewrites;
        ensure!(!(blocks && reads_rows), "`{}` is announced to read rows while it blocks writes", step.name);
        let proven_empty = step.preconditions.iter().any(|proof| proof.name.ends_with(" is empty"));
        let allowed = Allowed { announced: Some(note), targets: &step.targets, may_write_anew: proven_empty };
        run(connection, &step.forward, &allowed, &mut seen).await.with_context(|| format!("`{}`", step.name))?;
    }
    if plan.change.steps.iter().any(|step| step.revert.is_none()) {
        return Ok(());
    }
    let may_write_anew =
        plan.statements.iter().flat_map(|statement| &statement.hazards).any(|hazard| hazard.contains(WRITES_ANEW));
    for step in plan.change.steps.iter().rev() {
        let allowed = Allowed { announced: None, targets: &step.targets, may_write_anew };
        let revert = step.revert.as_ref().unwrap_or(&Action::Nothing);
        run(connection, revert, &allowed, &mut seen)
            .await
            .with_context(|| format!("the revert of `{}`", step.name))?;
    }
    Ok(())
}

/// What the plan says of a step.
struct Allowed<'a> {
    /// Forward: what it announced.
    announced: Option<&'a Note>,
    targets: &'a [String],
    may_write_anew: bool,
}

impl Allowed<'_> {
    fn locks(&self, table: &str, held: usize) -> bool {
        match self.announced {
            Some(note) => {
                let modes =
                    note.impact.locks.iter().filter(|lock| lock.table == table).map(|lock| rank(lock.mode));
                modes.max().is_some_and(|announced| announced >= held)
            }
            None => self.targets.iter().any(|target| target == table),
        }
    }
}

/// What the change itself made: nobody waits for it.
#[derive(Default)]
struct Seen {
    made: BTreeSet<i64>,
}

async fn run(connection: &Connection, action: &Action, allowed: &Allowed<'_>, seen: &mut Seen) -> Result<()> {
    match action {
        Action::Nothing | Action::Assert { .. } => Ok(()),
        Action::Backfill(backfill) => {
            let filter = backfill.only_where.as_ref().map(|only| format!(" WHERE {only}")).unwrap_or_default();
            let update = format!("UPDATE {} SET {}{filter}", backfill.table, backfill.set);
            connection.execute(&update, &[]).await.with_context(|| update.clone())?;
            Ok(())
        }
        Action::Statements { statements, transactional: true } => {
            in_transaction(connection, statements, allowed, seen).await
        }
        Action::Statements { statements, .. } => {
            for statement in statements {
                let commits = statement.starts_with("DO ") && statement.contains("COMMIT;");
                let alone = commits || statement.contains("CONCURRENTLY") || statement.contains(" ADD VALUE ");
                if alone {
                    connection.execute(statement, &[]).await.with_context(|| statement.clone())?;
                } else {
                    in_transaction(connection, std::slice::from_ref(statement), allowed, seen).await?;
                }
            }
            Ok(())
        }
    }
}

/// Tables as the catalog names them, and the files that they are in.
const TABLES: &str =
    "SELECT c.oid::bigint, format('%I.%I', n.nspname, c.relname), c.relfilenode::bigint FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')";

const HELD: &str = "SELECT l.relation::bigint, l.mode FROM pg_locks l
    WHERE l.pid = pg_backend_pid() AND l.granted AND l.locktype = 'relation' AND l.database <> 0";

/// Rows that this session read one after the other, by table, and has not told the server yet: it does so between transactions.
const READ: &str = "SELECT relid::bigint, seq_tup_read FROM pg_stat_xact_user_tables WHERE seq_tup_read > 0";

/// A table before a transaction.
struct Before {
    id: i64,
    name: String,
    file: i64,
}

async fn in_transaction(
    connection: &Connection,
    statements: &[String],
    allowed: &Allowed<'_>,
    seen: &mut Seen,
) -> Result<()> {
    let before = tables(connection).await?;
    connection.batch("BEGIN").await?;
    let read_before = read(connection).await?;
    for statement in statements {
        connection.execute(statement, &[]).await.with_context(|| statement.clone())?;
    }
    let held = connection.query(HELD, &[]).await?;
    let mut read = read(connection).await?;
    read.retain(|reading| !read_before.contains(reading));
    connection.batch("COMMIT").await?;
    let after = tables(connection).await?;
    for row in &held {
        let (Some(id), Some(mode)) = (row[0].as_integer(), row[1].as_text()) else { continue };
        let Some(table) = before.iter().find(|table| table.id == id) else { continue };
        let held = rank_of_server(mode);
        if held < SHARE_UPDATE_EXCLUSIVE || seen.made.contains(&id) {
            continue;
        }
        let is_allowed = allowed.locks(&table.name, held);
        ensure!(is_allowed, "{} is locked in {mode}, which was not announced: {statements:#?}", table.name);
        let is_written_anew = after.iter().any(|other| other.id == id && other.file != table.file);
        let reads = read.iter().any(|(table, _)| *table == id) || is_written_anew;
        ensure!(
            held == SHARE_UPDATE_EXCLUSIVE || !reads || allowed.may_write_anew,
            "rows of {} are read or written anew while it is locked in {mode}: {statements:#?}",
            table.name
        );
    }
    seen.made.extend(after.iter().map(|table| table.id).filter(|id| !before.iter().any(|table| table.id == *id)));
    Ok(())
}

async fn read(connection: &Connection) -> Result<BTreeSet<(i64, i64)>> {
    let rows = connection.query(READ, &[]).await?;
    Ok(rows.iter().filter_map(|row| Some((row[0].as_integer()?, row[1].as_integer()?))).collect())
}

async fn tables(connection: &Connection) -> Result<Vec<Before>> {
    let rows = connection.query(TABLES, &[]).await?;
    let table = |row: &Vec<Value>| {
        Some(Before { id: row[0].as_integer()?, name: row[1].as_text()?.to_owned(), file: row[2].as_integer()? })
    };
    Ok(rows.iter().filter_map(table).collect())
}

fn rank(mode: &str) -> usize {
    MODES.iter().position(|known| *known == mode).expect("a plan names modes of the server")
}

/// `AccessExclusiveLock`
fn rank_of_server(mode: &str) -> usize {
    let plain = |mode: &str| mode.replace(' ', "").to_lowercase();
    let mode = mode.trim_end_matches("Lock").to_lowercase();
    MODES.iter().position(|known| plain(known) == mode).expect("the server has no other modes")
}
