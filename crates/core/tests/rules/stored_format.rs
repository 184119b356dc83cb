//! The stored format: what was written by an earlier program must be read to the same value by this one, and what a newer one
//! wrote must be an error, never half understood.
//!
//! A golden file is never rewritten once it was released: a format that grows gets a new file beside the old one.
//! `LOCKSTEP_WRITE_GOLDEN=1 cargo test -p lockstep-core stored_format` writes those that are not there.

use crate::make;
use crate::table::World;
use lockstep_core::command::{Command, Role, Stamped};
use lockstep_core::in_flight::Preparation;
use lockstep_core::limits::Kind;
use lockstep_core::node::Candidate;
use lockstep_core::session::Compatibility;
use lockstep_core::{
    Difference, Drift, LogIndex, NodeId, RequestId, SessionId, Source, State, Timestamp, Version,
};
use serde::Serialize;
use serde_json::Value;
use std::path::PathBuf;

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// The text of a golden file.
fn read(name: &str, value: &impl Serialize) -> String {
    let path = golden(name);
    if std::env::var_os("LOCKSTEP_WRITE_GOLDEN").is_some() && !path.exists() {
        let text = serde_json::to_string_pretty(value).expect("it serialises");
        std::fs::write(&path, text + "\n").expect("the folder is there");
    }
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("golden file {name}: {error}"))
}

fn reports() -> Vec<Command> {
    let (node, version, message) = (NodeId(1), Version(2), "disk full".to_owned());
    let fingerprint = make::fingerprint("s1");
    vec![
        Command::ReportCaughtUp { node, version, fingerprint: fingerprint.clone() },
        Command::ReportDrift { node, reason: "index x is extra".to_owned(), drift: None },
        Command::ReportPreparation {
            node,
            version,
            preparation: Preparation::Ready { fingerprint: fingerprint.clone() },
        },
        Command::ReportPreparation { node, version, preparation: make::not_ready("lag") },
        Command::ReportExecuted { node, version, execution: make::execution(fingerprint.clone()) },
        Command::ReportExecuteFailed { node, version, message: message.clone() },
        Command::ReportReverted { node, version, fingerprint },
        Command::ReportRevertFailed { node, version, message },
    ]
}

fn commands_of_the_cluster() -> Vec<Command> {
    let (node, reason) = (NodeId(1), "because".to_owned());
    // That of the program that wrote the golden file.
    let candidate = Candidate { command_format: 1, ..make::candidate("shard-1") };
    let token_hash = "ab".to_owned();
    vec![
        Command::Bootstrap { cluster_id: "c1".to_owned(), node, candidate: candidate.clone() },
        Command::IssueJoinToken { token_hash: token_hash.clone(), expires_at: Timestamp(9_000) },
        Command::JoinNode { candidate, token_hash, replace: true },
        Command::MoveNode { node, addresses: make::addresses("new") },
        Command::RemoveNode { node: "shard-1".to_owned(), reason, force: true },
    ]
}

fn commands_of_changes() -> Vec<Command> {
    let (change, reason, hold) = (|| "users".to_owned(), || "because".to_owned(), || "night".to_owned());
    let steps = ["expand", "backfill", "validate", "switch_writes+", "switch_reads", "contract?!"].map(make::step);
    let mut spec = make::spec("users", steps.to_vec());
    spec.steps[0].preconditions = vec![make::assertion()];
    vec![
        Command::SubmitChange { spec },
        Command::ApproveStep { change: change(), now: None },
        Command::HoldChange { change: change(), hold: hold(), reason: reason() },
        Command::ReleaseChange { change: change(), hold: hold() },
        Command::CancelChange { change: change(), reason: reason() },
        Command::RollbackChange { change: change(), reason: reason() },
    ]
}

fn commands_of_sessions() -> Vec<Command> {
    let (session, version) = (SessionId(7), Version(2));
    let compatibility = Compatibility {
        version_min: Version(1),
        version_max: Some(Version(3)),
        understands: ["users".to_owned()].into(),
    };
    let (app, instance) = ("shop".to_owned(), "a".to_owned());
    vec![
        Command::OpenSession { app, instance, compatibility, ttl_ms: 10_000 },
        Command::Acknowledge { session, version },
        Command::CloseSession { session },
        Command::ExpireSession { session, renew_counter: 3 },
        Command::EvictSession { session, reason: "because".to_owned(), force: false },
    ]
}

