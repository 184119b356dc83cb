//! A replicated state and the commands that bring it somewhere.

use lockstep_core::change::Spec;
use lockstep_core::command::{Actor, Role as ActorRole};
use lockstep_core::in_flight::{Execution, Measurement, Preparation};
use lockstep_core::node::{Addresses, Candidate, Fingerprint, Role};
use lockstep_core::session::Compatibility;
use lockstep_core::step::{Action, ClientRequirement, Phase};
use lockstep_core::{
    Command, Engine, LogIndex, NodeId, Refusal, Reply, SessionId, Stamped, State, Step, Timestamp, Version,
    command,
};

/// The hash of a secret that nobody needs.
pub(crate) const TOKEN: &str = "token";

/// Applies at the next log index, with the role that the command takes.
pub(crate) fn apply(state: &mut State, command: Command) -> Result<Reply, Refusal> {
    let index = LogIndex(state.applied().0 + 1);
    let role = match command {
        Command::ReportCaughtUp { .. }
        | Command::ReportDrift { .. }
        | Command::ReportPreparation { .. }
        | Command::ReportExecuted { .. }
        | Command::ReportExecuteFailed { .. }
        | Command::ReportReverted { .. }
        | Command::ReportRevertFailed { .. }
        | Command::ReportBreach { .. }
        | Command::Bootstrap { .. }
        | Command::JoinNode { .. } => ActorRole::Agent,
        _ => ActorRole::Operator,
    };
    let actor = Actor { name: "test".to_owned(), role };
    state.apply(index, &Stamped { at: Timestamp(index.0), actor, request: None, command }).result
}

pub(crate) fn bootstrap(state: &mut State, candidate: Candidate) -> NodeId {
    let node = NodeId(1);
    apply(state, Command::Bootstrap { cluster_id: "cluster".to_owned(), node, candidate }).unwrap();
    let expires_at = Timestamp(u64::MAX);
    apply(state, Command::IssueJoinToken { token_hash: TOKEN.to_owned(), expires_at }).unwrap();
    node
}

pub(crate) fn join(state: &mut State, candidate: Candidate) -> NodeId {
    let joined = Command::JoinNode { candidate, token_hash: TOKEN.to_owned(), replace: false };
    match apply(state, joined).unwrap() {
        Reply::Joined { node, .. } => node,
        other => panic!("joining answered {other:?}"),
    }
}

pub(crate) fn candidate(name: &str, role: Role, fingerprint: Fingerprint) -> Candidate {
    Candidate {
        name: name.to_owned(),
        engine: Engine::Sqlite,
        role,
        addresses: Addresses { peer: format!("{name}:1"), client: format!("{name}:2") },
        database_id: format!("database of {name}"),
        version: Version::BASELINE,
        version_hash: String::new(),
        fingerprint,
        command_format: command::FORMAT,
    }
}

pub(crate) fn spec(name: &str, steps: Vec<Step>) -> Spec {
    Spec {
        name: name.to_owned(),
        engine: Engine::Sqlite,
        description: String::new(),
        steps,
        block_deadline_ms: Spec::BLOCK_DEADLINE_DEFAULT_MS,
        retention_ms: Some(0),
        source: None,
        limits: Default::default(),
    }
}

pub(crate) fn submit(state: &mut State, name: &str, steps: Vec<Step>) {
    apply(state, Command::SubmitChange { spec: spec(name, steps) }).unwrap();
}

pub(crate) fn cancel(state: &mut State, name: &str) {
    apply(state, Command::CancelChange { change: name.to_owned(), reason: "test".to_owned() }).unwrap();
}

pub(crate) fn step(name: &str, phase: Phase, forward: Action, revert: Option<Action>) -> Step {
    Step {
        name: name.to_owned(),
        phase,
        forward,
        revert,
        preconditions: Vec::new(),
        targets: Vec::new(),
        requires: ClientRequirement::Nothing,
        needs_approval: false,
    }
}

pub(crate) fn statements(statements: &[&str]) -> Action {
    Action::Statements { statements: statements.iter().map(|&sql| sql.to_owned()).collect(), transactional: true }
}

pub(crate) fn ready(state: &mut State, node: NodeId, version: u64, fingerprint: &str) {
    let preparation = Preparation::Ready { fingerprint: Fingerprint(fingerprint.to_owned()) };
    apply(state, Command::ReportPreparation { node, version: Version(version), preparation }).unwrap();
}

pub(crate) fn executed(state: &mut State, node: NodeId, version: u64, fingerprint: &str) {
    let execution =
        Execution { fingerprint: Fingerprint(fingerprint.to_owned()), measurement: Measurement::default() };
    apply(state, Command::ReportExecuted { node, version: Version(version), execution }).unwrap();
}

pub(crate) fn reverted(state: &mut State, node: NodeId, version: u64, fingerprint: &str) {
    let fingerprint = Fingerprint(fingerprint.to_owned());
    apply(state, Command::ReportReverted { node, version: Version(version), fingerprint }).unwrap();
}

pub(crate) fn open_session(state: &mut State) -> SessionId {
    let opened = Command::OpenSession {
        app: "shop".to_owned(),
        instance: "one".to_owned(),
        compatibility: Compatibility::default(),
        ttl_ms: 10_000,
    };
    match apply(state, opened).unwrap() {
        Reply::Opened { session, .. } => session,
        other => panic!("opening answered {other:?}"),
    }
}

pub(crate) fn acknowledge(state: &mut State, session: SessionId, version: u64) {
    apply(state, Command::Acknowledge { session, version: Version(version) }).unwrap();
}
