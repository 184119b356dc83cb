//! The DSL in which stories are told: a cluster of real agents, each with a database of its own.

use crate::agent::{Agent, free_address};
use crate::network::Network;
use crate::shard::Shards;
use crate::traffic::{Release, SHORT_TTL, Traffic};
use crate::wait;
use lockstep_client::{Client, Options, PageRequest, view};
use lockstep_core::change::{Spec, Status};
use lockstep_core::{Engine, Version};
use std::collections::BTreeMap;
use std::time::Duration;
use tempfile::TempDir;

/// Users on each shard, unless a story says otherwise.
const ROWS: u32 = 2_000;

/// Voters that a cluster has at most, as configured by default.
const VOTERS_MAX: usize = 5;

/// The name of node `number`, counted from 1.
#[must_use]
pub fn node(number: usize) -> String {
    format!("shard-{number}")
}

/// A cluster in processes of its own. Killed when dropped.
#[derive(Debug)]
pub struct Cluster {
    /// Its databases.
    pub shards: Shards,
    /// Between its agents.
    pub network: Network,
    /// Its agents, by name.
    pub agents: BTreeMap<String, Agent>,
    /// Tables of every agent's configuration, beside those that a story does not care for.
    tables: toml::Table,
    rows: u32,
    next_row: i64,
    expected_errors: Vec<String>,
    directory: TempDir,
}

impl Cluster {
    /// A cluster of `nodes` nodes, all of them active.
    ///
    /// # Panics
    ///
    /// When it does not come up.
    pub async fn start(engine: Engine, nodes: usize) -> Self {
        Self::start_with(engine, nodes, ROWS, toml::Table::new()).await
    }

    /// As [`Cluster::start`], with so many users on each shard and these keys in the table `raft` of the configuration.
    ///
    /// # Panics
    ///
    /// When it does not come up.
    pub async fn start_with(engine: Engine, nodes: usize, rows: u32, raft: toml::Table) -> Self {
        let tables = toml::Table::from_iter([("raft".to_owned(), raft.into())]);
        Self::start_configured(engine, nodes, rows, tables).await
    }

    /// As [`Cluster::start`], with so many users on each shard and these tables in the configuration of every agent.
    ///
    /// # Panics
    ///
    /// When it does not come up.
    pub async fn start_configured(engine: Engine, nodes: usize, rows: u32, tables: toml::Table) -> Self {
        let directory = tempfile::tempdir().expect("there is room for temporary files");
        let mut cluster = Self {
            shards: Shards::start(engine, directory.path()),
            network: Network::default(),
            agents: BTreeMap::new(),
            tables,
            rows,
            next_row: 1_000_000_000,
            expected_errors: Vec::new(),
            directory,
        };
        cluster.add(&node(1), [("bootstrap".to_owned(), true.into())].into_iter().collect(), &[]).await;
        cluster.wait_status("the first node is active", |status| active(status) == 1).await;
        for number in 2..=nodes {
            cluster.join(&node(number)).await;
        }
        // Until all voters are in, the loss of the first one can be the loss of the quorum.
        cluster
            .wait_status("all nodes are active, and voters as far as there is need", |status| {
                active(status) == nodes && voters(status) == nodes.min(VOTERS_MAX)
            })
            .await;
        cluster
    }

    /// A new node with a new database, which joins through the first agent that runs. Does not wait for it.
    ///
    /// # Panics
    ///
    /// When no token is to be had or the agent cannot be started.
    pub async fn join(&mut self, name: &str) {
        self.join_with(name, &[]).await;
    }

    /// As [`Cluster::join`], with the agent's environment.
    ///
    /// # Panics
    ///
    /// As [`Cluster::join`].
    pub async fn join_with(&mut self, name: &str, environment: &[(&str, &str)]) {
        let settings = self.joining().await;
        self.add(name, settings, environment).await;
    }

    /// A new node before a server that follows the one of node `primary`. Does not wait for it.
    ///
    /// # Panics
    ///
    /// When the engine does not replicate, or as [`Cluster::join`].
    pub async fn join_replica(&mut self, name: &str, primary: &str) {
        self.shards.replicate(name, primary).await;
        let joining = self.joining().await;
        self.add_agent(name, joining, &[("LOCKSTEP_DATABASE_ROLE", "replica")]).await;
    }

