//! The configuration of an agent: TOML file, environment, flags.
//!
//! A key has one name everywhere: `database.dsn` in the file is the environment variable `LOCKSTEP_DATABASE_DSN`. Flags win over
//! environment, environment over file, file over default. Secrets have a second key with `_file` at the end, which names a file
//! that holds the secret. `data_dir` and these file names are relative to the directory of the configuration file, whatever source
//! they come from; a data source name is taken as it stands.
//!
//! Reading is by hand instead of by derive: so that every error can name the key *and* the line, variable or flag.

mod address;
mod build;
mod check;
mod error;
mod keys;
mod load;
mod print;
mod reader;
mod secret;
mod sources;
#[cfg(test)]
mod tests;

pub use error::{Error, Origin};
pub use load::{Load, Probe};
pub use secret::Secret;

use lockstep_core::Engine;
use lockstep_core::node::Role;
use lockstep_database::Patience;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Everything that an agent is told from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `name`: the node's name, stable and unique in the cluster; what operators type. 1 to 63 letters, digits, `-`, `_`, `.`.
    pub name: String,
    /// `data_dir`: where the agent keeps its identity and its part of the log. One agent a directory. Created if need be.
    pub data_dir: PathBuf,
    /// `shutdown_timeout`: how long an orderly stop may take before the agent ends anyway. Default 10 s.
    pub shutdown_timeout: Duration,
    /// `[listen]`: where the agent accepts connections.
    pub listen: Listen,
    /// `[advertise]`: how others reach the agent.
    pub advertise: Advertise,
    /// `[database]`: the database on this node.
    pub database: Database,
    /// `[cluster]`: how the agent becomes a member.
    pub cluster: Cluster,
    /// `[change]`: what holds for changes that do not say otherwise.
    pub change: Change,
    /// `[raft]`: how the agents agree.
    pub raft: Raft,
    /// `[locks]`: how long a step waits for others, and others for a step.
    pub locks: Locks,
    /// `[throttle]`, `[thresholds]`, `[probe]`: when work waits, and when it is undone.
    pub load: Load,
    /// `[security]`: who may do what.
    pub security: Security,
    /// `[log]`: what the agent writes to stderr.
    pub log: Log,
}

/// Where the agent accepts connections. Neither is encrypted: keep both inside a private network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// `listen.client`: for clients, people and programs. Default `127.0.0.1:7400`. Port 0: any free one.
    pub client: SocketAddr,
    /// `listen.peer`: for other agents. Default `127.0.0.1:7401`. Port 0: any free one.
    pub peer: SocketAddr,
}

/// How others reach the agent, each `host:port`. May change from one start to the next, one agent at a time: a majority of the
/// others has to be there to take note. Host names spare everybody that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advertise {
    /// `advertise.client`. Default: where it listens. Needed when it listens on all interfaces.
    pub client: Option<String>,
    /// `advertise.peer`. Default: where it listens. Needed when it listens on all interfaces.
    pub peer: Option<String>,
}

/// The database on this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    /// `database.engine`: `sqlite`, `postgres`, `mariadb` or `mysql`. All nodes of a cluster have the same.
    pub engine: Engine,
    /// `database.dsn` or `database.dsn_file`: how to reach it. Never leaves this agent.
    pub dsn: Secret,
    /// `database.role`: `primary` (default) or `replica`.
    pub role: Role,
}

/// How the agent becomes a member. Looked at only while the data directory is empty, except for the two expectations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// `cluster.bootstrap`: true at the very first agent of a new cluster, and nowhere else.
    pub bootstrap: bool,
    /// `cluster.join`: peer addresses of some members.
    pub join: Vec<String>,
    /// `cluster.join_token` or `cluster.join_token_file`: what `lockstep cluster join-token` printed.
    pub join_token: Option<Secret>,
    /// `cluster.replace`: true to take the place of the node with the same name, whose data directory is lost for good.
    pub replace: bool,
    /// `cluster.id`: the cluster that the data directory must belong to. Unset: any.
    pub id: Option<String>,
    /// `cluster.node_id`: the node that the data directory must belong to. Unset: any. Set with an empty data directory it is
    /// an error: a node id is never reused, so a wiped node joins as a new one.
    pub node_id: Option<u64>,
}

/// What holds for changes that do not say otherwise. The same at all agents, please: the one that takes a change in writes it down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// `change.retention`: how long the old form is kept after clients have left it, before a Contract step may take it away.
    /// Default 24 h.
    pub retention: Duration,
}

impl Default for Change {
    fn default() -> Self {
        Self { retention: Duration::from_secs(24 * 60 * 60) }
    }
}

