//! A folder of plain SQL, handed in with the command that people use.

use lockstep_core::Engine;
use lockstep_core::change::Status;
use lockstep_database::plain::Value;
use lockstep_tests::agent::program;
use lockstep_tests::cluster::{Cluster, node};
use std::path::Path;
use std::process::{Output, Stdio};

const EMAIL: &str = "ALTER TABLE users ADD COLUMN email text;
UPDATE users SET email = lower(mail);
CREATE INDEX users_by_email ON users (email);";

const ORDERS: &str = "CREATE TABLE orders (id integer PRIMARY KEY, note text NOT NULL);
INSERT INTO orders (id, note) VALUES (1, 'first'), (2, 'second');";

const RENAME: &str = "ALTER TABLE orders RENAME COLUMN note TO remark;";

pub(crate) async fn a_folder_of_plain_sql_is_applied_in_order_and_once(engine: Engine) {
    let cluster = Cluster::start(engine, 3).await;
    let folder = tempfile::tempdir().expect("there is room for temporary files");
    for (name, sql) in [("0001_email", EMAIL), ("0002_orders", ORDERS), ("0003_remark", RENAME)] {
        std::fs::write(folder.path().join(format!("{name}.sql")), sql).expect("the folder is ours");
    }
    let applying = apply(&cluster, folder.path());
    let (applied, ()) = tokio::join!(applying, async {
        cluster.wait_for("0003_remark", Status::AwaitingApproval).await;
        cluster.client().await.approve("0003_remark").await.expect("an operator may approve");
    });
    assert_ok(&applied);
    for number in 1..=3 {
        let shard = cluster.shards.connect(&node(number)).await;
        let orders = shard.query("SELECT remark FROM orders ORDER BY id", &[]).await.expect("it has its new name");
        assert_eq!(orders, [[Value::from("first")], [Value::from("second")]]);
        let unfilled = "SELECT count(*) FROM users WHERE email IS NULL OR email <> lower(mail)";
        assert_eq!(shard.query(unfilled, &[]).await.expect("it is there"), [[Value::from(0)]]);
    }

    let again = apply(&cluster, folder.path()).await;
    assert_ok(&again);
    assert!(stderr(&again).contains("nothing is left to submit"), "{}", stderr(&again));

    std::fs::write(folder.path().join("0002_orders.sql"), format!("{ORDERS}\n-- and more")).expect("it is ours");
    let changed = apply(&cluster, folder.path()).await;
    assert!(!changed.status.success());
    assert!(stderr(&changed).contains("0002_orders.sql"), "{}", stderr(&changed));
    cluster.finish().await;
}

async fn apply(cluster: &Cluster, folder: &Path) -> Output {
    let mut command = tokio::process::Command::new(program().unwrap_or_else(|error| panic!("{error:#}")));
    for agent in cluster.agents.values() {
        command.args(["--endpoint", &agent.client_address.to_string()]);
    }
    command.args(["change", "apply", "--yes"]).arg(folder).stdin(Stdio::null()).kill_on_drop(true);
    command.output().await.expect("the program starts")
}

fn assert_ok(output: &Output) {
    assert!(output.status.success(), "{}", stderr(output));
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
