//! Fixed views for tests: a cluster of three SQLite shards in which the change `0042_users_email` is under way.

mod change;
mod plan;

pub(crate) use change::{change_view, reverted_view};
pub(crate) use plan::{explained_plan, plan};

use super::{Answer, Observation, Status};
use lockstep_core::change::Spec;
use lockstep_core::holdout::{self, Holdout, Subject};
use lockstep_core::limits::{self, Stop};
use lockstep_core::node::{Addresses, Fingerprint, Node, Role};
use lockstep_core::{ChangeId, Engine, LogIndex, NodeId, SessionId, Timestamp, Version, node};
use lockstep_proto::view::{ClusterStatus, Gate, Health, Member, Progress, RaftRole, Warning};

/// When everything is looked at.
pub(crate) const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// A plan with every kind of step.
pub(crate) const PLAN: &str = r#"
engine = "sqlite"
description = "users get a normalised e-mail address"
[[step]]
name = "add email"
phase = "expand"
execute = ["ALTER TABLE users ADD COLUMN email TEXT", "CREATE INDEX users_email\n  ON users (email)"]
revert = ["DROP INDEX users_email", "ALTER TABLE users DROP COLUMN email"]
targets = ["users"]
[[step]]
name = "fill email"
phase = "backfill"
backfill = { table = "users", key = ["id"], set = "email = lower(mail)", where = "email IS NULL", batch_rows = 500 }
[[step]]
name = "email is complete"
phase = "validate"
assert = [{ name = "every user has an e-mail address", violations = "SELECT id FROM users WHERE email IS NULL" }]
[[step]]
name = "write email"
phase = "switch_writes"
requires = "understands"
[[step]]
name = "read email"
phase = "switch_reads"
[[step]]
name = "drop mail"
phase = "contract"
execute = ["ALTER TABLE users DROP COLUMN mail"]
irreversible = true
preconditions = [{ name = "no mail differs", violations = "SELECT id FROM users WHERE email <> lower(mail)" }]
"#;

/// The plan's change.
pub(crate) fn spec() -> Spec {
    lockstep_planner::plan_file::parse("0042_users_email.toml", "0042_users_email", PLAN).unwrap()
}

/// A moment before now.
pub(crate) fn ago(seconds: u64) -> Timestamp {
    Timestamp(NOW.0 - seconds * 1_000)
}

/// Three members, all well, `shard-a` leads.
pub(crate) fn members(version: u64) -> Vec<Member> {
    ["shard-a", "shard-b", "shard-c"].into_iter().zip(1..).map(|(name, id)| member(name, id, version)).collect()
}

fn member(name: &str, id: u64, version: u64) -> Member {
    let port = 7_400 + 10 * (id - 1);
    Member {
        node: Node {
            id: NodeId(id),
            name: name.to_owned(),
            role: Role::Primary,
            addresses: Addresses { peer: format!("10.0.0.{id}:7401"), client: format!("127.0.0.1:{port}") },
            database_id: format!("db-{id}"),
            status: node::Status::Active,
            version: Version(version),
            fingerprint: Fingerprint("4be1c0ffee1234567890".to_owned()),
            joined_at: ago(86_400),
        },
        raft_role: Some(RaftRole::Voter),
        is_leader: id == 1,
        health: Health::Healthy,
        health_message: String::new(),
        last_seen_age_ms: (id != 1).then_some(40),
        matched_index: Some(LogIndex(1_234)),
        progress: None,
        replication_lag_ms: None,
    }
}

/// A backfill on `shard-b`.
pub(crate) fn progress() -> Progress {
    Progress {
        node: NodeId(2),
        node_name: "shard-b".to_owned(),
        version: Version(8),
        activity: "backfill of users".to_owned(),
        rows_done: 61_000,
        rows_total: Some(100_000),
        rows_per_second: 4_200,
        remaining_ms: Some(9_000),
        helpers: 2,
        attempts: 1,
        blockers: Vec::new(),
        age_ms: 300,
        stop_reasons: vec![Stop {
            reading: limits::Kind::ReplicationLag,
            of: "standby walreceiver".to_owned(),
            value: Some(12_300_000),
            limit: 5_000_000,
            note: String::new(),
        }],
    }
}

