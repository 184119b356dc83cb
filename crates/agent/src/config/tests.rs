//! What a configuration may say, source by source: one case a row.

use super::{Config, Error, Load, LogFormat, Overrides, Probe};
use lockstep_core::limits::Kind;
use lockstep_database::Patience;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// What every case has beside its own lines.
const NEEDED: &str =
    "name = \"shard-1\"\ndata_dir = \"data\"\n[database]\nengine = \"sqlite\"\ndsn = \"shard.db\"\n";

/// A configuration file in a directory of its own.
struct File {
    directory: TempDir,
}

impl File {
    fn new(text: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("agent.toml"), text).unwrap();
        Self { directory }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("agent.toml")
    }

    fn load(&self, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<super::Loaded, Error> {
        load(Some(&self.path()), environment, flags)
    }
}

fn load(
    file: Option<&Path>,
    environment: &[(&str, &str)],
    flags: &[(&str, &str)],
) -> Result<super::Loaded, Error> {
    let owned = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>()
    };
    Config::load(file, owned(environment), &Overrides { settings: owned(flags) })
}

/// The error of a file, without the path of its directory.
#[track_caller]
fn check_refused(text: &str, wanted: &str) {
    let file = File::new(text);
    let error = file.load(&[], &[]).map(|loaded| loaded.config).expect_err(text).to_string();
    let shown = error.replace(&format!("{}/", file.directory.path().display()), "");
    assert_eq!(shown, wanted, "for:\n{text}");
}

/// The error of a file that has what is needed, and these lines.
#[track_caller]
fn check_refused_with(lines: &str, wanted: &str) {
    check_refused(&format!("{NEEDED}{lines}"), wanted);
}

#[test]
fn defaults_are_for_one_machine() {
    let Config { listen, raft, locks, log, security, advertise, .. } =
        File::new(NEEDED).load(&[], &[]).unwrap().config;
    assert_eq!(
        (listen.client.to_string(), listen.peer.to_string()),
        ("127.0.0.1:7400".into(), "127.0.0.1:7401".into())
    );
    assert_eq!(raft, super::Raft::default());
    assert_eq!((locks.patience(), locks.end_blockers_after), (Patience::default(), None));
    assert_eq!((log.format, log.level.as_str()), (LogFormat::Text, "info"));
    assert_eq!((security.operator_token, advertise.client), (None, None));
}

#[test]
fn flags_win_over_environment_over_file_over_default() {
    let file = File::new(&format!("{NEEDED}[raft]\nheartbeat_interval = \"120ms\"\n"));
    let heartbeat = |environment: &[(&str, &str)], flags: &[(&str, &str)]| {
        file.load(environment, flags).unwrap().config.raft.heartbeat_interval
    };
    let (variable, flag) = (("LOCKSTEP_RAFT_HEARTBEAT_INTERVAL", "60ms"), ("raft.heartbeat_interval", "70ms"));
    assert_eq!(heartbeat(&[], &[]), Duration::from_millis(120));
    assert_eq!(heartbeat(&[variable], &[]), Duration::from_millis(60));
    assert_eq!(heartbeat(&[variable], &[flag]), Duration::from_millis(70));
}

#[test]
fn everything_can_come_from_the_environment() {
    let environment = [
        ("LOCKSTEP_NAME", "n"),
        ("LOCKSTEP_DATA_DIR", "/d"),
        ("LOCKSTEP_DATABASE_ENGINE", "postgres"),
        ("LOCKSTEP_DATABASE_DSN", "host=x"),
        ("LOCKSTEP_CLUSTER_JOIN", "a:1, b:2"),
        ("LOCKSTEP_CLUSTER_JOIN_TOKEN", "c.s"),
        ("LOCKSTEP_CLUSTER_REPLACE", "true"),
        ("LOCKSTEP_RAFT_VOTERS_TARGET", "3"),
    ];
    let config = load(None, &environment, &[]).unwrap().config;
    assert_eq!(config.cluster.join, ["a:1", "b:2"]);
    assert!(config.cluster.replace && config.raft.voters_target == 3);
    assert_eq!(config.data_dir, Path::new("/d"));
}

