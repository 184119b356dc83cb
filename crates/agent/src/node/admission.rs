//! Becoming a member: the agent looks at its database, then bootstraps or joins. Every part may be interrupted and repeated.

use super::{comparison, identity};
use crate::{Config, Error};
use lockstep_consensus::Consensus;
use lockstep_core::command::FORMAT;
use lockstep_core::node::{Addresses, Candidate, Role};
use lockstep_core::{NodeId, Schema, State};
use lockstep_database::{Database, Owner};
use lockstep_storage::{Identity, Store};
use std::sync::Arc;
use uuid::Uuid;

/// The store's name for the id of a cluster that is being made: the database is claimed for it before the store has an identity,
/// so a second attempt must use the same.
const BOOTSTRAP_ID: &str = "bootstrap_cluster_id";

/// Makes this agent a member if it is none yet, and finishes what an interrupted start left undone.
pub(super) async fn admit(
    config: &Config,
    store: &Store,
    consensus: &Consensus,
    database: &Arc<dyn Database>,
    addresses: &Addresses,
) -> Result<Identity, Error> {
    match consensus.identity() {
        None if config.cluster.bootstrap => {
            let cluster_id = new_cluster_id(store).await?;
            let (candidate, _) = candidate(config, database, addresses, &cluster_id).await?;
            consensus.bootstrap(&cluster_id, candidate).await?;
        }
        None => {
            let token = identity::join_token(config)?;
            let (candidate, schema) = candidate(config, database, addresses, &token.cluster_id).await?;
            let cluster = &config.cluster;
            let joined = consensus.join(&cluster.join, candidate, &token.secret, cluster.replace).await;
            if let Err(error) = joined {
                return Err(comparison::explained(error, &schema).await);
            }
            see_oneself(config, consensus).await;
        }
        Some(identity) if is_half_made(consensus) => {
            let (candidate, _) = candidate(config, database, addresses, &identity.cluster_id).await?;
            consensus.bootstrap(&identity.cluster_id, candidate).await?;
        }
        Some(_) => {}
    }
    consensus.identity().ok_or_else(|| lockstep_consensus::Error::NotMember.into())
}

/// A new member serves once its own state shows it: before, it would tell callers that there is no cluster.
async fn see_oneself(config: &Config, consensus: &Consensus) {
    let mut applied = consensus.applied();
    let is_there = || consensus.with_state(|state| state.node_named(&config.name).is_some());
    let seen = async { while !is_there() && applied.changed().await.is_ok() {} };
    if tokio::time::timeout(config.raft.join_timeout, seen).await.is_err() {
        tracing::warn!("joined, and nothing of the cluster's state has come yet; serving without");
    }
}

/// True when this is the first agent of a cluster and was interrupted before it had made it: alone in its group, and with a log
/// that is too short to hold the making.
fn is_half_made(consensus: &Consensus) -> bool {
    let is_made = |state: &State| state.cluster().is_some();
    let Ok(status) = consensus.status() else { return false };
    let is_first = status.me == NodeId(1) && status.voters.iter().all(|voter| *voter == status.me);
    is_first && status.snapshot.0 == 0 && status.last_log.0 < SHORT_LOG && !consensus.with_state(is_made)
}

/// Log entries within which a bootstrap stands, some elections in between included. A repeat of a bootstrap that did happen is
/// answered like the first one, so that being wrong here does no harm.
const SHORT_LOG: u64 = 100;

async fn new_cluster_id(store: &Store) -> Result<String, Error> {
    let failed =
        |error: lockstep_storage::Error| Error::Store { directory: store.directory().to_owned(), source: error };
    let known = store.meta(BOOTSTRAP_ID).and_then(|bytes| String::from_utf8(bytes).ok());
    if let Some(known) = known.filter(|known| !known.is_empty()) {
        return Ok(known);
    }
    let id = Uuid::new_v4().to_string();
    store.put_meta(BOOTSTRAP_ID, id.clone().into_bytes()).await.map_err(failed)?;
    Ok(id)
}

/// What this agent tells of itself and its database. Claims the database, or, for a replica, follows it: one agent a database.
async fn candidate(
    config: &Config,
    database: &Arc<dyn Database>,
    addresses: &Addresses,
    cluster_id: &str,
) -> Result<(Candidate, Schema), Error> {
    let owner = Owner { cluster_id: cluster_id.to_owned(), node_id: None, node_name: config.name.clone() };
    let ledger = match config.database.role {
        Role::Primary => database.claim(&owner).await?,
        Role::Replica => database.follow(&owner).await?,
    };
    let schema = database.schema().await?;
    let candidate = Candidate {
        name: config.name.clone(),
        engine: config.database.engine,
        role: config.database.role,
        addresses: addresses.clone(),
        database_id: ledger.database_id,
        version: ledger.head,
        version_hash: ledger.head_hash,
        fingerprint: schema.fingerprint(),
        command_format: FORMAT,
    };
    Ok((candidate, schema))
}
