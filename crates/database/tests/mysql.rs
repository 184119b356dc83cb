//! The conformance suite on MariaDB or MySQL, and what only they do.
//!
//! The tests share one server, which they start themselves, and have a database each: MySQL where `MYSQL_BINDIR` is set, otherwise
//! MariaDB. Without it they fail.

mod conformance;
#[path = "mysql/locks.rs"]
mod locks;

use conformance::{Running, Stand, conformance, execute, forward, one_integer, owner, revert, statements};
use lockstep_core::Engine;
use lockstep_core::step::{Action, Backfill};
use lockstep_core::{Fence, Version};
use lockstep_database::Job;
use lockstep_database::ledger::State;
use lockstep_database::local_mysql::{LocalMysql, Settings, chosen};
use lockstep_database::{Error, local_server, plain};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

fn server() -> &'static LocalMysql {
    static SERVER: OnceLock<LocalMysql> = OnceLock::new();
    SERVER.get_or_init(|| {
        let directory = tempfile::Builder::new().prefix("lockstep-mysql-").tempdir().unwrap().keep();
        let settings = Settings { fsync: false, connections_max: 200, temporary: true, ..Settings::default() };
        LocalMysql::start(chosen(), &directory, &settings).unwrap_or_else(|error| panic!("{error}"))
    })
}

async fn stand() -> Stand {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let server = tokio::task::spawn_blocking(server).await.unwrap();
    let name = format!("shard_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    server.create_database(&name).await.unwrap();
    let stand = stand_on(server, &name);
    if stand.engine == Engine::Mariadb {
        let plugin = "INSTALL PLUGIN IF NOT EXISTS metadata_lock_info SONAME 'metadata_lock_info'";
        stand.plain().await.batch(plugin).await.unwrap();
    }
    stand
}

fn stand_on(server: &LocalMysql, name: &str) -> Stand {
    Stand {
        engine: server.engine(),
        dsn: server.dsn(name),
        meta: "lockstep_meta",
        endless: endless(server.engine()),
        hold_users: "BEGIN; SELECT count(*) FROM users",
        _kept: Box::new(()),
    }
}

/// None of those of which the server notices by itself that nobody waits for its end any more (it does of a sleep).
fn endless(engine: Engine) -> &'static str {
    match engine {
        Engine::Mariadb => "SELECT BENCHMARK(100000000000000, MD5(1))",
        // Not every release has that function.
        _ => {
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999) \
             SELECT SUM(SIN(a.i * b.i * c.i * d.i)) FROM n a, n b, n c, n d"
        }
    }
}

conformance!(stand);
conformance!(servers stand);

/// One statement that commits by itself, and what the schema must show of it.
const ADD_KEY: &str = "ALTER TABLE users ADD KEY (name)";

/// How many keys a step that adds one without a name has made.
async fn keys(plain: &plain::Connection) -> i64 {
    let sql = "SELECT COUNT(DISTINCT INDEX_NAME) FROM information_schema.STATISTICS
        WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'users' AND COLUMN_NAME = 'name'";
    one_integer(plain, sql).await
}

/// Leaves the ledger as an agent does that is killed while the first statement runs.
async fn killed_in_the_statement(stand: &Stand, job: &Job, plain: &plain::Connection) {
    let database = stand.claimed().await;
    // The statement fails for want of its column, so that the row stays claimed.
    plain.batch("ALTER TABLE users RENAME COLUMN name TO gone").await.unwrap();
    execute(&database, job).await.unwrap_err();
    plain.batch("ALTER TABLE users RENAME COLUMN gone TO name").await.unwrap();
    let now = database.schema().await.unwrap().fingerprint().0;
    let claimed = format!("UPDATE lockstep_ledger SET progress = '0 {now}' WHERE state = 'claimed'");
    assert_eq!(plain.execute(&claimed, &[]).await.unwrap(), 1);
}

#[tokio::test]
async fn a_statement_that_failed_is_run_again_when_somebody_has_mended_the_schema() {
    let stand = stand().await;
    let plain = stand.users(1).await;
    let database = stand.claimed().await;
    let job = forward(1, statements(&["ALTER TABLE missing ADD COLUMN b integer"]));
    execute(&database, &job).await.unwrap_err();
    plain.batch("CREATE TABLE missing (a integer)").await.unwrap();
    execute(&database, &job).await.unwrap();
    assert_eq!(database.schema().await.unwrap().tables["missing"].columns.len(), 2);
}

