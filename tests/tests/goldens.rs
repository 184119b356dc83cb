//! Every golden of the planner that plans is run on the real engine. See `lockstep_tests::golden`.

use lockstep_core::Engine;
use lockstep_planner::Target;
use lockstep_tests::golden::run_all;

#[tokio::test(flavor = "multi_thread")]
async fn postgres() {
    run_all(Target { engine: Engine::Postgres, version: 15 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite() {
    run_all(Target { engine: Engine::Sqlite, version: 3 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb() {
    run_all(Target { engine: Engine::Mariadb, version: 1011 }).await;
}
