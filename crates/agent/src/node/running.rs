//! A running agent.

use super::duties::{self, Surroundings};
use super::memory::Memory;
use super::ports::Ports;
use super::{admission, identity, waking};
use crate::leases::{Agreed, Leases};
use crate::service::{Context, Hub, Own, server};
use crate::soft::Teller;
use crate::{Config, Error};
use lockstep_consensus::{Clock, Consensus, SystemClock};
use lockstep_core::NodeId;
use lockstep_core::node::Addresses;
use lockstep_database::{Database, Owner, Probe};
use lockstep_executor::{Ended, Probing, Reconciler};
use lockstep_storage::Identity;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// A running agent, for programs that hold several, such as tests. [`crate::run`] is the usual way.
pub struct Agent {
    identity: Identity,
    addresses: Addresses,
    client_address: SocketAddr,
    consensus: Consensus,
    config: Config,
    /// Cancelled: the services end.
    stop: CancellationToken,
    /// Cancelled: the reconciler stops at its next boundary.
    stop_work: CancellationToken,
    server: JoinHandle<Result<(), tonic::transport::Error>>,
    reconciler: JoinHandle<Ended>,
    /// Ended with the agent; nothing depends on how.
    others: Vec<JoinHandle<()>>,
}

impl Agent {
    /// Opens the data directory, takes the ports, becomes a member if it is none yet, and serves.
    ///
    /// At first start the database must answer, because the cluster is told what it holds. An agent that is a member already
    /// serves without its database, and shows it as what the cluster waits for.
    ///
    /// # Errors
    ///
    /// [`Error`]; nothing stays open.
    pub async fn start(config: Config) -> Result<Self, Error> {
        Self::start_with_clock(config, Arc::new(SystemClock::default())).await
    }

    /// As [`Agent::start`], with another clock than the machine's: for tests of clocks that jump.
    ///
    /// # Errors
    ///
    /// As [`Agent::start`].
    pub async fn start_with_clock(config: Config, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let store = identity::open(&config).await?;
        let ports = Ports::take(&config).await?;
        let addresses = config.advertised(ports.client_address, ports.peer_address)?;
        let database = lockstep_database::connect(config.database.engine, config.database.dsn.reveal())?;
        let consensus = Consensus::start(settings(&config), store.clone(), ports.peer, clock).await?;
        let identity = match admission::admit(&config, &store, &consensus, &database, &addresses).await {
            Ok(identity) => identity,
            Err(error) => {
                let _ = consensus.shutdown().await;
                return Err(error);
            }
        };
        tracing::info!(
            node = identity.node_id, name = identity.name, cluster = identity.cluster_id,
            client = %ports.client_address, peer = %ports.peer_address, database = database.place(), "agent started"
        );
        let parts = Parts { config, identity, addresses, consensus, database };
        Ok(parts.serve(ports.client, ports.client_address))
    }

    /// Who it is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Where it listens for clients.
    #[must_use]
    pub fn client_address(&self) -> SocketAddr {
        self.client_address
    }

    /// Where others are told to find it.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Returns when the agent has to end by itself: its node was removed, or a part of it failed.
    ///
    /// # Errors
    ///
    /// Why it has to end.
    pub async fn ended(&mut self) -> Result<(), Error> {
        let mut removed = self.consensus.removed();
        tokio::select! {
            served = &mut self.server => Err(match served {
                Ok(Ok(())) => Error::Server("it closed".to_owned()),
                Ok(Err(error)) => Error::Server(error.to_string()),
                Err(error) => Error::Ended { part: "client port", reason: error.to_string() },
            }),
            done = &mut self.reconciler => match done {
                Ok(Ended::Removed) => Err(self.removed_error()),
                Ok(Ended::Shutdown) => Ok(()),
                Err(error) => Err(Error::Ended { part: "reconciler", reason: error.to_string() }),
            },
            _ = removed.wait_for(|removed| *removed) => Err(self.removed_error()),
            error = duties::wrong_engine(&self.consensus, self.config.database.engine) => Err(error),
            error = stopped(&self.consensus) => Err(error),
        }
    }

    fn removed_error(&self) -> Error {
        let Identity { node_id: node, cluster_id, .. } = self.identity.clone();
        lockstep_consensus::Error::Removed { node, cluster_id }.into()
    }

    /// Ends in order: health not serving and no new calls, leadership handed over, work stopped at a safe point, store closed.
    /// Whatever takes longer than the configured time-out is cut off; nothing is lost by it.
    pub async fn shutdown(mut self) {
        let limit = self.config.shutdown_timeout;
        if timeout(limit, self.close()).await.is_err() {
            tracing::warn!(?limit, "the orderly stop took too long; ending anyway");
        }
        self.server.abort();
        self.reconciler.abort();
        // What they hold is let go only once they have really ended: the next start needs the store and the database.
        if !self.server.is_finished() {
            let _ = self.server.await;
        }
        if !self.reconciler.is_finished() {
            let _ = self.reconciler.await;
        }
        for task in self.others {
            task.abort();
            let _ = task.await;
        }
        tracing::info!(node = self.identity.node_id, "agent stopped");
    }

