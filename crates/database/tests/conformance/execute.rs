//! Executing and reverting.

use super::{Stand, execute, forward, one_integer, revert, statements};
use lockstep_core::step::{Action, Assertion};
use lockstep_core::{Fence, Version};
use lockstep_database::ledger::State;
use lockstep_database::{Error, Job, Outcome};

const ADD_EMAIL: &str = "ALTER TABLE users ADD COLUMN email text";
const DROP_EMAIL: &str = "ALTER TABLE users DROP COLUMN email";

pub(crate) async fn a_version_takes_effect_once_however_often_it_is_asked_for(stand: Stand) {
    let plain = stand.users(3).await;
    let job = forward(1, statements(&["UPDATE users SET touched = touched + 1"]));
    let database = stand.claimed().await;
    execute(&database, &job).await.unwrap();
    execute(&database, &job).await.unwrap();
    // An agent that crashed before it could report asks again with everything forgotten.
    drop(database);
    execute(&stand.claimed().await, &job).await.unwrap();
    assert_eq!(one_integer(&plain, "SELECT sum(touched) FROM users").await, 3);
}

pub(crate) async fn a_stale_fence_is_refused_and_the_fence_never_goes_down(stand: Stand) {
    let plain = stand.users(1).await;
    let database = stand.claimed().await;
    execute(&database, &forward(1, Action::Nothing)).await.unwrap();
    let stale = Job { fence: Fence(9), ..forward(2, statements(&[ADD_EMAIL])) };
    let before = database.schema().await.unwrap();
    let error = execute(&database, &stale).await.unwrap_err();
    assert!(matches!(error, Error::Fenced { stored: Fence(10), offered: Fence(9), .. }), "{error}");
    assert!(!error.retryable());
    assert_eq!(database.schema().await.unwrap(), before);
    // Not even by hand.
    let lowered = plain.execute(&format!("UPDATE {} SET fence = 9", stand.meta), &[]).await.unwrap_err();
    assert!(lowered.to_string().contains("a fence never goes down"), "{lowered}");
    assert_eq!(database.ledger().await.unwrap().fence, Fence(10));
}

pub(crate) async fn a_version_on_another_base_is_refused(stand: Stand) {
    let _plain = stand.users(1).await;
    let database = stand.claimed().await;
    let error = execute(&database, &forward(3, statements(&[ADD_EMAIL]))).await.unwrap_err();
    let Error::BaseMismatch { base: Version(2), head: Version(0), .. } = error else { panic!("{error}") };
    // A version between may have been reverted: what counts is the base, not the number before.
    let job = Job { base: Version(0), ..forward(3, statements(&[ADD_EMAIL])) };
    execute(&database, &job).await.unwrap();
    let ledger = database.ledger().await.unwrap();
    assert_eq!((ledger.head, ledger.head_hash.as_str()), (Version(3), "hash-3"));
}

pub(crate) async fn a_failed_transaction_leaves_no_trace(stand: Stand) {
    let plain = stand.users(1).await;
    let database = stand.claimed().await;
    let before = database.schema().await.unwrap();
    let first = if stand.ddl_commits() { "UPDATE users SET touched = 7" } else { ADD_EMAIL };
    let error =
        execute(&database, &forward(1, statements(&[first, "UPDATE nowhere SET a = 1"]))).await.unwrap_err();
    assert!(error.to_string().contains("nowhere"), "{error}");
    assert_eq!((error.outcome(), error.retryable()), (Outcome::Failed, false));
    assert_eq!(database.schema().await.unwrap().fingerprint(), before.fingerprint());
    assert_eq!(database.ledger_rows(Version(0), 10).await.unwrap(), []);
    assert_eq!(database.ledger().await.unwrap().fence, Fence(0));
    assert_eq!(one_integer(&plain, "SELECT count(*) FROM users WHERE touched = 7").await, 0);
}

pub(crate) async fn a_revert_restores_the_fingerprint(stand: Stand) {
    let _plain = stand.users(1).await;
    let database = stand.claimed().await;
    let before = database.schema().await.unwrap();
    let add = format!("ALTER TABLE users ADD COLUMN email {}", stand.key_text());
    let forward_job = forward(1, statements(&[&add, "CREATE UNIQUE INDEX users_by_email ON users (email)"]));
    execute(&database, &forward_job).await.unwrap();
    assert_ne!(database.schema().await.unwrap().fingerprint(), before.fingerprint());
    let revert_job = revert(1, statements(&[&stand.drop_index("users_by_email"), DROP_EMAIL]));
    execute(&database, &revert_job).await.unwrap();
    assert_eq!(database.schema().await.unwrap().diff(&before), Vec::<String>::new());
    assert_eq!(database.schema().await.unwrap().fingerprint(), before.fingerprint());
    let ledger = database.ledger().await.unwrap();
    assert_eq!((ledger.head, ledger.fence), (Version(0), Fence(11)));
    execute(&database, &revert_job).await.unwrap();
    // The fence has passed, and the version is over for good.
    assert!(matches!(execute(&database, &forward_job).await, Err(Error::Fenced { .. })));
    let late = Job { fence: Fence(99), ..forward_job };
    assert!(matches!(execute(&database, &late).await, Err(Error::AlreadyReverted { .. })));
}

