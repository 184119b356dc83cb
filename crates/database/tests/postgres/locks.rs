//! Who waits for whom on PostgreSQL.

use crate::conformance::{Running, execute, forward, one_integer, revert, statements};
use crate::{alone, stand};
use lockstep_core::{Fence, Version};
use lockstep_database::{Database, Error, Job, Patience, plain};
use std::sync::Arc;
use std::time::Duration;

const ADD_EMAIL: &str = "ALTER TABLE users ADD COLUMN email text";
const BUILD: &str = "CREATE INDEX CONCURRENTLY users_by_name ON users (name)";
const INVALID: &str = "SELECT count(*) FROM pg_index WHERE NOT indisvalid";

/// A step that locks `users` and waits for a row in `release`, once it has its lock.
async fn hold_users_until_released(
    database: &Arc<dyn Database>,
    plain: &plain::Connection,
    queue_wait_max: Duration,
) -> Running {
    plain.batch("CREATE TABLE release (a integer)").await.unwrap();
    let until_released =
        "DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM release) LOOP PERFORM pg_sleep(0.01); END LOOP; END $$";
    let mut job = forward(1, statements(&["LOCK TABLE users IN ACCESS EXCLUSIVE MODE", until_released]));
    job.patience.queue_wait_max = queue_wait_max;
    let running = Running::start(database, &job);
    let locked =
        "SELECT count(*) FROM pg_locks WHERE relation = 'users'::regclass AND mode = 'AccessExclusiveLock'";
    while one_integer(plain, locked).await == 0 {}
    running
}

#[tokio::test]
async fn those_who_wait_behind_a_step_are_counted() {
    let stand = stand().await;
    let plain = stand.users(1).await;
    let database = stand.claimed().await;
    let running = hold_users_until_released(&database, &plain, Duration::MAX).await;
    let reader = stand.plain().await;
    let reading = tokio::spawn(async move { one_integer(&reader, "SELECT count(*) FROM users").await });
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    while one_integer(&plain, waiting).await == 0 {}
    let since = plain.query("SELECT clock_timestamp()::text", &[]).await.unwrap().remove(0).remove(0);
    let watched = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_blocking_pids%' AND state = 'idle'
        AND datname = current_database() AND query_start > $1::text::timestamptz";
    while plain.query(watched, std::slice::from_ref(&since)).await.unwrap()[0][0].as_integer() == Some(0) {}
    plain.batch("INSERT INTO release VALUES (1)").await.unwrap();
    let measurement = running.result.await.unwrap().unwrap();
    assert_eq!(measurement.blocked_sessions_max, 1);
    assert_eq!(reading.await.unwrap(), 1);
    assert_eq!(database.ledger().await.unwrap().fence, Fence(10));
}

#[tokio::test]
async fn a_statement_gives_way_to_those_who_wait_behind_it() {
    let stand = stand().await;
    let plain = stand.users(1).await;
    let database = stand.claimed().await;
    // Whoever waits behind it writes the row for which it waits itself: without giving way neither would get on.
    let running = hold_users_until_released(&database, &plain, Patience::default().queue_wait_max).await;
    let writer = stand.plain().await;
    let writing = writer.batch("UPDATE users SET name = 'mine'; INSERT INTO release VALUES (1)");
    tokio::time::timeout(Duration::from_secs(30), writing).await.expect("the statement gives way").unwrap();
    let measurement = running.result.await.unwrap().unwrap();
    assert!(measurement.attempts > 1, "{measurement:?}");
}

#[tokio::test]
async fn a_reader_is_in_nobodys_way_who_takes_a_weaker_lock() {
    let stand = stand().await;
    let _plain = stand.users(1).await;
    let database = stand.claimed().await;
    let holder = stand.plain().await;
    holder.batch(stand.hold_users).await.unwrap();
    let job = forward(1, statements(&["CREATE INDEX users_by_name ON users (name)"]));
    execute(&database, &job).await.unwrap();
    holder.batch("COMMIT").await.unwrap();
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
    execute(&database, &Job { patience, ..forward(1, statements(&[ADD_EMAIL])) }).await.unwrap();
    holder.batch("SELECT 1").await.unwrap_err();
    bystander.batch("SELECT 1").await.unwrap();
}

/// A role that may not see others' sessions is told no age: a transaction is as old as it has been seen.
#[tokio::test]
async fn a_holder_is_waited_out_by_whoever_sees_no_more_than_its_locks() {
    let stand = stand().await;
    let plain = stand.users(1).await;
    let role = format!("limited_{}", stand.dsn.rsplit('=').next().unwrap());
    plain
        .batch(&format!(
            "CREATE ROLE {role} LOGIN; CREATE SCHEMA lockstep AUTHORIZATION {role}; ALTER TABLE users OWNER TO {role}"
        ))
        .await
        .unwrap();
    let dsn = format!("{} user={role}", stand.dsn);
    let database = lockstep_database::connect(stand.engine, &dsn).unwrap();
    database.claim(&crate::owner("alpha")).await.unwrap();
    let holder = stand.plain().await;
    holder.batch(stand.hold_users).await.unwrap();
    let mut running = Running::start(&database, &forward(1, statements(&[ADD_EMAIL])));
    let seen = running.progress.wait_for(|progress| !progress.blockers.is_empty()).await.unwrap().clone();
    assert_eq!((seen.blockers[0].age_ms, seen.lock_timeouts), (None, 0));
    holder.batch("COMMIT").await.unwrap();
    assert_eq!(running.result.await.unwrap().unwrap().attempts, 1);
}

