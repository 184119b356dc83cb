//! What goes on beside the services for as long as the agent runs: the reconciler, and telling the cluster where this agent is.

use crate::Error;
use crate::leases::Leases;
use crate::soft;
use async_trait::async_trait;
use lockstep_consensus::{Consensus, Proposal};
use lockstep_core::command::{Actor, Role};
use lockstep_core::node::{self, Addresses, Node};
use lockstep_core::{Command, Engine, LogIndex, NodeId, State};
use lockstep_executor::{Neighbours, Replica, ReportError, Reporter, StateSource};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::watch;

/// The reconciler's view of the cluster.
pub(super) struct Surroundings {
    pub(super) consensus: Consensus,
    pub(super) node_name: String,
    pub(super) leases: Leases,
}

impl Surroundings {
    pub(super) async fn propose(
        &self,
        command: Command,
    ) -> Result<lockstep_consensus::Committed, lockstep_consensus::Error> {
        let actor = Actor { name: format!("node {}", self.node_name), role: Role::Agent };
        self.consensus.propose(Proposal { request: None, actor, command }).await
    }
}

#[async_trait]
impl StateSource for Surroundings {
    fn applied(&self) -> watch::Receiver<LogIndex> {
        self.consensus.applied()
    }

    fn with_state(&self, look: &mut dyn FnMut(&State)) {
        self.consensus.with_state(look);
    }

    async fn catch_up(&self) -> Result<(), String> {
        self.consensus.read_barrier().await.map(|_| ()).map_err(|error| error.to_string())
    }
}

#[async_trait]
impl Reporter for Surroundings {
    async fn report(&self, report: Command) -> Result<(), ReportError> {
        let committed = self.propose(report).await.map_err(|error| ReportError::Unavailable(error.to_string()))?;
        committed.result.map(|_| ()).map_err(ReportError::Refused)
    }
}

impl Neighbours for Surroundings {
    fn replicas(&self) -> Vec<Replica> {
        let names = self.consensus.with_state(|state| {
            // A replica has the database id of its primary: that is replicated with the ledger.
            let own = state.node_named(&self.node_name).map(|node| &node.database_id);
            let follows = |node: &&Node| {
                node.role == node::Role::Replica && node.is_active() && Some(&node.database_id) == own
            };
            let replicas = state.nodes().values().filter(follows);
            replicas.map(|node| (node.id, node.name.clone())).collect::<Vec<_>>()
        });
        let heard = soft::heard(&self.consensus);
        let replica = |(id, name): (NodeId, String)| {
            let heard = heard.get(&id)?;
            Some(Replica { name, lag_ms: heard.told.replication_lag_ms, age: heard.age })
        };
        names.into_iter().filter_map(replica).collect()
    }

    fn client_failures(&self) -> BTreeMap<String, u64> {
        self.leases.failures()
    }
}

/// Before the cluster is told again where this agent is.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Keeps what the cluster believes of this agent's addresses right, for as long as the agent runs.
pub(super) async fn announce_addresses(consensus: &Consensus, node: NodeId, addresses: &Addresses) {
    let mut applied = consensus.applied();
    loop {
        applied.mark_unchanged();
        let known = consensus.with_state(|state| state.nodes().get(&node).map(|node| node.addresses.clone()));
        if known.as_ref() == Some(addresses) {
            if applied.changed().await.is_err() {
                return;
            }
            continue;
        }
        if known.is_none() {
            // Its state may not have been read back so far. If nobody calls it, because it is not where they think it is, it never will be.
            tokio::select! {
                changed = applied.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return,
                },
                () = tokio::time::sleep(RETRY_PAUSE) => {}
            }
        }
        match consensus.move_to(addresses.clone()).await {
            Ok(committed) => {
                tracing::info!(%node, peer = addresses.peer, client = addresses.client, "this agent has moved");
                // The answer may be here before the entry is.
                let _ = consensus.wait_applied(committed.index).await;
            }
            Err(error) => {
                tracing::warn!(%node, %error, "the cluster does not know yet where this agent is");
                tokio::time::sleep(RETRY_PAUSE).await;
            }
        }
    }
}

/// Waits until the state tells that the configured engine is not the cluster's. Does not return when it is.
pub(super) async fn wrong_engine(consensus: &Consensus, configured: Engine) -> Error {
    let mut applied = consensus.applied();
    loop {
        let cluster =
            consensus.with_state(|state| state.cluster().map(|cluster| (cluster.id.clone(), cluster.engine)));
        match cluster {
            Some((cluster_id, expected)) if expected != configured => {
                return Error::WrongEngine { configured, cluster_id, expected };
            }
            Some(_) => std::future::pending().await,
            None => {}
        }
        if applied.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
