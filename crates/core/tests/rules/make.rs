//! Makes commands and what they carry.

use lockstep_core::change::Spec;
use lockstep_core::command::{Actor, Role};
use lockstep_core::in_flight::{Execution, Measurement, Obstacle, Preparation};
use lockstep_core::limits::{Breach, Kind};
use lockstep_core::node::{Addresses, Candidate, Fingerprint};
use lockstep_core::step::{Action, Assertion, Backfill, ClientRequirement, Phase, Step};
use lockstep_core::{Engine, State, Timestamp, Version};

pub(crate) const TOKEN: &str = "token";

pub(crate) fn actor(role: Role) -> Actor {
    let name = match role {
        Role::Client => "client",
        Role::Agent => "agent",
        Role::Operator => "operator",
    };
    Actor { name: name.to_owned(), role }
}

pub(crate) fn fingerprint(text: &str) -> Fingerprint {
    Fingerprint(text.to_owned())
}

pub(crate) fn addresses(name: &str) -> Addresses {
    Addresses { peer: format!("{name}:7100"), client: format!("{name}:7200") }
}

/// An empty database that fits.
pub(crate) fn candidate(name: &str) -> Candidate {
    Candidate {
        name: name.to_owned(),
        engine: Engine::Sqlite,
        role: Default::default(),
        addresses: addresses(name),
        database_id: format!("database of {name}"),
        version: Version::BASELINE,
        version_hash: String::new(),
        fingerprint: fingerprint("s0"),
        command_format: lockstep_core::command::FORMAT,
    }
}

pub(crate) fn spec(name: &str, steps: Vec<Step>) -> Spec {
    Spec {
        name: name.to_owned(),
        engine: Engine::Sqlite,
        description: String::new(),
        steps,
        block_deadline_ms: Spec::BLOCK_DEADLINE_DEFAULT_MS,
        retention_ms: None,
        source: None,
        limits: Default::default(),
    }
}

/// A step as `[name=]phase` with marks behind: `!` cannot be undone, `?` needs approval, `+` clients must understand it.
pub(crate) fn step(text: &str) -> Step {
    let plain = text.trim_end_matches(['!', '?', '+']);
    let (name, phase) = plain.split_once('=').unwrap_or((plain, plain));
    let phase = Phase::ALL.into_iter().find(|known| known.name() == phase).expect("a phase");
    let marks = &text[plain.len()..];
    let (forward, revert) = actions(phase);
    Step {
        name: name.to_owned(),
        phase,
        forward,
        revert: (!marks.contains('!')).then_some(revert),
        preconditions: Vec::new(),
        targets: vec!["users".to_owned()],
        requires: if marks.contains('+') { ClientRequirement::Understands } else { ClientRequirement::Nothing },
        needs_approval: marks.contains('?'),
    }
}

fn actions(phase: Phase) -> (Action, Action) {
    let sql = |text: &str| Action::Statements { statements: vec![text.to_owned()], transactional: true };
    match phase {
        Phase::Expand => (sql("ALTER TABLE users ADD email TEXT"), sql("ALTER TABLE users DROP email")),
        Phase::Contract => (sql("ALTER TABLE users DROP mail"), sql("ALTER TABLE users ADD mail TEXT")),
        Phase::SwitchWrites | Phase::SwitchReads => (Action::Nothing, Action::Nothing),
        Phase::Backfill => (
            Action::Backfill(Backfill {
                table: "users".to_owned(),
                key: vec!["id".to_owned()],
                set: "email = mail".to_owned(),
                only_where: None,
                batch_rows_max: 100,
            }),
            Action::Nothing,
        ),
        Phase::Validate => (Action::Assert { assertions: vec![assertion()] }, Action::Nothing),
    }
}

pub(crate) fn assertion() -> Assertion {
    Assertion {
        name: "every user has an e-mail address".to_owned(),
        violations_query: "SELECT id FROM users WHERE email IS NULL".to_owned(),
    }
}

pub(crate) fn obstacle(kind: &str) -> Obstacle {
    Obstacle { kind: kind.to_owned(), message: format!("{kind} on users"), remedy: format!("clear {kind}") }
}

pub(crate) fn not_ready(kind: &str) -> Preparation {
    Preparation::NotReady { obstacles: vec![obstacle(kind)], since: Timestamp(0) }
}

/// A probe that was too slow.
pub(crate) fn breach() -> Breach {
    Breach { reading: Kind::ProbeP99, of: String::new(), value: 512_000, limit: 200_000 }
}

pub(crate) fn execution(fingerprint: Fingerprint) -> Execution {
    Execution { fingerprint, measurement: Measurement { attempts: 1, ..Measurement::default() } }
}

/// The schema that a well-behaved node has at a version: written down here once more, apart from the code under test.
pub(crate) fn schema_at(state: &State, version: Version) -> Fingerprint {
    if let Some(settled) = state.expected_fingerprint(version) {
        return settled.clone();
    }
    let Some(entry) = state.entry(version) else { return fingerprint("s?") };
    let record = state.record_of(entry);
    if !matches!(record.step.forward, Action::Statements { .. }) {
        return schema_at(state, entry.base);
    }
    let undone = record.rollback_of.and_then(|index| state.changes()[&entry.change].settled_version(index));
    if let Some(undone) = undone.and_then(|version| state.entry(version)) {
        return schema_at(state, undone.base);
    }
    let holders = || state.nodes().values().filter(|node| node.version == version);
    let quarantined =
        |node: &&lockstep_core::node::Node| matches!(node.status, lockstep_core::node::Status::Quarantined { .. });
    let holder = holders().find(|node| node.is_active()).or_else(|| holders().find(quarantined));
    holder.map_or_else(|| fingerprint(&format!("s{version}")), |node| node.fingerprint.clone())
}
