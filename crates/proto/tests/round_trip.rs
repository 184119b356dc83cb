//! Every variant of core's types goes through bytes and comes back equal; messages that cannot be are refused by field.

use lockstep_core::change::{Approval, Change, Hold, Spec, Status, StepRecord, StepStatus};
use lockstep_core::holdout::{self, Holdout, Subject};
use lockstep_core::in_flight::{
    Execution, Failure, InFlight, Measurement, Obstacle, Preparation, RevertReason, Stage,
};
use lockstep_core::limits::{Breach, Kind, Limits, Stop};
use lockstep_core::node::{self, Addresses, Fingerprint, Node};
use lockstep_core::schema::{Column, Constraint, ConstraintKind, Index, Schema, Size, Table};
use lockstep_core::session::{self, Compatibility, Eviction};
use lockstep_core::step::{Action, Assertion, Backfill, ClientRequirement, Phase, Step};
use lockstep_core::version::{Entry, Outcome};
use lockstep_core::{
    ChangeId, Difference, Drift, Engine, LogIndex, NodeId, SessionId, Source, Timestamp, Version, audit,
};
use lockstep_proto::{convert, v1, view};
use prost::Message;
use std::fmt::Debug;

/// Core to message to bytes, and all the way back.
fn check<C, M>(value: C)
where
    C: Clone + PartialEq + Debug + TryFrom<M, Error = convert::Error>,
    M: Message + Default + From<C>,
{
    let bytes = M::from(value.clone()).encode_to_vec();
    let message = M::decode(&bytes[..]).unwrap();
    assert_eq!(C::try_from(message), Ok(value));
}

/// A message that cannot be what it says is refused, by field.
fn refuse<C, M>(message: M, field: &str)
where
    C: Debug + TryFrom<M, Error = convert::Error>,
{
    assert_eq!(C::try_from(message).unwrap_err().field, field);
}

fn assertion() -> Assertion {
    Assertion { name: "every user has an e-mail".into(), violations_query: "SELECT id FROM users".into() }
}

fn actions() -> Vec<Action> {
    let backfill = Backfill {
        table: "users".into(),
        key: vec!["tenant".into(), "id".into()],
        set: "score = 0".into(),
        only_where: Some("score IS NULL".into()),
        batch_rows_max: 1_000,
    };
    vec![
        Action::Nothing,
        Action::Statements { statements: vec!["SELECT 1".into(), "SELECT 2".into()], transactional: true },
        Action::Statements { statements: vec!["SELECT 1".into()], transactional: false },
        Action::Backfill(Backfill { only_where: None, ..backfill.clone() }),
        Action::Backfill(backfill),
        Action::Assert { assertions: vec![assertion()] },
    ]
}

fn step(phase: Phase, forward: Action, revert: Option<Action>) -> Step {
    Step {
        name: format!("{phase}"),
        phase,
        forward,
        revert,
        preconditions: vec![assertion()],
        targets: vec!["users".into()],
        requires: ClientRequirement::Understands,
        needs_approval: true,
    }
}

fn measurement() -> Measurement {
    Measurement { duration_ms: 1, lock_wait_ms: 2, attempts: 3, rows: 4, batches: 5, blocked_sessions_max: 6 }
}

fn revert_reasons() -> Vec<RevertReason> {
    vec![
        RevertReason::Cancelled { by: "operator".into(), reason: "too slow".into() },
        RevertReason::Failed { node: "shard-1".into(), message: "disk full".into() },
        RevertReason::Diverged {
            node: "shard-1".into(),
            fingerprint: Fingerprint("a".into()),
            expected: Fingerprint("b".into()),
        },
        RevertReason::Breached {
            node: "shard-1".into(),
            breach: Breach { reading: Kind::ProbeP99, of: "volume /data".into(), value: 512, limit: 200 },
        },
    ]
}

