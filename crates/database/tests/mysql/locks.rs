//! Who waits for whom on MariaDB and MySQL.

use crate::conformance::{Running, execute, forward, one_integer, statements};
use crate::{stand, stand_on};
use lockstep_core::Engine;
use lockstep_database::local_mysql::{LocalMysql, Settings, chosen};
use lockstep_database::{Job, Patience};
use std::time::Duration;

#[tokio::test]
async fn nobody_waits_long_behind_a_step_that_waits() {
    let stand = stand().await;
    let plain = stand.users(1).await;
    let database = stand.claimed().await;
    let holder = stand.plain().await;
    holder.batch(stand.hold_users).await.unwrap();
    // A step that does not say what it is about finds out who holds it by trying.
    let job = Job { targets: vec![], ..forward(1, statements(&["ALTER TABLE users ADD email text"])) };
    let mut running = Running::start(&database, &job);
    running.progress.wait_for(|progress| progress.lock_timeouts >= 1).await.unwrap();
    // The step is tried again and again; whoever came in between got through, and not only when the holder left.
    for _ in 0..20 {
        assert_eq!(one_integer(&plain, "SELECT COUNT(*) FROM users").await, 1);
    }
    holder.batch("COMMIT").await.unwrap();
    running.result.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_statement_gives_way_to_those_who_wait_behind_it() {
    let stand = stand().await;
    let plain = stand.users(40).await;
    let database = stand.claimed().await;
    // It writes the table anew, computes long for each row, and lets nobody else write meanwhile.
    let slow = "ALTER TABLE users ADD COLUMN sum integer AS (LENGTH(SHA2(REPEAT(name, 2000000), 512))) STORED, ALGORITHM = COPY";
    let running = Running::start(&database, &forward(1, statements(&[slow])));
    let begun = "SELECT COUNT(*) FROM information_schema.PROCESSLIST
        WHERE DB = DATABASE() AND INFO LIKE 'ALTER TABLE users%' AND STATE = 'copy to tmp table'";
    while one_integer(&plain, begun).await == 0 {}
    plain.batch("UPDATE users SET name = 'mine' WHERE id = 1").await.unwrap();
    let measurement = running.result.await.unwrap().unwrap();
    assert!(measurement.attempts > 1 && measurement.blocked_sessions_max == 1, "{measurement:?}");
}

/// Without MariaDB's plugin, or MySQL's performance schema, nobody knows who holds a table: whoever has an old transaction is waited
/// for, for a while.
#[tokio::test]
async fn an_old_transaction_is_suspected_where_nothing_tells_what_it_holds() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("server");
    let server = tokio::task::spawn_blocking(move || {
        let off = (chosen() == Engine::Mysql).then(|| "performance-schema=OFF".to_owned());
        let more = off.into_iter().collect();
        let settings = Settings { fsync: false, connections_max: 50, temporary: true, more };
        LocalMysql::start(chosen(), &path, &settings).unwrap_or_else(|error| panic!("{error}"))
    });
    let server = server.await.unwrap();
    server.create_database("alone").await.unwrap();
    let stand = stand_on(&server, "alone");
    let _plain = stand.users(1).await;
    let database = stand.claimed().await;
    let holder = stand.plain().await;
    holder.batch(stand.hold_users).await.unwrap();
    let mut running = Running::start(&database, &forward(1, statements(&["ALTER TABLE users ADD email text"])));
    let seen = running.progress.wait_for(|progress| !progress.blockers.is_empty()).await.unwrap().clone();
    assert!(seen.blockers[0].to_string().contains("may hold users"), "{}", seen.blockers[0]);
    // MySQL tells how old a transaction is in whole seconds, so in its first one attempts are made.
    assert!(seen.lock_timeouts == 0 || stand.engine == Engine::Mysql, "{seen:?}");
    holder.batch("COMMIT").await.unwrap();
    running.result.await.unwrap().unwrap();
}

#[tokio::test]
async fn blockers_are_ended_when_they_are_to_be() {
    let stand = stand().await;
    let plain = stand.users(1).await;
    plain.batch("CREATE TABLE others (id integer)").await.unwrap();
    let database = stand.claimed().await;
    let holder = stand.plain().await;
    holder.batch(stand.hold_users).await.unwrap();
    let bystander = stand.plain().await;
    bystander.batch("BEGIN; SELECT count(*) FROM others").await.unwrap();
    let patience = Patience { end_blockers_after: Some(Duration::from_millis(300)), ..Patience::default() };
    let job = Job { patience, ..forward(1, statements(&["ALTER TABLE users ADD email text"])) };
    execute(&database, &job).await.unwrap();
    holder.batch("SELECT 1").await.unwrap_err();
    bystander.batch("SELECT 1").await.unwrap();
}

#[tokio::test]
async fn a_slow_ledger_makes_no_small_batches() {
    let slow = "CREATE TRIGGER slow BEFORE UPDATE ON lockstep_ledger FOR EACH ROW DO SLEEP(0.5)";
    crate::conformance::backfill::a_slow_ledger_makes_no_small_batches(stand().await, slow).await;
}
