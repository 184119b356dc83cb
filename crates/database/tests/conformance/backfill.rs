//! Backfills.

use super::{Running, Stand, execute, forward, one_integer, patience, revert};
use lockstep_core::step::{Action, Assertion, Backfill};
use lockstep_core::{Fence, Version};
use lockstep_database::{Error, Job, Patience};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Not a step one would write (it is no longer true when run twice): here it counts how often a row was touched.
pub(crate) fn touch(batch_rows_max: u32) -> Backfill {
    Backfill {
        table: "users".to_owned(),
        key: vec!["id".to_owned()],
        set: "touched = touched + 1".to_owned(),
        only_where: None,
        batch_rows_max,
    }
}

/// Runs the job until it has done some batches, and cancels it.
async fn interrupt(stand: &Stand, job: &Job) -> Arc<dyn lockstep_database::Database> {
    let database = stand.claimed().await;
    let mut running = Running::start(&database, job);
    running.progress.wait_for(|progress| progress.batches >= 3).await.unwrap();
    running.cancel.cancel();
    let error = running.result.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Cancelled { .. }), "{error}");
    database
}

pub(crate) async fn resumes_at_its_cursor_and_touches_each_row_once(stand: Stand) {
    const ROWS: u32 = 5_000;
    let plain = stand.users(ROWS).await;
    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let (plain, stop) = (stand.plain().await, Arc::clone(&stop));
        tokio::spawn(async move {
            let mut written = 0;
            while !stop.load(Ordering::Relaxed) {
                written += 1;
                let id = i64::from(ROWS) + written;
                plain.execute("INSERT INTO users (id, name) VALUES ($1, 'new')", &[id.into()]).await.unwrap();
                let other = written % i64::from(ROWS);
                plain.execute("UPDATE users SET name = 'seen' WHERE id = $1", &[other.into()]).await.unwrap();
            }
            written
        })
    };
    // So many batches that the last one is far away when it is interrupted.
    let job = forward(1, Action::Backfill(touch(20)));
    let database = interrupt(&stand, &job).await;
    let claimed = database.ledger().await.unwrap().claimed.unwrap();
    assert!(claimed.cursor.is_some() && claimed.rows_done >= 60 && claimed.rows_done < u64::from(ROWS));
    let half = one_integer(&plain, "SELECT count(*) FROM users WHERE touched = 1").await;
    assert_eq!(half.cast_unsigned(), claimed.rows_done, "the cursor stands where the rows are");
    drop(database);

    let database = stand.claimed().await;
    let running = Running::start(&database, &job);
    let measurement = running.result.await.unwrap().unwrap();
    stop.store(true, Ordering::Relaxed);
    let written = writer.await.unwrap();
    assert!(written > 0, "the writer could work");
    assert!(measurement.rows >= u64::from(ROWS) && measurement.batches >= 50, "{measurement:?}");
    let old_rows = format!("SELECT count(*) FROM users WHERE id <= {ROWS} AND touched <> 1");
    assert_eq!(one_integer(&plain, &old_rows).await, 0);
    assert_eq!(one_integer(&plain, "SELECT count(*) FROM users WHERE touched > 1").await, 0);
    assert_eq!(one_integer(&plain, "SELECT count(*) FROM users").await, i64::from(ROWS) + written);
    // Once more changes nothing.
    execute(&database, &job).await.unwrap();
    assert_eq!(one_integer(&plain, "SELECT count(*) FROM users WHERE touched > 1").await, 0);
    assert_eq!(database.ledger().await.unwrap().head, Version(1));
}