fn step_statuses() -> Vec<StepStatus> {
    let (version, at) = (Version(7), Timestamp(70));
    let reverted = |reason| StepStatus::Reverted { version, at, reason };
    let mut statuses = vec![
        StepStatus::Queued,
        StepStatus::AwaitingApproval { since: at },
        StepStatus::InFlight { version },
        StepStatus::Settled { version, at },
        StepStatus::Cancelled,
        StepStatus::RolledBack { version, by: Version(9) },
    ];
    statuses.extend(revert_reasons().into_iter().map(reverted));
    statuses
}

fn stages() -> Vec<Stage> {
    let execution = Execution { fingerprint: Fingerprint("f".into()), measurement: measurement() };
    let failure = Failure { message: "lock timeout".into(), at: Timestamp(5) };
    let obstacle = Obstacle { kind: "lag".into(), message: "12 s behind".into(), remedy: "wait".into() };
    let not_ready = Preparation::NotReady { obstacles: vec![obstacle], since: Timestamp(3) };
    let ready = Preparation::Ready { fingerprint: Fingerprint("f".into()) };
    let mut stages = vec![
        Stage::Preparing { reports: [(NodeId(1), ready), (NodeId(2), not_ready)].into() },
        Stage::Executing {
            confirm: LogIndex(11),
            executed: [(NodeId(1), execution)].into(),
            failures: [(NodeId(2), failure.clone())].into(),
        },
        Stage::Settling { confirm: LogIndex(11), owing: [SessionId(4), SessionId(5)].into() },
    ];
    stages.extend(revert_reasons().into_iter().map(|reason| Stage::Reverting {
        fence: LogIndex(12),
        reason,
        owing: [SessionId(4)].into(),
        reverted: [NodeId(1)].into(),
        failures: [(NodeId(2), failure.clone())].into(),
    }));
    stages
}

fn in_flight(stage: Stage) -> InFlight {
    let (change, version, base) = (ChangeId(3), Version(7), Version(6));
    InFlight { change, step: 2, version, base, since: Timestamp(60), stage, hurried_at: LogIndex(9) }
}

fn gate() -> view::Gate {
    let subjects = [
        Subject::Node(NodeId(1)),
        Subject::Session(SessionId(2)),
        Subject::Operator(ChangeId(3)),
        Subject::Change(ChangeId(4)),
        Subject::Time(ChangeId(5)),
        Subject::Cluster,
    ];
    let holdout = |subject| Holdout {
        subject,
        name: "shard-1".into(),
        reason: "has not reported".into(),
        remedy: "look at its log".into(),
        since: Timestamp(1),
    };
    let gate = holdout::Gate {
        change: ChangeId(3),
        change_name: "0042".into(),
        step: 1,
        step_name: "fill".into(),
        version: Some(Version(7)),
        stage: "settling".into(),
        since: Timestamp(1),
        blocked_at: Timestamp(901),
        holdouts: subjects.map(holdout).to_vec(),
    };
    view::Gate::at(gate, Timestamp(901))
}

fn stops() -> Vec<Stop> {
    let stop = |reading, value| Stop { reading, of: "replica".into(), value, limit: 5, note: "slow".into() };
    Kind::ALL.into_iter().flat_map(|reading| [stop(reading, Some(9)), stop(reading, None)]).collect()
}

fn limits() -> Limits {
    Limits {
        throttle: [(Kind::ReplicationLag, Some(1)), (Kind::Load, None)].into(),
        thresholds: Kind::ALL.into_iter().map(|kind| (kind, Some(7))).collect(),
    }
}

fn progress() -> view::Progress {
    view::Progress {
        node: NodeId(1),
        node_name: "shard-1".into(),
        version: Version(7),
        activity: "backfill of users".into(),
        rows_done: 10,
        rows_total: Some(100),
        rows_per_second: 5,
        remaining_ms: Some(18_000),
        helpers: 2,
        attempts: 1,
        blockers: vec![view::Blocker {
            text: "process 7 holds users".to_owned(),
            process: Some(7),
            user: "app".to_owned(),
            application: "reports".to_owned(),
            age_ms: Some(9_000),
            query: "SELECT 1".to_owned(),
            remedy: "end it".to_owned(),
        }],
        age_ms: 250,
        stop_reasons: stops(),
    }
}

