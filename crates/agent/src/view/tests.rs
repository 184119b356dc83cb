//! What an operator reads, from a state and from what agents tell of themselves.

use super::Surroundings;
use crate::soft::{Heard, Told, Work};
use lockstep_core::change::Spec;
use lockstep_core::command::{Actor, Role, Stamped};
use lockstep_core::in_flight::Preparation;
use lockstep_core::limits::{Kind, Stop};
use lockstep_core::node::{Addresses, Candidate, Fingerprint};
use lockstep_core::{Command, Engine, LogIndex, NodeId, State, Timestamp, Version};
use lockstep_proto::view::Health;
use std::collections::BTreeMap;
use std::time::Duration;

const NODE: NodeId = NodeId(1);

/// A cluster of one node whose first step is confirmed and not executed.
fn executing() -> State {
    let mut state = State::default();
    let candidate = Candidate {
        name: "shard-1".to_owned(),
        engine: Engine::Sqlite,
        role: Default::default(),
        addresses: Addresses { peer: "p:1".to_owned(), client: "c:1".to_owned() },
        database_id: "d".to_owned(),
        version: Version::BASELINE,
        version_hash: String::new(),
        fingerprint: Fingerprint("f".to_owned()),
        command_format: 1,
    };
    let step = serde_json::json!({
        "name": "create", "phase": "expand",
        "forward": {"kind": "statements", "statements": ["CREATE TABLE t (id INT)"], "transactional": true},
        "revert": {"kind": "statements", "statements": ["DROP TABLE t"], "transactional": true},
    });
    let spec: Spec =
        serde_json::from_value(serde_json::json!({"name": "0001", "engine": "sqlite", "steps": [step]})).unwrap();
    let ready = Preparation::Ready { fingerprint: Fingerprint("f".to_owned()) };
    let commands = [
        Command::Bootstrap { cluster_id: "c".to_owned(), node: NODE, candidate },
        Command::SubmitChange { spec },
        Command::ReportPreparation { node: NODE, version: Version(1), preparation: ready },
    ];
    for (command, index) in commands.into_iter().zip(1..) {
        let actor = Actor { name: "test".to_owned(), role: Role::Agent };
        let applied =
            state.apply(LogIndex(index), &Stamped { at: Timestamp(1_000), actor, request: None, command });
        applied.result.unwrap();
    }
    state
}

fn around(age_s: u64, told: Told) -> Surroundings {
    Surroundings {
        now: Timestamp(2_000),
        status: None,
        heard: BTreeMap::from([(NODE, Heard { age: Duration::from_secs(age_s), told })]),
        clock_warning: None,
        leases: None,
    }
}

fn working(work: Work) -> Told {
    Told {
        work: Some(Work { version: Some(Version(1)), activity: "executing".to_owned(), ..work }),
        ..Told::default()
    }
}

#[track_caller]
fn check_reason(age_s: u64, told: Told, wanted: &str) {
    let gate = super::gate::gate(&executing(), &around(age_s, told)).unwrap();
    let reasons: Vec<&str> = gate.gate.holdouts.iter().map(|holdout| holdout.reason.as_str()).collect();
    assert_eq!(reasons, [wanted]);
}

#[test]
fn the_gate_says_what_each_node_is_doing_about_it() {
    check_reason(1, Told::default(), "has not executed yet");
    check_reason(42, Told::default(), "has not executed yet: agent not heard of for 42 s");
    check_reason(400, working(Work::default()), "has not executed yet: agent not heard of for 6 min");
    let down = Told { database_problem: Some("connection refused".to_owned()), ..Told::default() };
    check_reason(1, down, "has not executed yet: its database does not answer: connection refused");
    let work = Work {
        rows_done: 400,
        rows_total: Some(1_000),
        rows_per_second: 100,
        helpers: 2,
        attempts: 1,
        ..Work::default()
    };
    check_reason(
        1,
        working(work),
        "has not executed yet: executing, 40% (400 of 1000 rows), 100 rows/s, 3 sessions, 6s left",
    );
    let work = Work { attempts: 3, last_error: Some("lock timeout on users".to_owned()), ..Work::default() };
    check_reason(
        1,
        working(work),
        "has not executed yet: executing, attempt 3: last error: lock timeout on users",
    );
}