#[test]
fn relative_paths_start_at_the_file() {
    let file = File::new(NEEDED);
    assert_eq!(file.load(&[], &[]).unwrap().config.data_dir, file.directory.path().join("data"));
}

#[test]
fn a_secret_can_stand_in_a_file_of_its_own() {
    let file = File::new(&NEEDED.replace("dsn = \"shard.db\"", "dsn_file = \"dsn\""));
    std::fs::write(file.directory.path().join("dsn"), "secret.db\n").unwrap();
    assert_eq!(file.load(&[], &[]).unwrap().config.database.dsn.reveal(), "secret.db");
    // The environment is the higher source, whichever of the two keys it sets.
    let config = file.load(&[("LOCKSTEP_DATABASE_DSN", "other.db")], &[]).unwrap().config;
    assert_eq!(config.database.dsn.reveal(), "other.db");
    let file = File::new(NEEDED);
    std::fs::write(file.directory.path().join("dsn"), "secret.db\n").unwrap();
    let config = file.load(&[("LOCKSTEP_DATABASE_DSN_FILE", "dsn")], &[]).unwrap().config;
    assert_eq!(config.database.dsn.reveal(), "secret.db");
}

#[test]
fn unknown_keys_are_refused_with_place_and_nearest() {
    check_refused_with(
        "[raft]\nheartbeat_intervall = \"1s\"\n",
        "agent.toml:7: there is no setting `raft.heartbeat_intervall`; the nearest is `raft.heartbeat_interval`",
    );
    check_refused("nam = \"x\"", "agent.toml:1: there is no setting `nam`; the nearest is `name`");
    check_refused_with(
        "[databases]\nengine = \"x\"\n",
        "agent.toml:6: there is no setting `databases`; the nearest is `database.dsn`",
    );
    let error = load(None, &[], &[("listen.clint", "x")]).unwrap_err().to_string();
    assert_eq!(error, "command line: there is no setting `listen.clint`; the nearest is `listen.client`");
}

#[test]
fn a_variable_that_is_nearly_a_setting_is_pointed_out() {
    let loaded = File::new(NEEDED).load(&[("LOCKSTEP_DATADIR", "/x"), ("LOCKSTEP_OUTPUT", "json")], &[]).unwrap();
    assert_eq!(
        loaded.warnings,
        [
            "environment variable LOCKSTEP_DATADIR is ignored: no setting of the agent; did you mean LOCKSTEP_DATA_DIR?"
        ]
    );
}

