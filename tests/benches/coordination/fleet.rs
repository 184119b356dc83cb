//! Agents as release processes that talk to each other directly, each with a small SQLite database.

use anyhow::{Context, Result};
use lockstep_client::{Client, Options, view};
use lockstep_core::Engine;
use lockstep_tests::agent::{Agent, free_address};
use lockstep_tests::cluster::node;
use lockstep_tests::shard::Shards;
use lockstep_tests::wait;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// Voters of a cluster that is large enough, by default.
const VOTERS: usize = 5;

/// A cluster in processes of its own. Killed when dropped.
pub(crate) struct Fleet {
    agents: Vec<(Agent, u32)>,
    client: Client,
    // Last: the agents must be gone before their files are.
    directory: TempDir,
}

/// Who leads.
pub(crate) struct Leader {
    pub(crate) process: u32,
    pub(crate) address: String,
}

impl Fleet {
    /// Starts so many agents and waits until all are active members.
    pub(crate) async fn start(nodes: usize) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let shards = Shards::start(Engine::Sqlite, directory.path());
        let bootstrap = toml::Table::from_iter([("bootstrap".to_owned(), true.into())]);
        let first = start_agent(&shards, directory.path(), 1, bootstrap).await?;
        let endpoint = first.0.client_address.to_string();
        let client = Client::connect(Options::new([endpoint], "bench")).await?;
        let mut fleet = Self { agents: vec![first], client, directory };
        fleet.wait_active().await;
        for number in 2..=nodes {
            let joining = fleet.joining().await?;
            let agent = start_agent(&shards, fleet.directory.path(), number, joining).await?;
            fleet.agents.push(agent);
        }
        fleet.wait_active().await;
        fleet.client = Client::connect(Options::new(fleet.addresses(), "bench")).await?;
        Ok(fleet)
    }

    async fn joining(&self) -> Result<toml::Table> {
        let token = self.client.issue_join_token(Duration::from_secs(600)).await?;
        let peers = vec![toml::Value::from(self.agents[0].0.peer_address.to_string())];
        Ok(toml::Table::from_iter([
            ("join".to_owned(), toml::Value::Array(peers)),
            ("join_token".to_owned(), token.join_token.into()),
        ]))
    }

    async fn wait_active(&self) {
        let wanted = self.agents.len();
        let voters_wanted = wanted.min(VOTERS);
        wait::until("all nodes are active and the voters in", async || match self.client.status().await {
            Ok(status) if active(&status) == wanted && voters(&status) == voters_wanted => Ok(()),
            Ok(status) => Err(format!("{} of {wanted} are active, {} vote", active(&status), voters(&status))),
            Err(error) => Err(error.to_string()),
        })
        .await;
    }

    /// A client that knows one agent, by where that serves clients.
    pub(crate) async fn client_at(&self, address: &str) -> Result<Client> {
        Ok(Client::connect(Options::new([address], "bench")).await?)
    }

    /// Where each agent serves clients.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.agents.iter().map(|(agent, _)| agent.client_address.to_string()).collect()
    }

    /// Who leads now.
    pub(crate) async fn leader(&self) -> Result<Leader> {
        let status = wait::until("there is a leader", async || match self.client.status().await {
            Ok(status) if status.leader.is_some() => Ok(status),
            Ok(_) => Err("nobody leads".to_owned()),
            Err(error) => Err(error.to_string()),
        })
        .await;
        let member = status.members.iter().find(|member| Some(member.node.id) == status.leader);
        let name = &member.context("the leader is not a member")?.node.name;
        let found = self.agents.iter().find(|(agent, _)| agent.name == *name);
        let (agent, process) = found.context("the leader is not one of these agents")?;
        Ok(Leader { process: *process, address: agent.client_address.to_string() })
    }
}

fn active(status: &view::ClusterStatus) -> usize {
    status.members.iter().filter(|member| member.node.is_active()).count()
}

fn voters(status: &view::ClusterStatus) -> usize {
    let votes = |member: &&view::Member| member.raft_role == Some(view::RaftRole::Voter);
    status.members.iter().filter(votes).count()
}

async fn start_agent(
    shards: &Shards,
    directory: &Path,
    number: usize,
    cluster: toml::Table,
) -> Result<(Agent, u32)> {
    let name = node(number);
    shards.create(&name, 10).await;
    let database =
        [("engine".to_owned(), shards.engine.name().into()), ("dsn".to_owned(), shards.dsn(&name).into())];
    let settings = toml::Table::from_iter([
        ("cluster".to_owned(), toml::Value::Table(cluster)),
        ("database".to_owned(), toml::Value::Table(toml::Table::from_iter(database))),
    ]);
    let mut agent = Agent::prepare(&name, &directory.join(&name), free_address()?, settings)?;
    let process = agent.start(&[])?;
    Ok((agent, process))
}
