//! Locks of others, cancelling, preflight.

use super::{Running, Stand, execute, forward, one_integer, statements};
use lockstep_core::step::{Assertion, Phase};
use lockstep_core::{Engine, Step, Version};
use lockstep_database::{Error, Job, Limits, Patience, Progress};
use std::time::Duration;

const ADD_EMAIL: &str = "ALTER TABLE users ADD COLUMN email text";

pub(crate) fn step(preconditions: Vec<Assertion>) -> Step {
    Step {
        name: "add email".to_owned(),
        phase: Phase::Expand,
        forward: statements(&[ADD_EMAIL]),
        revert: None,
        preconditions,
        targets: vec!["users".to_owned()],
        requires: Default::default(),
        needs_approval: false,
    }
}

pub(crate) async fn a_held_lock_is_named_and_outlasted(stand: Stand) {
    let _plain = stand.users(1).await;
    let database = stand.claimed().await;
    // Older than a transaction behind which an attempt is made all the same.
    let transaction_age_max = Patience::default().lock_timeout * 2;
    let limits = Limits { transaction_age_max, ..Limits::default() };
    assert_eq!(database.preflight(&step(vec![]), &limits).await, []);
    let holder = stand.plain().await;
    holder.batch(stand.hold_users).await.unwrap();
    let obstacles = loop {
        // Until the transaction is older than the limit.
        let obstacles = database.preflight(&step(vec![]), &limits).await;
        if !obstacles.is_empty() {
            break obstacles;
        }
    };
    assert_eq!(obstacles[0].kind, "lock_held", "{obstacles:?}");

    let mut running = Running::start(&database, &forward(1, statements(&[ADD_EMAIL])));
    // Long enough for many attempts, if any were made.
    let (age_ms, names_holder) = (1_000, stand.engine != Engine::Sqlite);
    let is_outlasting = |progress: &Progress| match progress.blockers.first() {
        Some(blocker) if names_holder => blocker.age_ms.is_some_and(|age| age >= age_ms),
        Some(_) => progress.lock_timeouts >= 2,
        None => false,
    };
    let seen = running.progress.wait_for(is_outlasting).await.unwrap().clone();
    let blocker = &seen.blockers[0];
    assert!(blocker.is_certain && blocker.to_string().contains("users") || !names_holder, "{blocker}");
    assert_eq!((blocker.process.is_some(), seen.lock_timeouts == 0), (names_holder, names_holder), "{seen:?}");
    holder.batch("COMMIT").await.unwrap();
    let measurement = running.result.await.unwrap().unwrap();
    assert!(measurement.lock_wait_ms > 0, "{measurement:?}");
    assert_eq!(measurement.attempts == 1, names_holder, "no attempt while it was held: {measurement:?}");
    assert_eq!(database.ledger().await.unwrap().head, Version(1));
}

pub(crate) async fn a_lock_that_stays_held_ends_in_busy(stand: Stand) {
    let _plain = stand.users(1).await;
    let database = stand.claimed().await;
    let holder = stand.plain().await;
    holder.batch(stand.hold_users).await.unwrap();
    let patience = Patience {
        lock_timeout: Duration::from_millis(20),
        deadline: Duration::from_millis(200),
        ..Patience::default()
    };
    let job = Job { patience, ..forward(1, statements(&[ADD_EMAIL])) };
    let error = execute(&database, &job).await.unwrap_err();
    assert!(matches!(error, Error::Busy { .. }) && error.retryable(), "{error}");
    assert!(error.to_string().contains("step-1"), "{error}");
    holder.batch("COMMIT").await.unwrap();
    execute(&database, &job).await.unwrap();
}

pub(crate) async fn a_running_statement_is_cancelled(stand: Stand) {
    let plain = stand.users(1).await;
    let database = stand.claimed().await;
    let before = database.schema().await.unwrap();
    let first = if stand.ddl_commits() { "UPDATE users SET touched = 7" } else { ADD_EMAIL };
    let job = forward(1, statements(&[first, stand.endless]));
    let running = Running::start(&database, &job);
    // Cancelled after it began, as the lock that it holds tells.
    let holding = Limits { transaction_age_max: Duration::from_millis(50), ..Limits::default() };
    let watcher = stand.database();
    while watcher.preflight(&step(vec![]), &holding).await.is_empty() {}
    running.cancel.cancel();
    let error = running.result.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Cancelled { .. }), "{error}");
    assert_eq!(database.schema().await.unwrap(), before);
    assert_eq!(database.ledger().await.unwrap().claimed, None);
    assert_eq!(one_integer(&plain, "SELECT count(*) FROM users WHERE touched = 0").await, 1);
}

pub(crate) async fn preflight_shows_violations(stand: Stand) {
    let plain = stand.users(20).await;
    let database = stand.claimed().await;
    let step = step(vec![Assertion {
        name: "names are unique".to_owned(),
        violations_query: "SELECT name, count(*) AS times FROM users GROUP BY name HAVING count(*) > 1".to_owned(),
    }]);
    assert_eq!(database.preflight(&step, &Limits::default()).await, []);
    plain.batch("UPDATE users SET name = 'twin' WHERE id < 3").await.unwrap();
    let obstacles = database.preflight(&step, &Limits::default()).await;
    assert_eq!(obstacles.len(), 1);
    assert_eq!(obstacles[0].kind, "violations");
    let message = &obstacles[0].message;
    assert!(
        message.contains("names are unique") && message.contains("twin") && message.contains("times=2"),
        "{message}"
    );
}