/// It does so for whoever waits for `deadlock_timeout` in its queue, where nobody else may have to wait so long.
#[tokio::test]
async fn an_automatic_vacuum_gives_way() {
    let stand = stand().await;
    let plain = stand.users(200_000).await;
    plain.batch("ALTER SYSTEM SET autovacuum_naptime = 1").await.unwrap();
    plain.batch("SELECT pg_reload_conf()").await.unwrap();
    // It pauses at each page, for minutes in all.
    let slow =
        "autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1, autovacuum_vacuum_threshold = 1,
        autovacuum_vacuum_scale_factor = 0";
    plain.batch(&format!("ALTER TABLE users SET ({slow})")).await.unwrap();
    plain.batch("UPDATE users SET name = 'dead'").await.unwrap();
    let vacuums = "SELECT count(*) FROM pg_stat_progress_vacuum WHERE relid = 'users'::regclass";
    while one_integer(&plain, vacuums).await == 0 {}
    let database = stand.claimed().await;
    let job = forward(1, statements(&[ADD_EMAIL]));
    assert_eq!(job.patience.end_blockers_after, None);
    execute(&database, &job).await.unwrap();
}

/// A concurrent build waits for every old transaction, for longer than any lock is waited for.
#[tokio::test]
async fn a_concurrent_build_outlasts_an_old_transaction() {
    let stand = stand().await;
    let plain = stand.users(2).await;
    let database = stand.claimed().await;
    let holder = stand.plain().await;
    holder.batch("BEGIN; UPDATE users SET name = 'held' WHERE id = 1").await.unwrap();
    let patience = Patience { lock_timeout: Duration::from_millis(1), ..Patience::default() };
    let running = Running::start(&database, &Job { patience, ..forward(1, alone(&[BUILD])) });
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'
        AND datname = current_database() AND clock_timestamp() - state_change > interval '300 ms'";
    while one_integer(&plain, waiting).await == 0 {}
    holder.batch("COMMIT").await.unwrap();
    assert_eq!(running.result.await.unwrap().unwrap().attempts, 1);
}

#[tokio::test]
async fn what_comes_after_a_concurrent_build_waits_no_longer_than_else() {
    let stand = stand().await;
    let plain = stand.users(1).await;
    let database = stand.claimed().await;
    let note = "CREATE TABLE seen AS SELECT current_setting('lock_timeout') AS lock_timeout";
    execute(&database, &forward(1, alone(&[BUILD, note]))).await.unwrap();
    assert_eq!(one_integer(&plain, "SELECT count(*) FROM seen WHERE lock_timeout = '100ms'").await, 1);
}

#[tokio::test]
async fn an_index_whose_build_was_killed_is_built_again() {
    let stand = stand().await;
    let plain = stand.users(2).await;
    let database = stand.claimed().await;
    let job = forward(1, alone(&[BUILD]));
    for (end, retryable) in [("pg_terminate_backend", true), ("pg_cancel_backend", false)] {
        let holder = stand.plain().await;
        holder.batch("BEGIN; UPDATE users SET name = 'held' WHERE id = 1").await.unwrap();
        let running = Running::start(&database, &job);
        let stop = format!(
            "SELECT count(*) FROM (SELECT pid FROM pg_stat_activity WHERE query LIKE '%INDEX CONCURRENTLY%'
                AND wait_event_type = 'Lock' AND datname = current_database() OFFSET 0) build WHERE {end}(pid)"
        );
        while one_integer(&plain, &stop).await == 0 {}
        let error = running.result.await.unwrap().unwrap_err();
        assert_eq!(error.retryable(), retryable, "{error}");
        holder.batch("COMMIT").await.unwrap();
        assert_eq!(one_integer(&plain, INVALID).await, 1);
    }
    execute(&database, &job).await.unwrap();
    assert_eq!(one_integer(&plain, INVALID).await, 0);
    assert_eq!(database.ledger().await.unwrap().head, Version(1));
    execute(&database, &revert(1, alone(&["DROP INDEX CONCURRENTLY users_by_name"]))).await.unwrap();
}

#[tokio::test]
async fn the_build_of_a_step_that_is_cancelled_leaves_no_index_behind() {
    let stand = stand().await;
    let plain = stand.users(2).await;
    let database = stand.claimed().await;
    let holder = stand.plain().await;
    holder.batch("BEGIN; UPDATE users SET name = 'held' WHERE id = 1").await.unwrap();
    let running = Running::start(&database, &forward(1, alone(&[BUILD])));
    while one_integer(&plain, INVALID).await == 0 {}
    running.cancel.cancel();
    let error = running.result.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Cancelled { .. }), "{error}");
    holder.batch("COMMIT").await.unwrap();
    execute(&database, &revert(1, alone(&["DROP INDEX CONCURRENTLY users_by_name"]))).await.unwrap();
    assert_eq!(one_integer(&plain, "SELECT count(*) FROM pg_class WHERE relname = 'users_by_name'").await, 0);
}

#[tokio::test]
async fn a_slow_ledger_makes_no_small_batches() {
    let slow = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.5); RETURN NEW; END $$;
        CREATE TRIGGER slow BEFORE UPDATE ON lockstep.ledger FOR EACH ROW EXECUTE FUNCTION slow()";
    crate::conformance::backfill::a_slow_ledger_makes_no_small_batches(stand().await, slow).await;
}