fn change(status: Status, stage: Stage) -> view::Change {
    let record = |status| StepRecord {
        step: step(Phase::Expand, Action::Nothing, None),
        rollback_of: Some(0),
        retry_of: Some(1),
        approval: Some(Approval { by: "operator".into(), at: Timestamp(2), now: true }),
        status,
        measurements: [("shard-1".to_owned(), measurement())].into(),
    };
    let hold = Hold { reason: "night".into(), by: "operator".into(), at: Timestamp(2) };
    view::Change {
        change: Change {
            id: ChangeId(3),
            name: "0042".into(),
            description: "e-mail".into(),
            block_deadline_ms: 900,
            retention_ms: 600,
            source: Some(Source::of("0042.sql", b"SELECT 1")),
            limits: limits(),
            submitted_by: "deploy-bot".into(),
            submitted_at: Timestamp(1),
            steps: step_statuses().into_iter().map(record).collect(),
            holds: [("operator".to_owned(), hold)].into(),
        },
        status,
        in_flight: Some(in_flight(stage)),
        gate: Some(gate()),
        progress: vec![progress()],
        node_names: [(NodeId(1), "shard-1".to_owned())].into(),
        session_titles: [(SessionId(4), "shop/a".to_owned())].into(),
        revision: LogIndex(99),
    }
}

fn member(status: node::Status, raft_role: Option<view::RaftRole>, health: view::Health) -> view::Member {
    let node = Node {
        id: NodeId(1),
        name: "shard-1".into(),
        role: node::Role::Replica,
        addresses: Addresses { peer: "a:1".into(), client: "a:2".into() },
        database_id: "d".into(),
        status,
        version: Version(7),
        fingerprint: Fingerprint("f".into()),
        joined_at: Timestamp(1),
    };
    view::Member {
        node,
        raft_role,
        is_leader: true,
        health,
        health_message: "database does not answer".into(),
        last_seen_age_ms: Some(3),
        matched_index: Some(LogIndex(98)),
        progress: Some(progress()),
        replication_lag_ms: Some(9),
    }
}

#[test]
fn specs_and_steps() {
    let mut steps: Vec<Step> = Phase::ALL.map(|phase| step(phase, Action::Nothing, None)).to_vec();
    steps.extend(actions().into_iter().map(|action| step(Phase::Expand, action.clone(), Some(action))));
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let (name, description) = ("0042".to_owned(), "e-mail".to_owned());
        let steps = steps.clone();
        let source = Some(Source::of("0042_users/up.sql", b"SELECT 1"));
        let (block_deadline_ms, retention_ms, limits) = (1, Some(0), limits());
        let spec = Spec { name, engine, description, steps, block_deadline_ms, retention_ms, source, limits };
        check::<_, v1::ChangeSpec>(Spec { limits: Limits::default(), ..spec.clone() });
        check::<_, v1::ChangeSpec>(spec);
    }
}

#[test]
fn changes_in_every_status_and_stage() {
    let statuses = [
        Status::Queued,
        Status::AwaitingApproval,
        Status::Running,
        Status::Reverting,
        Status::Settled,
        Status::Reverted,
        Status::Cancelled,
        Status::RolledBack,
    ];
    for status in statuses {
        for stage in stages() {
            check::<_, v1::Change>(change(status, stage));
        }
        let whole = change(status, Stage::Preparing { reports: [].into() });
        check::<_, v1::ChangeSummary>(view::ChangeSummary {
            status,
            ..view::ChangeSummary::of(&whole.change, false)
        });
    }
}

