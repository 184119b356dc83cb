//! Makes a configuration of raw values and defaults.

use super::error::Error;
use super::reader::missing;
use super::sources::Values;
use super::{Advertise, Change, Cluster, Config, Database, Listen, Locks, Log, LogFormat, Raft, Security};
use lockstep_core::Engine;
use lockstep_core::node::Role;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

/// Ports of an agent that is told none.
const CLIENT_PORT: u16 = 7400;
const PEER_PORT: u16 = 7401;
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) fn config(values: &Values, base: &Path) -> Result<Config, Error> {
    Ok(Config {
        name: values.required_text("name", "what operators call this node")?,
        data_dir: values.path("data_dir", base, "where the agent keeps its part of the log")?,
        shutdown_timeout: values.duration("shutdown_timeout")?.unwrap_or(SHUTDOWN_TIMEOUT),
        listen: listen(values)?,
        advertise: Advertise { client: values.text("advertise.client")?, peer: values.text("advertise.peer")? },
        database: database(values, base)?,
        cluster: cluster(values, base)?,
        change: Change { retention: values.duration("change.retention")?.unwrap_or(Change::default().retention) },
        raft: raft(values)?,
        locks: locks(values)?,
        load: super::load::read(values)?,
        security: Security { operator_token: values.secret("security.operator_token", base)? },
        log: log(values)?,
    })
}

fn listen(values: &Values) -> Result<Listen, Error> {
    let address = |path, port| {
        let found = values.parsed(path, "an IP address with a port, e.g. \"127.0.0.1:7400\"")?;
        Ok(found.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, port))))
    };
    Ok(Listen { client: address("listen.client", CLIENT_PORT)?, peer: address("listen.peer", PEER_PORT)? })
}

fn database(values: &Values, base: &Path) -> Result<Database, Error> {
    let engine: Option<Engine> = values.parsed("database.engine", "sqlite, postgres, mariadb or mysql")?;
    let role = match values.text("database.role")?.as_deref() {
        None | Some("primary") => Role::Primary,
        Some("replica") => Role::Replica,
        Some(other) => {
            let problem = format!("is \"{other}\"; it must be primary or replica");
            return Err(values.invalid("database.role", &problem));
        }
    };
    Ok(Database {
        engine: engine.ok_or_else(|| missing("database.engine", "sqlite, postgres, mariadb or mysql"))?,
        dsn: values
            .secret("database.dsn", base)?
            .ok_or_else(|| missing("database.dsn", "how to reach this node's database"))?,
        role,
    })
}

fn cluster(values: &Values, base: &Path) -> Result<Cluster, Error> {
    Ok(Cluster {
        bootstrap: values.boolean("cluster.bootstrap")?,
        join: values.list("cluster.join")?,
        join_token: values.secret("cluster.join_token", base)?,
        replace: values.boolean("cluster.replace")?,
        id: values.text("cluster.id")?,
        node_id: values.number("cluster.node_id")?,
    })
}

fn raft(values: &Values) -> Result<Raft, Error> {
    let default = Raft::default();
    let duration = |path, otherwise| Ok::<_, Error>(values.duration(path)?.unwrap_or(otherwise));
    let voters = values.number("raft.voters_target")?.map(|count| usize::try_from(count).unwrap_or(usize::MAX));
    Ok(Raft {
        voters_target: voters.unwrap_or(default.voters_target),
        heartbeat_interval: duration("raft.heartbeat_interval", default.heartbeat_interval)?,
        election_timeout_min: duration("raft.election_timeout_min", default.election_timeout_min)?,
        election_timeout_max: duration("raft.election_timeout_max", default.election_timeout_max)?,
        dead_voter_after: duration("raft.dead_voter_after", default.dead_voter_after)?,
        snapshot_every_entries: values
            .number("raft.snapshot_every_entries")?
            .unwrap_or(default.snapshot_every_entries),
        request_timeout: duration("raft.request_timeout", default.request_timeout)?,
        join_timeout: duration("raft.join_timeout", default.join_timeout)?,
    })
}

fn locks(values: &Values) -> Result<Locks, Error> {
    let default = Locks::default();
    let duration = |path, otherwise| Ok::<_, Error>(values.duration(path)?.unwrap_or(otherwise));
    let number = |path, otherwise| {
        let count = values.number(path)?;
        Ok::<_, Error>(count.map_or(otherwise, |count| u32::try_from(count).unwrap_or(u32::MAX)))
    };
    Ok(Locks {
        lock_timeout: duration("locks.lock_timeout", default.lock_timeout)?,
        queue_wait_max: duration("locks.queue_wait_max", default.queue_wait_max)?,
        queue_sessions_max: number("locks.queue_sessions_max", default.queue_sessions_max)?,
        end_blockers_after: values.duration("locks.end_blockers_after")?,
        batch_target: duration("locks.batch_target", default.batch_target)?,
        batch_target_crowded: duration("locks.batch_target_crowded", default.batch_target_crowded)?,
        backfill_sessions_max: number("locks.backfill_sessions_max", default.backfill_sessions_max)?,
    })
}

fn log(values: &Values) -> Result<Log, Error> {
    let format = match values.text("log.format")?.as_deref() {
        None | Some("text") => LogFormat::Text,
        Some("json") => LogFormat::Json,
        Some(other) => {
            let problem = format!("is \"{other}\"; it must be text or json");
            return Err(values.invalid("log.format", &problem));
        }
    };
    Ok(Log { format, level: values.text("log.level")?.unwrap_or_else(|| "info".to_owned()) })
}