    async fn close(&mut self) {
        tracing::info!(node = self.identity.node_id, "agent stops");
        self.stop.cancel();
        if let Err(error) = self.consensus.transfer_leadership().await {
            tracing::warn!(%error, "leadership is not handed over");
        }
        self.stop_work.cancel();
        if !self.reconciler.is_finished() {
            let _ = (&mut self.reconciler).await;
        }
        // Watches have been told to end; a client that holds its connection all the same cannot hold up the rest.
        if !self.server.is_finished() {
            let _ = timeout(CALLS_END_WITHIN, &mut self.server).await;
        }
        if let Err(error) = self.consensus.shutdown().await {
            tracing::warn!(%error, "consensus had stopped before");
        }
    }
}

/// How long open calls may hold up an orderly stop.
const CALLS_END_WITHIN: Duration = Duration::from_secs(2);

/// Waits until consensus has failed; it never recovers by itself.
async fn stopped(consensus: &Consensus) -> Error {
    const LOOK_INTERVAL: Duration = Duration::from_secs(1);
    loop {
        if let Some(reason) = consensus.status().ok().and_then(|status| status.stopped) {
            return lockstep_consensus::Error::Stopped { reason }.into();
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

fn settings(config: &Config) -> lockstep_consensus::Config {
    let raft = &config.raft;
    lockstep_consensus::Config {
        heartbeat_interval: raft.heartbeat_interval,
        election_timeout_min: raft.election_timeout_min,
        election_timeout_max: raft.election_timeout_max,
        voters_target: raft.voters_target,
        dead_voter_after: raft.dead_voter_after,
        snapshot_every_entries: raft.snapshot_every_entries,
        request_timeout: raft.request_timeout,
        join_timeout: raft.join_timeout,
        ..lockstep_consensus::Config::default()
    }
}

/// What a member consists of before it serves.
struct Parts {
    config: Config,
    identity: Identity,
    addresses: Addresses,
    consensus: Consensus,
    database: Arc<dyn Database>,
}

impl Parts {
    fn serve(self, listener: tokio::net::TcpListener, client_address: SocketAddr) -> Agent {
        let Self { config, identity, addresses, consensus, database } = self;
        let (stop, stop_work) = (CancellationToken::new(), CancellationToken::new());
        let node_name = identity.name.clone();
        let agreed = Agreed { consensus: consensus.clone(), node_name: node_name.clone() };
        let leases = Leases::new(Arc::new(agreed));
        let around = Arc::new(Surroundings { consensus: consensus.clone(), node_name, leases: leases.clone() });
        let hub = Arc::new(Hub::default());
        let own = Own {
            node_name: identity.name.clone(),
            database: Arc::clone(&database),
            retention_ms: u64::try_from(config.change.retention.as_millis()).unwrap_or(u64::MAX),
        };
        let context = Context::new(
            own,
            consensus.clone(),
            leases.clone(),
            Arc::clone(&hub),
            config.security.clone(),
            stop.clone(),
        );
        // Proposing and then waiting until it is applied here may each take the request time-out.
        let call_timeout = config.raft.request_timeout * 2 + Duration::from_secs(1);
        let server = tokio::spawn(server::serve(Arc::new(context), listener, call_timeout));
        let reconciler = reconciler(&identity, database, &around, &consensus, &config);
        let reconciler = tokio::spawn(reconciler.run(stop_work.clone()));
        let others = background(&identity, &addresses, &around, leases, hub);
        Agent {
            identity,
            addresses,
            client_address,
            consensus,
            config,
            stop,
            stop_work,
            server,
            reconciler,
            others,
        }
    }
}

fn reconciler(
    identity: &Identity,
    database: Arc<dyn Database>,
    around: &Arc<Surroundings>,
    consensus: &Consensus,
    config: &Config,
) -> Reconciler {
    let node = NodeId(identity.node_id);
    let teller = Teller::new(consensus.clone());
    teller.tell(|_| {});
    Reconciler {
        node,
        owner: Owner {
            cluster_id: identity.cluster_id.clone(),
            node_id: Some(node),
            node_name: identity.name.clone(),
        },
        database,
        source: Arc::clone(around) as Arc<dyn lockstep_executor::StateSource>,
        reporter: Arc::clone(around) as Arc<dyn lockstep_executor::Reporter>,
        sink: Arc::new(teller),
        memory: Arc::new(Memory::in_directory(&config.data_dir)),
        neighbours: Arc::clone(around) as Arc<dyn lockstep_executor::Neighbours>,
        settings: executor_settings(config),
    }
}

fn executor_settings(config: &Config) -> lockstep_executor::Settings {
    let probing = |probe: &crate::config::Probe| Probing {
        probe: Probe { sql: probe.sql.clone(), time_limit: probe.time_limit },
        interval: probe.interval,
    };
    lockstep_executor::Settings {
        patience: config.locks.patience(),
        load: config.load.limits.clone(),
        breach_sustained: config.load.sustained,
        probe: config.load.probe.as_ref().map(probing),
        data_dir: Some(config.data_dir.clone()),
        ..lockstep_executor::Settings::default()
    }
}

fn background(
    identity: &Identity,
    addresses: &Addresses,
    around: &Arc<Surroundings>,
    leases: Leases,
    hub: Arc<Hub>,
) -> Vec<JoinHandle<()>> {
    let (node, addresses) = (NodeId(identity.node_id), addresses.clone());
    let (for_hub, for_addresses) = (around.consensus.clone(), around.consensus.clone());
    vec![
        tokio::spawn(async move { leases.keep().await }),
        tokio::spawn(async move { hub.run(&for_hub).await }),
        tokio::spawn(async move { duties::announce_addresses(&for_addresses, node, &addresses).await }),
        tokio::spawn(waking::wake(Arc::clone(around))),
    ]
}