#[test]
fn versions_with_every_outcome() {
    let (at, confirm, fingerprint) = (Timestamp(9), LogIndex(8), Fingerprint("f".into()));
    for outcome in
        [Outcome::InFlight, Outcome::Settled { at, confirm, fingerprint }, Outcome::Reverted { at: Timestamp(9) }]
    {
        let entry = Entry {
            version: Version(7),
            base: Version(5),
            change: ChangeId(3),
            step: 2,
            step_hash: "s".into(),
            previous_hash: "p".into(),
            hash: "h".into(),
            at: Timestamp(8),
            outcome,
        };
        let (change_name, step_name, phase) = ("0042".to_owned(), "fill".to_owned(), Phase::Backfill);
        check::<_, v1::Version>(view::Version { entry, change_name, step_name, phase });
    }
}

fn quarantined(since: Timestamp, drift: Option<Drift>) -> node::Status {
    node::Status::Quarantined { reason: "drift".into(), since, drift }
}

fn drift() -> Drift {
    let difference = |found: Option<&str>, expected: Option<&str>| Difference {
        object: "column users.fax".to_owned(),
        found: found.map(str::to_owned),
        expected: expected.map(str::to_owned),
    };
    let differences =
        vec![difference(Some("text"), None), difference(None, Some("text")), difference(Some("a"), Some("b"))];
    Drift { version: Version(3), fingerprint: Fingerprint("f".to_owned()), differences, left_out: 2 }
}

#[test]
fn cluster_status_with_members_of_every_kind() {
    let since = Timestamp(4);
    let members = vec![
        member(node::Status::Active, Some(view::RaftRole::Voter), view::Health::Healthy),
        member(
            node::Status::CatchingUp { since, holds_gates: true },
            Some(view::RaftRole::Learner),
            view::Health::Degraded,
        ),
        member(quarantined(since, Some(drift())), None, view::Health::Unreachable),
        member(quarantined(since, None), None, view::Health::Unreachable),
        member(node::Status::Active, None, view::Health::Unknown),
    ];
    check::<_, v1::ClusterStatus>(view::ClusterStatus {
        cluster_id: "c".into(),
        engine: Engine::Sqlite,
        leader: Some(NodeId(1)),
        term: 2,
        this_node: NodeId(1),
        this_program_version: "0.1.0".into(),
        members,
        settled_version: Version(6),
        announced_version: Version(7),
        state_digest: "d".into(),
        revision: LogIndex(99),
        version_spread: 1,
        sessions: 4,
        gate: Some(gate()),
        warnings: vec![view::Warning { kind: "clock".into(), message: "2 s off".into(), remedy: "chrony".into() }],
    });
    check::<_, v1::AuditRecord>(audit::Record {
        index: LogIndex(9),
        at: Timestamp(8),
        actor: "operator".into(),
        action: "evict session 4".into(),
        reason: "stuck".into(),
        overridden: vec!["shop/a".into()],
    });
}

#[test]
fn sessions_and_announcements() {
    let eviction = Eviction { reason: "stuck".into(), by: "operator".into(), at: Timestamp(3) };
    let compatibility = Compatibility {
        version_min: Version(3),
        version_max: Some(Version(0)),
        understands: ["0042".to_owned()].into(),
    };
    check::<_, v1::Session>(view::Session {
        session: session::Session {
            id: SessionId(4),
            app: "shop".into(),
            instance: "a".into(),
            compatibility: compatibility.clone(),
            acknowledged: Version(6),
            ttl_ms: 15_000,
            opened_at: Timestamp(1),
            renew_counter: 2,
            eviction: Some(eviction.clone()),
        },
        remaining_ms: Some(0),
        owed_version: Some(Version(0)),
    });
    check::<_, v1::Compatibility>(Compatibility { version_max: None, ..compatibility });
    check::<_, v1::Announcement>(view::Announcement {
        revision: LogIndex(9),
        version: Version(7),
        phases: Phase::ALL.map(|phase| (phase.to_string(), phase)).into(),
        must_acknowledge: true,
        eviction: Some(eviction),
    });
}

