//! Changes that settle, are cancelled, fail, are rolled back.

use lockstep_core::Engine;
use lockstep_core::change::Status;
use lockstep_core::step::{Phase, Step};
use lockstep_tests::cluster::{Cluster, node};
use lockstep_tests::plan::{ALL_PHASES, add_column, all_phases, change, statements, step};
use lockstep_tests::traffic::Release;

pub(crate) async fn three_nodes_two_releases_all_phases_settle(engine: Engine) {
    let mut cluster = Cluster::start(engine, 3).await;
    let old = cluster.traffic("old", Release::Old);
    let new = cluster.traffic("new", Release::New);
    cluster.submit(all_phases(engine, 100)).await;
    cluster.wait_for(ALL_PHASES, Status::AwaitingApproval).await;
    cluster.client().await.approve(ALL_PHASES).await.expect("an operator may approve");

    cluster
        .wait_change(ALL_PHASES, "the contract waits for the old release alone", |view| {
            view.gate.as_ref().is_some_and(|gate| {
                gate.gate.step_name == "drop mail" && gate.gate.holdouts.iter().all(|h| h.name == "shop/old")
            })
        })
        .await;

    old.finish();
    cluster.wait_for(ALL_PHASES, Status::Settled).await;
    new.finish();
    cluster.finish().await;
}

pub(crate) async fn three_nodes_cancel_in_backfill_restores(engine: Engine) {
    let mut cluster = Cluster::start_with(engine, 3, 20_000, Default::default()).await;
    let before = cluster.wait_status("a schema", |_| true).await.members[0].node.fingerprint.clone();
    let traffic = cluster.traffic("new", Release::New);
    cluster.submit(all_phases(engine, 20)).await;
    cluster.wait_stage(ALL_PHASES, "fill email", "executing").await;
    let client = cluster.client().await;
    client.cancel(ALL_PHASES, "changed our mind").await.expect("an operator may cancel");
    let view = cluster.wait_for(ALL_PHASES, Status::Reverted).await;
    assert!(view.change.steps.iter().all(|record| !record.is_unfinished()), "the rest never starts: {view:#?}");

    client.rollback(ALL_PHASES, "and all of it").await.expect("an operator may roll back");
    cluster
        .wait_status("the schema is what it was", |status| {
            status.gate.is_none() && status.members.iter().all(|member| member.node.fingerprint == before)
        })
        .await;
    traffic.finish();
    cluster.finish().await;
}

pub(crate) async fn three_nodes_settled_change_rolls_back(engine: Engine) {
    let mut cluster = Cluster::start(engine, 3).await;
    let before = cluster.wait_status("a schema", |_| true).await.members[0].node.fingerprint.clone();
    let traffic = cluster.traffic("new", Release::New);
    cluster.submit(all_phases(engine, 500)).await;
    cluster.wait_for(ALL_PHASES, Status::AwaitingApproval).await;
    let client = cluster.client().await;
    client.approve(ALL_PHASES).await.expect("an operator may approve");
    cluster.wait_for(ALL_PHASES, Status::Settled).await;

    client.rollback(ALL_PHASES, "the new release is wrong").await.expect("an operator may roll back");
    cluster.wait_for(ALL_PHASES, Status::RolledBack).await;
    let after = cluster.wait_status("nothing is left to do", |status| status.gate.is_none()).await;
    assert!(after.members.iter().all(|member| member.node.fingerprint == before), "the schema is what it was");
    traffic.finish();
    cluster.finish().await;
}

pub(crate) async fn one_node_failing_reverts_all(engine: Engine) {
    let mut cluster = Cluster::start(engine, 3).await;
    let traffic = cluster.traffic("new", Release::New);
    // Two users of one shard share a name: what two nodes can do fails on the third, and preflight does not look for it.
    let third = cluster.shards.connect(&node(3)).await;
    third.batch("UPDATE users SET name = 'the same' WHERE id IN (7, 8)").await.expect("the shard takes writes");
    let rename = "UPDATE users SET name = concat('user ', id) WHERE id IN (100, 101) AND id < 0";
    let (unique, undo) = match engine {
        // Only the beginning of a text can be a key there, and every row is in an index.
        Engine::Mariadb | Engine::Mysql => {
            ("CREATE UNIQUE INDEX users_name ON users (name(50))", "DROP INDEX users_name ON users")
        }
        _ => ("CREATE UNIQUE INDEX users_name ON users (name) WHERE id < 1000000", "DROP INDEX users_name"),
    };
    let step: Step = step("unique names", Phase::Expand, statements(&[rename, unique]), Some(statements(&[undo])));
    cluster.submit(change("0001_unique_names", engine, vec![step])).await;
    let view = cluster.wait_for("0001_unique_names", Status::Reverted).await;
    let status = format!("{:?}", view.change.steps[0].status);
    assert!(status.contains(&node(3)), "the record names the node: {status}");

    cluster.submit(add_column("0002_phone", engine, "phone")).await;
    cluster.wait_for("0002_phone", Status::Settled).await;
    traffic.finish();
    cluster.finish().await;
}
