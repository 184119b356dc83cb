//! The settings of an agent as flags. A setting has one name everywhere: `database.dsn` in the file is `LOCKSTEP_DATABASE_DSN` in
//! the environment and `--database-dsn` here. The agent reads file and environment by itself, so that its errors can say where
//! a value comes from; here are only the flags.

use crate::failure::Failure;
use clap::{Arg, ArgAction, ArgMatches, FromArgMatches};
use lockstep_agent::Config;
use lockstep_agent::config::Overrides;
use std::path::PathBuf;

/// A setting: its key, its flag, whether it is a switch, and what it is for.
type Setting = (&'static str, &'static str, bool, &'static str);

const SETTINGS: &[Setting] = &[
    ("name", "name", false, "Name of the node, stable and unique in the cluster"),
    ("data_dir", "data-dir", false, "Where the agent keeps its part of the log"),
    ("shutdown_timeout", "shutdown-timeout", false, "How long an orderly stop may take"),
    ("listen.client", "listen-client", false, "IP:PORT for clients, people and programs"),
    ("listen.peer", "listen-peer", false, "IP:PORT for other agents"),
    ("advertise.client", "advertise-client", false, "HOST:PORT by which clients reach this agent"),
    ("advertise.peer", "advertise-peer", false, "HOST:PORT by which other agents reach this agent"),
    ("database.engine", "database-engine", false, "sqlite, postgres, mariadb or mysql"),
    (
        "database.dsn",
        "database-dsn",
        false,
        "How to reach this node's database; other users of the machine can read flags, so better a file",
    ),
    ("database.dsn_file", "database-dsn-file", false, "The file that holds the data source name"),
    ("database.role", "database-role", false, "primary or replica"),
    ("cluster.bootstrap", "cluster-bootstrap", true, "Make a new cluster; at its very first agent only"),
    ("cluster.join", "cluster-join", false, "Peer addresses of some members, separated by commas"),
    (
        "cluster.join_token",
        "cluster-join-token",
        false,
        "What `lockstep cluster join-token` printed; better a file",
    ),
    ("cluster.join_token_file", "cluster-join-token-file", false, "The file that holds the join token"),
    (
        "cluster.replace",
        "cluster-replace",
        true,
        "Take the place of the node of the same name, whose data directory is lost",
    ),
    ("cluster.id", "cluster-id", false, "The cluster that the data directory must belong to"),
    ("cluster.node_id", "cluster-node-id", false, "The node that the data directory must belong to"),
    (
        "change.retention",
        "change-retention",
        false,
        "How long changes keep the old form after clients have left it",
    ),
    ("raft.voters_target", "raft-voters-target", false, "How many voters there are to be"),
    ("raft.heartbeat_interval", "raft-heartbeat-interval", false, "How often the leader is heard"),
    ("raft.election_timeout_min", "raft-election-timeout-min", false, "How long silence is borne, at least"),
    ("raft.election_timeout_max", "raft-election-timeout-max", false, "How long silence is borne, at most"),
    (
        "raft.dead_voter_after",
        "raft-dead-voter-after",
        false,
        "After what silence a voter is swapped for a learner",
    ),
    (
        "raft.snapshot_every_entries",
        "raft-snapshot-every-entries",
        false,
        "After how many entries a snapshot is made",
    ),
    ("raft.request_timeout", "raft-request-timeout", false, "How long to look for a majority"),
    ("raft.join_timeout", "raft-join-timeout", false, "How long to try to join"),
    ("locks.lock_timeout", "locks-lock-timeout", false, "How long a statement waits for a lock"),
    (
        "locks.queue_wait_max",
        "locks-queue-wait-max",
        false,
        "How long a session may wait behind a statement before it gives way",
    ),
    (
        "locks.queue_sessions_max",
        "locks-queue-sessions-max",
        false,
        "How many sessions may wait behind a statement before it gives way",
    ),
    (
        "locks.end_blockers_after",
        "locks-end-blockers-after",
        false,
        "End transactions that hold what a step needs for longer; unset: never",
    ),
    ("locks.batch_target", "locks-batch-target", false, "How long one batch of a backfill is to take"),
    (
        "locks.batch_target_crowded",
        "locks-batch-target-crowded",
        false,
        "How long one batch is to take where others need the machine's cores",
    ),
    (
        "locks.backfill_sessions_max",
        "locks-backfill-sessions-max",
        false,
        "How many sessions work on one backfill at once, where nobody else needs the cores",
    ),
    (
        "throttle.replication_lag",
        "throttle-replication-lag",
        false,
        "Work waits above this lag, e.g. 5s; `off`: never",
    ),
    ("throttle.sessions_running", "throttle-sessions-running", false, "Work waits above so many running sessions"),
    (
        "throttle.lock_waiters",
        "throttle-lock-waiters",
        false,
        "Work waits above so many sessions that wait for locks",
    ),
    ("throttle.load", "throttle-load", false, "Work waits above this load a core"),
    ("throttle.free_disk", "throttle-free-disk", false, "Work waits below so much free disk"),
    ("throttle.probe_p99", "throttle-probe-p99", false, "Work waits above this p99 of the probe"),
    (
        "thresholds.replication_lag",
        "thresholds-replication-lag",
        false,
        "A step is undone above this lag; `off`: never",
    ),
    (
        "thresholds.sessions_running",
        "thresholds-sessions-running",
        false,
        "A step is undone above so many running sessions",
    ),
    (
        "thresholds.lock_waiters",
        "thresholds-lock-waiters",
        false,
        "A step is undone above so many sessions that wait for locks",
    ),
    ("thresholds.load", "thresholds-load", false, "A step is undone above this load a core"),
    ("thresholds.free_disk", "thresholds-free-disk", false, "A step is undone below so much free disk"),
    ("thresholds.probe_p99", "thresholds-probe-p99", false, "A step is undone above this p99 of the probe"),
    ("thresholds.execute_duration", "thresholds-execute-duration", false, "A step is undone when it takes longer"),
    (
        "thresholds.cost",
        "thresholds-cost",
        false,
        "A step is undone when it costs so many times what was expected",
    ),
    (
        "thresholds.client_failures",
        "thresholds-client-failures",
        false,
        "A step is undone when more units of work of an application fail in 10 s",
    ),
    ("thresholds.sustained", "thresholds-sustained", false, "How long a reading must be over its threshold"),
    ("probe.sql", "probe-sql", false, "A query of the operator's own, run all the time and timed"),
    ("probe.interval", "probe-interval", false, "How often the probe runs"),
    ("probe.time_limit", "probe-time-limit", false, "After what time the probe is given up"),
    (
        "security.operator_token",
        "security-operator-token",
        false,
        "Whoever shows it is an operator; better a file",
    ),
    (
        "security.operator_token_file",
        "security-operator-token-file",
        false,
        "The file that holds the operator token",
    ),
    ("log.format", "log-format", false, "text or json"),
    ("log.level", "log-level", false, "error, warn, info, debug, trace, or directives"),
];

/// What the command line says about an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The configuration file.
    pub(crate) config: Option<PathBuf>,
    /// Key and value of each flag that was given.
    pub(crate) flags: Vec<(String, String)>,
}

