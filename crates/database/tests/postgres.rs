//! The conformance suite on PostgreSQL, and what only PostgreSQL does.
//!
//! The tests share one server, which they start themselves, and have a database each. Without PostgreSQL they fail.

#[path = "postgres/backfill.rs"]
mod backfill;
mod conformance;
#[path = "postgres/grants.rs"]
mod grants;
#[path = "postgres/locks.rs"]
mod locks;
#[path = "postgres/standby.rs"]
mod standby;

use conformance::{Running, Stand, conformance, execute, forward, one_integer, owner, revert, statements};
use lockstep_core::step::{Action, Backfill};
use lockstep_core::{Engine, Version};
use lockstep_database::local_postgres::{LocalPostgres, Settings};
use lockstep_database::{Error, Outcome, local_server, plain};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

fn server() -> &'static LocalPostgres {
    static SERVER: OnceLock<LocalPostgres> = OnceLock::new();
    SERVER.get_or_init(|| {
        let directory = tempfile::Builder::new().prefix("lockstep-postgres-").tempdir().unwrap().keep();
        let settings = Settings { fsync: false, connections_max: 200, temporary: true, ..Settings::default() };
        LocalPostgres::start(&directory, &settings).unwrap_or_else(|error| panic!("{error}"))
    })
}

async fn stand() -> Stand {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let server = tokio::task::spawn_blocking(server).await.unwrap();
    let name = format!("shard_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    server.create_database(&name).await.unwrap();
    Stand {
        engine: Engine::Postgres,
        dsn: server.dsn(&name),
        meta: "lockstep.meta",
        endless: "SELECT pg_sleep(600)",
        hold_users: "BEGIN; SELECT count(*) FROM users",
        _kept: Box::new(()),
    }
}

conformance!(stand);
conformance!(servers stand);

fn alone(sql: &[&str]) -> Action {
    Action::Statements { statements: sql.iter().map(|&sql| sql.to_owned()).collect(), transactional: false }
}

#[tokio::test]
async fn an_index_whose_build_failed_is_built_again() {
    let stand = stand().await;
    let plain = stand.users(2).await;
    plain.batch("UPDATE users SET name = 'twin'").await.unwrap();
    let database = stand.claimed().await;
    let job = forward(1, alone(&["CREATE UNIQUE INDEX CONCURRENTLY users_by_name ON users (name)"]));
    execute(&database, &job).await.unwrap_err();
    let invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid";
    assert_eq!(
        one_integer(&plain, invalid).await,
        1,
        "the failed build leaves an index that the server does not use"
    );
    plain.batch("UPDATE users SET name = 'other' WHERE id = 1").await.unwrap();
    execute(&database, &job).await.unwrap();
    assert_eq!(one_integer(&plain, invalid).await, 0);
    assert!(database.schema().await.unwrap().tables["public.users"].indexes["users_by_name"].valid);
}

#[tokio::test]
async fn an_index_that_was_built_before_the_crash_is_not_built_again() {
    let stand = stand().await;
    let plain = stand.users(2).await;
    let database = stand.claimed().await;
    let build = "CREATE INDEX CONCURRENTLY users_by_name ON users (name)";
    // The first statement fails, so that the row stays claimed; then the index appears as if the agent had died after it.
    let job = forward(1, alone(&[build]));
    plain.batch("ALTER TABLE users RENAME COLUMN name TO gone").await.unwrap();
    execute(&database, &job).await.unwrap_err();
    plain.batch("ALTER TABLE users RENAME COLUMN gone TO name").await.unwrap();
    plain.batch(build).await.unwrap();
    let before = one_integer(&plain, "SELECT 'users_by_name'::regclass::oid::bigint").await;
    execute(&database, &job).await.unwrap();
    assert_eq!(one_integer(&plain, "SELECT 'users_by_name'::regclass::oid::bigint").await, before);
    // Reverting it in one transaction, twice asked for.
    let undo = revert(1, statements(&["DROP INDEX users_by_name"]));
    execute(&database, &undo).await.unwrap();
    execute(&database, &undo).await.unwrap();
}

#[tokio::test]
async fn a_constraint_that_took_its_index_before_the_crash_is_not_made_again() {
    let stand = stand().await;
    let plain = stand.users(2).await;
    plain.batch("CREATE UNIQUE INDEX names ON users (name)").await.unwrap();
    let database = stand.claimed().await;
    // The index keeps its name; then it takes the constraint's.
    for (version, constraint) in [(1, "names"), (2, "users_name_key")] {
        let take = format!("ALTER TABLE users ADD CONSTRAINT {constraint} UNIQUE USING INDEX names");
        let job = forward(version, alone(&[&take]));
        plain.batch("ALTER INDEX names RENAME TO gone").await.unwrap();
        execute(&database, &job).await.unwrap_err();
        plain.batch("ALTER INDEX gone RENAME TO names").await.unwrap();
        plain.batch(&take).await.unwrap();
        execute(&database, &job).await.unwrap();
        let constraints = format!("SELECT count(*) FROM pg_constraint WHERE conname = '{constraint}'");
        assert_eq!(one_integer(&plain, &constraints).await, 1);
        plain
            .batch(&format!(
                "ALTER TABLE users DROP CONSTRAINT {constraint}; CREATE UNIQUE INDEX names ON users (name)"
            ))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn an_index_that_never_came_to_be_is_reverted_in_one_transaction() {
    let stand = stand().await;
    let _plain = stand.users(1).await;
    let database = stand.claimed().await;
    execute(&database, &forward(1, alone(&["CREATE INDEX CONCURRENTLY nowhere ON missing (a)"])))
        .await
        .unwrap_err();
    execute(&database, &revert(1, statements(&["DROP INDEX nowhere"]))).await.unwrap();
    assert_eq!(database.ledger().await.unwrap().claimed, None);
}

/// Ends the server's processes that match, and waits until there was one.
async fn terminate(plain: &plain::Connection, condition: &str) {
    let sql = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid() AND {condition}"
    );
    while one_integer(plain, &sql).await == 0 {}
}

#[tokio::test]
async fn a_lost_connection_leaves_no_trace_and_can_be_tried_again() {
    let stand = stand().await;
    let plain = stand.users(1).await;
    let database = stand.claimed().await;
    let before = database.schema().await.unwrap();
    let job = forward(1, statements(&["ALTER TABLE users ADD email text", "SELECT pg_sleep(600)"]));
    let running = Running::start(&database, &job);
    terminate(&plain, "query LIKE '%pg_sleep%' AND wait_event = 'PgSleep'").await;
    let error = running.result.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::ConnectionLost { .. }), "{error}");
    assert!(error.retryable() && error.outcome() == Outcome::Failed);
    assert_eq!(database.schema().await.unwrap(), before);
    let short = forward(1, statements(&["ALTER TABLE users ADD email text"]));
    execute(&database, &short).await.unwrap();
}

