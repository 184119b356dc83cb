//! Nodes and clients that do not do what they should.

use super::screens::{apply, three, wait_and_look, wait_and_look_closer};
use lockstep_client::Session;
use lockstep_client::session::{Acknowledge, SessionOptions};
use lockstep_client::view::Health;
use lockstep_core::Engine;
use lockstep_core::change::Status;
use lockstep_core::session::Compatibility;
use lockstep_database::plain::Value;
use lockstep_tests::cluster::{Cluster, node};
use lockstep_tests::wait;

#[tokio::test(flavor = "multi_thread")]
async fn clients_partitions_and_databases() {
    let mut cluster = three(|_| {}).await;
    client_stuck(&cluster).await;
    node_partitioned(&cluster).await;
    database_down(&mut cluster).await;
    replica_far_behind(&mut cluster).await;
    cluster.finish().await;
}

async fn client_stuck(cluster: &Cluster) {
    let never = Acknowledge::callback(|_| std::future::pending());
    let options =
        SessionOptions { acknowledge: never, ..SessionOptions::new("shop", "stuck", Compatibility::default()) };
    let client = cluster.client().await;
    let session = Session::open(&client, options).await.expect("a session");
    apply(cluster, "0001_phone", "ALTER TABLE users ADD COLUMN phone text;").await;
    wait_and_look(cluster, "client_stuck", "0001_phone", &[("shop/stuck", "has not acknowledged")]).await;
    client.evict_session(session.id(), "it hangs", true).await.expect("an operator may evict");
    cluster.wait_for("0001_phone", Status::Settled).await;
}

async fn node_partitioned(cluster: &Cluster) {
    // The same one in each run, unless it leads.
    let leader = cluster.leader().await;
    assert!(leader == node(1), "the first agent leads as long as nobody makes it stop");
    cluster.network.isolate(&node(3));
    apply(cluster, "0002_city", "ALTER TABLE users ADD COLUMN city text;").await;
    wait_and_look(cluster, "node_partitioned", "0002_city", &[("shard-3", "agent not heard of")]).await;
    cluster.network.heal();
    cluster.wait_for("0002_city", Status::Settled).await;
}

async fn database_down(cluster: &mut Cluster) {
    cluster.shards.server().crash();
    cluster
        .wait_status("every agent has noticed", |status| {
            status.members.iter().all(|member| member.health == Health::Degraded)
        })
        .await;
    let change = lockstep_tests::plan::add_column("0003_zip", Engine::Postgres, "zip");
    cluster.submit(change).await;
    let down = ["shard-1", "shard-2", "shard-3"].map(|name| (name, "refused"));
    wait_and_look(cluster, "database_down", "0003_zip", &down).await;
    cluster.shards.server().restart().expect("it starts again");
    cluster.wait_for("0003_zip", Status::Settled).await;
}

async fn replica_far_behind(cluster: &mut Cluster) {
    const REPLICA: &str = "shard-1-copy";
    cluster.join_replica(REPLICA, &node(1)).await;
    cluster
        .wait_status("the replica counts", |status| {
            let replica = status.members.iter().find(|member| member.node.name == REPLICA);
            replica.is_some_and(|member| member.node.is_active() && member.raft_role.is_some())
        })
        .await;
    let shard = cluster.shards.connect(&node(1)).await;
    shard.batch("UPDATE users SET name = 'one' WHERE id = 7").await.expect("it takes writes");
    let copy = cluster.shards.connect(REPLICA).await;
    wait::until("a standby tells how far it is behind once it has replayed something", async || {
        let rows =
            copy.query("SELECT name FROM users WHERE id = 7", &[]).await.map_err(|error| error.to_string())?;
        if rows == [[Value::from("one")]] { Ok(()) } else { Err(format!("{rows:?}")) }
    })
    .await;
    cluster.shards.replay(REPLICA, false).await;
    shard.batch("UPDATE users SET name = 'another' WHERE id = 7").await.expect("it takes writes");
    cluster
        .wait_status("the replica is far behind", |status| {
            status.members.iter().any(|member| member.replication_lag_ms > Some(6_000))
        })
        .await;
    // The limit is 5 s, and a node with nothing to do has a reading that is 5 s old at most.
    wait::until("its server, which measures from what it has sent, says so, too", async || {
        let lag = "SELECT (extract(epoch FROM max(replay_lag)) * 1000)::bigint FROM pg_stat_replication";
        let rows = shard.query(lag, &[]).await.map_err(|error| error.to_string())?;
        if rows[0][0].as_integer() > Some(11_000) { Ok(()) } else { Err(format!("{rows:?}")) }
    })
    .await;
    apply(cluster, "0004_phone_too", "ALTER TABLE users ADD COLUMN phone_too text;").await;
    // One server holds all shards: each sees that a standby of it is behind.
    let lag = "replication_lag of standby walreceiver is ";
    let holdouts = [
        ("shard-1", lag),
        ("shard-2", lag),
        ("shard-3", lag),
        (REPLICA, "awaiting replication: its database is "),
    ];
    wait_and_look_closer(
        cluster,
        "replica_far_behind",
        "0004_phone_too",
        &holdouts,
        &[&["node", "show", REPLICA]],
    )
    .await;
    cluster.shards.replay(REPLICA, true).await;
    cluster.wait_for("0004_phone_too", Status::Settled).await;
}