#[test]
fn catalogs() {
    let column = |default: Option<&str>| Column {
        name: "id".into(),
        data_type: "integer".into(),
        nullable: default.is_some(),
        default: default.map(Into::into),
        generated: default.map(Into::into),
        options: vec!["identity".into()],
    };
    let constraint = |kind| Constraint { kind, columns: vec!["id".into()], definition: "d".into() };
    let kinds = [
        ConstraintKind::PrimaryKey,
        ConstraintKind::Unique,
        ConstraintKind::ForeignKey,
        ConstraintKind::Check,
        ConstraintKind::Exclusion,
    ];
    let table = Table {
        columns: vec![column(None), column(Some("1"))],
        constraints: kinds.map(|kind| (format!("{kind:?}"), constraint(kind))).into(),
        indexes: [("i".into(), Index { unique: true, valid: false, definition: "d".into() })].into(),
        triggers: [("t".into(), "d".into())].into(),
        options: [("strict".into(), String::new())].into(),
    };
    let schema = Schema {
        tables: [("public.users".into(), table)].into(),
        objects: [("view".into(), [("v".into(), "d".into())].into())].into(),
    };
    let size = |bytes| Size { rows: 7, bytes };
    let catalog = view::Catalog {
        node_name: "shard-1".into(),
        engine: Engine::Postgres,
        engine_version: 15,
        version: Version(9),
        schema,
        sizes: [("public.users".into(), size(Some(8))), ("public.other".into(), size(None))].into(),
    };
    check::<_, v1::Catalog>(catalog.clone());
    refuse::<view::Catalog, _>(v1::Catalog { schema: None, ..catalog.clone().into() }, "schema");
    refuse::<view::Catalog, _>(v1::Catalog { engine: 0, ..catalog.into() }, "engine");
}

#[test]
fn what_cannot_be_is_refused_by_field() {
    let spec = || {
        let steps = vec![step(Phase::Expand, Action::Nothing, None)];
        let (name, description) = ("0042".to_owned(), String::new());
        v1::ChangeSpec::from(Spec {
            retention_ms: None,
            name,
            engine: Engine::Sqlite,
            description,
            steps,
            block_deadline_ms: 1,
            source: None,
            limits: Limits::default(),
        })
    };
    refuse::<Spec, _>(v1::ChangeSpec { engine: 0, ..spec() }, "engine");
    refuse::<Spec, _>(v1::ChangeSpec { engine: 77, ..spec() }, "engine");
    let mut no_forward = spec();
    no_forward.steps[0].forward = None;
    refuse::<Spec, _>(no_forward, "steps[0].forward");
    let mut empty_action = spec();
    empty_action.steps[0].revert = Some(v1::Action { kind: None });
    refuse::<Spec, _>(empty_action, "steps[0].revert.kind");
    let limits = |readings: &[i32]| {
        let limit = |reading: &i32| v1::Limit { reading: *reading, value: Some(1) };
        Some(v1::Limits { throttle: readings.iter().map(limit).collect(), thresholds: Vec::new() })
    };
    refuse::<Spec, _>(v1::ChangeSpec { limits: limits(&[1, 0]), ..spec() }, "limits.throttle[1].reading");
    refuse::<Spec, _>(v1::ChangeSpec { limits: limits(&[1, 1]), ..spec() }, "limits.throttle[1].reading");
    let mut no_phase = spec();
    no_phase.steps[0].phase = 0;
    refuse::<Spec, _>(no_phase, "steps[0].phase");
    refuse::<StepStatus, _>(
        v1::StepStatus { state: v1::StepState::Settled.into(), version: Some(1), ..Default::default() },
        "at_ms",
    );
    refuse::<view::Member, _>(v1::Member::default(), "node");
    let phases = [("0042".to_owned(), 0)].into();
    refuse::<view::Announcement, _>(v1::Announcement { phases, ..Default::default() }, "phases[0042]");
}

#[test]
fn block_deadline_has_a_default() {
    let message =
        v1::ChangeSpec { engine: v1::Engine::Sqlite.into(), block_deadline_ms: None, ..Default::default() };
    assert_eq!(Spec::try_from(message).unwrap().block_deadline_ms, 900_000);
}