fn stamped() -> Vec<Stamped> {
    let commands = [commands_of_the_cluster(), reports(), commands_of_changes(), commands_of_sessions()].concat();
    let stamped = |(number, command)| Stamped {
        at: Timestamp(1_000 + number as u64),
        actor: make::actor(Role::Operator),
        request: (number % 2 == 0).then(|| RequestId(format!("r{number}"))),
        command,
    };
    commands.into_iter().enumerate().map(stamped).collect()
}

#[test]
fn every_kind_of_command_is_read_as_it_was_written() {
    let text = read("commands-1.json", &stamped());
    let read: Vec<Stamped> = serde_json::from_str(&text).expect("the golden file is readable");
    assert_eq!(read, stamped());
}

#[test]
fn what_came_with_drift_by_object_is_read_as_it_was_written() {
    let difference = Difference {
        object: "column users.fax".to_owned(),
        found: Some("column text".to_owned()),
        expected: None,
    };
    let fingerprint = make::fingerprint("s9");
    let drift = Drift { version: Version(2), fingerprint, differences: vec![difference], left_out: 3 };
    let reason = || "because".to_owned();
    let commands = [
        Command::ReportDrift { node: NodeId(1), reason: reason(), drift: Some(drift) },
        Command::AcceptNode { node: "shard-1".to_owned(), reason: reason() },
    ];
    let stamped =
        |command| Stamped { at: Timestamp(1), actor: make::actor(Role::Operator), request: None, command };
    let written = commands.map(stamped);
    let text = read("commands-drift-2.json", &written);
    let read: Vec<Stamped> = serde_json::from_str(&text).expect("the golden file is readable");
    assert_eq!(read, written);
}

#[test]
fn a_change_that_was_made_of_a_file_is_read_as_it_was_written() {
    let mut spec = make::spec("users", vec![make::step("expand")]);
    spec.source = Some(Source::of("0042_users/up.sql", b"ALTER TABLE users ADD COLUMN email text"));
    let (at, actor) = (Timestamp(1_000), make::actor(Role::Operator));
    let written = Stamped { at, actor, request: None, command: Command::SubmitChange { spec } };
    let text = read("commands-2.json", &written);
    let read: Stamped = serde_json::from_str(&text).expect("the golden file is readable");
    assert_eq!(read, written);
}

#[test]
fn what_operators_can_do_since_format_2_is_read_as_it_was_written() {
    let mut spec = make::spec("users", vec![make::step("contract?")]);
    spec.retention_ms = Some(72 * 3_600_000);
    let change = || "users".to_owned();
    let commands = vec![
        Command::SubmitChange { spec },
        Command::ApproveStep { change: change(), now: Some("because".to_owned()) },
        Command::RetryChange { change: change() },
        Command::Wake {},
    ];
    let text = read("commands-3.json", &commands);
    let read: Vec<Command> = serde_json::from_str(&text).expect("the golden file is readable");
    assert_eq!(read, commands);
}

#[test]
fn limits_and_their_breaches_are_read_as_they_were_written() {
    let mut spec = make::spec("users", vec![make::step("expand")]);
    spec.limits.throttle = [(Kind::ReplicationLag, Some(10_000_000)), (Kind::LockWaiters, None)].into();
    spec.limits.thresholds = [(Kind::ProbeP99, Some(200_000))].into();
    let breach = Command::ReportBreach { node: NodeId(1), version: Version(2), breach: make::breach() };
    let written = [Command::SubmitChange { spec }, breach];
    let text = read("commands-4.json", &written);
    let read: Vec<Command> = serde_json::from_str(&text).expect("the golden file is readable");
    assert_eq!(read, written);
}

/// A history that leaves something in every field of the state, in front of each stage.
const HISTORIES: [(&str, &str); 6] = [
    ("state-idle-1.json", "pass v2"),
    ("state-approval-1.json", "pass v2\nsubmit items expand?"),
    ("state-preparing-1.json", "ready shard-1 v2\nopen shop/old max v1"),
    (
        "state-executing-1.json",
        "submit last contract!\npass v2\nall ready v3\nexecuted shard-1 v3\nfailed shard-2 v3",
    ),
    ("state-settling-1.json", "all ready v2\nall executed v2\nack shop/a v2\nevict shop/b"),
    (
        "state-reverting-1.json",
        "all ready v2\nexecuted shard-1 v2\ncancel orders\nreverted shard-1 v2\nstuck shard-2 v2",
    ),
];