#[test]
fn whoever_holds_what_a_step_needs_is_named_with_what_ends_it() {
    let blocker = lockstep_database::Blocker {
        process: Some(7),
        user: "app".to_owned(),
        age_ms: Some(9_000),
        query: "SELECT 1".to_owned(),
        holds: "users".to_owned(),
        is_certain: true,
        remedy: "SELECT pg_terminate_backend(7)".to_owned(),
        ..Default::default()
    };
    let told = working(Work { attempts: 1, blockers: vec![blocker], ..Work::default() });
    let gate = super::gate::gate(&executing(), &around(1, told)).unwrap();
    let holdout = &gate.gate.holdouts[0];
    assert_eq!(
        (holdout.reason.as_str(), holdout.remedy.as_str()),
        (
            "has not executed yet: executing, waits for process 7 (user app) holds users since 9 s, last statement: SELECT 1",
            "SELECT pg_terminate_backend(7)"
        )
    );
}

#[test]
fn a_reading_over_its_limit_is_named_with_value_limit_and_what_to_do_also_when_blocked() {
    let stop =
        |reading, of: &str, value, limit| Stop { reading, of: of.to_owned(), value, limit, note: String::new() };
    let stop_reasons = vec![
        stop(Kind::ReplicationLag, "standby a", Some(12_300_000), 5_000_000),
        stop(Kind::ReplicationLag, "standby b", Some(6_000_000), 5_000_000),
        stop(Kind::SessionsRunning, "", Some(500), 100),
    ];
    let told = working(Work { attempts: 1, stop_reasons, ..Work::default() });
    let late = Surroundings { now: Timestamp(1_000 + Spec::BLOCK_DEADLINE_DEFAULT_MS), ..around(1, told) };
    let gate = super::gate::gate(&executing(), &late).unwrap();
    assert!(gate.is_blocked);
    let holdout = &gate.gate.holdouts[0];
    assert_eq!(
        holdout.reason,
        "has not executed yet: executing, waits: replication_lag of standby a is 12.3 s (limit 5 s); \
         replication_lag of standby b is 6 s (limit 5 s); sessions_running is 500 (limit 100)"
    );
    assert_eq!(
        holdout.remedy,
        "see what keeps standby a behind (a replay that is paused, replication that stands, a long query or load there); \
         see what runs in its database, and end what need not run; it goes on by itself then. Another limit: \
         `replication_lag` in [throttle] at its agent, or --throttle of a change (docs/throttle.md)"
    );
}

#[test]
fn what_is_said_already_is_not_said_again_with_another_age() {
    let told = working(Work { last_error: Some("has not executed yet".to_owned()), ..Work::default() });
    check_reason(1, told, "has not executed yet: executing");
}

#[test]
fn the_remedy_for_a_silent_agent_begins_with_the_agent() {
    let gate = super::gate::gate(&executing(), &around(42, Told::default())).unwrap();
    let remedy = &gate.gate.holdouts[0].remedy;
    assert!(remedy.starts_with("start its agent or mend its network; "), "{remedy}");
}

#[track_caller]
fn check_health(age_s: u64, told: Told, wanted: (Health, &str)) {
    let member = super::member::member(&executing().nodes()[&NODE], &around(age_s, told));
    assert_eq!((member.health, member.health_message.as_str()), wanted);
}

#[test]
fn a_member_is_as_healthy_as_it_is_heard() {
    check_health(1, Told::default(), (Health::Healthy, ""));
    check_health(13, Told::default(), (Health::Unreachable, "its agent has not been heard of for 13 s"));
    let clock = Told { clock_warning: Some("an hour ahead".to_owned()), ..Told::default() };
    check_health(1, clock, (Health::Degraded, "an hour ahead"));
    let unknown = Surroundings { heard: BTreeMap::new(), ..around(0, Told::default()) };
    let member = super::member::member(&executing().nodes()[&NODE], &unknown);
    assert_eq!(member.health, Health::Unknown);
}

#[test]
fn a_clock_that_jumped_is_a_warning() {
    let state = executing();
    let mut around = around(1, Told { program_version: "0.1.0".to_owned(), ..Told::default() });
    let kinds = |around: &Surroundings| {
        let status = super::cluster::status(&state, around, |_| String::new()).unwrap();
        status.warnings.into_iter().map(|warning| warning.kind).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&around), Vec::<String>::new());
    around.clock_warning = Some("jumped".to_owned());
    assert_eq!(kinds(&around), ["clock"]);
}
