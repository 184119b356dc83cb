//! Agents in this process, on SQLite files of their own.

use lockstep_agent::config::{Overrides, Secret};
use lockstep_agent::{Agent, Config};
use lockstep_proto::v1;
use lockstep_proto::v1::change_service_client::ChangeServiceClient;
use lockstep_proto::v1::cluster_service_client::ClusterServiceClient;
use lockstep_proto::v1::session_service_client::SessionServiceClient;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tonic::transport::Channel;

/// A node's files: configuration, data directory, database.
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) directory: TempDir,
    pub(crate) config: Config,
}

impl Node {
    /// A node that is told neither to bootstrap nor to join.
    pub(crate) fn new(name: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::File::create(directory.path().join("shard.db")).unwrap();
        let config = config(name, directory.path());
        Self { name: name.to_owned(), directory, config }
    }

    pub(crate) fn first() -> Self {
        let mut node = Self::new("shard-1");
        node.config.cluster.bootstrap = true;
        node
    }

    pub(crate) fn data_directory(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    pub(crate) async fn start(&self) -> Agent {
        if let Ok(level) = std::env::var("AGENT_TEST_LOG") {
            // Only the first agent of the process can set it up.
            let _ =
                lockstep_agent::logging::init(&lockstep_agent::config::Log { format: Default::default(), level });
        }
        match Agent::start(self.config.clone()).await {
            Ok(agent) => agent,
            Err(error) => panic!("{} does not start: {error}", self.name),
        }
    }

    /// The text of the error with which it does not start.
    pub(crate) async fn refused(&self) -> String {
        match Agent::start(self.config.clone()).await {
            Ok(_) => panic!("{} started", self.name),
            Err(error) => error.to_string(),
        }
    }

    /// Makes it join through a running agent.
    pub(crate) async fn join_through(mut self, member: &Agent) -> Self {
        self.config.cluster.join = vec![member.addresses().peer.clone()];
        self.config.cluster.join_token = Some(Secret::new(join_token(member).await));
        self
    }
}

fn config(name: &str, directory: &Path) -> Config {
    let mut flags = Overrides::default();
    flags.set("name", Some(name));
    flags.set("data_dir", Some(directory.join("data").display()));
    flags.set("database.engine", Some("sqlite"));
    flags.set("database.dsn", Some(directory.join("shard.db").display()));
    flags.set("listen.client", Some("127.0.0.1:0"));
    flags.set("listen.peer", Some("127.0.0.1:0"));
    Config::load(None, [], &flags).unwrap().config
}

pub(crate) async fn channel(agent: &Agent) -> Channel {
    let endpoint = Channel::from_shared(format!("http://{}", agent.client_address())).unwrap();
    endpoint.connect().await.unwrap()
}

pub(crate) async fn changes(agent: &Agent) -> ChangeServiceClient<Channel> {
    ChangeServiceClient::new(channel(agent).await)
}

pub(crate) async fn cluster(agent: &Agent) -> ClusterServiceClient<Channel> {
    ClusterServiceClient::new(channel(agent).await)
}

pub(crate) async fn sessions(agent: &Agent) -> SessionServiceClient<Channel> {
    SessionServiceClient::new(channel(agent).await)
}

pub(crate) const SECRET: &str = "0123456789abcdefghijklmnopqrstuv";

pub(crate) async fn join_token(agent: &Agent) -> String {
    let request = v1::IssueJoinTokenRequest {
        request_id: format!("token-{}", agent.client_address()),
        secret: SECRET.to_owned(),
        expires_at_ms: u64::MAX / 2,
    };
    cluster(agent).await.issue_join_token(request).await.unwrap().into_inner().join_token
}

/// A change of one step that makes a table.
pub(crate) fn table_change(name: &str) -> v1::ChangeSpec {
    let statements = |sql: &str| {
        let action = v1::StatementsAction { statements: vec![sql.to_owned()], transactional: true };
        Some(v1::Action { kind: Some(v1::action::Kind::Statements(action)) })
    };
    v1::ChangeSpec {
        name: name.to_owned(),
        engine: v1::Engine::Sqlite.into(),
        description: "a table".to_owned(),
        steps: vec![v1::Step {
            name: "create".to_owned(),
            phase: v1::Phase::Expand.into(),
            forward: statements("CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT)"),
            revert: statements("DROP TABLE users"),
            targets: vec!["users".to_owned()],
            client_requirement: v1::ClientRequirement::Nothing.into(),
            ..v1::Step::default()
        }],
        block_deadline_ms: None,
        retention_ms: None,
        source: None,
        limits: None,
    }
}

/// Much longer than anything takes: a wait that is in vain shall end with what was seen last.
const PATIENCE: Duration = Duration::from_secs(60);

/// Follows the status of an agent until it is as wanted.
pub(crate) async fn until_status(agent: &Agent, wanted: impl Fn(&v1::ClusterStatus) -> bool) -> v1::ClusterStatus {
    let mut client = cluster(agent).await;
    let mut watch = client.watch_status(v1::WatchStatusRequest::default()).await.unwrap().into_inner();
    let mut last = v1::ClusterStatus::default();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        match tokio::time::timeout_at(deadline, watch.message()).await {
            Ok(answer) => last = answer.unwrap().expect("the watch goes on").status.unwrap(),
            Err(_) => panic!("for {PATIENCE:?} the status was not as wanted: {last:#?}"),
        }
        if wanted(&last) {
            return last;
        }
    }
}