pub(crate) async fn forward_back_and_forward_again(stand: Stand) {
    let _plain = stand.users(1).await;
    let database = stand.claimed().await;
    execute(&database, &forward(1, statements(&[ADD_EMAIL]))).await.unwrap();
    let there = database.schema().await.unwrap().fingerprint();
    execute(&database, &revert(1, statements(&[DROP_EMAIL]))).await.unwrap();
    execute(&database, &Job { base: Version(0), ..forward(2, statements(&[ADD_EMAIL])) }).await.unwrap();
    assert_eq!(database.schema().await.unwrap().fingerprint(), there);
}

pub(crate) async fn reverting_what_was_never_executed_is_recorded(stand: Stand) {
    let _plain = stand.users(1).await;
    let database = stand.claimed().await;
    execute(&database, &revert(1, statements(&[DROP_EMAIL]))).await.unwrap();
    let rows = database.ledger_rows(Version(0), 10).await.unwrap();
    assert_eq!((rows[0].state, rows[0].fence), (State::Reverted, Fence(11)));
    let late = execute(&database, &forward(1, statements(&[ADD_EMAIL]))).await.unwrap_err();
    assert!(matches!(late, Error::Fenced { .. }), "{late}");
}

pub(crate) async fn a_version_under_a_newer_one_is_not_reverted(stand: Stand) {
    let _plain = stand.users(1).await;
    let database = stand.claimed().await;
    execute(&database, &forward(1, statements(&[ADD_EMAIL]))).await.unwrap();
    execute(&database, &forward(2, Action::Nothing)).await.unwrap();
    let job = Job { fence: Fence(50), ..revert(1, statements(&[DROP_EMAIL])) };
    let error = execute(&database, &job).await.unwrap_err();
    assert!(matches!(error, Error::NotHead { head: Version(2), .. }), "{error}");
}

pub(crate) async fn another_step_under_the_same_version_is_refused(stand: Stand) {
    let _plain = stand.users(1).await;
    let database = stand.claimed().await;
    execute(&database, &forward(1, Action::Nothing)).await.unwrap();
    let other = Job { hash: "other".to_owned(), ..forward(1, statements(&[ADD_EMAIL])) };
    assert!(matches!(execute(&database, &other).await, Err(Error::HashMismatch { .. })));
}

pub(crate) async fn assertions_show_the_offending_rows(stand: Stand) {
    let plain = stand.users(2).await;
    let database = stand.claimed().await;
    let assertions = vec![Assertion {
        name: "every name is short".to_owned(),
        violations_query: "SELECT id, name FROM users WHERE length(name) > 5 ORDER BY id".to_owned(),
    }];
    let job = forward(1, Action::Assert { assertions });
    let error = execute(&database, &job).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("every name is short") && text.contains("id=1") && text.contains("Name 2"), "{text}");
    assert_eq!(database.ledger().await.unwrap().head, Version(0));
    plain.batch("UPDATE users SET name = 'A'").await.unwrap();
    execute(&database, &job).await.unwrap();
    assert_eq!(database.ledger().await.unwrap().head, Version(1));
}

pub(crate) async fn an_assertion_that_writes_is_refused(stand: Stand) {
    let plain = stand.users(2).await;
    let database = stand.claimed().await;
    let assertion = |sql: &str| {
        let assertion = Assertion { name: "nothing".to_owned(), violations_query: sql.to_owned() };
        forward(1, Action::Assert { assertions: vec![assertion] })
    };
    for sql in ["DELETE FROM users", "SELECT 1 WHERE 1 = 0; DELETE FROM users"] {
        let error = execute(&database, &assertion(sql)).await.unwrap_err();
        assert!(matches!(error, Error::Statement { .. }), "{sql}: {error}");
    }
    assert_eq!(one_integer(&plain, "SELECT count(*) FROM users").await, 2);
}

