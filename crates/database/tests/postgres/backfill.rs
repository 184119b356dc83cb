//! Backfills as only PostgreSQL has them.

use crate::conformance::backfill::touch;
use crate::conformance::{Running, Stand, forward, one_integer};
use crate::stand;
use lockstep_core::step::{Action, Backfill};
use lockstep_core::{Engine, Version};
use lockstep_database::local_postgres::{LocalPostgres, Settings};
use std::os::unix::fs::PermissionsExt as _;

/// Without a key, rows that are written meanwhile may come to lie where the backfill has been.
#[tokio::test]
async fn a_table_without_a_key_is_gone_through_until_no_row_needs_it() {
    let stand = stand().await;
    let plain = stand.plain().await;
    plain.batch("CREATE TABLE notes (text text, seen integer) WITH (autovacuum_enabled = false)").await.unwrap();
    plain.batch("INSERT INTO notes SELECT 'note ' || n FROM generate_series(1, 20000) n").await.unwrap();
    plain.batch("ANALYZE notes").await.unwrap();
    let fill = Backfill {
        table: "notes".to_owned(),
        key: vec!["ctid".to_owned()],
        set: "seen = 1".to_owned(),
        only_where: Some("seen IS NULL".to_owned()),
        batch_rows_max: 50,
    };
    let job = forward(1, Action::Backfill(fill.clone()));
    let database = stand.claimed().await;
    let mut running = Running::start(&database, &job);
    running.hold_once(|progress| progress.rows_done > 5_000).await;
    // The pages that are behind it have room again.
    plain.batch("VACUUM notes").await.unwrap();
    plain.batch("UPDATE notes SET text = text || '!' WHERE seen IS NULL").await.unwrap();
    let moved = "SELECT count(*) FROM notes WHERE seen IS NULL AND ctid < '(20,0)'";
    assert!(one_integer(&plain, moved).await > 0, "rows have moved to where it was already");
    // An agent that starts anew goes on where the ledger says.
    running.result.abort();
    let _ = running.result.await;
    drop(database);
    let database = stand.claimed().await;
    let measurement = Running::start(&database, &job).result.await.unwrap().unwrap();
    assert_eq!(measurement.rows, 20_000, "each row was written once");
    assert_eq!(one_integer(&plain, "SELECT count(*) FROM notes WHERE seen IS NULL").await, 0);

    let blind = forward(2, Action::Backfill(Backfill { only_where: None, ..fill }));
    let error = Running::start(&database, &blind).result.await.unwrap().unwrap_err();
    assert!(error.to_string().contains("give `only_where`"), "{error}");
}

/// Its batches do not wait for the disk, so a crash may take the newest ones back: rows and cursor together.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_of_the_server_takes_a_batch_back_together_with_its_cursor() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    // What is not waited for stays in memory for as long as it can.
    let more = ["wal_writer_delay=10s", "wal_writer_flush_after=1GB"].map(str::to_owned).to_vec();
    let settings = Settings { connections_max: 20, more, ..Settings::default() };
    let path = directory.path().join("server");
    let start = move || LocalPostgres::start(&path, &settings).unwrap_or_else(|error| panic!("{error}"));
    let mut server = tokio::task::spawn_blocking(start).await.unwrap();
    server.create_database("shop").await.unwrap();
    let stand = Stand { engine: Engine::Postgres, dsn: server.dsn("shop"), ..stand().await };
    stand.users(5_000).await;
    let job = forward(1, Action::Backfill(touch(10)));

    let database = stand.claimed().await;
    let mut running = Running::start(&database, &job);
    running.hold_once(|progress| progress.batches >= 10).await;
    let seen = running.progress.borrow().rows_done;
    server.crash();
    running.result.abort();
    let _ = running.result.await;
    drop(database);

    tokio::task::block_in_place(|| server.restart()).unwrap();
    let (plain, database) = (stand.plain().await, stand.claimed().await);
    let claimed = database.ledger().await.unwrap().claimed.unwrap();
    let touched = one_integer(&plain, "SELECT count(*) FROM users WHERE touched = 1").await;
    assert_eq!(claimed.rows_done, touched.cast_unsigned(), "the cursor stands where the rows are");
    assert!(claimed.rows_done < seen, "batches wait for the disk: {} of {seen} rows are there", claimed.rows_done);
    Running::start(&database, &job).result.await.unwrap().unwrap();
    // What is said to be done is not taken back.
    server.crash();
    drop(database);
    tokio::task::block_in_place(|| server.restart()).unwrap();
    let (plain, database) = (stand.plain().await, stand.claimed().await);
    assert_eq!(database.ledger().await.unwrap().head, Version(1));
    assert_eq!(one_integer(&plain, "SELECT count(*) FROM users WHERE touched <> 1").await, 0);
}
