//! The words in which the stories are told.

use crate::clock::{Clock, SystemClock};
use crate::{Committed, Config, Consensus, Error, Proposal, Status};
use futures_util::future::BoxFuture;
use lockstep_core::command::{Actor, FORMAT, Role};
use lockstep_core::node::{Addresses, Candidate, Fingerprint};
use lockstep_core::session::Compatibility;
use lockstep_core::{Command, Engine, LogIndex, NodeId, RequestId, State, Timestamp, Version};
use lockstep_storage::{OpenOptions, Store};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

pub(super) const CLUSTER: &str = "cluster-under-test";
pub(super) const SECRET: &str = "join secret";
/// Far more than anything here takes on a busy machine: it only turns a hang into a failure that says what it waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct Cluster {
    pub(super) agents: Vec<Agent>,
    config: Config,
    directory: tempfile::TempDir,
}

pub(super) struct Agent {
    pub(super) name: String,
    pub(super) address: String,
    directory: PathBuf,
    config: Config,
    clock: Arc<dyn Clock>,
    life: Option<Life>,
}

struct Life {
    runtime: Runtime,
    consensus: Consensus,
}

pub(super) fn config() -> Config {
    Config {
        heartbeat_interval: Duration::from_millis(100),
        election_timeout_min: Duration::from_millis(600),
        election_timeout_max: Duration::from_millis(1_200),
        dead_voter_after: Duration::from_secs(2),
        request_timeout: Duration::from_secs(20),
        ..Config::default()
    }
}

/// Waits until the condition holds.
#[track_caller]
pub(super) fn eventually(what: &str, mut condition: impl FnMut() -> bool) -> impl Future<Output = ()> {
    let (caller, started) = (std::panic::Location::caller(), Instant::now());
    async move {
        let mut tick = tokio::time::interval(Duration::from_millis(10));
        while !condition() {
            assert!(started.elapsed() < PATIENCE, "waited in vain until {what}, at {caller}");
            tick.tick().await;
        }
    }
}

impl Cluster {
    /// Agents `node-1` to `node-n`; the first has bootstrapped, the others have joined through it, and the Raft group has settled.
    pub(super) async fn of(count: usize) -> Self {
        Self::with(count, config()).await
    }

    pub(super) async fn with(count: usize, config: Config) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut cluster = Self { agents: Vec::new(), config, directory };
        let first = cluster.add_agent().await;
        first.bootstrap().await.expect("bootstrap");
        first.propose(operator(issue_token())).await.expect("a join token");
        for _ in 1..count {
            let via = cluster.agents[0].address.clone();
            cluster.add_agent().await.join(&via).await.expect("join");
        }
        cluster.settled(count).await;
        cluster
    }

    /// A new agent, running, not a member.
    pub(super) async fn add_agent(&mut self) -> &mut Agent {
        let name = format!("node-{}", self.agents.len() + 1);
        let directory = self.directory.path().join(&name);
        let agent = Agent::start(name, directory, self.config.clone(), Arc::new(SystemClock::default())).await;
        self.agents.push(agent);
        self.agents.last_mut().expect("just pushed")
    }

    /// Waits until all live agents know a leader, and the group has as many voters as it should among `members`.
    pub(super) async fn settled(&self, members: usize) {
        let voters = crate::membership::voters_wanted(members, self.config.voters_target);
        eventually(&format!("{members} members have {voters} voters"), || {
            self.live().all(|agent| {
                let Ok(status) = agent.consensus().status() else { return false };
                let leader_is_live = self.live().any(|agent| agent.id() == status.leader);
                leader_is_live
                    && !status.changing
                    && status.voters.len() == voters
                    && status.voters.len() + status.learners.len() == members
            })
        })
        .await;
    }

    /// Has every node counted by the gates, so that the last active one is not in the way of a removal.
    pub(super) async fn active(&self) {
        for agent in &self.agents {
            let command = Command::ReportCaughtUp {
                node: agent.id().expect("a member"),
                version: Version::BASELINE,
                fingerprint: agent.candidate().fingerprint,
            };
            let actor = Actor { name: agent.name.clone(), role: Role::Agent };
            agent
                .propose(Proposal { request: None, actor, command })
                .await
                .expect("committed")
                .result
                .expect("active");
        }
    }

    pub(super) fn live(&self) -> impl Iterator<Item = &Agent> {
        self.agents.iter().filter(|agent| agent.life.is_some())
    }

    /// The agent that leads and has applied an entry of its own term; waits for it.
    pub(super) async fn leader(&self) -> usize {
        eventually("some agent leads", || self.leader_now().is_some()).await;
        self.leader_now().expect("just seen")
    }

    fn leader_now(&self) -> Option<usize> {
        let leads = |agent: &Agent| agent.life.is_some() && agent.consensus().leadership().borrow().is_some();
        self.agents.iter().position(leads)
    }

    pub(super) async fn follower(&self) -> usize {
        let leader = self.leader().await;
        let follows = |(position, agent): &(usize, &Agent)| *position != leader && agent.life.is_some();
        self.agents.iter().enumerate().find(follows).expect("a cluster of several agents").0
    }

    /// Waits until all live agents have applied the same log, and returns the digest that they share.
    pub(super) async fn equal_digests(&self) -> String {
        let digests = || -> Vec<(u64, String)> {
            self.live().map(|agent| agent.state(|state| (state.applied().0, state.digest()))).collect()
        };
        eventually("all agents have the same digest", || {
            let digests = digests();
            digests.iter().all(|digest| *digest == digests[0])
        })
        .await;
        digests().remove(0).1
    }
}