#[test]
fn wrong_values_are_refused_with_key_and_place() {
    let rows = [
        ("role = 5\n", "agent.toml:6: `database.role` must be a text, e.g. \"...\""),
        ("role = \"leader\"\n", "agent.toml:6: `database.role` is \"leader\"; it must be primary or replica"),
        (
            "[raft]\nheartbeat_interval = 500\n",
            "agent.toml:7: `raft.heartbeat_interval` must be a duration with its unit, e.g. \"500ms\" or \"10s\"",
        ),
        (
            "[raft]\nvoters_target = 4\n",
            "agent.toml:7: `raft.voters_target` is 4; it must be odd: one voter more tolerates no more failures",
        ),
        (
            "[raft]\nelection_timeout_min = \"200ms\"\n",
            "agent.toml:7: `raft.election_timeout_min` must be at least three heartbeat intervals: one lost heartbeat would \
             unseat the leader",
        ),
        (
            "[listen]\nclient = \"localhost\"\n",
            "agent.toml:7: `listen.client` is \"localhost\"; it must be an IP address with a port, e.g. \"127.0.0.1:7400\"",
        ),
        ("[advertise]\npeer = \"db-1\"\n", "agent.toml:7: `advertise.peer` is \"db-1\"; it must be host:port"),
        ("[cluster]\nbootstrap = \"yes\"\n", "agent.toml:7: `cluster.bootstrap` must be true or false"),
        ("[locks]\nlock_timeout = \"0s\"\n", "agent.toml:7: `locks.lock_timeout` must be at least 1ms"),
        ("[locks]\nbatch_target = \"0s\"\n", "agent.toml:7: `locks.batch_target` must be at least 1ms"),
        (
            "[locks]\nbatch_target_crowded = \"0s\"\n",
            "agent.toml:7: `locks.batch_target_crowded` must be at least 1ms",
        ),
        ("[locks]\nbackfill_sessions_max = 0\n", "agent.toml:7: `locks.backfill_sessions_max` must be at least 1"),
        (
            "[security]\noperator_token = \"short\"\n",
            "agent.toml:7: `security.operator_token` must be at least 16 printable ASCII characters without spaces",
        ),
        ("[log]\nformat = \"xml\"\n", "agent.toml:7: `log.format` is \"xml\"; it must be text or json"),
    ];
    for (lines, wanted) in rows {
        check_refused_with(lines, wanted);
    }
    check_refused(
        &NEEDED.replace("\"sqlite\"", "\"oracle\""),
        "agent.toml:4: `database.engine` is \"oracle\"; it must be sqlite, postgres, mariadb or mysql",
    );
    check_refused(
        &NEEDED.replace("shard-1", "shard 1"),
        "agent.toml:1: `name` is \"shard 1\"; a name has 1 to 63 letters, digits, `_`, `-` or `.`",
    );
}

#[test]
fn what_is_said_of_locks_is_what_a_step_is_given() {
    let lines = "[locks]\nlock_timeout = \"1ms\"\nbatch_target = \"2ms\"\nbatch_target_crowded = \"3ms\"\n\
                 queue_wait_max = \"4ms\"\nend_blockers_after = \"5ms\"\nqueue_sessions_max = 6\nbackfill_sessions_max = 7\n";
    let locks = File::new(&format!("{NEEDED}{lines}")).load(&[], &[]).unwrap().config.locks;
    let wanted = Patience {
        lock_timeout: Duration::from_millis(1),
        batch_target: Duration::from_millis(2),
        batch_target_crowded: Duration::from_millis(3),
        queue_wait_max: Duration::from_millis(4),
        end_blockers_after: Some(Duration::from_millis(5)),
        queue_sessions_max: 6,
        backfill_sessions_max: 7,
        ..Patience::default()
    };
    assert_eq!(locks.patience(), wanted);
}

#[test]
fn every_reading_has_its_keys_and_their_defaults_are_those_of_core() {
    let config = File::new(NEEDED).load(&[], &[]).unwrap().config;
    assert_eq!(config.load, Load::default());
}

#[test]
fn limits_have_units_and_can_be_switched_off() {
    let lines = "[throttle]\nreplication_lag = \"10s\"\nsessions_running = 50\nfree_disk = \"off\"\n[thresholds]\n\
                 probe_p99 = \"200ms\"\nsustained = \"3s\"\n[probe]\nsql = \"SELECT 1\"\n";
    let load = File::new(&format!("{NEEDED}{lines}")).load(&[], &[]).unwrap().config.load;
    assert_eq!(load.limits.throttle[&Kind::ReplicationLag], Some(10_000_000));
    assert_eq!(load.limits.throttle[&Kind::SessionsRunning], Some(50));
    assert_eq!(load.limits.throttle[&Kind::FreeDisk], None);
    assert_eq!(load.limits.thresholds[&Kind::ProbeP99], Some(200_000));
    assert_eq!(load.sustained, Duration::from_secs(3));
    let (interval, time_limit) = (Duration::from_millis(100), Duration::from_secs(1));
    assert_eq!(load.probe, Some(Probe { sql: "SELECT 1".to_owned(), interval, time_limit }));
    check_refused_with(
        "[throttle]\nreplication_lag = 10\n",
        "agent.toml:7: `throttle.replication_lag` is \"10\"; it must be a value such as 500ms or 5s, or \"off\"",
    );
    check_refused_with(
        "[probe]\ninterval = \"1s\"\n",
        "`probe.interval` or `probe.time_limit` is set without `probe.sql`: there is nothing to run",
    );
    check_refused_with(
        "[probe]\nsql = \"SELECT 1\"\ninterval = \"0s\"\n",
        "agent.toml:8: `probe.interval` must be longer than nothing",
    );
}