#[tokio::test]
async fn a_commit_without_an_answer_is_unknown_and_the_ledger_knows() {
    let stand = stand().await;
    let plain = stand.users(1).await;
    // A deferred trigger runs inside COMMIT: there the connection is lost.
    plain
        .batch(
            "CREATE FUNCTION doze() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(600); RETURN NULL; END';
             CREATE CONSTRAINT TRIGGER dozes AFTER UPDATE ON users DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION doze()",
        )
        .await
        .unwrap();
    let database = stand.claimed().await;
    let job = forward(1, statements(&["UPDATE users SET touched = touched + 1"]));
    let running = Running::start(&database, &job);
    terminate(&plain, "query = 'COMMIT' AND wait_event = 'PgSleep'").await;
    let error = running.result.await.unwrap().unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown, "{error}");
    assert!(error.retryable());
    assert_eq!(database.ledger().await.unwrap().head, Version(0));
    plain.batch("DROP TRIGGER dozes ON users").await.unwrap();
    execute(&database, &job).await.unwrap();
    assert_eq!(one_integer(&plain, "SELECT touched FROM users").await, 1);
}

#[tokio::test]
async fn a_lost_claim_is_taken_again() {
    let stand = stand().await;
    let plain = stand.users(1).await;
    let database = stand.claimed().await;
    terminate(&plain, "pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')").await;
    // The client may not have heard of it yet: a job that meets the lost connection is tried again.
    while let Err(error) = execute(&database, &forward(1, Action::Nothing)).await {
        assert!(error.retryable(), "{error}");
    }
    let held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    execute(&database, &forward(2, Action::Nothing)).await.unwrap();
    while one_integer(&plain, held).await == 0 {
        execute(&database, &forward(2, Action::Nothing)).await.unwrap();
    }
    let error = stand.database().claim(&owner("beta")).await.unwrap_err();
    assert!(matches!(error, Error::Claimed { .. }), "{error}");
}