#[tokio::test]
async fn a_statement_that_was_done_before_the_crash_is_not_done_again() {
    let stand = stand().await;
    let plain = stand.users(1).await;
    let job = forward(1, statements(&[ADD_KEY, "UPDATE users SET touched = touched + 1"]));
    killed_in_the_statement(&stand, &job, &plain).await;
    plain.batch(ADD_KEY).await.unwrap();
    execute(&stand.claimed().await, &job).await.unwrap();
    assert_eq!(keys(&plain).await, 1, "a second time would have made a second key");
    assert_eq!(one_integer(&plain, "SELECT touched FROM users").await, 1);
}

#[tokio::test]
async fn a_statement_that_had_no_effect_before_the_crash_is_done() {
    let stand = stand().await;
    let plain = stand.users(1).await;
    let job = forward(1, statements(&[ADD_KEY, "UPDATE users SET touched = touched + 1"]));
    killed_in_the_statement(&stand, &job, &plain).await;
    execute(&stand.claimed().await, &job).await.unwrap();
    assert_eq!(keys(&plain).await, 1);
    assert_eq!(one_integer(&plain, "SELECT touched FROM users").await, 1);
}

#[tokio::test]
async fn a_list_that_was_dropped_in_part_is_dropped() {
    let stand = stand().await;
    let plain = stand.users(1).await;
    plain
        .batch(
            "CREATE TABLE a (i integer); CREATE TABLE b (i integer PRIMARY KEY);
             CREATE TABLE c (i integer, CONSTRAINT c_of_b FOREIGN KEY (i) REFERENCES b (i))",
        )
        .await
        .unwrap();
    let job = forward(1, statements(&["DROP TABLE a, b"]));
    let database = stand.claimed().await;
    execute(&database, &job).await.unwrap_err();
    // MariaDB drops what it can, and fails; MySQL drops all or none.
    assert_eq!(database.schema().await.unwrap().tables.contains_key("a"), stand.engine == Engine::Mysql);
    plain.batch("ALTER TABLE c DROP FOREIGN KEY c_of_b").await.unwrap();
    execute(&database, &job).await.unwrap();
    let tables = database.schema().await.unwrap().tables;
    assert_eq!(tables.keys().collect::<Vec<_>>(), ["c", "users"]);
}

#[tokio::test]
async fn each_half_done_state_can_be_reverted() {
    let undo =
        ["ALTER TABLE users DROP COLUMN two", "UPDATE users SET touched = 0", "ALTER TABLE users DROP COLUMN one"];
    for done in 0..=3 {
        let stand = stand().await;
        let plain = stand.users(1).await;
        let database = stand.claimed().await;
        let before = database.schema().await.unwrap();
        let mut list =
            vec!["ALTER TABLE users ADD one int", "UPDATE users SET touched = 5", "ALTER TABLE users ADD two int"];
        list.truncate(done);
        list.push("ALTER TABLE missing ADD COLUMN x int");
        execute(&database, &forward(1, statements(&list))).await.unwrap_err();
        assert_eq!(database.ledger().await.unwrap().claimed.unwrap().state, State::Claimed);
        execute(&database, &revert(1, statements(&undo))).await.unwrap();
        assert_eq!(database.schema().await.unwrap().diff(&before), Vec::<String>::new(), "after {done}");
        assert_eq!(one_integer(&plain, "SELECT touched FROM users").await, 0);
        let ledger = database.ledger().await.unwrap();
        assert_eq!((ledger.head, ledger.claimed, ledger.fence), (Version(0), None, Fence(11)));
    }
}

