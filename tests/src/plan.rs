//! The change that most stories tell: users get a normalised e-mail address, in all phases.

use lockstep_core::Engine;
use lockstep_core::change::Spec;
use lockstep_core::step::{Action, ClientRequirement, Phase, Step};

/// A step with nothing but a name, a phase and its actions.
#[must_use]
pub fn step(name: &str, phase: Phase, forward: Action, revert: Option<Action>) -> Step {
    Step {
        name: name.to_owned(),
        phase,
        forward,
        revert,
        preconditions: Vec::new(),
        targets: vec!["users".to_owned()],
        requires: ClientRequirement::Nothing,
        needs_approval: false,
    }
}

/// Statements in one transaction.
#[must_use]
pub fn statements(statements: &[&str]) -> Action {
    Action::Statements {
        statements: statements.iter().map(|text| (*text).to_owned()).collect(),
        transactional: true,
    }
}

/// A change with these steps.
#[must_use]
pub fn change(name: &str, engine: Engine, steps: Vec<Step>) -> Spec {
    Spec {
        name: name.to_owned(),
        engine,
        description: String::new(),
        steps,
        block_deadline_ms: Spec::BLOCK_DEADLINE_DEFAULT_MS,
        retention_ms: Some(0),
        source: None,
        limits: Default::default(),
    }
}

/// Adds a column that nobody has to know of.
#[must_use]
pub fn add_column(name: &str, engine: Engine, column: &str) -> Spec {
    let forward = statements(&[&format!("ALTER TABLE users ADD COLUMN {column} TEXT")]);
    let revert = statements(&[&format!("ALTER TABLE users DROP COLUMN {column}")]);
    change(name, engine, vec![step(&format!("add {column}"), Phase::Expand, forward, Some(revert))])
}

/// All six phases: `email` is filled from `mail` and takes its place. The demo's own change, with other batches: the smaller
/// they are, the longer the backfill takes.
///
/// # Panics
///
/// When the demo's plan file is not a plan.
#[must_use]
pub fn all_phases(engine: Engine, batch_rows_max: u32) -> Spec {
    let text = match engine {
        Engine::Sqlite => include_str!("../../crates/cli/src/demo/plans/0001_users_email.sqlite.toml"),
        Engine::Postgres => include_str!("../../crates/cli/src/demo/plans/0001_users_email.postgres.toml"),
        Engine::Mariadb => include_str!("../../crates/cli/src/demo/plans/0001_users_email.mariadb.toml"),
        Engine::Mysql => &include_str!("../../crates/cli/src/demo/plans/0001_users_email.mariadb.toml")
            .replace("\"mariadb\"", "\"mysql\""),
    };
    let mut spec = lockstep_planner::plan_file::parse("0001_users_email", ALL_PHASES, text)
        .expect("the demo's plan is a plan");
    for step in &mut spec.steps {
        if let Action::Backfill(backfill) = &mut step.forward {
            backfill.batch_rows_max = batch_rows_max;
        }
    }
    spec
}

/// The name of the change that [`all_phases`] makes.
pub const ALL_PHASES: &str = "0001_users_email";