/// How the agents agree. The same at all of them, please.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raft {
    /// `raft.voters_target`: how many voters there are to be; all others are learners. Odd. Default 5.
    pub voters_target: usize,
    /// `raft.heartbeat_interval`. Default 100 ms.
    pub heartbeat_interval: Duration,
    /// `raft.election_timeout_min`. Default 400 ms; at least three heartbeats.
    pub election_timeout_min: Duration,
    /// `raft.election_timeout_max`. Default 800 ms.
    pub election_timeout_max: Duration,
    /// `raft.dead_voter_after`: a voter that is silent for so long is swapped for a learner. Default 60 s.
    pub dead_voter_after: Duration,
    /// `raft.snapshot_every_entries`: a snapshot is made each time that so many entries have been applied, or more when
    /// the one before was large. Default 50,000.
    pub snapshot_every_entries: u64,
    /// `raft.request_timeout`: how long the agent looks for a majority before it says that there is none. Default 4 s, which is
    /// below what clients wait for, so that they are told why.
    pub request_timeout: Duration,
    /// `raft.join_timeout`: how long a new agent tries to join before it gives up. Default 60 s.
    pub join_timeout: Duration,
}

impl Default for Raft {
    fn default() -> Self {
        Self {
            voters_target: 5,
            heartbeat_interval: Duration::from_millis(100),
            election_timeout_min: Duration::from_millis(400),
            election_timeout_max: Duration::from_millis(800),
            dead_voter_after: Duration::from_secs(60),
            snapshot_every_entries: 50_000,
            request_timeout: Duration::from_secs(4),
            join_timeout: Duration::from_secs(60),
        }
    }
}

/// How long a step waits for others in this node's database, and others for a step; see docs/locks.md.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locks {
    /// `locks.lock_timeout`: waiting for one lock. Default 100 ms.
    pub lock_timeout: Duration,
    /// `locks.queue_wait_max`: a statement is cancelled, and tried again later, once somebody has waited behind it for so long.
    /// Default 75 ms.
    pub queue_wait_max: Duration,
    /// `locks.queue_sessions_max`: or once more than so many sessions do. Default 20.
    pub queue_sessions_max: u32,
    /// `locks.end_blockers_after`: sessions that hold what a step needs in a transaction older than this are ended. Unset, as by
    /// default: never.
    pub end_blockers_after: Option<Duration>,
    /// `locks.batch_target`: how long one batch of a backfill should lock its rows. Default 50 ms.
    pub batch_target: Duration,
    /// `locks.batch_target_crowded`: the same where others need the machine's cores, or as long as a commit takes. Default 3 ms.
    pub batch_target_crowded: Duration,
    /// `locks.backfill_sessions_max`: how many sessions may work on batches of one backfill at once, where nobody else needs the cores.
    /// Default 4.
    pub backfill_sessions_max: u32,
}

impl Locks {
    pub(crate) fn patience(&self) -> Patience {
        Patience {
            lock_timeout: self.lock_timeout,
            queue_wait_max: self.queue_wait_max,
            queue_sessions_max: self.queue_sessions_max,
            end_blockers_after: self.end_blockers_after,
            batch_target: self.batch_target,
            batch_target_crowded: self.batch_target_crowded,
            backfill_sessions_max: self.backfill_sessions_max,
            ..Patience::default()
        }
    }
}

impl Default for Locks {
    fn default() -> Self {
        let usual = Patience::default();
        Self {
            lock_timeout: usual.lock_timeout,
            queue_wait_max: usual.queue_wait_max,
            queue_sessions_max: usual.queue_sessions_max,
            end_blockers_after: usual.end_blockers_after,
            batch_target: usual.batch_target,
            batch_target_crowded: usual.batch_target_crowded,
            backfill_sessions_max: usual.backfill_sessions_max,
        }
    }
}

/// Who may do what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Security {
    /// `security.operator_token` or `security.operator_token_file`: whoever shows it is an operator. The same at all agents.
    /// Unset: callers from this machine (loopback) are operators, and nobody else is.
    pub operator_token: Option<Secret>,
}

/// What the agent writes to stderr.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// `log.format`: `text` (default) or `json`.
    pub format: LogFormat,
    /// `log.level`: `error`, `warn`, `info` (default), `debug`, `trace`, or directives such as `info,lockstep_consensus=debug`.
    pub level: String,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// What the command line sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Pairs of key path and value, e.g. `("listen.client", "127.0.0.1:7500")`. Lists are separated by commas.
    pub settings: Vec<(String, String)>,
}

impl Overrides {
    /// Adds a setting if the flag was given.
    pub fn set(&mut self, key: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.settings.push((key.to_owned(), value.to_string()));
        }
    }
}

/// A configuration with what its reader should be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What is probably not meant so, for people.
    pub warnings: Vec<String>,
}

impl Config {
    /// Reads file, environment and flags, and checks the outcome.
    ///
    /// # Errors
    ///
    /// [`Error`]; it names the key, where its value comes from, and what to write instead.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        overrides: &Overrides,
    ) -> Result<Loaded, Error> {
        let mut values = sources::Values::default();
        if let Some(path) = file {
            let text = std::fs::read_to_string(path).map_err(|error| Error::Unreadable {
                what: "the configuration".to_owned(),
                path: path.to_owned(),
                reason: error.to_string(),
            })?;
            values.add_file(path, &text)?;
        }
        let warnings = values.add_environment(environment);
        for (key, value) in &overrides.settings {
            values.add_flag(key, value)?;
        }
        let base = file.and_then(Path::parent).unwrap_or(Path::new(""));
        let config = build::config(&values, base)?;
        check::check(&config, &values)?;
        Ok(Loaded { config, warnings })
    }
}