impl Agent {
    pub(super) async fn start(name: String, directory: PathBuf, config: Config, clock: Arc<dyn Clock>) -> Self {
        let mut agent = Self { name, address: String::new(), directory, config, clock, life: None };
        agent.start_elsewhere().await;
        agent
    }

    /// Comes back after [`Agent::kill`] or [`Agent::stop`], at another address, with the same data.
    pub(super) async fn start_elsewhere(&mut self) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        self.address = listener.local_addr().expect("its address").to_string();
        self.begin(listener.into_std().expect("a listener")).await;
    }

    /// Comes back after [`Agent::kill`] or [`Agent::stop`], at the same address, with the same data.
    pub(super) async fn restart(&mut self) {
        let mut listener = None;
        eventually("the killed agent's port is free", || {
            listener = std::net::TcpListener::bind(&self.address).ok();
            listener.is_some()
        })
        .await;
        let listener = listener.expect("just bound");
        listener.set_nonblocking(true).expect("a setting of the socket");
        self.begin(listener).await;
    }

    async fn begin(&mut self, listener: std::net::TcpListener) {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let mut store = None;
        eventually("the killed agent's store is free", || {
            store = Store::open(&self.directory, OpenOptions::default()).ok();
            store.is_some()
        })
        .await;
        let (config, clock, store) = (self.config.clone(), Arc::clone(&self.clock), store.expect("just opened"));
        let starting = runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).expect("a listener");
            Consensus::start(config, store, listener, clock).await.expect("consensus starts")
        });
        let consensus = starting.await.expect("no panic");
        self.life = Some(Life { runtime, consensus });
    }

    /// Loses the data of an agent that is down.
    pub(super) fn wipe(&self) {
        assert!(self.life.is_none(), "only of an agent that is down");
        std::fs::remove_dir_all(&self.directory).expect("its data");
    }

    /// Ends the agent without a chance to say goodbye.
    pub(super) fn kill(&mut self) {
        let Life { runtime, consensus } = self.life.take().expect("a live agent");
        drop(consensus);
        runtime.shutdown_background();
    }

    pub(super) async fn stop(&mut self) {
        let Life { runtime, consensus } = self.life.take().expect("a live agent");
        runtime
            .spawn(async move { consensus.shutdown().await })
            .await
            .expect("no panic")
            .expect("a clean shutdown");
        runtime.shutdown_background();
    }

    pub(super) fn consensus(&self) -> &Consensus {
        &self.life.as_ref().expect("a live agent").consensus
    }

    /// Runs on the agent's own runtime; an answer that dies with the agent is unknown.
    pub(super) fn run<Value: Send + 'static, Running: Future<Output = Result<Value, Error>> + Send + 'static>(
        &self,
        call: impl FnOnce(Consensus) -> Running,
    ) -> BoxFuture<'static, Result<Value, Error>> {
        let running = self.life.as_ref().expect("a live agent").runtime.spawn(call(self.consensus().clone()));
        let killed = || Error::Unknown { reason: "the agent was killed".to_owned() };
        Box::pin(async move { running.await.unwrap_or_else(|_| Err(killed())) })
    }

    pub(super) fn propose(&self, proposal: Proposal) -> BoxFuture<'static, Result<Committed, Error>> {
        self.run(|consensus| async move { consensus.propose(proposal).await })
    }

    /// Tells the cluster where it is now.
    pub(super) async fn tells_its_address(&self) -> Result<Committed, Error> {
        let addresses = self.candidate().addresses;
        self.run(|consensus| async move { consensus.move_to(addresses).await }).await
    }

    pub(super) async fn read_barrier(&self) -> Result<LogIndex, Error> {
        self.run(|consensus| async move { consensus.read_barrier().await }).await
    }

    pub(super) async fn confirm_leadership(&self) -> Result<LogIndex, Error> {
        self.run(|consensus| async move { consensus.confirm_leadership().await }).await
    }

    pub(super) async fn bootstrap(&self) -> Result<NodeId, Error> {
        let candidate = self.candidate();
        self.run(|consensus| async move { consensus.bootstrap(CLUSTER, candidate).await }).await
    }

    pub(super) fn join(&self, via: &str) -> BoxFuture<'static, Result<NodeId, Error>> {
        let (candidate, via) = (self.candidate(), vec![via.to_owned()]);
        self.run(|consensus| async move { consensus.join(&via, candidate, SECRET, false).await })
    }

    pub(super) fn candidate(&self) -> Candidate {
        Candidate {
            name: self.name.clone(),
            engine: Engine::Sqlite,
            role: lockstep_core::node::Role::Primary,
            addresses: Addresses { peer: self.address.clone(), client: format!("{}-client:1", self.name) },
            database_id: format!("database of {}", self.name),
            version: Version::BASELINE,
            version_hash: String::new(),
            fingerprint: Fingerprint("0123456789abcdef".to_owned()),
            command_format: FORMAT,
        }
    }

    pub(super) fn id(&self) -> Option<NodeId> {
        self.consensus().identity().map(|identity| NodeId(identity.node_id))
    }

    pub(super) fn status(&self) -> Status {
        self.consensus().status().expect("a member")
    }

    pub(super) fn state<Value>(&self, look: impl FnOnce(&State) -> Value) -> Value {
        self.consensus().with_state(look)
    }

    /// How many sessions each instance holds here.
    pub(super) fn sessions(&self) -> BTreeMap<String, usize> {
        self.state(|state| {
            let mut sessions = BTreeMap::new();
            for session in state.sessions().values() {
                *sessions.entry(session.instance.clone()).or_default() += 1;
            }
            sessions
        })
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // A runtime must not be dropped where futures run.
        if let Some(Life { runtime, .. }) = self.life.take() {
            runtime.shutdown_background();
        }
    }
}

pub(super) fn operator(command: Command) -> Proposal {
    Proposal { request: None, actor: Actor { name: "operator".to_owned(), role: Role::Operator }, command }
}

pub(super) fn issue_token() -> Command {
    Command::IssueJoinToken { token_hash: crate::token_hash(SECRET), expires_at: Timestamp(u64::MAX) }
}

pub(super) fn remove(node: &str) -> Proposal {
    operator(Command::RemoveNode { node: node.to_owned(), reason: "the test wants it".to_owned(), force: true })
}

/// A command that would take effect twice when applied twice.
pub(super) fn open_session(instance: &str) -> Proposal {
    let command = Command::OpenSession {
        app: "app".to_owned(),
        instance: instance.to_owned(),
        compatibility: Compatibility::default(),
        ttl_ms: 10_000,
    };
    let request = Some(RequestId(format!("request of {instance}")));
    Proposal { request, actor: Actor { name: instance.to_owned(), role: Role::Client }, command }
}
