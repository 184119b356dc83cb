//! A node that dies between a statement that commits by itself and its record goes on from what it finds. See
//! `lockstep_tests::golden_killed`.

use lockstep_core::Engine;
use lockstep_planner::Target;
use lockstep_tests::golden::{Golden, Ground};
use lockstep_tests::golden_killed::run;

/// Goldens that exchange keys or make one of an index or of indexes that are there, and a step of each in which the node has to have died.
const EXCHANGES: [(&str, &str); 6] = [
    ("alter_type_primary_key", "swap the forms of public.users.id"),
    ("alter_type_identity_key", "swap the forms of public.users.id"),
    ("rename_column_of_key", ""),
    ("add_primary_key", "add"),
    ("add_unique", "add"),
    ("create_index_partitioned_there", "index"),
];

#[tokio::test(flavor = "multi_thread")]
async fn postgres() {
    let target = Target { engine: Engine::Postgres, version: 15 };
    let ground = tokio::task::spawn_blocking(move || Ground::start(target)).await.unwrap();
    let ground = ground.of_own_version().await.unwrap();
    for (name, step) in EXCHANGES {
        let golden = Golden::named(target.engine, name).unwrap();
        let died = run(&golden, &ground).await.unwrap_or_else(|error| panic!("{name}: {error:#}"));
        assert!(died.iter().any(|at| at.starts_with(step)), "{name}: the node died in {died:#?} only");
    }
}