#[tokio::test]
async fn missing_rights_are_named_with_what_to_grant() {
    let stand = stand().await;
    let plain = stand.users(1).await;
    let database_name = stand.dsn.rsplit('=').next().unwrap();
    let role = format!("limited_{database_name}");
    plain.batch(&format!("CREATE ROLE {role} LOGIN")).await.unwrap();
    let dsn = stand.dsn.replace("user=postgres", &format!("user={role}"));
    let limited = lockstep_database::connect(Engine::Postgres, &dsn).unwrap();
    let error = limited.claim(&owner("alpha")).await.unwrap_err();
    assert!(matches!(error, Error::NoPermission { .. }), "{error}");
    let grant = format!("GRANT CREATE ON DATABASE \"{database_name}\" TO \"{role}\"");
    assert!(error.to_string().contains(&grant), "{error}");
    // With a schema of its own it needs no right on the database; the table is still somebody else's.
    plain.batch(&format!("CREATE SCHEMA lockstep AUTHORIZATION {role}")).await.unwrap();
    limited.claim(&owner("alpha")).await.unwrap();
    let job = forward(1, statements(&["ALTER TABLE users ADD email text"]));
    let error = execute(&limited, &job).await.unwrap_err();
    assert!(matches!(error, Error::NoPermission { .. }) && error.to_string().contains("users"), "{error}");
}

#[tokio::test]
async fn a_password_shows_nowhere() {
    const SECRET: &str = "hunter2-very-secret";
    let server = tokio::task::spawn_blocking(server).await.unwrap();
    let free = local_server::free_port().unwrap();
    let port = server.port();
    for dsn in [
        format!("postgres://agent:{SECRET}@127.0.0.1:{free}/shop"),
        format!("postgres://agent:{SECRET}@127.0.0.1:{port}/no_such_database"),
        format!("host=127.0.0.1 port={free} user=agent password={SECRET}"),
        format!("host=127.0.0.1 password={SECRET} user"),
        format!("host=127.0.0.1 password={SECRET} sslmode=require"),
        format!("user=agent password={SECRET}"),
        format!("postgres://agent:{SECRET}@127.0.0.1:notaport/shop"),
        SECRET.to_owned(),
    ] {
        let text = match lockstep_database::connect(Engine::Postgres, &dsn) {
            Err(error) => format!("{error} {error:?}"),
            Ok(database) => {
                let error = database.claim(&owner("alpha")).await.unwrap_err();
                let health = database.health().await;
                let plain = plain::connect(Engine::Postgres, &dsn).await.unwrap_err();
                format!("{error} {error:?} {database:?} {health:?} {plain} {plain:?} {}", database.place())
            }
        };
        assert!(!text.contains(SECRET), "{text}");
    }
}

#[tokio::test]
async fn an_unreachable_database_is_named() {
    let free = local_server::free_port().unwrap();
    let dsn = format!("postgres://agent:secret@127.0.0.1:{free}/shop");
    let database = lockstep_database::connect(Engine::Postgres, &dsn).unwrap();
    let error = database.claim(&owner("alpha")).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }) && error.retryable(), "{error}");
    assert!(error.to_string().contains(&format!("127.0.0.1:{free}/shop")), "{error}");
    let health = database.health().await;
    assert!(!health.reachable && health.problem.is_some());
}