#[tokio::test]
async fn what_a_killed_agent_left_running_is_ended_first() {
    let stand = stand().await;
    let plain = stand.users(1).await;
    let database = stand.claimed().await;
    // A runtime of its own goes away with everything in it, as a process does: nobody is there to stop the statement.
    let job = forward(1, statements(&["CREATE TABLE slow AS SELECT SLEEP(600) AS slept"]));
    let running = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'CREATE TABLE slow%' AND DB = DATABASE()";
    let (doomed, dsn) = (job.clone(), stand.dsn.clone());
    let (dead, was_running) = std::sync::mpsc::channel::<()>();
    let killed = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.spawn(async move {
            let database = lockstep_database::connect(chosen(), &dsn).unwrap();
            while database.claim(&owner("alpha")).await.is_err() {}
            execute(&database, &doomed).await
        });
        was_running.recv().unwrap();
        runtime.shutdown_background();
    });
    drop(database);
    while one_integer(&plain, running).await == 0 {}
    dead.send(()).unwrap();
    killed.join().unwrap();
    let short = Job { action: statements(&["CREATE TABLE slow AS SELECT 1 AS slept"]), ..job };
    let database = stand.database();
    while let Err(error) = database.claim(&owner("alpha")).await {
        assert!(error.retryable(), "{error}");
    }
    execute(&database, &short).await.unwrap();
    assert_eq!(one_integer(&plain, running).await, 0);
    assert_eq!(one_integer(&plain, "SELECT slept FROM slow").await, 1);
}

#[tokio::test]
async fn a_dropped_execution_is_stopped_at_the_server() {
    let stand = stand().await;
    let plain = stand.users(1).await;
    let database = stand.claimed().await;
    let running = Running::start(&database, &forward(1, statements(&[stand.endless])));
    let in_it = format!(
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO = '{}' AND DB = DATABASE()",
        stand.endless
    );
    while one_integer(&plain, &in_it).await == 0 {}
    running.result.abort();
    while one_integer(&plain, &in_it).await > 0 {}
    execute(&database, &forward(1, Action::Nothing)).await.unwrap();
}

/// Ends the server's connections that match, and waits until there was one.
async fn terminate(plain: &plain::Connection, condition: &str) {
    let sql = format!(
        "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND ID <> CONNECTION_ID() AND {condition}"
    );
    loop {
        let rows = plain.query(&sql, &[]).await.unwrap();
        for row in &rows {
            let _ = plain.batch(&format!("KILL {}", row[0].as_integer().unwrap())).await;
        }
        if !rows.is_empty() {
            return;
        }
    }
}

#[tokio::test]
async fn a_lost_connection_leaves_no_trace_and_can_be_tried_again() {
    let stand = stand().await;
    let plain = stand.users(1).await;
    let database = stand.claimed().await;
    let job = forward(1, statements(&["UPDATE users SET touched = 7", "DO SLEEP(600)"]));
    let running = Running::start(&database, &job);
    terminate(&plain, "INFO = 'DO SLEEP(600)'").await;
    let error = running.result.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::ConnectionLost { .. }) && error.retryable(), "{error}");
    assert_eq!(one_integer(&plain, "SELECT touched FROM users").await, 0);
    execute(&database, &forward(1, statements(&["UPDATE users SET touched = touched + 1"]))).await.unwrap();
    assert_eq!(one_integer(&plain, "SELECT touched FROM users").await, 1);
}

#[tokio::test]
async fn a_lost_claim_is_taken_again() {
    let stand = stand().await;
    let plain = stand.users(1).await;
    let database = stand.claimed().await;
    let claim = "IS_USED_LOCK(CONCAT('lockstep.', LEFT(SHA2(DATABASE(), 256), 40)))";
    terminate(&plain, &format!("ID = {claim}")).await;
    execute(&database, &forward(1, Action::Nothing)).await.unwrap();
    assert!(one_integer(&plain, &format!("SELECT {claim}")).await > 0);
    let error = stand.database().claim(&owner("beta")).await.unwrap_err();
    assert!(matches!(error, Error::Claimed { .. }), "{error}");
}

