//! Errors go out as a status and come back as a problem that says the same.

use lockstep_core::holdout::{Gate, Holdout, Subject};
use lockstep_core::{ChangeId, NodeId, Refusal, SessionId, Timestamp, Version};
use lockstep_proto::limits::{HEADER_LIST_BYTES_MAX, STATUS_VIOLATIONS_MAX};
use lockstep_proto::problem::{Kind, Outcome, Problem};
use lockstep_proto::{convert, status};
use tonic::{Code, Status};

fn name() -> String {
    "0042".to_owned()
}

#[test]
fn refusals_keep_reason_names_and_class() {
    let session = SessionId(17);
    let reason = || "stuck".to_owned();
    let by = || "operator".to_owned();
    let cases = [
        (Refusal::UnknownChange { name: name() }, Kind::NotFound, "UNKNOWN_CHANGE", ("name", "0042")),
        (Refusal::UnknownSession { session }, Kind::NotFound, "UNKNOWN_SESSION", ("session", "17")),
        (
            Refusal::NameTaken { what: "change".into(), name: name() },
            Kind::Conflict,
            "NAME_TAKEN",
            ("what", "change"),
        ),
        (
            Refusal::InvalidChange { name: name(), problem: reason() },
            Kind::Invalid,
            "INVALID_CHANGE",
            ("problem", "stuck"),
        ),
        (Refusal::Denied { actor: by(), action: name() }, Kind::Denied, "DENIED", ("actor", "operator")),
        (
            Refusal::ClientIncompatible { client: "shop/a".into(), version: Version(7), reason: reason() },
            Kind::NotNow,
            "CLIENT_INCOMPATIBLE",
            ("version", "7"),
        ),
        (
            Refusal::SessionEvicting { session, by: by(), reason: reason() },
            Kind::NotNow,
            "SESSION_EVICTING",
            ("reason", "stuck"),
        ),
    ];
    for (refusal, kind, reason, (field, value)) in cases {
        let problem = Problem::from_status(&status::from_refusal(&refusal));
        assert_eq!((problem.kind, problem.reason.as_str()), (kind, reason));
        assert_eq!(problem.metadata.get(field).map(String::as_str), Some(value), "{reason}");
        assert_eq!(problem.message, refusal.to_string());
        assert_eq!((problem.retryable(), problem.outcome()), (false, Outcome::Failed), "{reason}");
    }
}

#[test]
fn holdouts_of_a_refused_gate_are_violations() {
    let holdouts = vec!["shard-1".to_owned(), "shop/a".to_owned()];
    let refusal = Refusal::NeedsForce { action: "remove shard-1".into(), holdouts };
    let problem = Problem::from_status(&status::from_refusal(&refusal));
    assert_eq!(problem.kind, Kind::NotNow);
    let names: Vec<&str> = problem.holdouts.iter().map(|holdout| holdout.subject.as_str()).collect();
    assert_eq!(names, ["shard-1", "shop/a"]);
}

#[test]
fn large_gates_fit_into_a_trailer() {
    let holdout = |id| Holdout {
        subject: if id % 2 == 0 { Subject::Node(NodeId(id)) } else { Subject::Session(SessionId(id)) },
        name: format!("holdout-{id}"),
        reason: "é".repeat(10_000),
        remedy: "r".repeat(10_000),
        since: Timestamp(1),
    };
    let gate = Gate {
        change: ChangeId(3),
        change_name: name(),
        step: 0,
        step_name: "fill".into(),
        version: None,
        stage: "settling".into(),
        since: Timestamp(1),
        blocked_at: Timestamp(2),
        holdouts: (0..100).map(holdout).collect(),
    };
    let refusal = Refusal::NeedsForce { action: "a".repeat(10_000), holdouts: vec!["b".repeat(100); 10_000] };
    let status = status::from_refusal_at_gate(&refusal, &gate);
    assert_eq!(Problem::from_status(&status).holdouts.len(), STATUS_VIOLATIONS_MAX);
    // Base64 makes four bytes of three; a message that is not ASCII is percent-encoded, three bytes for each.
    let encoded = status.details().len() * 4 / 3 + status.message().len() * 3;
    assert!(encoded < HEADER_LIST_BYTES_MAX as usize / 2, "{encoded} bytes of trailers");
}

#[test]
fn other_failures_say_whether_to_retry_and_what_may_have_happened() {
    let cases = [
        (status::not_leader(Some("b:7000")), Kind::NotLeader, true, Outcome::Failed),
        (status::not_leader(None), Kind::NotLeader, true, Outcome::Failed),
        (status::no_quorum("no leader for 12 s"), Kind::NoQuorum, true, Outcome::Failed),
        (status::outcome_unknown("leadership was lost"), Kind::OutcomeUnknown, true, Outcome::Unknown),
        (status::overloaded("1,024 calls"), Kind::Overloaded, true, Outcome::Failed),
        (status::stopping(), Kind::Overloaded, true, Outcome::Failed),
        (status::not_found("no version 9"), Kind::NotFound, false, Outcome::Failed),
        (status::unauthenticated("wrong token"), Kind::Denied, false, Outcome::Failed),
        (status::internal("disk"), Kind::Internal, false, Outcome::Unknown),
        (
            status::invalid(&convert::Error::new("spec.engine", "is not set")),
            Kind::Invalid,
            false,
            Outcome::Failed,
        ),
        (Status::unavailable("connection refused"), Kind::Unreachable, true, Outcome::Unknown),
        (Status::new(Code::Cancelled, "time-out"), Kind::OutcomeUnknown, true, Outcome::Unknown),
        (Status::unimplemented(""), Kind::Unsupported, false, Outcome::Unknown),
    ];
    for (status, kind, retryable, outcome) in cases {
        let problem = Problem::from_status(&status);
        assert_eq!(
            (problem.kind, problem.retryable(), problem.outcome()),
            (kind, retryable, outcome),
            "{status:?}"
        );
        assert!(!problem.message.is_empty());
    }
}

#[test]
fn leader_and_bad_field_are_named() {
    let problem = Problem::from_status(&status::not_leader(Some("b:7000")));
    assert_eq!(problem.leader(), Some("b:7000"));
    let error = convert::Error::new("engine", "is not set").within("spec");
    let problem = Problem::from_status(&status::invalid(&error));
    assert_eq!(problem.fields[0].subject, "spec.engine");
}