    /// What the table `cluster` of a joining agent's configuration holds.
    async fn joining(&self) -> toml::Table {
        let client = self.client().await;
        let token =
            wait::until("a join token", async || client.issue_join_token(Duration::from_secs(600)).await).await;
        let via = self.agents.values().find(|agent| agent.is_running()).expect("an agent runs");
        let peers = vec![toml::Value::from(via.peer_address.to_string())];
        toml::Table::from_iter([
            ("join".to_owned(), toml::Value::Array(peers)),
            ("join_token".to_owned(), token.join_token.into()),
        ])
    }

    async fn add(&mut self, name: &str, cluster: toml::Table, environment: &[(&str, &str)]) {
        self.shards.create(name, self.rows).await;
        self.add_agent(name, cluster, environment).await;
    }

    async fn add_agent(&mut self, name: &str, cluster: toml::Table, environment: &[(&str, &str)]) {
        let listen = free_address().expect("a port is free");
        let reached = self.network.proxy(name, listen).await.expect("a port is free");
        let directory = self.directory.path().join(name);
        let settings = self.settings(name, &cluster, &reached.to_string());
        let agent = Agent::prepare(name, &directory, listen, settings).expect("the configuration can be written");
        self.agents.insert(name.to_owned(), agent);
        self.start_agent(name, environment);
    }

