//! Databases that lost what they had: the cluster waits for them until they have it again.

use lockstep_client::view::ClusterStatus;
use lockstep_core::change::Status;
use lockstep_core::node::Node;
use lockstep_core::{Engine, Version};
use lockstep_tests::cluster::Cluster;
use lockstep_tests::plan::add_column;

/// Two versions behind, and a third one waits: no version may be missed, and none executed twice.
pub(crate) async fn a_backup_catches_up_before_it_counts(engine: Engine) {
    let mut cluster = Cluster::start_with(engine, 3, 100, Default::default()).await;
    settle(&cluster, engine, "0001_phone", "phone").await;
    let restored = cluster.follower().await;
    cluster.kill(&restored);
    cluster.shards.back_up(&restored).await;
    cluster.start_agent(&restored, &[]);
    settle(&cluster, engine, "0002_fax", "fax").await;
    settle(&cluster, engine, "0003_pager", "pager").await;

    cluster.kill(&restored);
    cluster.shards.put_back(&restored).await;
    cluster.submit(add_column("0004_telex", engine, "telex")).await;
    cluster.start_agent(&restored, &[]);
    cluster.wait_for("0004_telex", Status::Settled).await;
    assert_has(&cluster, &restored, &["phone", "fax", "pager", "telex"]).await;
    cluster.finish().await;
}

pub(crate) async fn an_empty_database_catches_up_before_it_counts(engine: Engine) {
    let mut cluster = Cluster::start_with(engine, 3, 100, Default::default()).await;
    settle(&cluster, engine, "0001_phone", "phone").await;
    settle(&cluster, engine, "0002_fax", "fax").await;
    let replaced = cluster.follower().await;
    let before = cluster.wait_status("a status", |_| true).await;
    cluster.wipe_with_database(&replaced).await;
    let is_back = |status: &ClusterStatus| {
        let node = named(status, &replaced);
        node.id != named(&before, &replaced).id && node.is_active() && node.version == Version(2)
    };
    cluster.wait_status("the new node counts", is_back).await;
    assert_has(&cluster, &replaced, &["phone", "fax"]).await;
    settle(&cluster, engine, "0003_pager", "pager").await;
    cluster.finish().await;
}

async fn settle(cluster: &Cluster, engine: Engine, change: &str, column: &str) {
    cluster.submit(add_column(change, engine, column)).await;
    cluster.wait_for(change, Status::Settled).await;
}

fn named<'a>(status: &'a ClusterStatus, name: &str) -> &'a Node {
    &status.members.iter().find(|member| member.node.name == name).expect("it is a member").node
}

async fn assert_has(cluster: &Cluster, name: &str, columns: &[&str]) {
    let sql = format!("SELECT {} FROM users WHERE id = 1", columns.join(", "));
    let rows = cluster.shards.connect(name).await.query(&sql, &[]).await;
    assert_eq!(rows.unwrap_or_else(|error| panic!("{name}: {error}")).len(), 1);
}