/// What `shard-a` says while nothing is to be done.
pub(crate) fn cluster() -> ClusterStatus {
    ClusterStatus {
        cluster_id: "c-7f3a".to_owned(),
        engine: Engine::Sqlite,
        leader: Some(NodeId(1)),
        term: 3,
        this_node: NodeId(1),
        this_program_version: "0.1.0".to_owned(),
        members: members(7),
        settled_version: Version(7),
        announced_version: Version(7),
        state_digest: "digest-of-1234".to_owned(),
        version_spread: 0,
        revision: LogIndex(1_234),
        sessions: 12,
        gate: None,
        warnings: Vec::new(),
    }
}

fn holdout(subject: Subject, name: &str, reason: &str, remedy: &str, seconds: u64) -> Holdout {
    let text = str::to_owned;
    Holdout { subject, name: text(name), reason: text(reason), remedy: text(remedy), since: ago(seconds) }
}

/// Waits for a node and a session.
pub(crate) fn gate() -> Gate {
    let session_remedy = "see the log of shop/web-1; if it will not move: lockstep session evict 17 --reason ...";
    let holdouts = vec![
        holdout(
            Subject::Node(NodeId(2)),
            "shard-b",
            "transaction of process 4711 holds users for 3m 5s",
            "end it, or wait",
            185,
        ),
        holdout(
            Subject::Session(SessionId(17)),
            "shop/web-1",
            "has not acknowledged version 7",
            session_remedy,
            42,
        ),
    ];
    Gate {
        gate: holdout::Gate {
            change: ChangeId(900),
            change_name: "0042_users_email".to_owned(),
            step: 1,
            step_name: "fill email".to_owned(),
            version: Some(Version(8)),
            stage: "preparing".to_owned(),
            since: ago(200),
            blocked_at: Timestamp(ago(200).0 + 900_000),
            holdouts,
        },
        is_blocked: false,
    }
}

fn status_of(status: ClusterStatus, others: Vec<Answer>) -> Status {
    let quorum_problem = status.leader.is_none().then(|| "no agent that answers knows a leader".to_owned());
    let mut answers = vec![Answer { endpoint: "127.0.0.1:7400".to_owned(), result: Ok(status) }];
    answers.extend(others);
    Observation { asked_at: NOW, answers, quorum_problem }.status().unwrap()
}

/// Nothing is to be done.
pub(crate) fn quiet() -> Status {
    status_of(cluster(), Vec::new())
}

/// A step prepares; one node and one session hold it.
pub(crate) fn waiting() -> Status {
    let mut status = cluster();
    status.gate = Some(gate());
    status.members[2].progress = Some(Progress { node: NodeId(3), node_name: "shard-c".to_owned(), ..progress() });
    status_of(status, Vec::new())
}

/// As [`waiting`], for too long; a node is quarantined, another has another schema, and a clock is off.
pub(crate) fn blocked() -> Status {
    let mut status = cluster();
    let mut gate = gate();
    gate.gate.since = ago(1_300);
    gate.gate.blocked_at = ago(400);
    gate.is_blocked = true;
    status.gate = Some(gate);
    let reason = "column users.fax is not in version 7".to_owned();
    status.members[1].node.status = node::Status::Quarantined { reason, since: ago(1_200), drift: None };
    status.members[2].node.fingerprint = Fingerprint("0ddba11000000000".to_owned());
    status.warnings.push(Warning {
        kind: "clock".to_owned(),
        message: "the clock of shard-c is 4.2 s ahead".to_owned(),
        remedy: "look at its time service".to_owned(),
    });
    status_of(status, Vec::new())
}

/// Only `shard-c` answers, and it knows no leader.
pub(crate) fn stale() -> Status {
    let mut status = cluster();
    status.leader = None;
    status.this_node = NodeId(3);
    for member in &mut status.members {
        member.is_leader = false;
        member.health = Health::Unknown;
        member.last_seen_age_ms = None;
        member.matched_index = None;
    }
    status.gate = Some(gate());
    let silent =
        |port: u16| Answer { endpoint: format!("127.0.0.1:{port}"), result: Err("connection refused".to_owned()) };
    status_of(status, vec![silent(7_410), silent(7_420)])
}