#[tokio::test]
async fn a_ledger_that_was_made_in_part_is_made() {
    let stand = stand().await;
    let plain = stand.users(1).await;
    drop(stand.claimed().await);
    for lost in [
        "DELETE FROM lockstep_meta",
        "DELETE FROM lockstep_meta; DROP TRIGGER lockstep_fence",
        "DROP TABLE lockstep_meta",
    ] {
        plain.batch(lost).await.unwrap();
        let database = stand.claimed().await;
        execute(&database, &forward(1, Action::Nothing)).await.unwrap();
        plain.batch("UPDATE lockstep_meta SET fence = 1").await.unwrap_err();
        drop(database);
        plain.batch("DELETE FROM lockstep_ledger").await.unwrap();
    }
    // What was recorded under it is not begun anew.
    plain.batch("INSERT INTO lockstep_ledger SET version = 1, hash = '', step_name = '', state = 'executed', kind = 'forward',
        fence = 1, rows_done = 0, rows_written = 0, batches = 0, updated_at_ms = 0; DELETE FROM lockstep_meta").await.unwrap();
    let error = stand.database().claim(&owner("alpha")).await.unwrap_err();
    assert!(matches!(error, Error::DamagedLedger { .. }), "{error}");
}

#[tokio::test]
async fn the_other_kind_of_server_is_refused() {
    let stand = stand().await;
    let other = if stand.engine == Engine::Mysql { Engine::Mariadb } else { Engine::Mysql };
    let database = lockstep_database::connect(other, &stand.dsn).unwrap();
    let text = database.claim(&owner("alpha")).await.unwrap_err().to_string();
    let engine = stand.engine;
    assert!(
        text.contains(&format!("is {engine}")) && text.contains(&format!("set the engine to `{engine}`")),
        "{text}"
    );
}

#[tokio::test]
async fn a_server_that_takes_writes_is_not_followed() {
    let stand = stand().await;
    drop(stand.claimed().await);
    let error = stand.database().follow(&owner("replica")).await.unwrap_err();
    assert!(matches!(error, Error::NotReplica { .. }) && error.to_string().contains("read_only = 0"), "{error}");
}

#[tokio::test]
async fn missing_rights_are_named_with_what_to_grant() {
    let stand = stand().await;
    let plain = stand.users(1).await;
    let name = stand.dsn.rsplit('/').next().unwrap();
    let user = format!("limited_{name}");
    plain
        .batch(&format!("CREATE USER {user}@'127.0.0.1'; GRANT SELECT ON {name}.* TO {user}@'127.0.0.1'"))
        .await
        .unwrap();
    let dsn = stand.dsn.replace("root@", &format!("{user}@"));
    let limited = lockstep_database::connect(chosen(), &dsn).unwrap();
    let error = limited.claim(&owner("alpha")).await.unwrap_err();
    assert!(matches!(error, Error::NoPermission { .. }), "{error}");
    assert!(error.to_string().contains(&format!("GRANT ALL ON `{name}`.* TO")), "{error}");
    let remedies = async |database: &Arc<dyn lockstep_database::Database>| {
        let missing = database.missing_rights().await.unwrap();
        let obstacles = database.preflight(&conformance::locks::step(Vec::new()), &Default::default()).await;
        let of_rights = obstacles.iter().filter(|obstacle| obstacle.kind == "permission");
        assert_eq!(of_rights.cloned().collect::<Vec<_>>(), missing);
        missing.into_iter().map(|obstacle| obstacle.remedy).collect::<Vec<_>>()
    };
    let (all, process) = (
        format!("let an administrator run GRANT ALL ON `{name}`.* TO `{user}`@`127.0.0.1`"),
        format!("let an administrator run GRANT PROCESS ON *.* TO `{user}`@`127.0.0.1`"),
    );
    let locks = format!("let an administrator run GRANT SELECT ON performance_schema.* TO `{user}`@`127.0.0.1`");
    let is_mysql = stand.engine == Engine::Mysql;
    let of_server: Vec<String> = [process].into_iter().chain(is_mysql.then_some(locks)).collect();
    assert_eq!(remedies(&limited).await, [std::slice::from_ref(&all), &of_server].concat());
    // Rights come through roles, too; and the statements that are named help.
    let to = if is_mysql { "TO" } else { "FOR" };
    plain
        .batch(&format!(
            "CREATE ROLE owner_{name}; GRANT ALL ON {name}.* TO owner_{name}; GRANT owner_{name} TO {user}@'127.0.0.1';
             SET DEFAULT ROLE owner_{name} {to} {user}@'127.0.0.1'"
        ))
        .await
        .unwrap();
    let limited = lockstep_database::connect(chosen(), &dsn).unwrap();
    assert_eq!(remedies(&limited).await, of_server);
    assert_eq!(limited.health().await.sessions_lately, None, "whose sessions are not seen may be at work");
    plain.batch(&format!("DROP ROLE owner_{name}")).await.unwrap();
    let limited = lockstep_database::connect(chosen(), &dsn).unwrap();
    for remedy in of_server.iter().chain([&all]) {
        plain.batch(remedy.trim_start_matches("let an administrator run ")).await.unwrap();
    }
    assert_eq!(remedies(&limited).await, [""; 0]);
    // The rights that the handbook lists, and no more.
    let of_routines = if is_mysql { "SHOW_ROUTINE ON *.*" } else { "SELECT ON mysql.proc" };
    plain
        .batch(&format!(
            "GRANT ALL ON {name}.* TO {user}@'127.0.0.1'; GRANT PROCESS ON *.* TO {user}@'127.0.0.1';
             GRANT {of_routines} TO {user}@'127.0.0.1'"
        ))
        .await
        .unwrap();
    plain
        .batch("CREATE VIEW names AS SELECT name FROM users; CREATE FUNCTION one() RETURNS integer RETURN 1")
        .await
        .unwrap();
    let limited = lockstep_database::connect(chosen(), &dsn).unwrap();
    limited.claim(&owner("alpha")).await.unwrap();
    execute(&limited, &forward(1, statements(&["ALTER TABLE users ADD email text"]))).await.unwrap();
    let seen = limited.schema().await.unwrap();
    assert_eq!(seen, stand.database().schema().await.unwrap());
    assert!(limited.health().await.reachable);
}

#[tokio::test]
async fn keys_of_many_types_go_through_text_without_loss() {
    let stand = stand().await;
    let plain = stand.plain().await;
    // MySQL has no type for it.
    let uuid = if stand.engine == Engine::Mysql { "char(36)" } else { "uuid" };
    plain
        .batch(
            &"CREATE TABLE things (u uuid, at datetime(6), n decimal(20,9), big bigint unsigned, c char(4), b varbinary(9), d date,
                y year, o bit(7), touched integer NOT NULL DEFAULT 0, PRIMARY KEY (c, y, d, n, at, u, b, big, o));
             INSERT INTO things WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 300)
             SELECT UUID(), NOW(6) + INTERVAL i MICROSECOND, i / 7, 18446744073709551615 - i DIV 3, 'a b',
                UNHEX(LPAD(HEX(i MOD 5), 4, '0')), DATE '2024-02-29' + INTERVAL (i MOD 3) DAY, 2000 + i MOD 2, b'1000001', 0 FROM s"
                .replace("u uuid", &format!("u {uuid}")),
        )
        .await
        .unwrap();
    let fill = |key: &[&str]| Backfill {
        table: "`things`".to_owned(),
        key: key.iter().map(|&column| column.to_owned()).collect(),
        set: "touched = touched + 1".to_owned(),
        only_where: None,
        batch_rows_max: 9,
    };
    let database = stand.claimed().await;
    let key = ["c", "y", "d", "n", "at", "u", "b", "big", "o"];
    execute(&database, &forward(1, Action::Backfill(fill(&key)))).await.unwrap();
    assert_eq!(one_integer(&plain, "SELECT COUNT(*) FROM things WHERE touched = 1").await, 300);
    plain.batch("CREATE TABLE floats (f double NOT NULL PRIMARY KEY)").await.unwrap();
    let float = Backfill { table: "floats".to_owned(), set: "f = f".to_owned(), ..fill(&["f"]) };
    let error = execute(&database, &forward(2, Action::Backfill(float))).await.unwrap_err();
    assert!(matches!(error, Error::InvalidAction { .. }), "{error}");
}

