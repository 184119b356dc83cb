//! Shows a configuration as TOML, with every default written out and every secret left out.

use super::load::keys_of;
use super::{Config, Load, LogFormat};
use lockstep_core::limits::{self, Kind};
use lockstep_core::node::Role;
use std::time::Duration;
use toml::{Table, Value};

/// What stands for a secret. Loading it back would fail at the database, not succeed by accident.
const REDACTED: &str = "(secret)";

impl Config {
    /// The configuration as TOML. Secrets are replaced by `(secret)`.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut root = Table::new();
        for (path, value) in self.settings() {
            let Some(value) = value else { continue };
            match path.split_once('.') {
                None => root.insert(path.to_owned(), value),
                Some((table, name)) => {
                    let table = root.entry(table).or_insert_with(|| Value::Table(Table::new()));
                    table.as_table_mut().and_then(|table| table.insert(name.to_owned(), value))
                }
            };
        }
        root.to_string()
    }

    /// Every key with its value; `None` for what is not set.
    pub(super) fn settings(&self) -> Vec<(&'static str, Option<Value>)> {
        let (cluster, raft, locks) = (&self.cluster, &self.raft, &self.locks);
        let mut settings = vec![
            ("name", text(&self.name)),
            ("data_dir", text(self.data_dir.display())),
            ("shutdown_timeout", duration(self.shutdown_timeout)),
            ("listen.client", text(self.listen.client)),
            ("listen.peer", text(self.listen.peer)),
            ("advertise.client", self.advertise.client.as_ref().and_then(text)),
            ("advertise.peer", self.advertise.peer.as_ref().and_then(text)),
            ("database.engine", text(self.database.engine)),
            ("database.dsn", text(REDACTED)),
            ("database.role", text(if self.database.role == Role::Primary { "primary" } else { "replica" })),
            ("cluster.bootstrap", Some(Value::Boolean(cluster.bootstrap))),
            ("cluster.join", Some(Value::Array(cluster.join.iter().cloned().map(Value::String).collect()))),
            ("cluster.join_token", cluster.join_token.as_ref().and_then(|_| text(REDACTED))),
            ("cluster.replace", Some(Value::Boolean(cluster.replace))),
            ("cluster.id", cluster.id.as_ref().and_then(text)),
            ("cluster.node_id", cluster.node_id.and_then(number)),
            ("change.retention", duration(self.change.retention)),
            ("raft.voters_target", number(raft.voters_target as u64)),
            ("raft.heartbeat_interval", duration(raft.heartbeat_interval)),
            ("raft.election_timeout_min", duration(raft.election_timeout_min)),
            ("raft.election_timeout_max", duration(raft.election_timeout_max)),
            ("raft.dead_voter_after", duration(raft.dead_voter_after)),
            ("raft.snapshot_every_entries", number(raft.snapshot_every_entries)),
            ("raft.request_timeout", duration(raft.request_timeout)),
            ("raft.join_timeout", duration(raft.join_timeout)),
            ("locks.lock_timeout", duration(locks.lock_timeout)),
            ("locks.queue_wait_max", duration(locks.queue_wait_max)),
            ("locks.queue_sessions_max", number(locks.queue_sessions_max.into())),
            ("locks.end_blockers_after", locks.end_blockers_after.and_then(duration)),
            ("locks.batch_target", duration(locks.batch_target)),
            ("locks.batch_target_crowded", duration(locks.batch_target_crowded)),
            ("locks.backfill_sessions_max", number(locks.backfill_sessions_max.into())),
        ];
        settings.extend(load(&self.load));
        settings.extend([
            ("security.operator_token", self.security.operator_token.as_ref().and_then(|_| text(REDACTED))),
            ("log.format", text(if self.log.format == LogFormat::Text { "text" } else { "json" })),
            ("log.level", text(&self.log.level)),
        ]);
        settings
    }
}

/// The tables `throttle`, `thresholds` and `probe`.
fn load(load: &Load) -> Vec<(&'static str, Option<Value>)> {
    let keys = |name: &'static str, table: &limits::Table| {
        let value = |kind: Kind| text(kind.write(table.get(&kind).copied().flatten()));
        keys_of(name).map(|(path, kind)| (path, value(kind))).collect::<Vec<_>>()
    };
    let probe = load.probe.as_ref();
    let mut settings = keys("throttle", &load.limits.throttle);
    settings.extend(keys("thresholds", &load.limits.thresholds));
    settings.extend([
        ("thresholds.sustained", duration(load.sustained)),
        ("probe.sql", probe.and_then(|probe| text(&probe.sql))),
        ("probe.interval", probe.and_then(|probe| duration(probe.interval))),
        ("probe.time_limit", probe.and_then(|probe| duration(probe.time_limit))),
    ]);
    settings
}

fn text(value: impl ToString) -> Option<Value> {
    Some(Value::String(value.to_string()))
}

fn duration(value: Duration) -> Option<Value> {
    text(humantime::format_duration(value))
}

fn number(value: u64) -> Option<Value> {
    i64::try_from(value).ok().map(Value::Integer)
}
