//! The exclusive claim: a session advisory lock on a connection that is kept for nothing else.

use super::Postgres;
use super::connect::meaning;
use super::ledger;
use crate::error::Error;
use crate::ledger::{Ledger, Owner};
use std::time::{Duration, Instant};
use tokio_postgres::Client;

/// `lockstep` in ASCII: the same key for every cluster, since a database has one agent.
const KEY: i64 = 0x6c6f_636b_7374_6570;

/// How long the server may take to notice that an agent before this one is gone.
const PATIENCE: Duration = Duration::from_secs(2);
const POLL_RHYTHM: Duration = Duration::from_millis(100);

/// A held claim.
pub(super) struct Claim {
    client: Client,
    owner: Owner,
}

pub(super) async fn claim(database: &Postgres, owner: &Owner) -> Result<Ledger, Error> {
    let mut kept = database.claim.lock().await;
    let mut client = locked(database, &mut kept).await?;
    let ledger = ledger::take(&database.server, &mut client, owner).await?;
    *kept = Some(Claim { client, owner: owner.clone() });
    Ok(ledger)
}

/// The same lock on a standby: it is no part of what is replicated, so it stands beside that of the primary's agent.
pub(super) async fn follow(database: &Postgres, owner: &Owner) -> Result<Ledger, Error> {
    let mut kept = database.claim.lock().await;
    let client = locked(database, &mut kept).await?;
    let place = &database.server.place;
    let sql = "SELECT pg_is_in_recovery()";
    let row = client.query_one(sql, &[]).await.map_err(|error| meaning(place, sql, &error))?;
    if !row.get::<_, bool>(0) {
        let reason = "its server is not in recovery".to_owned();
        return Err(Error::NotReplica { database: place.clone(), reason });
    }
    let ledger = ledger::read_of(place, &client, owner).await?;
    *kept = Some(Claim { client, owner: owner.clone() });
    Ok(ledger)
}

/// The connection that holds the lock.
async fn locked(database: &Postgres, kept: &mut Option<Claim>) -> Result<Client, Error> {
    match kept.take().filter(|claim| !claim.client.is_closed()) {
        Some(claim) => Ok(claim.client),
        None => lock(database).await,
    }
}

/// Refuses to execute without a claim; takes it again when its connection was lost.
pub(super) async fn check(database: &Postgres) -> Result<(), Error> {
    let mut kept = database.claim.lock().await;
    let Some(claim) = kept.as_mut() else {
        return Err(Error::NotClaimed { database: database.server.place.clone() });
    };
    if claim.client.is_closed() {
        claim.client = lock(database).await?;
        // Whoever held it meanwhile may have been another cluster's.
        ledger::take(&database.server, &mut claim.client, &claim.owner).await?;
    }
    Ok(())
}

/// Tries, again and again for a while: a lock that is waited for would be granted to an agent that has given up already.
async fn lock(database: &Postgres) -> Result<Client, Error> {
    let place = &database.server.place;
    let client = database.server.connect().await?;
    let sql = "SELECT pg_try_advisory_lock($1)";
    let started = Instant::now();
    loop {
        let row = client.query_one(sql, &[&KEY]).await.map_err(|error| meaning(place, sql, &error))?;
        if row.get(0) {
            return Ok(client);
        }
        if started.elapsed() > PATIENCE {
            return Err(Error::Claimed { database: place.clone(), holder: holder(place, &client).await });
        }
        tokio::time::sleep(POLL_RHYTHM).await;
    }
}

async fn holder(place: &str, client: &Client) -> String {
    match ledger::read(place, client).await {
        Ok(ledger) => ledger.owner.node_name,
        // The lock is held, its holder has not written its name yet (or hides it): the refusal stands all the same.
        Err(_) => "(not known yet)".to_owned(),
    }
}