/// What is read is what a revert runs.
#[tokio::test]
async fn defaults_checks_and_expressions_are_read_as_they_can_be_written() {
    let stand = stand().await;
    let plain = stand.plain().await;
    let text = r#"'it''s \ \n "x" \\n ä'"#;
    let expressions = [
        format!("a varchar(50) DEFAULT {text}"),
        format!("b int DEFAULT (length({text}))"),
        format!("c varchar(90) AS (concat(a, {text})) STORED"),
        "d varbinary(9) DEFAULT x'015c27'".to_owned(),
        "e bit(3) DEFAULT b'101'".to_owned(),
        "f varchar(9) DEFAULT 'b''1'".to_owned(),
        "g datetime(3) DEFAULT CURRENT_TIMESTAMP(3)".to_owned(),
        "h decimal(9,2) DEFAULT -1.5".to_owned(),
    ];
    let index = if stand.engine == Engine::Mysql {
        format!(", INDEX parts (f, (concat(a, {text})))")
    } else {
        String::new()
    };
    plain
        .batch(&format!("CREATE TABLE one ({}, CONSTRAINT k CHECK (a <> {text}){index})", expressions.join(", ")))
        .await
        .unwrap();
    let database = stand.claimed().await;
    let one = database.schema().await.unwrap().tables.remove("one").unwrap();
    let columns = one.columns.iter().map(|column| {
        let generated = column.generated.as_deref().map(|text| text.rsplit_once(' ').unwrap());
        let generated = generated.map(|(text, kept)| format!(" AS ({text}) {kept}")).unwrap_or_default();
        let default = column.default.as_deref().map(|text| format!(" DEFAULT {text}")).unwrap_or_default();
        format!("{} {}{generated}{default}", column.name, column.data_type)
    });
    let constraints =
        one.constraints.iter().map(|(name, constraint)| format!("CONSTRAINT {name} {}", constraint.definition));
    let indexes = one.indexes.values().map(|index| index.definition.clone());
    let parts: Vec<String> = columns.chain(constraints).chain(indexes).collect();
    let again = format!("CREATE TABLE two ({})", parts.join(", "));
    // Names of MySQL's checks belong to the whole database.
    plain.batch("DROP TABLE one").await.unwrap();
    plain.batch(&again).await.unwrap_or_else(|error| panic!("{again}: {error}"));
    let two = database.schema().await.unwrap().tables.remove("two").unwrap();
    assert_eq!(two, one);
}

