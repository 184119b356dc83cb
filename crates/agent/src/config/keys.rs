//! Every key that a configuration may have, under its one name in all sources.

/// A key of the configuration.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// As in the file, tables joined by dots, e.g. `database.dsn`.
    pub(super) path: &'static str,
    /// What a value looks like.
    pub(super) kind: Kind,
}

/// What a value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// Never shown.
    Secret,
    Boolean,
    Number,
    /// Text such as `500ms`, so that nobody has to guess a unit.
    Duration,
    /// An array in the file; separated by commas elsewhere.
    List,
}

const fn key(path: &'static str, kind: Kind) -> Key {
    Key { path, kind }
}

/// All of them, in the order in which they are printed. Top-level keys first: TOML wants them before the first table.
pub(super) const KEYS: &[Key] = &[
    key("name", Kind::Text),
    key("data_dir", Kind::Text),
    key("shutdown_timeout", Kind::Duration),
    key("listen.client", Kind::Text),
    key("listen.peer", Kind::Text),
    key("advertise.client", Kind::Text),
    key("advertise.peer", Kind::Text),
    key("database.engine", Kind::Text),
    key("database.dsn", Kind::Secret),
    key("database.dsn_file", Kind::Text),
    key("database.role", Kind::Text),
    key("cluster.bootstrap", Kind::Boolean),
    key("cluster.join", Kind::List),
    key("cluster.join_token", Kind::Secret),
    key("cluster.join_token_file", Kind::Text),
    key("cluster.replace", Kind::Boolean),
    key("cluster.id", Kind::Text),
    key("cluster.node_id", Kind::Number),
    key("change.retention", Kind::Duration),
    key("raft.voters_target", Kind::Number),
    key("raft.heartbeat_interval", Kind::Duration),
    key("raft.election_timeout_min", Kind::Duration),
    key("raft.election_timeout_max", Kind::Duration),
    key("raft.dead_voter_after", Kind::Duration),
    key("raft.snapshot_every_entries", Kind::Number),
    key("raft.request_timeout", Kind::Duration),
    key("raft.join_timeout", Kind::Duration),
    key("locks.lock_timeout", Kind::Duration),
    key("locks.queue_wait_max", Kind::Duration),
    key("locks.queue_sessions_max", Kind::Number),
    key("locks.end_blockers_after", Kind::Duration),
    key("locks.batch_target", Kind::Duration),
    key("locks.batch_target_crowded", Kind::Duration),
    key("locks.backfill_sessions_max", Kind::Number),
    key("throttle.replication_lag", Kind::Text),
    key("throttle.sessions_running", Kind::Text),
    key("throttle.lock_waiters", Kind::Text),
    key("throttle.load", Kind::Text),
    key("throttle.free_disk", Kind::Text),
    key("throttle.probe_p99", Kind::Text),
    key("thresholds.replication_lag", Kind::Text),
    key("thresholds.sessions_running", Kind::Text),
    key("thresholds.lock_waiters", Kind::Text),
    key("thresholds.load", Kind::Text),
    key("thresholds.free_disk", Kind::Text),
    key("thresholds.probe_p99", Kind::Text),
    key("thresholds.execute_duration", Kind::Text),
    key("thresholds.cost", Kind::Text),
    key("thresholds.client_failures", Kind::Text),
    key("thresholds.sustained", Kind::Duration),
    key("probe.sql", Kind::Text),
    key("probe.interval", Kind::Duration),
    key("probe.time_limit", Kind::Duration),
    key("security.operator_token", Kind::Secret),
    key("security.operator_token_file", Kind::Text),
    key("log.format", Kind::Text),
    key("log.level", Kind::Text),
];

/// The key with this path.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

impl Key {
    /// The environment variable that sets it.
    pub(super) fn variable(&self) -> String {
        format!("LOCKSTEP_{}", self.path.to_ascii_uppercase().replace('.', "_"))
    }
}

/// The known key that somebody may have meant by an unknown one.
pub(super) fn nearest(unknown: &str) -> &'static str {
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    let distance = |path: &str| edits(path, unknown).min(edits(&last(path), &last(unknown)) + 1);
    KEYS.iter().map(|key| key.path).min_by_key(|path| distance(path)).unwrap_or_default()
}

/// How many letters must be added, left out or replaced to make one text of the other (Levenshtein).
pub(super) fn edits(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.chars().count()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.chars().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.chars().count()]
}