/// They are new, and new rows are what the steps before took care of.
pub(crate) async fn rows_beyond_the_end_that_arrive_meanwhile_are_not_gone_through(stand: Stand) {
    const ROWS: u32 = 1_000;
    let plain = stand.users(ROWS).await;
    let job = forward(1, Action::Backfill(touch(5)));
    let database = stand.claimed().await;
    let mut running = Running::start(&database, &job);
    running.hold_once(|progress| progress.batches >= 2).await;
    let insert = format!("INSERT INTO users (id, name) SELECT id + {ROWS}, name FROM users");
    plain.batch(&insert).await.unwrap();
    // Nor does an agent that starts anew take a new end.
    running.result.abort();
    let _ = running.result.await;
    drop(database);
    let database = stand.claimed().await;
    execute(&database, &job).await.unwrap();
    let row = &database.ledger_rows(Version(0), 1).await.unwrap()[0];
    assert_eq!(row.rows_done, u64::from(ROWS));
    assert_eq!(one_integer(&plain, "SELECT count(*) FROM users WHERE touched = 1").await, i64::from(ROWS));
}

/// Keys, numbers of rows, sizes of batches and deaths as chance has it: each row is gone through once.
pub(crate) async fn each_row_once_whatever_happens(stand: Stand) {
    let (plain, text) = (stand.plain().await, stand.key_text());
    let keys: [(&str, &[&str]); 4] = [
        ("a bigint NOT NULL, b integer NOT NULL, PRIMARY KEY (a)", &["a"]),
        (&format!("a {text} NOT NULL, b integer NOT NULL, PRIMARY KEY (a)"), &["a"]),
        (&format!("a {text} NOT NULL, b integer NOT NULL, PRIMARY KEY (b, a)"), &["b", "a"]),
        (&format!("a {text} NOT NULL, b integer NOT NULL, UNIQUE (b)"), &["b"]),
    ];
    let mut version = 0;
    for round in 0..12 {
        let (columns, key) = keys[rand::random_range(0..keys.len())];
        let (rows, batch_rows) = (rand::random_range(0..300), rand::random_range(1..40));
        let case = format!("round {round}: {columns}; {rows} rows by {batch_rows}");
        plain
            .batch(&format!("CREATE TABLE t{round} (touched integer NOT NULL DEFAULT 0, {columns})"))
            .await
            .unwrap();
        let insert = format!(
            "INSERT INTO t{round} (a, b) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
             SELECT (i * 7919) % 104729, i % 999983 FROM n WHERE i <= {rows}"
        );
        plain.batch(&insert).await.unwrap();
        let key = key.iter().map(|&column| column.to_owned()).collect();
        let fill = Backfill { table: format!("t{round}"), key, ..touch(batch_rows) };
        version += 1;
        let job = Job { targets: vec![], ..forward(version, Action::Backfill(fill)) };
        loop {
            let database = stand.claimed().await;
            let mut running = Running::start_with(&database, &job, rand::random_range(1..4));
            let dies_after = rand::random_range(1..6);
            let seen = running.progress.wait_for(|progress| progress.batches >= dies_after).await.map(drop);
            if seen.is_err() || rand::random_bool(0.3) {
                // It is through, or is let through.
                running.result.await.unwrap().unwrap();
                break;
            }
            running.result.abort();
            let _ = running.result.await;
        }
        let wrong = format!("SELECT count(*) FROM t{round} WHERE touched <> 1");
        assert_eq!(one_integer(&plain, &wrong).await, 0, "{case}");
        assert_eq!(one_integer(&plain, &format!("SELECT count(*) FROM t{round}")).await, rows, "{case}");
    }
}

/// A row that somebody holds stops the rows behind it, and no others. Where rows are locked one by one.
#[allow(dead_code, reason = "an engine that locks whole files has no such case")]
pub(crate) async fn goes_on_in_smaller_batches_up_to_a_row_that_is_held(stand: Stand) {
    let plain = stand.users(500).await;
    let database = stand.claimed().await;
    let holder = stand.plain().await;
    holder.batch("BEGIN; UPDATE users SET name = 'held' WHERE id = 400").await.unwrap();
    let mut running = Running::start(&database, &forward(1, Action::Backfill(touch(500))));
    running.progress.wait_for(|progress| progress.rows_done == 399).await.unwrap();
    // What is done is free.
    plain.batch("UPDATE users SET name = 'mine' WHERE id IN (1, 300)").await.unwrap();
    holder.batch("COMMIT").await.unwrap();
    running.result.await.unwrap().unwrap();
    assert_eq!(one_integer(&plain, "SELECT count(*) FROM users WHERE touched = 1").await, 500);
}

