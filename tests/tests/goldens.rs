//! Every golden of the planner that plans is run on the real engine. See `lockstep_tests::golden`.
//!
//! PostgreSQL: on the release that is on this machine; `cargo xtask compatibility` puts each one that Lockstep knows in its place. MariaDB or
//! MySQL: `cargo xtask compatibility-mysql`.

use lockstep_core::step::Action;
use lockstep_core::{Engine, Step};
use lockstep_database::local_mysql::chosen;
use lockstep_database::plain::{Connection, Value};
use lockstep_planner::Target;
use lockstep_tests::golden::{Golden, Ground, run_all};

#[tokio::test(flavor = "multi_thread")]
async fn postgres() {
    run_all(|| Ground::start(Target { engine: Engine::Postgres, version: 15 })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite() {
    run_all(|| Ground::start(Target { engine: Engine::Sqlite, version: 3 })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_or_mysql() {
    run_all(|| Ground::start(Target { engine: chosen(), version: 0 })).await;
}

/// A statement that stands in no transaction of the ledger may have been done when an agent comes back, and is said once more.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_handed_over_is_not_handed_over_again() {
    let target = Target { engine: Engine::Postgres, version: 15 };
    let ground = tokio::task::spawn_blocking(move || Ground::start(target)).await.unwrap();
    let golden = Golden::named(target.engine, "alter_type_primary_key").unwrap();
    let (mut stand, plan) = golden.stand(&ground, "handed_over").await.unwrap();
    let client = stand.client(&ground, "handed_over").await.unwrap();
    let is_exchange = |step: &Step| step.name.starts_with("swap the forms of");
    let exchange = plan.change.steps.iter().position(is_exchange).unwrap();
    for step in &plan.change.steps[..exchange] {
        stand.execute(&step.name, &step.forward).await.unwrap();
    }
    let step = &plan.change.steps[exchange];
    let first = |action: &Action| match action {
        Action::Statements { statements, transactional: false } => statements[0].clone(),
        other => panic!("{other:?}"),
    };
    for statement in [first(&step.forward), first(step.revert.as_ref().unwrap())] {
        client.execute(&statement, &[]).await.unwrap();
        let once = names(&client).await;
        client.execute(&statement, &[]).await.unwrap();
        assert_eq!(names(&client).await, once);
    }
    // What is left of going back, and once more all of it.
    stand.execute(&step.name, step.revert.as_ref().unwrap()).await.unwrap();
    stand.execute(&step.name, &step.forward).await.unwrap();
}

/// Constraints and columns, as the server prints them.
async fn names(client: &Connection) -> Vec<Vec<Value>> {
    let sql = "SELECT conrelid::regclass::text, conname::text, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid <> 0
               UNION ALL SELECT attrelid::regclass::text, attname::text, format_type(atttypid, atttypmod) FROM pg_attribute
               WHERE attrelid = 'public.users'::regclass AND attnum > 0 ORDER BY 1, 2, 3";
    client.query(sql, &[]).await.unwrap()
}
