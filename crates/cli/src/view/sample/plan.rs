//! Sample plans: steps written by hand, and steps made of DDL.

use super::PLAN;
use crate::view::{Basis, ClusterCheck, Plan};
use lockstep_core::change::Spec;
use lockstep_core::step::{Action, Backfill, Phase, Step};
use lockstep_core::{Engine, Source, Version};
use lockstep_planner::draft::{Draft, Impact, Lock};
use lockstep_planner::plan::{self, Explained, Note};
use lockstep_planner::script::LeftOut;
use lockstep_planner::source::{self, File};
use lockstep_planner::{Catalog, Target, plan_change};

/// Steps written by hand, checked against a cluster.
pub(crate) fn plan() -> Plan {
    let shown = "plans/0042_users_email.toml".to_owned();
    let file = File { path: "0042_users_email.toml".to_owned(), shown: shown.clone(), text: PLAN.to_owned() };
    let change = source::file(file, None).unwrap();
    let target = Target { engine: Engine::Sqlite, version: 3 };
    let planned = plan_change(target, &change, &mut Catalog::unknown()).unwrap();
    Plan { cluster: Some(check(Engine::Sqlite)), ..Plan::of(shown, planned) }
}

fn check(engine: Engine) -> ClusterCheck {
    ClusterCheck {
        cluster_id: "c-7f3a".to_owned(),
        engine,
        is_engine_right: true,
        is_name_free: true,
        queued_behind: vec!["0041_orders_total".to_owned()],
    }
}

const EXCLUSIVE: (&str, &str) = ("ACCESS EXCLUSIVE", "reads and writes");

fn lock((mode, blocks): (&'static str, &'static str)) -> Lock {
    Lock { table: "public.users".to_owned(), mode, blocks }
}

/// Steps made of DDL, planned against the database of a node: what rules could say, not what they say today.
pub(crate) fn explained_plan() -> Plan {
    let drafts = drafts();
    let notes = drafts.iter().map(|(lines, draft)| note(lines, draft)).collect();
    let steps: Vec<Step> = drafts.into_iter().map(|(_, draft)| draft.step).collect();
    let change = Spec {
        name: "0043_users_team".to_owned(),
        engine: Engine::Postgres,
        description: String::new(),
        steps,
        block_deadline_ms: Spec::BLOCK_DEADLINE_DEFAULT_MS,
        retention_ms: None,
        source: Some(Source::of("0043_users_team/up.sql", b"...")),
        limits: Default::default(),
    };
    let planned = plan::Plan { change, notes, statements: statements(), left_out: left_out(), remarks: remarks() };
    let basis = Basis::Database { node: "shard-a".to_owned(), version: Version(7), is_complete: true };
    let file = "migrations/0043_users_team/up.sql".to_owned();
    Plan { basis, engine_version: Some(15), cluster: Some(check(Engine::Postgres)), ..Plan::of(file, planned) }
}

fn note(lines: &[usize], draft: &Draft) -> Note {
    Note { lines: lines.to_vec(), why: draft.why.clone(), impact: draft.impact.clone() }
}

fn drafts() -> Vec<(Vec<usize>, Draft)> {
    let sql = |sql: &str| vec![sql.to_owned()];
    let add = Draft::statements(
        "add users.team and orders",
        Phase::Expand,
        vec!["ALTER TABLE users ADD COLUMN team integer".to_owned(), "CREATE TABLE orders (id bigint)".to_owned()],
        Some(vec!["DROP TABLE orders".to_owned(), "ALTER TABLE users DROP COLUMN team".to_owned()]),
    );
    let fill = Action::Backfill(Backfill {
        table: "users".to_owned(),
        key: vec!["id".to_owned()],
        set: "team = 1".to_owned(),
        only_where: Some("team IS NULL".to_owned()),
        batch_rows_max: 1_000,
    });
    let validate = Draft::statements(
        "validate team",
        Phase::Validate,
        sql("ALTER TABLE users VALIDATE CONSTRAINT users_team_not_null"),
        Some(sql("ALTER TABLE users ALTER COLUMN team DROP NOT NULL")),
    );
    let index = Draft::alone(
        "index users_team",
        Phase::Expand,
        "CREATE INDEX CONCURRENTLY users_team ON users (team)".to_owned(),
        Some("DROP INDEX CONCURRENTLY users_team".to_owned()),
    );
    let drop =
        Draft::statements("drop users.fax", Phase::Contract, sql("ALTER TABLE users DROP COLUMN fax"), None);
    let weak = ("SHARE UPDATE EXCLUSIVE", "other schema changes");
    vec![
        (
            vec![3, 9],
            add.locks("public.users", EXCLUSIVE.0, EXCLUSIVE.1).why("A column without a default is only noted."),
        ),
        (
            vec![3],
            Draft::new("fill users.team", Phase::Backfill, fill, Some(Action::Nothing))
                .why("Rows in small batches."),
        ),
        (
            vec![3],
            validate.locks("public.users", weak.0, weak.1).scans(Some(1_200_000)).why("Writes go on meanwhile."),
        ),
        (
            vec![6],
            index.locks("public.users", weak.0, weak.1).scans(Some(1_200_000)).why("Built beside the writes."),
        ),
        (vec![7], drop.locks("public.users", EXCLUSIVE.0, EXCLUSIVE.1).why("Only once nobody reads it.")),
    ]
}

fn statements() -> Vec<Explained> {
    let explained = |line, sql: &str, as_written: Option<Impact>, hazards: &[&str]| Explained {
        line,
        sql: sql.to_owned(),
        as_written,
        hazards: hazards.iter().map(|hazard| (*hazard).to_owned()).collect(),
    };
    let cost = |mode, rewrites, scans, rows_estimate| {
        Some(Impact { locks: vec![lock(mode)], scans, rewrites, rows_estimate })
    };
    vec![
        explained(
            3,
            "ALTER TABLE users\n  ADD COLUMN team integer NOT NULL DEFAULT next_team()",
            cost(EXCLUSIVE, true, true, Some(1_200_000)),
            &["existing rows get their team while the backfill goes on, not at one moment"],
        ),
        explained(6, "CREATE INDEX users_team ON users (team)", cost(("SHARE", "writes"), false, true, None), &[]),
        explained(7, "ALTER TABLE users DROP COLUMN fax", cost(EXCLUSIVE, false, false, None), &["data is lost"]),
        explained(9, "CREATE TABLE orders (id bigint)", None, &[]),
    ]
}

fn left_out() -> Vec<LeftOut> {
    let why = "each step has a transaction of its own".to_owned();
    vec![LeftOut { line: 1, sql: "BEGIN".to_owned(), why }]
}

fn remarks() -> Vec<String> {
    vec!["migrations/0043_users_team/down.sql is not run: every step has a revert of its own".to_owned()]
}
