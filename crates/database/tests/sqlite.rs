//! The conformance suite on SQLite, and what only SQLite does.

mod conformance;

use conformance::{Running, Stand, conformance, execute, forward, one_integer, owner, statements};
use lockstep_core::Engine;
use lockstep_core::step::{Action, Backfill};
use lockstep_database::Error;

async fn stand() -> Stand {
    let directory = tempfile::tempdir().unwrap();
    let dsn = directory.path().join("shard.db").display().to_string();
    // An agent makes no database.
    drop(lockstep_database::plain::connect(Engine::Sqlite, &dsn).await.unwrap());
    Stand {
        engine: Engine::Sqlite,
        dsn,
        meta: "lockstep_meta",
        endless: "CREATE TABLE endless AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
            SELECT count(*) FROM n",
        hold_users: "BEGIN IMMEDIATE",
        _kept: Box::new(directory),
    }
}

conformance!(stand);

fn set_writable(path: &std::path::Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn what_may_not_be_written_is_named_with_its_path() {
    let stand = stand().await;
    let database = stand.claimed().await;
    let file = std::path::Path::new(&stand.dsn).canonicalize().unwrap();
    let directory = file.parent().unwrap();
    let lock = directory.join("shard.db.lockstep-lock");
    assert_eq!(database.missing_rights().await.unwrap(), []);
    for (path, mode, mended) in [(file.as_path(), 0o444, 0o644), (directory, 0o555, 0o755), (&lock, 0o444, 0o644)]
    {
        set_writable(path, mode);
        let obstacles = database.preflight(&nothing(), &Default::default()).await;
        assert_eq!(obstacles, database.missing_rights().await.unwrap());
        let error = stand.database().claim(&owner("alpha")).await.unwrap_err();
        set_writable(path, mended);
        let named = format!("may not write {} (", path.display());
        assert!(obstacles.len() == 1 && obstacles[0].message.contains(&named), "{obstacles:?}");
        assert!(obstacles[0].remedy.contains(&format!("`ls -ld {}`", path.display())), "{obstacles:?}");
        assert!(matches!(error, Error::ReadOnly { .. }) && error.to_string().contains(&named), "{error}");
    }
    assert_eq!(database.preflight(&nothing(), &Default::default()).await, []);
}

fn nothing() -> lockstep_core::Step {
    lockstep_core::Step {
        name: "s".to_owned(),
        phase: lockstep_core::step::Phase::Expand,
        forward: lockstep_core::step::Action::Nothing,
        revert: None,
        preconditions: vec![],
        targets: vec![],
        requires: Default::default(),
        needs_approval: false,
    }
}

#[tokio::test]
async fn a_missing_file_is_not_made() {
    let stand = stand().await;
    for (dsn, wanted) in [
        (format!("{}x", stand.dsn), "the file does not exist"),
        (format!("{}x/y.db", stand.dsn), "shard.dbx does not exist"),
    ] {
        let database = lockstep_database::connect(Engine::Sqlite, &dsn).unwrap();
        let error = database.claim(&owner("alpha")).await.unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }) && error.retryable(), "{error}");
        assert!(error.to_string().contains(wanted), "{error}");
        assert!(!std::path::Path::new(&dsn).exists());
        assert!(!database.health().await.reachable);
        assert_eq!(database.preflight(&nothing(), &Default::default()).await[0].kind, "unreachable");
    }
}

#[tokio::test]
async fn unusable_names_are_refused() {
    for dsn in ["", ":memory:", "file:a.db?mode=ro"] {
        let error = lockstep_database::connect(Engine::Sqlite, dsn).unwrap_err();
        assert!(matches!(error, Error::InvalidDsn { .. }), "{error}");
    }
}

#[tokio::test]
async fn what_is_no_database_is_named() {
    let stand = stand().await;
    let other = std::path::Path::new(&stand.dsn).with_file_name("text.db");
    std::fs::write(&other, "this is a letter and no database at all").unwrap();
    let database = lockstep_database::connect(Engine::Sqlite, &other.display().to_string()).unwrap();
    let error = database.claim(&owner("alpha")).await.unwrap_err();
    assert!(error.to_string().contains("text.db"), "{error}");
    assert!(!error.retryable());
}

#[tokio::test]
async fn a_rebuilt_table_keeps_what_points_at_it() {
    let stand = stand().await;
    let plain = stand.users(2).await;
    plain
        .batch(
            "CREATE TABLE posts (id integer PRIMARY KEY, user integer REFERENCES users (id) ON DELETE CASCADE);
             INSERT INTO posts VALUES (1, 1), (2, 2)",
        )
        .await
        .unwrap();
    let database = stand.claimed().await;
    let rebuild = |copy: &'static str| {
        statements(&[
            "CREATE TABLE users_new (id integer PRIMARY KEY, name text NOT NULL)",
            copy,
            "DROP TABLE users",
            "ALTER TABLE users_new RENAME TO users",
        ])
    };
    let lossy = forward(1, rebuild("INSERT INTO users_new SELECT id, name FROM users WHERE id = 1"));
    let error = execute(&database, &lossy).await.unwrap_err();
    assert!(matches!(error, Error::Violations { .. }), "{error}");
    execute(&database, &forward(1, rebuild("INSERT INTO users_new SELECT id, name FROM users"))).await.unwrap();
    assert_eq!(conformance::one_integer(&plain, "SELECT count(*) FROM posts").await, 2);
}

/// Without a key, rows have numbers, and VACUUM gives them others.
#[tokio::test]
async fn a_table_without_a_key_is_gone_through_until_no_row_needs_it() {
    let stand = stand().await;
    let plain = stand.plain().await;
    plain
        .batch(
            "CREATE TABLE notes (text TEXT, seen INTEGER);
             INSERT INTO notes (text) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
                SELECT 'note ' || i FROM n;
             DELETE FROM notes WHERE rowid % 2 = 0",
        )
        .await
        .unwrap();
    let fill = Backfill {
        table: "notes".to_owned(),
        key: vec!["rowid".to_owned()],
        set: "seen = coalesce(seen, 0) + 1".to_owned(),
        only_where: Some("seen IS NULL".to_owned()),
        batch_rows_max: 10,
    };
    let job = forward(1, Action::Backfill(fill.clone()));
    let database = stand.claimed().await;
    let mut running = Running::start(&database, &job);
    running.hold_once(|progress| progress.rows_done >= 1_000).await;
    let next = 2 * running.progress.borrow().rows_done;
    plain.batch("VACUUM").await.unwrap();
    let moved = format!("SELECT count(*) FROM notes WHERE seen IS NULL AND rowid < {next}");
    assert!(one_integer(&plain, &moved).await > 0, "rows have got numbers that it was past already");
    // An agent that starts anew goes on where the ledger says.
    running.result.abort();
    let _ = running.result.await;
    drop(database);
    let database = stand.claimed().await;
    let measurement = Running::start(&database, &job).result.await.unwrap().unwrap();
    assert_eq!(measurement.rows, 2_500, "each row was written once");
    assert_eq!(one_integer(&plain, "SELECT count(*) FROM notes WHERE seen <> 1 OR seen IS NULL").await, 0);

    let blind = forward(2, Action::Backfill(Backfill { only_where: None, ..fill }));
    let error = Running::start(&database, &blind).result.await.unwrap().unwrap_err();
    assert!(error.to_string().contains("give `only_where`"), "{error}");
}
