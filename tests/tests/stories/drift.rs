//! Schemas that somebody changes by hand.

use lockstep_client::Kind;
use lockstep_client::view::ClusterStatus;
use lockstep_core::Engine;
use lockstep_core::change::Status;
use lockstep_core::node::{self, Fingerprint};
use lockstep_tests::cluster::{Cluster, node};
use lockstep_tests::plan::add_column;

const BY_HAND: &str = "ALTER TABLE users ADD COLUMN by_hand integer";

pub(crate) async fn drift_is_named_and_accepted_once_every_node_has_it(engine: Engine) {
    let mut cluster = Cluster::start_with(engine, 2, 100, Default::default()).await;
    cluster.submit(add_column("0001_phone", engine, "phone")).await;
    cluster.wait_for("0001_phone", Status::Settled).await;
    // What the schema should be, it must know after a restart, too.
    cluster.kill(&node(2));
    cluster.shards.connect(&node(2)).await.batch(BY_HAND).await.expect("anybody may");
    cluster.start_agent(&node(2), &[]);

    cluster.submit(add_column("0002_fax", engine, "fax")).await;
    cluster
        .wait_change("0002_fax", "it waits for the changed node, and names the column", |view| {
            let gate = view.gate.as_ref().map(|gate| &gate.gate);
            let is_it =
                |name: &str, reason: &str| name == node(2) && reason.contains("users.by_hand is not expected");
            gate.is_some_and(|gate| gate.holdouts.iter().any(|holdout| is_it(&holdout.name, &holdout.reason)))
        })
        .await;
    let client = cluster.client().await;
    let refused = client.accept_node(&node(2), "a hotfix").await.expect_err("the other one differs");
    assert_eq!(refused.kind(), Kind::NotNow, "{refused}");
    assert!(refused.to_string().contains(&format!("{} has schema", node(1))), "{refused}");

    cluster.shards.connect(&node(1)).await.batch(BY_HAND).await.expect("anybody may");
    cluster
        .wait_status("both are known to have the same", |status| {
            let found = [found(status, &node(1)), found(status, &node(2))];
            found[0].is_some() && found[0] == found[1]
        })
        .await;
    client.accept_node(&node(2), "a hotfix").await.expect("they agree");
    cluster.wait_for("0002_fax", Status::Settled).await;
    cluster.finish().await;
}

/// The schema that a quarantined node was found with.
fn found(status: &ClusterStatus, name: &str) -> Option<Fingerprint> {
    let member = status.members.iter().find(|member| member.node.name == name)?;
    match &member.node.status {
        node::Status::Quarantined { drift: Some(drift), .. } => Some(drift.fingerprint.clone()),
        _ => None,
    }
}