pub(crate) async fn statements_outside_of_a_transaction_go_on_where_they_stopped(stand: Stand) {
    let plain = stand.users(1).await;
    let database = stand.claimed().await;
    let alone = Action::Statements {
        statements: vec![
            "UPDATE users SET touched = touched + 1".to_owned(),
            "UPDATE missing SET a = 1".to_owned(),
        ],
        transactional: false,
    };
    let job = forward(1, alone);
    execute(&database, &job).await.unwrap_err();
    let claimed = database.ledger().await.unwrap().claimed.unwrap();
    assert_eq!((claimed.version, claimed.state), (Version(1), State::Claimed));
    plain.batch("CREATE TABLE missing (a integer)").await.unwrap();
    execute(&database, &job).await.unwrap();
    assert_eq!(one_integer(&plain, "SELECT touched FROM users").await, 1);
    let ledger = database.ledger().await.unwrap();
    assert_eq!((ledger.head, ledger.claimed), (Version(1), None));
}

pub(crate) async fn a_half_done_version_stops_others_until_it_is_reverted(stand: Stand) {
    let _plain = stand.users(1).await;
    let database = stand.claimed().await;
    let before = database.schema().await.unwrap();
    let alone = |sql: &[&str]| Action::Statements {
        statements: sql.iter().map(|&sql| sql.to_owned()).collect(),
        transactional: false,
    };
    let half = alone(&["CREATE INDEX users_by_name ON users (name)", "CREATE INDEX broken ON missing (a)"]);
    execute(&database, &forward(1, half)).await.unwrap_err();
    let other = Job { base: Version(0), ..forward(2, Action::Nothing) };
    let error = execute(&database, &other).await.unwrap_err();
    assert!(matches!(error, Error::HalfDone { claimed: Version(1), .. }), "{error}");
    // The second index was never made: undoing it is nothing to do.
    let undo = alone(&[&stand.drop_index("broken"), &stand.drop_index("users_by_name")]);
    execute(&database, &revert(1, undo)).await.unwrap();
    assert_eq!(database.schema().await.unwrap().diff(&before), Vec::<String>::new());
    execute(&database, &other).await.unwrap();
}

pub(crate) async fn transaction_control_and_joined_statements_are_refused(stand: Stand) {
    let plain = stand.users(1).await;
    let database = stand.claimed().await;
    for sql in
        ["COMMIT", "/* so */ rollback", "UPDATE users SET touched = 1; COMMIT", "SELECT 1; DELETE FROM users"]
    {
        execute(&database, &forward(1, statements(&["UPDATE users SET touched = 2", sql]))).await.unwrap_err();
        assert_eq!(one_integer(&plain, "SELECT touched FROM users").await, 0, "{sql}");
        assert_eq!(database.ledger().await.unwrap().fence, Fence(0), "{sql}");
    }
}

pub(crate) async fn hostile_names_are_only_names(stand: Stand) {
    let plain = stand.plain().await;
    let (table, key) = (&stand.quoted(r#"t"; DROP `TABLE` x; --"#), r#"k'"$1 ключ"#);
    let (quoted_key, column) = (stand.quoted(key), &stand.quoted("select * ✓"));
    plain.batch(&format!("CREATE TABLE {table} ({quoted_key} integer PRIMARY KEY, {column} text)")).await.unwrap();
    plain.batch(&format!("INSERT INTO {table} VALUES (1, 'a'), (2, 'b')")).await.unwrap();
    let database = stand.claimed().await;
    let schema = database.schema().await.unwrap();
    let found = schema.tables.values().next().unwrap();
    assert_eq!(found.columns[0].name, key);
    assert!(schema.diff(&Default::default()).iter().any(|line| line.contains(key)));
    let fill = Action::Backfill(lockstep_core::step::Backfill {
        table: table.clone(),
        key: vec![key.to_owned()],
        set: format!("{column} = 'it''s'"),
        only_where: None,
        batch_rows_max: 1,
    });
    let mut job = forward(1, fill);
    job.step_name = "'; DROP TABLE users; --".to_owned();
    execute(&database, &job).await.unwrap();
    let filled = one_integer(&plain, &format!("SELECT count(*) FROM {table} WHERE {column} = 'it''s'")).await;
    assert_eq!(filled, 2);
}

pub(crate) async fn the_ledger_is_read_in_pages(stand: Stand) {
    let database = stand.claimed().await;
    for version in 1..=5 {
        execute(&database, &forward(version, Action::Nothing)).await.unwrap();
    }
    let page = database.ledger_rows(Version(1), 2).await.unwrap();
    let versions: Vec<u64> = page.iter().map(|row| row.version.0).collect();
    assert_eq!(versions, [2, 3]);
    assert!(page.iter().all(|row| row.state == State::Executed && row.updated_at_ms > 1_600_000_000_000));
    assert_eq!(database.ledger().await.unwrap().head, Version(5));
}