/// What the ledger and the commit take does not depend on how many rows there are: fewer would only take longer.
#[allow(dead_code, reason = "an engine without a server has no ledger that can be slowed")]
pub(crate) async fn a_slow_ledger_makes_no_small_batches(stand: Stand, slow_ledger: &str) {
    const ROWS: u32 = 5_000;
    let plain = stand.users(ROWS).await;
    let database = stand.claimed().await;
    plain.batch(slow_ledger).await.unwrap();
    // Nor does the short target count where it is shorter than that.
    let batch_target_crowded = Duration::from_nanos(1);
    let patience = Patience { batch_target: Duration::from_millis(400), batch_target_crowded, ..patience() };
    let job = Job { patience, ..forward(1, Action::Backfill(touch(1_000))) };
    let mut running = Running::start(&database, &job);
    // 500 rows a batch is where it begins.
    let shrinks = running.progress.wait_for(|progress| progress.batches > 10).await.is_ok();
    assert!(!shrinks, "batches shrink with what does not depend on them");
    running.result.await.unwrap().unwrap();
}

/// Several sessions: the one that cannot go on keeps no others from it; whoever goes on after them does what is left, and no more.
#[allow(dead_code, reason = "an engine that locks whole files has one writer")]
pub(crate) async fn several_sessions_pass_a_row_that_is_held(stand: Stand) {
    const ROWS: u32 = 2_000;
    let plain = stand.users(ROWS).await;
    let holder = stand.plain().await;
    holder.batch("BEGIN; UPDATE users SET name = 'held' WHERE id IN (10, 1000)").await.unwrap();
    // Those that are stopped are so for as long as it takes.
    let patience = Patience { deadline: Duration::from_secs(120), ..patience() };
    let job = Job { patience, ..forward(1, Action::Backfill(touch(50))) };
    for _agent in 0..2 {
        let database = stand.claimed().await;
        let mut running = Running::start_with(&database, &job, 3);
        // Two of three are stopped by a row each.
        let seen = running.progress.wait_for(|progress| progress.rows_done >= u64::from(ROWS) - 2).await.map(drop);
        if seen.is_err() {
            panic!("it ended: {:?}", running.result.await.unwrap());
        }
        running.cancel.cancel();
        let error = running.result.await.unwrap().unwrap_err();
        assert!(matches!(error, Error::Cancelled { .. }), "{error}");
        let done = database.ledger().await.unwrap().claimed.unwrap().rows_done;
        let touched = one_integer(&plain, "SELECT count(*) FROM users WHERE touched = 1").await;
        assert_eq!(done, touched.cast_unsigned(), "the cursor stands where the rows are");
    }
    holder.batch("COMMIT").await.unwrap();
    let database = stand.claimed().await;
    // One session finishes what several have begun.
    execute(&database, &job).await.unwrap();
    assert_eq!(one_integer(&plain, "SELECT count(*) FROM users WHERE touched <> 1").await, 0);
    let row = &database.ledger_rows(Version(0), 1).await.unwrap()[0];
    assert_eq!((row.rows_done, row.rows_written), (ROWS.into(), ROWS.into()));
}

