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

/// Runs the steps of a plan, forward only, and compares.
///
/// # Errors
///
/// A table that is locked more than announced, or announced to block writes while its rows are read.
pub async fn check(connection: &Connection, plan: &Plan) -> Result<()> {
    let mut made = BTreeSet::new();
    for (step, note) in plan.change.steps.iter().zip(&plan.notes) {
        let blocks = note.impact.locks.iter().any(|lock| rank(lock.mode) > SHARE_UPDATE_EXCLUSIVE);
        let reads_rows = note.impact.scans || note.impact.rewrites;
        ensure!(!(blocks && reads_rows), "`{}` is announced to read rows while it blocks writes", step.name);
        match &step.forward {
            Action::Nothing | Action::Assert { .. } => {}
            Action::Backfill(backfill) => {
                let filter = backfill.only_where.as_ref().map(|only| format!(" WHERE {only}")).unwrap_or_default();
                let update = format!("UPDATE {} SET {}{filter}", backfill.table, backfill.set);
                connection.execute(&update, &[]).await.with_context(|| update.clone())?;
            }
            Action::Statements { statements, transactional: true } => {
                in_transaction(connection, statements, note, &mut made)
                    .await
                    .with_context(|| format!("`{}`", step.name))?;
            }
            Action::Statements { statements, .. } => {
                for statement in statements {
                    let alone = statement.contains("CONCURRENTLY")
                        || statement.starts_with("DO ")
                        || statement.contains(" ADD VALUE ");
                    if alone {
                        connection.execute(statement, &[]).await.with_context(|| statement.clone())?;
                    } else {
                        let one = std::slice::from_ref(statement);
                        in_transaction(connection, one, note, &mut made)
                            .await
                            .with_context(|| format!("`{}`", step.name))?;
                    }
                }
            }
        }
    }
    Ok(())
}

/// Tables as the catalog names them.
const TABLES: &str = "SELECT c.oid::bigint, format('%I.%I', n.nspname, c.relname) FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')";

const HELD: &str = "SELECT l.relation::bigint, l.mode FROM pg_locks l
    WHERE l.pid = pg_backend_pid() AND l.granted AND l.locktype = 'relation' AND l.database <> 0";

/// `made` are tables that the change itself made: nobody waits for them.
async fn in_transaction(
    connection: &Connection,
    statements: &[String],
    note: &Note,
    made: &mut BTreeSet<i64>,
) -> Result<()> {
    let before = tables(connection).await?;
    connection.batch("BEGIN").await?;
    for statement in statements {
        connection.execute(statement, &[]).await.with_context(|| statement.clone())?;
    }
    let held = connection.query(HELD, &[]).await?;
    connection.batch("COMMIT").await?;
    let known: BTreeSet<i64> = before.iter().map(|(id, _)| *id).collect();
    for row in &held {
        let (Some(id), Some(mode)) = (row[0].as_integer(), row[1].as_text()) else { continue };
        let Some((_, table)) = before.iter().find(|(known, _)| *known == id) else { continue };
        let held = rank_of_server(mode);
        let announced =
            note.impact.locks.iter().filter(|lock| lock.table == *table).map(|lock| rank(lock.mode)).max();
        ensure!(
            held < SHARE_UPDATE_EXCLUSIVE
                || made.contains(&id)
                || announced.is_some_and(|announced| announced >= held),
            "{table} is locked in {mode}, announced was {:?}",
            note.impact.locks
        );
    }
    made.extend(tables(connection).await?.into_iter().map(|(id, _)| id).filter(|id| !known.contains(id)));
    Ok(())
}

async fn tables(connection: &Connection) -> Result<Vec<(i64, String)>> {
    let rows = connection.query(TABLES, &[]).await?;
    let table = |row: &Vec<Value>| Some((row[0].as_integer()?, row[1].as_text()?.to_owned()));
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
