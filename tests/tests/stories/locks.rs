//! Somebody holds what a step needs.

use lockstep_core::Engine;
use lockstep_core::change::Status;
use lockstep_tests::cluster::{Cluster, node};
use lockstep_tests::plan::add_column;
use lockstep_tests::traffic::Release;

/// How old the reader's transaction is at least when it ends: time for many attempts, if any were made.
const HELD_MS: u64 = 3_000;

pub(crate) async fn a_reader_in_the_way_is_named_and_nobody_queues_behind_the_step(engine: Engine) {
    let mut cluster = Cluster::start(engine, 1).await;
    let traffic = cluster.traffic("new", Release::New);
    let reader = cluster.shards.connect(&node(1)).await;
    reader.batch("BEGIN; SELECT count(*) FROM users").await.expect("the shard can be read");
    cluster.submit(add_column("0001_phone", engine, "phone")).await;
    let view = cluster
        .wait_change("0001_phone", "the reader is named and has been waited for", |view| {
            view.progress
                .iter()
                .flat_map(|progress| &progress.blockers)
                .any(|blocker| blocker.process.is_some() && blocker.age_ms.is_some_and(|age| age >= HELD_MS))
        })
        .await;
    let holdout = &view.gate.as_ref().expect("the step waits").gate.holdouts[0];
    assert!(holdout.reason.contains("hold") && holdout.reason.contains("users"), "{holdout:?}");
    assert!(holdout.remedy.contains("or end it"), "{holdout:?}");
    reader.batch("COMMIT").await.expect("the reader ends");

    let view = cluster.wait_for("0001_phone", Status::Settled).await;
    let measured = view.change.steps[0].measurements.values().next().expect("it was measured");
    assert!(measured.attempts < 3 && measured.lock_wait_ms > 0, "no attempt while it was held: {measured:?}");
    traffic.finish();
    cluster.finish().await;
}