#[tokio::test]
async fn a_password_shows_nowhere() {
    const SECRET: &str = "hunter2-very-secret";
    let server = tokio::task::spawn_blocking(server).await.unwrap();
    let free = local_server::free_port().unwrap();
    for dsn in [
        format!("mysql://agent:{SECRET}@127.0.0.1:{free}/shop"),
        format!("mysql://agent:{SECRET}@127.0.0.1:{}/no_such_database", server.port()),
        format!("mysql://agent:{SECRET}@127.0.0.1:notaport/shop"),
        format!("mysql://agent:{SECRET}@127.0.0.1/shop?unknown={SECRET}"),
        SECRET.to_owned(),
    ] {
        let text = match lockstep_database::connect(chosen(), &dsn) {
            Err(error) => format!("{error} {error:?}"),
            Ok(database) => {
                let error = database.claim(&owner("alpha")).await.unwrap_err();
                let health = database.health().await;
                let plain = plain::connect(chosen(), &dsn).await.unwrap_err();
                format!("{error} {error:?} {database:?} {health:?} {plain} {plain:?} {}", database.place())
            }
        };
        assert!(!text.contains(SECRET), "{text}");
    }
}

#[tokio::test]
async fn an_unreachable_database_is_named() {
    let free = local_server::free_port().unwrap();
    let database = lockstep_database::connect(chosen(), &format!("mysql://agent@127.0.0.1:{free}/shop")).unwrap();
    let error = database.claim(&owner("alpha")).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }) && error.retryable(), "{error}");
    assert!(error.to_string().contains(&format!("127.0.0.1:{free}/shop")), "{error}");
    assert!(!database.health().await.reachable);
}

#[tokio::test]
async fn a_newer_fence_stops_what_is_half_done() {
    let stand = stand().await;
    let plain = stand.users(1).await;
    let database = stand.claimed().await;
    let holder = stand.plain().await;
    holder.batch(stand.hold_users).await.unwrap();
    let mut running = Running::start(&database, &forward(1, statements(&["ALTER TABLE users ADD email text"])));
    running.progress.wait_for(|progress| !progress.blockers.is_empty()).await.unwrap();
    plain.execute("UPDATE lockstep_meta SET fence = 11", &[]).await.unwrap();
    holder.batch("COMMIT").await.unwrap();
    let error = running.result.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Fenced { stored: Fence(11), .. }), "{error}");
    assert_eq!(database.ledger().await.unwrap().head, Version(0));
}