#[test]
fn what_contradicts_itself_is_refused() {
    let rows = [
        (
            "[cluster]\nbootstrap = true\njoin = [\"a:1\"]\n",
            "`cluster.bootstrap` and `cluster.join` are both set; the first agent of a new cluster bootstraps, all others join",
        ),
        (
            "[cluster]\njoin = [\"a:1\"]\n",
            "`cluster.join` is set without `cluster.join_token`; get one with `lockstep cluster join-token` at a member",
        ),
        (
            "[cluster]\nreplace = true\n",
            "`cluster.replace` is set without `cluster.join`; an agent replaces a lost node by joining in its place",
        ),
        (
            "[listen]\nclient = \"0.0.0.0:7400\"\n",
            "`listen.client` is 0.0.0.0:7400, all interfaces, so others cannot be told where to go; set `advertise.client` to \
             the host name or address by which they reach this agent, with its port",
        ),
        (
            "[listen]\nclient = \"127.0.0.1:1\"\npeer = \"127.0.0.1:1\"\n",
            "`listen.client` and `listen.peer` are both 127.0.0.1:1; clients and agents need a port each",
        ),
        (
            "dsn_file = \"x\"\n",
            "`database.dsn` and `database.dsn_file` are both set by the same source; keep one of them",
        ),
    ];
    for (lines, wanted) in rows {
        check_refused_with(lines, wanted);
    }
}

#[test]
fn what_is_missing_is_named() {
    let wanted = "`name` is not set: what operators call this node; write it into the configuration file or set LOCKSTEP_NAME";
    check_refused("", wanted);
    check_refused("name = \"\"", wanted);
    let error = load(Some(Path::new("/nowhere/agent.toml")), &[], &[]).unwrap_err().to_string();
    assert!(error.starts_with("cannot read the configuration /nowhere/agent.toml: "), "{error}");
    check_refused(
        "name = ",
        "agent.toml:1: string values must be quoted, expected literal string; the configuration is TOML",
    );
}

#[test]
fn what_is_printed_can_be_loaded_and_shows_no_secret() {
    let lines = "[security]\noperator_token = \"0123456789abcdef\"\n[cluster]\njoin = [\"a:1\"]\njoin_token = \"c.hidden\"\n";
    let config = File::new(&format!("{NEEDED}{lines}")).load(&[], &[]).unwrap().config;
    let printed = config.to_toml();
    for secret in ["0123456789abcdef", "hidden", "shard.db"] {
        assert!(!printed.contains(secret) && !format!("{config:?}").contains(secret), "{secret} in {printed}");
    }
    let mut flags = vec![("database.dsn", "shard.db"), ("cluster.join_token", "c.hidden")];
    flags.push(("security.operator_token", "0123456789abcdef"));
    assert_eq!(File::new(&printed).load(&[], &flags).unwrap().config, config);
}

#[test]
fn every_key_is_printed_or_is_the_file_of_a_secret() {
    let keys: Vec<&str> = super::keys::KEYS.iter().map(|key| key.path).filter(|p| !p.ends_with("_file")).collect();
    let config = File::new(NEEDED).load(&[], &[]).unwrap().config;
    let printed: Vec<&str> = config.settings().into_iter().map(|(path, _)| path).collect();
    assert_eq!(printed, keys);
}
