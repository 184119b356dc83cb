//! Every golden of the planner goes through gate and reconciler, on the engines whose statements commit by themselves or whose
//! tables are made anew. See `lockstep_tests::golden_executor`.

use lockstep_core::Engine;
use lockstep_database::local_mysql::chosen;
use lockstep_planner::Target;
use lockstep_tests::golden_executor::run_all;

#[tokio::test(flavor = "multi_thread")]
async fn sqlite() {
    run_all(Target { engine: Engine::Sqlite, version: 3 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_or_mysql() {
    run_all(Target { engine: chosen(), version: 0 }).await;
}
