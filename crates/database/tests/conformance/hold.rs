//! Jobs that are told to wait.

use super::backfill::touch;
use super::{Running, Stand, forward, one_integer, statements};
use lockstep_core::Version;
use lockstep_core::step::Action;
use lockstep_database::{Error, Job, Patience, Progress};
use std::time::Duration;

const ROWS: u32 = 3_000;

pub(crate) async fn a_held_backfill_waits_between_batches_and_holds_nothing(stand: Stand) {
    let plain = stand.users(ROWS).await;
    let database = stand.claimed().await;
    // Being held is not waiting for a lock.
    let patience = Patience { deadline: Duration::ZERO, ..Patience::default() };
    let mut running = Running::start(&database, &Job { patience, ..forward(1, Action::Backfill(touch(10))) });
    running.hold_once(|progress| progress.batches >= 3).await;
    let reached = database.ledger().await.unwrap().claimed.unwrap().rows_done;
    assert!(reached < u64::from(ROWS));
    // Whoever wants to can define something in between.
    plain.batch("ALTER TABLE users ADD COLUMN other integer").await.unwrap();
    for _ in 0..20 {
        let touched = one_integer(&plain, "SELECT count(*) FROM users WHERE touched = 1").await;
        assert_eq!(touched.cast_unsigned(), reached);
    }
    running.hold.send_replace(false);
    running.result.await.unwrap().unwrap();
    assert_eq!(one_integer(&plain, "SELECT count(*) FROM users WHERE touched = 1").await, i64::from(ROWS));
}

pub(crate) async fn a_held_definition_is_not_attempted(stand: Stand) {
    let plain = stand.users(1).await;
    let database = stand.claimed().await;
    let before = database.schema().await.unwrap();
    let mut running =
        Running::start_held(&database, &forward(1, statements(&["ALTER TABLE users ADD COLUMN email text"])));
    running.progress.wait_for(Progress::is_held).await.unwrap();
    assert_eq!(database.schema().await.unwrap(), before);
    plain.batch("UPDATE users SET touched = 1").await.unwrap();
    running.hold.send_replace(false);
    running.result.await.unwrap().unwrap();
    assert_eq!(database.ledger().await.unwrap().head, Version(1));
}

pub(crate) async fn a_held_job_is_cancelled_at_once(stand: Stand) {
    let _plain = stand.users(1).await;
    let database = stand.claimed().await;
    for action in [Action::Backfill(touch(100)), statements(&["ALTER TABLE users ADD COLUMN email text"])] {
        let mut running = Running::start_held(&database, &forward(1, action));
        running.progress.wait_for(Progress::is_held).await.unwrap();
        running.cancel.cancel();
        let error = running.result.await.unwrap().unwrap_err();
        assert!(matches!(error, Error::Cancelled { .. }), "{error}");
    }
}
