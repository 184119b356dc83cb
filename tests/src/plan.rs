//! The change that most stories tell: users get a normalised e-mail address, in all phases.

use lockstep_core::Engine;
use lockstep_core::change::Spec;
use lockstep_core::step::{Action, Assertion, Backfill, ClientRequirement, Phase, Step};

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
    }
}

/// Adds a column that nobody has to know of.
#[must_use]
pub fn add_column(name: &str, engine: Engine, column: &str) -> Spec {
    let forward = statements(&[&format!("ALTER TABLE users ADD COLUMN {column} TEXT")]);
    let revert = statements(&[&format!("ALTER TABLE users DROP COLUMN {column}")]);
    change(name, engine, vec![step(&format!("add {column}"), Phase::Expand, forward, Some(revert))])
}

/// All six phases: `email` is filled from `mail` and takes its place. `batch_rows_max` sets how long the backfill takes.
#[must_use]
pub fn all_phases(name: &str, engine: Engine, batch_rows_max: u32) -> Spec {
    let backfill = Backfill {
        table: "users".to_owned(),
        key: vec!["id".to_owned()],
        set: "email = lower(mail)".to_owned(),
        only_where: Some("email IS NULL".to_owned()),
        batch_rows_max,
    };
    let assertion = Assertion {
        name: "every user has an email".to_owned(),
        violations_query: "SELECT id FROM users WHERE email IS NULL OR email <> lower(mail)".to_owned(),
    };
    let mut contract = step(
        "drop mail",
        Phase::Contract,
        statements(&drop_mail(engine)),
        Some(statements(&restore_mail(engine))),
    );
    contract.requires = ClientRequirement::Understands;
    contract.needs_approval = true;
    let nothing = Some(Action::Nothing);
    change(
        name,
        engine,
        vec![
            step(
                "add email",
                Phase::Expand,
                statements(&add_email(engine)),
                Some(statements(&drop_email(engine))),
            ),
            step("fill email", Phase::Backfill, Action::Backfill(backfill), nothing.clone()),
            step("check email", Phase::Validate, Action::Assert { assertions: vec![assertion] }, nothing.clone()),
            step("write email", Phase::SwitchWrites, Action::Nothing, nothing.clone()),
            step("read email", Phase::SwitchReads, Action::Nothing, nothing),
            contract,
        ],
    )
}

/// The new column, and a trigger that fills it while old releases write `mail` only.
fn add_email(engine: Engine) -> Vec<&'static str> {
    match engine {
        Engine::Sqlite => vec![
            "ALTER TABLE users ADD COLUMN email TEXT",
            "CREATE TRIGGER users_email_insert AFTER INSERT ON users WHEN NEW.email IS NULL BEGIN \
             UPDATE users SET email = lower(NEW.mail) WHERE id = NEW.id; END",
            "CREATE TRIGGER users_email_update AFTER UPDATE OF mail ON users BEGIN \
             UPDATE users SET email = lower(NEW.mail) WHERE id = NEW.id; END",
        ],
        Engine::Postgres => vec![
            "ALTER TABLE users ADD COLUMN email text",
            "CREATE FUNCTION users_email() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN NEW.email := lower(NEW.mail); RETURN NEW; END $$",
            "CREATE TRIGGER users_email BEFORE INSERT OR UPDATE OF mail ON users \
             FOR EACH ROW WHEN (NEW.mail IS NOT NULL) EXECUTE FUNCTION users_email()",
        ],
    }
}

fn drop_email(engine: Engine) -> Vec<&'static str> {
    match engine {
        Engine::Sqlite => vec![
            "DROP TRIGGER users_email_update",
            "DROP TRIGGER users_email_insert",
            "ALTER TABLE users DROP COLUMN email",
        ],
        Engine::Postgres => vec![
            "DROP TRIGGER users_email ON users",
            "DROP FUNCTION users_email()",
            "ALTER TABLE users DROP COLUMN email",
        ],
    }
}

fn drop_mail(engine: Engine) -> Vec<&'static str> {
    match engine {
        Engine::Sqlite => vec![
            "DROP TRIGGER users_email_update",
            "DROP TRIGGER users_email_insert",
            "ALTER TABLE users DROP COLUMN mail",
        ],
        Engine::Postgres => vec![
            "DROP TRIGGER users_email ON users",
            "DROP FUNCTION users_email()",
            "ALTER TABLE users DROP COLUMN mail",
        ],
    }
}

/// Undoes [`drop_mail`]. The column comes back as the last one, which is why the stories leave it there.
fn restore_mail(engine: Engine) -> Vec<&'static str> {
    let mut statements = match engine {
        Engine::Sqlite => vec!["ALTER TABLE users ADD COLUMN mail TEXT"],
        Engine::Postgres => vec!["ALTER TABLE users ADD COLUMN mail text"],
    };
    statements.push("UPDATE users SET mail = email");
    statements.extend(add_email(engine).into_iter().skip(1));
    statements
}
