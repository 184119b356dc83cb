//! Two releases of an application at work while each golden of the planner is under way. See `lockstep_tests::release`.

use lockstep_core::Engine;
use lockstep_planner::Target;
use lockstep_tests::release::play_all;

#[tokio::test(flavor = "multi_thread")]
async fn postgres() {
    play_all(Target { engine: Engine::Postgres, version: 15 }, 0..1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite() {
    play_all(Target { engine: Engine::Sqlite, version: 3 }, 0..2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb() {
    play_all(Target { engine: Engine::Mariadb, version: 1011 }, 0..1).await;
}