impl Settings {
    /// The configuration that file, environment and flags make together. Warnings go to stderr.
    pub(crate) fn load(&self) -> Result<Config, Failure> {
        let overrides = Overrides { settings: self.flags.clone() };
        // Variables that are not text cannot be settings: their values are.
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let loaded = Config::load(self.config.as_deref(), environment, &overrides)
            .map_err(|error| Failure::usage(error.to_string()))?;
        loaded.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
        Ok(loaded.config)
    }
}

impl FromArgMatches for Settings {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |key: &str| Some((key.to_owned(), matches.get_one::<String>(key)?.clone()));
        Ok(Self {
            config: matches.get_one::<PathBuf>("config").cloned(),
            flags: SETTINGS.iter().filter_map(|(key, ..)| given(key)).collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl clap::Args for Settings {
    fn augment_args(command: clap::Command) -> clap::Command {
        let config = Arg::new("config")
            .long("config")
            .short('c')
            .value_name("FILE")
            .env("LOCKSTEP_CONFIG")
            .value_parser(clap::value_parser!(PathBuf))
            .help("The configuration file, TOML; flags win over environment, environment over file");
        command.arg(config).next_help_heading("Settings").args(SETTINGS.iter().map(flag))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

fn flag(&(key, name, is_switch, purpose): &Setting) -> Arg {
    let variable = format!("LOCKSTEP_{}", key.to_ascii_uppercase().replace('.', "_"));
    let arg = Arg::new(key)
        .long(name)
        .value_name(if is_switch { "true|false" } else { "VALUE" })
        .action(ArgAction::Set)
        .help(format!("{purpose} [env: {variable}]"));
    if is_switch { arg.num_args(0..=1).require_equals(true).default_missing_value("true") } else { arg }
}

#[cfg(test)]
mod tests {
    use super::{SETTINGS, Settings};
    use clap::{Args, FromArgMatches};
    use lockstep_agent::Config;
    use lockstep_agent::config::{Error, Overrides};

    /// A flag that the agent does not know would be a promise that nobody keeps.
    #[test]
    fn the_agent_knows_every_flag() {
        for (key, ..) in SETTINGS {
            let overrides = Overrides { settings: vec![((*key).to_owned(), "true".to_owned())] };
            let result = Config::load(None, [], &overrides);
            assert!(!matches!(result, Err(Error::UnknownKey { .. })), "{key}: {result:?}");
        }
    }

    /// A setting of the agent without a flag would be forgotten; what it prints is what it knows.
    #[test]
    fn every_printed_setting_has_a_flag() {
        let set = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let settings = vec![
            set("name", "a"),
            set("data_dir", "d"),
            set("database.engine", "sqlite"),
            set("database.dsn", "x.db"),
            set("cluster.join", "127.0.0.1:1"),
            set("cluster.join_token", "secret"),
            set("cluster.id", "c"),
            set("cluster.node_id", "3"),
        ];
        let config = Config::load(None, [], &Overrides { settings }).unwrap().config;
        let printed: toml::Table = config.to_toml().parse().unwrap();
        for (name, value) in &printed {
            let keys: Vec<String> = match value {
                toml::Value::Table(table) => table.keys().map(|key| format!("{name}.{key}")).collect(),
                _ => vec![name.clone()],
            };
            for key in keys {
                assert!(SETTINGS.iter().any(|(known, ..)| *known == key), "{key} has no flag");
            }
        }
    }

    #[test]
    fn a_flag_is_named_as_its_key() {
        for (key, name, ..) in SETTINGS {
            assert_eq!(key.replace(['.', '_'], "-"), *name);
        }
    }

    #[test]
    fn flags_become_keys() {
        let command = Settings::augment_args(clap::Command::new("agent"));
        let line = "agent -c a.toml --database-dsn-file d --cluster-bootstrap --cluster-replace=false --cluster-join a:1,b:2";
        let matches = command.get_matches_from(line.split_whitespace());
        let settings = Settings::from_arg_matches(&matches).unwrap();
        assert_eq!(settings.config.unwrap().to_str(), Some("a.toml"));
        let flags: Vec<String> = settings.flags.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(
            flags,
            ["database.dsn_file=d", "cluster.bootstrap=true", "cluster.join=a:1,b:2", "cluster.replace=false"]
        );
    }
}