const BEGINNING: &str = "
    cluster 2
    join shard-3
    open shop/a knows users
    open shop/b knows users
    id r1: submit users expand
    id r2: submit users expand
    pass v1
    rollback users no-reason
    submit orders switch_reads+
    pause orders
    resume orders
    drift shard-3
";

fn history(end: &str) -> World {
    let mut world = World::default();
    let knows = if end.contains("old") {
        ""
    } else {
        "close shop/a\nopen shop/a knows orders\nclose shop/b\nopen shop/b knows orders"
    };
    world.run(&format!("{BEGINNING}\ncaughtup shard-3 v1\n{knows}\n{end}"));
    world
}

/// Whether all that `stored` says is said by `read` too, which may say more.
fn says_at_least(read: &Value, stored: &Value) -> bool {
    match (read, stored) {
        (Value::Object(read), Value::Object(stored)) => {
            stored.iter().all(|(field, value)| read.get(field).is_some_and(|read| says_at_least(read, value)))
        }
        (Value::Array(read), Value::Array(stored)) => {
            read.len() == stored.len() && read.iter().zip(stored).all(|(read, stored)| says_at_least(read, stored))
        }
        _ => read == stored,
    }
}

#[test]
fn a_state_in_every_stage_is_read_without_loss() {
    for (name, end) in HISTORIES {
        let text = read(name, &history(end).state);
        let read: State = serde_json::from_str(&text).expect("the golden file is readable");
        let read = serde_json::to_value(&read).expect("a state serialises");
        let stored = serde_json::from_str(&text).expect("the golden file is readable");
        assert!(says_at_least(&read, &stored), "{name} was read as {read:#}");
    }
}

#[test]
fn a_state_that_was_read_goes_on_as_if_it_had_not_been_written() {
    for (name, end) in HISTORIES {
        let mut world = history(end);
        let text = serde_json::to_string(&world.state).expect("a state serialises");
        let mut read: State = serde_json::from_str(&text).expect("a state deserialises");
        let known = world.commands.len();
        world.run("all reverted v2\nall executed v2\nack shop/a v2\nack shop/a v1\ncancel orders\nclose shop/b");
        world.commands[known..].iter().for_each(|(index, stamped)| drop(read.apply(*index, stamped)));
        assert_eq!(read.digest(), world.state.digest(), "{name}");
    }
}

#[test]
fn what_a_newer_program_wrote_is_an_error() {
    let command = |command: &str| {
        let text = format!(r#"{{"at":1,"actor":{{"name":"a","role":"agent"}},"command":{command}}}"#);
        serde_json::from_str::<Stamped>(&text)
    };
    assert!(command(r#"{"kind":"close_session","session":7}"#).is_ok());
    let kind = command(r#"{"kind":"drain_node","node":7}"#).expect_err("an unknown kind");
    assert!(kind.to_string().contains("drain_node"), "{kind}");
    let field = command(r#"{"kind":"close_session","session":7,"quietly":true}"#).expect_err("an unknown field");
    assert!(field.to_string().contains("quietly"), "{field}");
    let stamp =
        r#"{"at":1,"actor":{"name":"a","role":"agent"},"zone":3,"command":{"kind":"close_session","session":7}}"#;
    assert!(serde_json::from_str::<Stamped>(stamp).is_err());
}

#[test]
fn what_an_older_program_left_out_has_its_usual_value() {
    let text = r#"{"at":1,"actor":{"name":"a","role":"client"},"command":{"kind":"open_session","app":"shop","instance":"a",
        "compatibility":{"version_min":0},"ttl_ms":1000}}"#;
    let read: Stamped = serde_json::from_str(text).expect("fields with a usual value may be missing");
    assert_eq!(read.request, None);
    let Command::OpenSession { compatibility, .. } = read.command else { panic!("another command") };
    assert_eq!(compatibility, Compatibility::default());
}

#[test]
fn numbers_are_numbers_and_nothing_else() {
    for text in ["-1", "1.5", "true", "null", r#""one""#, r#""""#, "18446744073709551616"] {
        assert!(serde_json::from_str::<LogIndex>(text).is_err(), "{text}");
    }
    assert_eq!(serde_json::from_str::<LogIndex>("18446744073709551615").ok(), Some(LogIndex(u64::MAX)));
}