/// Where others need the cores, a batch keeps one for as long as its commit takes, or a hundred rows.
#[allow(dead_code, reason = "an engine that locks whole files has one writer")]
pub(crate) async fn batches_are_short_where_others_need_the_cores(stand: Stand) {
    const ROWS: u32 = 5_000;
    stand.users(ROWS).await;
    let database = stand.claimed().await;
    let patience = Patience {
        batch_target: Duration::from_secs(60),
        batch_target_crowded: Duration::from_nanos(1),
        backfill_sessions_max: 1,
        ..Patience::default()
    };
    let mut batches = Vec::new();
    for (version, sessions) in [(1, 1), (2, 2)] {
        let job = Job { patience: patience.clone(), ..forward(version, Action::Backfill(touch(ROWS))) };
        let measurement = Running::start_with(&database, &job, sessions).result.await.unwrap().unwrap();
        assert_eq!(measurement.rows, u64::from(ROWS));
        batches.push(measurement.batches);
    }
    // 500, 1,000, 2,000 and the rest, where nobody does.
    assert!(batches[1] <= 5, "{batches:?}");
    // 500, and 45 times 100 if commits took no time.
    assert!((2 * batches[1]..=46).contains(&batches[0]), "{batches:?}");
}

/// Its rows are written before the ledger is: they go with it, and are not written twice.
#[allow(dead_code, reason = "an engine that locks whole files has no row to hold")]
pub(crate) async fn a_batch_that_cannot_have_the_ledger_leaves_no_rows(stand: Stand) {
    const ROWS: u32 = 5_000;
    let plain = stand.users(ROWS).await;
    let database = stand.claimed().await;
    let mut running = Running::start(&database, &forward(1, Action::Backfill(touch(10))));
    running.hold_once(|progress| progress.batches >= 2).await;
    let holder = stand.plain().await;
    holder.batch(&format!("BEGIN; SELECT fence FROM {} FOR UPDATE", stand.meta)).await.unwrap();
    let before = running.progress.borrow().lock_timeouts;
    running.hold.send_replace(false);
    running.progress.wait_for(|progress| progress.lock_timeouts >= before + 2).await.unwrap();
    holder.batch("COMMIT").await.unwrap();
    running.result.await.unwrap().unwrap();
    assert_eq!(one_integer(&plain, "SELECT count(*) FROM users WHERE touched <> 1").await, 0);
}

/// All of them wait when the job is told to, and none holds anything.
#[allow(dead_code, reason = "an engine that locks whole files has one writer")]
pub(crate) async fn several_sessions_are_held_together(stand: Stand) {
    const ROWS: u32 = 5_000;
    let plain = stand.users(ROWS).await;
    let database = stand.claimed().await;
    let mut running = Running::start_with(&database, &forward(1, Action::Backfill(touch(5))), 3);
    running.hold_once(|progress| progress.helpers == 2 && progress.batches >= 5).await;
    let reached = database.ledger().await.unwrap().claimed.unwrap().rows_done;
    assert!(reached < u64::from(ROWS));
    plain.batch("ALTER TABLE users ADD COLUMN other integer").await.unwrap();
    let touched = one_integer(&plain, "SELECT count(*) FROM users WHERE touched = 1").await;
    assert_eq!(touched.cast_unsigned(), reached);
    running.hold.send_replace(false);
    let measurement = running.result.await.unwrap().unwrap();
    assert_eq!(measurement.rows, u64::from(ROWS));
    assert_eq!(one_integer(&plain, "SELECT count(*) FROM users WHERE touched <> 1").await, 0);
}

pub(crate) async fn goes_through_text_and_composite_keys(stand: Stand) {
    let (plain, text) = (stand.plain().await, stand.key_text());
    plain
        .batch(
            &format!("CREATE TABLE parts (shop {text} NOT NULL, code {text} NOT NULL, touched integer NOT NULL DEFAULT 0,
                PRIMARY KEY (shop, code));
             INSERT INTO parts (shop, code) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
             SELECT s.shop, concat(s.shop, i) FROM n, (SELECT '' AS shop UNION ALL SELECT 'a''\"\\[]' UNION ALL SELECT 'ß€'
                UNION ALL SELECT 'A' UNION ALL SELECT 'a') s"),
        )
        .await
        .unwrap();
    let fill = Backfill { table: "parts".to_owned(), key: vec!["shop".to_owned(), "code".to_owned()], ..touch(7) };
    let database = stand.claimed().await;
    execute(&database, &forward(1, Action::Backfill(fill))).await.unwrap();
    assert_eq!(one_integer(&plain, "SELECT count(*) FROM parts WHERE touched = 1").await, 200);
    let row = &database.ledger_rows(Version(0), 1).await.unwrap()[0];
    assert_eq!((row.rows_done, row.rows_written), (200, 200));
    assert!(row.batches >= 29, "a slow machine makes smaller ones: {}", row.batches);
}