#[tokio::test]
async fn a_read_only_database_is_named() {
    let stand = stand().await;
    let plain = stand.users(1).await;
    let name = stand.dsn.rsplit('=').next().unwrap();
    plain.batch(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await.unwrap();
    let error = stand.database().claim(&owner("alpha")).await.unwrap_err();
    assert!(matches!(error, Error::ReadOnly { .. }), "{error}");
}

/// Two texts are one key under such a collation if they differ in case alone; batches are cut by the key's own order.
#[tokio::test]
async fn keys_under_a_collation_that_is_not_by_bytes_are_gone_through() {
    let stand = stand().await;
    let plain = stand.plain().await;
    plain
        .batch(
            "CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
             CREATE TABLE users (name text COLLATE caseless PRIMARY KEY, touched integer NOT NULL DEFAULT 0);
             INSERT INTO users SELECT CASE i % 2 WHEN 0 THEN 'Name ' ELSE 'näme ' END || i FROM generate_series(1, 200) i",
        )
        .await
        .unwrap();
    let fill = Backfill { key: vec!["name".to_owned()], ..conformance::backfill::touch(7) };
    execute(&stand.claimed().await, &forward(1, Action::Backfill(fill))).await.unwrap();
    assert_eq!(one_integer(&plain, "SELECT count(*) FROM users WHERE touched = 1").await, 200);
}

#[tokio::test]
async fn a_dropped_execution_is_stopped_at_the_server() {
    let stand = stand().await;
    let plain = stand.users(1).await;
    let database = stand.claimed().await;
    let running = Running::start(&database, &forward(1, statements(&["SELECT pg_sleep(600)"])));
    let sleeping =
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";
    while one_integer(&plain, sleeping).await == 0 {}
    running.result.abort();
    while one_integer(&plain, sleeping).await > 0 {}
    execute(&database, &forward(1, Action::Nothing)).await.unwrap();
}

#[tokio::test]
async fn keys_of_many_types_go_through_text_without_loss() {
    let stand = stand().await;
    let plain = stand.plain().await;
    plain
        .batch(
            "CREATE TYPE size AS ENUM ('small', 'large');
             CREATE TABLE things (u uuid, at timestamptz, n numeric, d double precision, c char(4), s size, b bytea,
                touched integer NOT NULL DEFAULT 0, PRIMARY KEY (c, s, d, n, at, u, b));
             INSERT INTO things SELECT gen_random_uuid(), now() + i * interval '1 microsecond', i / 7.0, sqrt(i % 5), 'a b',
                CASE WHEN i % 2 = 0 THEN 'small' ELSE 'large' END::size, decode(lpad(to_hex(i), 8, '0'), 'hex')
             FROM generate_series(1, 300, 2) i, generate_series(1, 2)",
        )
        .await
        .unwrap();
    let fill = lockstep_core::step::Backfill {
        table: "things".to_owned(),
        key: ["c", "s", "d", "n", "at", "u", "b"].map(str::to_owned).to_vec(),
        set: "touched = touched + 1".to_owned(),
        only_where: None,
        batch_rows_max: 9,
    };
    execute(&stand.claimed().await, &forward(1, Action::Backfill(fill))).await.unwrap();
    assert_eq!(one_integer(&plain, "SELECT count(*) FROM things WHERE touched = 1").await, 300);
}

#[tokio::test]
async fn an_assertion_with_a_side_effect_is_refused() {
    let stand = stand().await;
    let plain = stand.users(1).await;
    plain.batch("CREATE SEQUENCE numbers").await.unwrap();
    let database = stand.claimed().await;
    let assertion = lockstep_core::step::Assertion {
        name: "nothing".to_owned(),
        violations_query: "SELECT id FROM users WHERE nextval('numbers') < 0".to_owned(),
    };
    // A rollback would not bring the number back.
    let error = execute(&database, &forward(1, Action::Assert { assertions: vec![assertion] })).await.unwrap_err();
    assert!(matches!(error, Error::ReadOnly { .. } | Error::Statement { .. }), "{error}");
    assert_eq!(one_integer(&plain, "SELECT nextval('numbers')").await, 1);
}