    fn settings(&self, name: &str, cluster: &toml::Table, advertised_peer: &str) -> toml::Table {
        let database = [("engine", self.shards.engine.name().to_owned()), ("dsn", self.shards.agent_dsn(name))];
        let table = |pairs: &[(&str, String)]| -> toml::Value {
            let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone().into()));
            toml::Value::Table(pairs.collect())
        };
        let mut settings = toml::Table::from_iter([
            ("cluster".to_owned(), toml::Value::Table(cluster.clone())),
            ("database".to_owned(), table(&database)),
            ("advertise".to_owned(), table(&[("peer", advertised_peer.to_owned())])),
            ("log".to_owned(), table(&[("format", "json".to_owned())])),
        ]);
        settings.extend(self.tables.clone());
        settings
    }

    /// Starts an agent that does not run, with these variables in its environment.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn start_agent(&mut self, name: &str, environment: &[(&str, &str)]) {
        let process = self.agent(name).start(environment).unwrap_or_else(|error| panic!("{name}: {error:#}"));
        self.network.register(process, name);
    }

    /// Kills an agent as a power cut would.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn kill(&mut self, name: &str) {
        self.agent(name).kill().unwrap_or_else(|error| panic!("{name}: {error:#}"));
    }

    /// Waits until an agent has ended by itself.
    pub async fn wait_end(&mut self, name: &str) {
        let agent = std::cell::RefCell::new(self.agent(name));
        wait::until(&format!("{name} ends by itself"), async || match agent.borrow_mut().ended() {
            Ok(Some(_)) => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
    }

    /// Kills an agent and takes its data directory away; starts it as a new node before the same database.
    ///
    /// # Panics
    ///
    /// When any of that does not work.
    pub async fn wipe(&mut self, name: &str) {
        self.kill(name);
        self.replace(name).await;
    }

    async fn replace(&mut self, name: &str) {
        let mut joining = self.joining().await;
        joining.insert("replace".to_owned(), true.into());
        let listen = self.agent(name).peer_address;
        let reached = self.network.proxy(name, listen).await.expect("a port is free");
        let settings = self.settings(name, &joining, &reached.to_string());
        let agent = self.agent(name);
        std::fs::remove_dir_all(agent.data_directory()).expect("the data directory is there");
        agent.configure(settings).expect("the configuration can be written");
        self.start_agent(name, &[]);
    }

    /// As [`Cluster::wipe`], and its database is a new one, as it was before the first change.
    ///
    /// # Panics
    ///
    /// When any of that does not work.
    pub async fn wipe_with_database(&mut self, name: &str) {
        self.kill(name);
        self.shards.drop_database(name).await;
        self.shards.create(name, self.rows).await;
        self.replace(name).await;
    }

    /// One of the agents.
    ///
    /// # Panics
    ///
    /// When there is none of that name.
    pub fn agent(&mut self, name: &str) -> &mut Agent {
        self.agents.get_mut(name).unwrap_or_else(|| panic!("there is no agent {name}"))
    }

    /// Lets [`Cluster::finish`] accept log lines of level ERROR that contain this text.
    pub fn expect_error(&mut self, text: &str) {
        self.expected_errors.push(text.to_owned());
    }

    /// A client that knows all agents that run.
    ///
    /// # Panics
    ///
    /// When none runs.
    pub async fn client(&self) -> Client {
        let running = self.agents.values().filter(|agent| agent.is_running());
        self.client_of(running.map(|agent| agent.client_address.to_string()).collect()).await
    }

    /// Runs the program as an operator does; its exit code, and what it wrote: to its standard output, or, where that is nothing, to
    /// its standard error.
    ///
    /// # Panics
    ///
    /// When it cannot be run.
    pub async fn program(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let program = crate::agent::program().unwrap_or_else(|error| panic!("{error:#}"));
        let mut command = tokio::process::Command::new(program);
        for agent in self.agents.values() {
            command.args(["--endpoint", &agent.client_address.to_string()]);
        }
        command.args(arguments).stdin(std::process::Stdio::null()).kill_on_drop(true);
        let output = command.output().await.expect("the program starts");
        let said = if output.stdout.is_empty() { output.stderr } else { output.stdout };
        (output.status.code(), String::from_utf8_lossy(&said).into_owned())
    }

    /// A client that knows one agent only.
    ///
    /// # Panics
    ///
    /// When there is none of that name.
    pub async fn client_at(&self, name: &str) -> Client {
        self.client_of(vec![self.agents[name].client_address.to_string()]).await
    }

    async fn client_of(&self, endpoints: Vec<String>) -> Client {
        Client::connect(Options::new(endpoints, "tester")).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Starts a process of a release, which works on the shards of all agents that there are now.
    ///
    /// # Panics
    ///
    /// When its session is refused.
    pub fn traffic(&mut self, instance: &str, release: Release) -> Traffic {
        let (row, arguments) = self.traffic_arguments();
        Traffic::start(instance, release, row, &arguments)
    }

    /// As [`Cluster::traffic`], with a lease that runs out soon after the last renewal.
    ///
    /// # Panics
    ///
    /// When its session is refused.
    pub fn short_lived_traffic(&mut self, instance: &str, release: Release) -> Traffic {
        let (row, arguments) = self.traffic_arguments();
        Traffic::start_with(instance, release, row, SHORT_TTL, &arguments)
    }

    fn traffic_arguments(&mut self) -> (i64, Vec<String>) {
        let running = self.agents.values().filter(|agent| agent.is_running());
        let endpoints: Vec<_> = running.map(|agent| agent.client_address.to_string()).collect();
        let mut arguments = vec!["--engine".to_owned(), self.shards.engine.to_string()];
        arguments.extend(["--endpoints".to_owned(), endpoints.join(",")]);
        arguments.extend(self.agents.keys().flat_map(|name| ["--shard".to_owned(), self.shards.dsn(name)]));
        let row = self.next_row;
        self.next_row += 1;
        (row, arguments)
    }

    /// Hands in a change.
    ///
    /// # Panics
    ///
    /// When it is refused.
    pub async fn submit(&self, spec: Spec) {
        self.client().await.submit(spec).await.unwrap_or_else(|error| panic!("{error}"));
    }

    /// Waits until the cluster's status is as wanted.
    pub async fn wait_status(
        &self,
        what: &str,
        wanted: impl Fn(&view::ClusterStatus) -> bool,
    ) -> view::ClusterStatus {
        let client = self.client().await;
        wait::until(what, async || match client.status().await {
            Ok(status) if wanted(&status) => Ok(status),
            Ok(status) => Err(format!("{status:#?}")),
            Err(error) => Err(error.to_string()),
        })
        .await
    }

    /// Waits until a change is as wanted.
    pub async fn wait_change(
        &self,
        name: &str,
        what: &str,
        wanted: impl Fn(&view::Change) -> bool,
    ) -> view::Change {
        let client = self.client().await;
        wait::until(&format!("{name}: {what}"), async || match client.change(name).await {
            Ok(change) if wanted(&change) => Ok(change),
            Ok(change) => Err(format!("{change:#?}")),
            Err(error) => Err(error.to_string()),
        })
        .await
    }

    /// Waits until a change has come to this status.
    pub async fn wait_for(&self, change: &str, status: Status) -> view::Change {
        self.wait_change(change, status.name(), |change| change.status == status).await
    }

    /// Waits until the step in flight of a change is in this stage of the step with this name.
    pub async fn wait_stage(&self, change: &str, step: &str, stage: &str) -> view::Change {
        self.wait_change(change, &format!("{step} is {stage}"), |view| {
            view.in_flight.as_ref().is_some_and(|flight| {
                view.change.steps[flight.step].step.name == step && flight.stage.name() == stage
            })
        })
        .await
    }

    /// The node that leads now.
    pub async fn leader(&self) -> String {
        let status = self.wait_status("there is a leader", |status| status.leader.is_some()).await;
        let leads = |member: &&view::Member| Some(member.node.id) == status.leader;
        let leader = status.members.iter().find(leads).expect("the leader is a member");
        leader.node.name.clone()
    }

    /// A node that does not lead now.
    pub async fn follower(&self) -> String {
        let leader = self.leader().await;
        self.agents.keys().find(|name| **name != leader).expect("there is more than one node").clone()
    }

    /// Checks what must hold at the end of every story, and stops the cluster: all agents hold the same state, the version log
    /// is whole, every node is active at the settled version with the same schema, and no agent logged an unexpected ERROR.
    ///
    /// # Panics
    ///
    /// When any of that does not hold.
    pub async fn finish(self) {
        let status = self
            .wait_status("all nodes are active and at the settled version", |status| {
                active(status) == status.members.len()
                    && status.members.iter().all(|member| member.node.version == status.settled_version)
            })
            .await;
        let fingerprints: Vec<_> = status.members.iter().map(|member| &member.node.fingerprint).collect();
        assert!(fingerprints.windows(2).all(|pair| pair[0] == pair[1]), "schemas differ: {status:#?}");
        self.check_digests().await;
        self.check_version_log().await;
        self.check_logs();
    }

    async fn check_digests(&self) {
        wait::until("all agents hold the same state", async || {
            let mut digests = BTreeMap::new();
            for name in self.agents.keys().filter(|name| self.agents[*name].is_running()) {
                let status = self.client_at(name).await.status().await.map_err(|error| error.to_string())?;
                digests.entry((status.revision, status.state_digest)).or_insert_with(Vec::new).push(name.clone());
            }
            if digests.len() == 1 { Ok(()) } else { Err(format!("{digests:#?}")) }
        })
        .await;
    }

    async fn check_version_log(&self) {
        let page = PageRequest { size: 1_000, token: None };
        let versions = self.client().await.list_versions(&page).await.unwrap_or_else(|error| panic!("{error}"));
        let mut entries: Vec<_> = versions.items.into_iter().map(|version| version.entry).collect();
        entries.sort_by_key(|entry| entry.version);
        let mut previous = lockstep_core::version::GENESIS_HASH.to_owned();
        for (index, entry) in entries.iter().enumerate() {
            assert_eq!(entry.version, Version(index as u64 + 1), "the version log has a gap");
            assert_eq!(
                (&entry.previous_hash, &entry.hash),
                (&previous, &entry.compute_hash()),
                "the chain is broken"
            );
            previous.clone_from(&entry.hash);
        }
    }

    fn check_logs(&self) {
        for (name, agent) in &self.agents {
            let log = agent.log();
            let is_expected = |line: &&str| self.expected_errors.iter().any(|text| line.contains(text));
            let unexpected = log.lines().find(|line| line.contains("\"ERROR\"") && !is_expected(line));
            assert!(unexpected.is_none(), "{name} logged: {}", unexpected.unwrap_or_default());
        }
    }
}

fn voters(status: &view::ClusterStatus) -> usize {
    status.members.iter().filter(|member| member.raft_role == Some(view::RaftRole::Voter)).count()
}

fn active(status: &view::ClusterStatus) -> usize {
    status.members.iter().filter(|member| member.node.is_active()).count()
}