pub(crate) async fn touches_only_the_rows_asked_for(stand: Stand) {
    let plain = stand.users(50).await;
    let database = stand.claimed().await;
    let fill = Backfill { only_where: Some("id > 30 OR id = 1".to_owned()), ..touch(20) };
    execute(&database, &forward(1, Action::Backfill(fill))).await.unwrap();
    assert_eq!(one_integer(&plain, "SELECT sum(touched) FROM users").await, 21);
    assert_eq!(one_integer(&plain, "SELECT sum(touched) FROM users WHERE id > 30 OR id = 1").await, 21);
}

pub(crate) async fn what_is_done_stays_done_when_its_table_has_gone(stand: Stand) {
    let plain = stand.users(50).await;
    let database = stand.claimed().await;
    let fill = forward(1, Action::Backfill(touch(20)));
    let assertion = Assertion {
        name: "filled".to_owned(),
        violations_query: "SELECT 1 FROM users WHERE touched = 0".to_owned(),
    };
    let check = forward(2, Action::Assert { assertions: vec![assertion] });
    execute(&database, &fill).await.unwrap();
    execute(&database, &Job { fence: Fence(10), ..check.clone() }).await.unwrap();
    plain.batch("DROP TABLE users").await.unwrap();
    execute(&database, &fill).await.unwrap();
    execute(&database, &check).await.unwrap();
    let never = Job { version: Version(3), hash: "hash-3".to_owned(), ..revert(2, fill.action.clone()) };
    execute(&database, &never).await.unwrap();
}

pub(crate) async fn stops_when_a_newer_fence_has_written(stand: Stand) {
    let plain = stand.users(3_000).await;
    let job = forward(1, Action::Backfill(touch(10)));
    let database = interrupt(&stand, &job).await;
    let before = one_integer(&plain, "SELECT sum(touched) FROM users").await;
    plain.execute(&format!("UPDATE {} SET fence = 11", stand.meta), &[]).await.unwrap();
    let error = execute(&database, &job).await.unwrap_err();
    assert!(matches!(error, Error::Fenced { stored: Fence(11), .. }), "{error}");
    assert_eq!(one_integer(&plain, "SELECT sum(touched) FROM users").await, before);
}

pub(crate) async fn refuses_keys_that_are_none(stand: Stand) {
    let plain = stand.plain().await;
    plain.batch("CREATE TABLE loose (a integer); INSERT INTO loose VALUES (NULL)").await.unwrap();
    let database = stand.claimed().await;
    for key in [vec![], vec!["a".to_owned()]] {
        let fill = Backfill { table: "loose".to_owned(), key, set: "a = 1".to_owned(), ..touch(10) };
        let error = execute(&database, &forward(1, Action::Backfill(fill))).await.unwrap_err();
        assert!(matches!(error, Error::InvalidAction { .. }), "{error}");
    }
    assert_eq!(one_integer(&plain, "SELECT count(*) FROM loose WHERE a IS NULL").await, 1);
    // What was refused is in nobody's way.
    let other = Job { base: Version(0), ..forward(2, Action::Nothing) };
    execute(&database, &other).await.unwrap();
}

pub(crate) async fn an_unfinished_backfill_is_reverted(stand: Stand) {
    let _plain = stand.users(3_000).await;
    let job = forward(1, Action::Backfill(touch(10)));
    let database = interrupt(&stand, &job).await;
    execute(&database, &revert(1, Action::Nothing)).await.unwrap();
    let ledger = database.ledger().await.unwrap();
    assert_eq!((ledger.head, ledger.claimed, ledger.fence), (Version(0), None, Fence(11)));
}
