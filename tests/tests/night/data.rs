//! What is in a database, or what it lets the agent do.

use super::screens::{apply, give_up, look, screen, three, wait_and_look, wait_and_look_closer};
use lockstep_core::change::Status;
use lockstep_database::plain::Value;
use lockstep_tests::cluster::{Cluster, node};
use lockstep_tests::wait;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn rows_locks_rights_and_space() {
    let cluster = three(|cluster| cluster.shards.limit(&node(3))).await;
    wrong_grants(&cluster).await;
    duplicate_rows(&cluster).await;
    orphan_rows(&cluster).await;
    lock_held(&cluster).await;
    disk_full(&cluster).await;
    drift(&cluster).await;
    cluster.finish().await;
}

async fn duplicate_rows(cluster: &Cluster) {
    let shard = cluster.shards.connect(&node(2)).await;
    shard.batch("UPDATE users SET name = 'the same' WHERE id IN (7, 8)").await.expect("it takes writes");
    apply(cluster, "0002_unique_names", "CREATE UNIQUE INDEX users_name ON users (name);").await;
    wait_and_look(cluster, "duplicate_rows", "0002_unique_names", &[("shard-2", "the same")]).await;
    shard.batch("UPDATE users SET name = concat('user ', id) WHERE id IN (7, 8)").await.expect("it takes writes");
    cluster.wait_for("0002_unique_names", Status::Settled).await;
}

async fn orphan_rows(cluster: &Cluster) {
    apply(cluster, "0003_orders", "CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint);").await;
    cluster.wait_for("0003_orders", Status::Settled).await;
    let shard = cluster.shards.connect(&node(1)).await;
    shard.batch("INSERT INTO orders (id, user_id) VALUES (1, 999999)").await.expect("it takes writes");
    let sql = "ALTER TABLE orders ADD CONSTRAINT orders_user FOREIGN KEY (user_id) REFERENCES users (id);";
    apply(cluster, "0004_orders_user", sql).await;
    wait_and_look(cluster, "orphan_rows", "0004_orders_user", &[("shard-1", "999999")]).await;
    give_up(cluster, "0004_orders_user").await;
    shard.batch("DELETE FROM orders").await.expect("it takes writes");
}

async fn wrong_grants(cluster: &Cluster) {
    apply(cluster, "0001_nick", "ALTER TABLE users ADD COLUMN nick text;").await;
    wait_and_look(cluster, "wrong_grants", "0001_nick", &[("shard-3", "users")]).await;
    cluster.shards.give_rights(&node(3)).await;
    cluster.wait_for("0001_nick", Status::Settled).await;
}

async fn lock_held(cluster: &Cluster) {
    let reader = cluster.shards.connect(&node(2)).await;
    reader.batch("BEGIN; SELECT count(*) FROM users").await.expect("it may be read");
    // As old as preflight lets no transaction be that holds what a step needs.
    wait::until("the transaction is old", async || {
        let is_old = "SELECT (clock_timestamp() - xact_start > interval '6 s')::text FROM pg_stat_activity WHERE pid = pg_backend_pid()";
        let rows = reader.query(is_old, &[]).await.map_err(|error| error.to_string())?;
        if rows == [[Value::from("true")]] { Ok(()) } else { Err("it is young".to_owned()) }
    })
    .await;
    apply(cluster, "0006_age", "ALTER TABLE users ADD COLUMN age int;").await;
    wait_and_look(cluster, "lock_held", "0006_age", &[("shard-2", "users")]).await;
    reader.batch("COMMIT").await.expect("it ends");
    cluster.wait_for("0006_age", Status::Settled).await;
}

async fn disk_full(cluster: &Cluster) {
    let disk = SmallDisk::mount(&cluster.shards.directory().join("server"));
    let shard = cluster.shards.connect(&node(2)).await;
    shard
        .batch(&format!("CREATE TABLESPACE small LOCATION '{}'", disk.0.display()))
        .await
        .expect("a superuser may");
    shard.batch("ALTER DATABASE shard_2 SET default_tablespace = small").await.expect("a superuser may");
    apply(cluster, "0005_by_mail", "CREATE INDEX users_by_mail ON users (mail);").await;
    cluster.wait_for("0005_by_mail", Status::Reverted).await;
    look(cluster, "disk_full", "0005_by_mail").await;
    shard.batch("ALTER DATABASE shard_2 RESET default_tablespace").await.expect("a superuser may");
    cluster.client().await.retry("0005_by_mail").await.expect("an operator may retry");
    cluster.wait_for("0005_by_mail", Status::Settled).await;
}

async fn drift(cluster: &Cluster) {
    let by_hand = "ALTER TABLE users ADD COLUMN hotfix integer";
    let shard = cluster.shards.connect(&node(2)).await;
    shard.batch(by_hand).await.expect("anybody may");
    shard.batch("CREATE INDEX users_hotfix ON users (hotfix)").await.expect("anybody may");
    apply(cluster, "0007_fax", "ALTER TABLE users ADD COLUMN fax text;").await;
    let node = node(2);
    let more: [&[&str]; 2] = [&["node", "show", &node], &["node", "repair", &node]];
    let drifted = [("shard-2", "users.hotfix is not expected")];
    wait_and_look_closer(cluster, "drift", "0007_fax", &drifted, &more).await;

    // One half is undone, as `node repair` says; the other is to stay, and goes to every node.
    shard.batch("DROP INDEX users_hotfix").await.expect("anybody may");
    for other in [1, 3].map(lockstep_tests::cluster::node) {
        cluster.shards.connect(&other).await.batch(by_hand).await.expect("anybody may");
    }
    screen(cluster, &["change", "retry", "0007_fax"]).await;
    wait::until("the schema is accepted", async || {
        let accepted = cluster.client().await.accept_node(&node, "it is to stay").await;
        accepted.map(drop).map_err(|error| error.to_string())
    })
    .await;
    cluster.wait_for("0007_fax", Status::Settled).await;
}

/// A file system with no room for an index over two thousand texts, which belongs to whom the server belongs to. Unmounted when
/// dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(server: &Path) -> Self {
        let directory = server.join("small");
        std::fs::create_dir(&directory).expect("the directory is ours");
        let owner = std::fs::metadata(server).expect("it is there");
        let options = format!("size=64k,mode=700,uid={},gid={}", owner.uid(), owner.gid());
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&directory).status();
        let is_mounted = mount.is_ok_and(|status| status.success());
        assert!(is_mounted, "a disk that is full takes a file system of its own: run this test as root");
        Self(directory)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the server still has files open on it.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
