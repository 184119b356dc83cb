//! The exclusive claim: a named lock on a connection that is kept for nothing else. And the lock that a running job holds.

use super::Mysql;
use super::connect::{Server, code, meaning};
use super::ledger;
use super::lookout::GONE_ALREADY;
use crate::error::Error;
use crate::ledger::{Ledger, Owner};
use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;
use std::time::{Duration, Instant};

/// How long the server may take to notice that an agent before this one is gone.
const PATIENCE: Duration = Duration::from_secs(2);
const POLL_RHYTHM: Duration = Duration::from_millis(50);

/// Named locks belong to the whole server, and their names are short.
const CLAIM: &str = "CONCAT('lockstep.', LEFT(SHA2(DATABASE(), 256), 40))";
const RUN: &str = "CONCAT('lockstep.run.', LEFT(SHA2(DATABASE(), 256), 40))";

/// A held claim.
pub(super) struct Claim {
    connection: Conn,
    owner: Owner,
}

pub(super) async fn claim(database: &Mysql, owner: &Owner) -> Result<Ledger, Error> {
    let mut kept = database.claim.lock().await;
    let mut connection = locked(database, &mut kept).await?;
    let ledger = ledger::take(&database.server, &mut connection, owner).await?;
    *kept = Some(Claim { connection, owner: owner.clone() });
    Ok(ledger)
}

/// The same lock on a replica: it is no part of what is replicated, so it stands beside that of the primary's agent.
pub(super) async fn follow(database: &Mysql, owner: &Owner) -> Result<Ledger, Error> {
    let mut kept = database.claim.lock().await;
    let mut connection = locked(database, &mut kept).await?;
    let place = &database.server.place;
    let sql = "SELECT @@GLOBAL.read_only";
    let read_only: Option<bool> =
        connection.query_first(sql).await.map_err(|error| meaning(place, sql, &error))?;
    if read_only != Some(true) {
        let reason = "its server has read_only = 0".to_owned();
        return Err(Error::NotReplica { database: place.clone(), reason });
    }
    let ledger = ledger::read_of(place, &mut connection, owner).await?;
    *kept = Some(Claim { connection, owner: owner.clone() });
    Ok(ledger)
}

/// The connection that holds the lock.
async fn locked(database: &Mysql, kept: &mut Option<Claim>) -> Result<Conn, Error> {
    if let Some(mut claim) = kept.take()
        && holds(&mut claim.connection).await
    {
        return Ok(claim.connection);
    }
    lock(&database.server).await
}

/// Refuses to execute without a claim; takes it again when its connection was lost.
pub(super) async fn check(database: &Mysql) -> Result<(), Error> {
    let mut kept = database.claim.lock().await;
    let Some(mut claim) = kept.take() else {
        return Err(Error::NotClaimed { database: database.server.place.clone() });
    };
    if !holds(&mut claim.connection).await {
        let again = lock_again(database, &claim.owner).await;
        // Without the lock it is still this agent's to take: it tries again with the next job.
        let failed = again.map(|connection| claim.connection = connection);
        *kept = Some(claim);
        return failed;
    }
    *kept = Some(claim);
    Ok(())
}

async fn lock_again(database: &Mysql, owner: &Owner) -> Result<Conn, Error> {
    let mut connection = lock(&database.server).await?;
    // Whoever held it meanwhile may have been another cluster's.
    ledger::take(&database.server, &mut connection, owner).await?;
    Ok(connection)
}

/// The server releases the lock of a connection that it lost, whatever the connection's other end believes.
async fn holds(connection: &mut Conn) -> bool {
    let sql = format!("SELECT IS_USED_LOCK({CLAIM}) <=> CONNECTION_ID()");
    matches!(connection.query_first(sql).await, Ok(Some(1)))
}

/// Tries, again and again for a while: a lock that is waited for would be granted to an agent that has given up already.
async fn lock(server: &Server) -> Result<Conn, Error> {
    let (mut connection, _) = server.connect().await?;
    let started = Instant::now();
    while !try_lock(server, &mut connection, CLAIM).await? {
        if started.elapsed() > PATIENCE {
            return Err(Error::Claimed {
                database: server.place.clone(),
                holder: holder(server, &mut connection).await,
            });
        }
        tokio::time::sleep(POLL_RHYTHM).await;
    }
    Ok(connection)
}

async fn try_lock(server: &Server, connection: &mut Conn, name: &str) -> Result<bool, Error> {
    let sql = format!("SELECT GET_LOCK({name}, 0)");
    let locked: Option<Option<u8>> =
        connection.query_first(&sql).await.map_err(|error| meaning(&server.place, &sql, &error))?;
    Ok(locked.flatten() == Some(1))
}

async fn holder(server: &Server, connection: &mut Conn) -> String {
    match ledger::read(&server.place, connection).await {
        Ok(ledger) => ledger.owner.node_name,
        // The lock is held, its holder has not written its name yet (or hides it): the refusal stands all the same.
        Err(_) => "(not known yet)".to_owned(),
    }
}

/// Marks the connection as the one that runs a job. A statement goes on at the server when its agent dies: whoever holds the
/// claim ends what an agent before it left running, and looks at nothing before that is over.
pub(super) async fn run_alone(server: &Server, connection: &mut Conn, patience: Duration) -> Result<(), Error> {
    let started = Instant::now();
    let mut attempts = 0;
    while !try_lock(server, connection, RUN).await? {
        attempts += 1;
        if started.elapsed() > patience {
            return Err(Error::Busy {
                database: server.place.clone(),
                what: "a statement that an agent before this one left running, and which the server is still undoing,"
                    .to_owned(),
                attempts,
                waited_ms: crate::retry::milliseconds(started.elapsed()),
            });
        }
        end_leftover(server, connection).await?;
        tokio::time::sleep(POLL_RHYTHM).await;
    }
    Ok(())
}

async fn end_leftover(server: &Server, connection: &mut Conn) -> Result<(), Error> {
    let sql = format!("SELECT IS_USED_LOCK({RUN})");
    let holder: Option<Option<u64>> =
        connection.query_first(&sql).await.map_err(|error| meaning(&server.place, &sql, &error))?;
    let Some(holder) = holder.flatten() else { return Ok(()) };
    let kill = format!("KILL {holder}");
    match connection.query_drop(&kill).await {
        Err(error) if code(&error) != Some(GONE_ALREADY) => Err(meaning(&server.place, &kill, &error)),
        _ => {
            tracing::info!(
                database = server.place,
                connection = holder,
                "ended what an execution before left running"
            );
            Ok(())
        }
    }
}
