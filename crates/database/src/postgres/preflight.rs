//! What stands in the way of a step.
//!
//! Not looked at: free space on disk (SQL does not tell it), syntax (the server offers no check without running).

use super::connect::{Server, meaning};
use super::rights;
use crate::error::{Error, beginning};
use crate::preflight::{Limits, failed_look, violated};
use crate::retry::milliseconds;
use lockstep_core::Step;
use lockstep_core::in_flight::Obstacle;
use lockstep_core::step::Assertion;
use tokio_postgres::{Client, SimpleQueryMessage};

pub(super) async fn preflight(server: &Server, step: &Step, limits: &Limits) -> Vec<Obstacle> {
    match look(server, step, limits).await {
        Ok(obstacles) => obstacles,
        Err(error) => vec![failed_look(&error)],
    }
}

async fn look(server: &Server, step: &Step, limits: &Limits) -> Result<Vec<Obstacle>, Error> {
    let client = server.connect().await?;
    let mut obstacles = Vec::new();
    obstacles.extend(standby(server, &client).await?);
    obstacles.extend(rights::missing(server, &client, Some(&step.targets)).await?);
    obstacles.extend(old_transactions(server, &client, &step.targets, limits).await?);
    obstacles.extend(prepared_transactions(server, &client, limits).await?);
    for assertion in &step.preconditions {
        let rows = first_rows(server, &client, &assertion.violations_query, limits.rows_shown_max).await?;
        if !rows.is_empty() {
            obstacles.push(violated(&assertion.name, &rows));
        }
    }
    Ok(obstacles)
}

async fn standby(server: &Server, client: &Client) -> Result<Option<Obstacle>, Error> {
    let sql = "SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only')::boolean";
    let row = client.query_one(sql, &[]).await.map_err(|error| meaning(&server.place, sql, &error))?;
    Ok(row.get::<_, bool>(0).then(|| Obstacle {
        kind: "read_only".to_owned(),
        message: format!("{} takes no writes: it is a standby or set to read-only", server.place),
        remedy: "point the agent at the primary, or lift default_transaction_read_only".to_owned(),
    }))
}

/// Transactions older than the limit that hold a target.
async fn old_transactions(
    server: &Server,
    client: &Client,
    targets: &[String],
    limits: &Limits,
) -> Result<Vec<Obstacle>, Error> {
    let sql = "SELECT a.pid, coalesce(a.usename::text, ''), coalesce(a.application_name, ''),
            (extract(epoch FROM clock_timestamp() - a.xact_start) * 1000)::bigint, coalesce(a.query, ''),
            string_agg(DISTINCT l.relation::regclass::text, ', ')
        FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
        WHERE l.locktype = 'relation' AND l.granted AND a.pid <> pg_backend_pid()
            AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND l.relation IN (SELECT to_regclass(target)::oid FROM unnest($1::text[]) target)
            AND a.xact_start < clock_timestamp() - $2::bigint * interval '1 millisecond'
        GROUP BY a.pid, a.usename, a.application_name, a.xact_start, a.query ORDER BY a.xact_start";
    let age_max_ms = i64::try_from(milliseconds(limits.transaction_age_max)).unwrap_or(i64::MAX);
    let rows = client.query(sql, &[&targets, &age_max_ms]).await;
    let rows = rows.map_err(|error| meaning(&server.place, "looking for locks", &error))?;
    Ok(rows.iter().map(held).collect())
}

fn held(row: &tokio_postgres::Row) -> Obstacle {
    let (pid, user, application, age_ms): (i32, &str, &str, i64) =
        (row.get(0), row.get(1), row.get(2), row.get(3));
    let (query, tables): (&str, &str) = (row.get(4), row.get(5));
    Obstacle {
        kind: "lock_held".to_owned(),
        message: format!(
            "a transaction of process {pid} (user {user}, application `{application}`) holds {tables} since {age_ms} ms; \
             its last statement: {}",
            beginning(query)
        ),
        remedy: format!("let it end, or end it: SELECT pg_terminate_backend({pid})"),
    }
}

/// Prepared transactions belong to no session and can hold anything for ever.
async fn prepared_transactions(server: &Server, client: &Client, limits: &Limits) -> Result<Vec<Obstacle>, Error> {
    let sql = "SELECT gid, owner::text, (extract(epoch FROM clock_timestamp() - prepared) * 1000)::bigint
        FROM pg_prepared_xacts WHERE database = current_database()
            AND prepared < clock_timestamp() - $1::bigint * interval '1 millisecond' ORDER BY prepared";
    let age_max_ms = i64::try_from(milliseconds(limits.transaction_age_max)).unwrap_or(i64::MAX);
    let rows = client.query(sql, &[&age_max_ms]).await.map_err(|error| meaning(&server.place, sql, &error))?;
    let describe = |row: &tokio_postgres::Row| {
        let (name, owner, age_ms): (&str, &str, i64) = (row.get(0), row.get(1), row.get(2));
        Obstacle {
            kind: "lock_held".to_owned(),
            message: format!("the prepared transaction `{name}` of {owner} waits for its end since {age_ms} ms"),
            remedy: "end it: COMMIT PREPARED or ROLLBACK PREPARED".to_owned(),
        }
    };
    Ok(rows.iter().map(describe).collect())
}

/// Fails when the assertion does not hold. On a connection of its own, which ends with it.
pub(super) async fn assert_one(server: &Server, assertion: &Assertion, rows_shown_max: u32) -> Result<(), Error> {
    let client = server.connect().await?;
    let rows = first_rows(server, &client, &assertion.violations_query, rows_shown_max).await?;
    if rows.is_empty() {
        return Ok(());
    }
    Err(Error::Violations { database: server.place.clone(), assertion: assertion.name.clone(), rows })
}

/// The first rows of a query, as people read them, in a transaction that can change nothing.
async fn first_rows(server: &Server, client: &Client, query: &str, rows_max: u32) -> Result<Vec<String>, Error> {
    let failed = |error: tokio_postgres::Error| meaning(&server.place, query, &error);
    client.batch_execute("BEGIN READ ONLY").await.map_err(failed)?;
    let declare = format!("DECLARE lockstep NO SCROLL CURSOR FOR {query}");
    let rows = match client.execute(&declare, &[]).await {
        Ok(_) => client.simple_query(&format!("FETCH {rows_max} FROM lockstep")).await,
        Err(error) => Err(error),
    };
    // Ends the transaction in any case; when that fails, the connection is gone, and so is the transaction.
    let ended = client.batch_execute("ROLLBACK").await;
    let rows = rows.map_err(failed)?;
    ended.map_err(failed)?;
    Ok(rows.iter().filter_map(describe).collect())
}

fn describe(message: &SimpleQueryMessage) -> Option<String> {
    let SimpleQueryMessage::Row(row) = message else { return None };
    let value = |(position, column): (usize, &tokio_postgres::SimpleColumn)| {
        format!("{}={}", column.name(), row.get(position).unwrap_or("NULL"))
    };
    Some(row.columns().iter().enumerate().map(value).collect::<Vec<_>>().join(" "))
}
