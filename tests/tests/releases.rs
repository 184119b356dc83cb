//! Two releases of an application at work while each golden of the planner is under way. See `lockstep_tests::release`.
//! The seeds are those that cost least for what they find; seed 1 leaves the rows alone that are there before.

use lockstep_core::Engine;
use lockstep_database::local_mysql::chosen;
use lockstep_planner::Target;
use lockstep_tests::release::play_all;

#[tokio::test(flavor = "multi_thread")]
async fn postgres() {
    play_all(Target { engine: Engine::Postgres, version: 15 }, 2..3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite() {
    play_all(Target { engine: Engine::Sqlite, version: 3 }, 0..4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_or_mysql() {
    play_all(Target { engine: chosen(), version: 0 }, 2..4).await;
}
