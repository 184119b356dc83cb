//! A PostgreSQL standby as the agent of a replica sees it: a real one, which streams from a server of its own.

use crate::conformance::locks::step;
use crate::conformance::{execute, forward, one_integer, owner, statements};
use lockstep_core::step::Action;
use lockstep_core::{Engine, Version};
use lockstep_database::local_postgres::{LocalPostgres, Settings};
use lockstep_database::{Database, Error, Limits, Owner, plain};
use std::path::Path;
use std::sync::Arc;

/// A primary with its claimed database, and its standby.
struct Pair {
    primary: Arc<dyn Database>,
    replica: Arc<dyn Database>,
    on_primary: plain::Connection,
    on_standby: plain::Connection,
    standby: LocalPostgres,
    server: LocalPostgres,
    _directory: tempfile::TempDir,
}

fn start(directory: &Path) -> (LocalPostgres, LocalPostgres) {
    let settings = Settings { fsync: false, connections_max: 50, ..Settings::default() };
    let server =
        LocalPostgres::start(&directory.join("primary"), &settings).unwrap_or_else(|error| panic!("{error}"));
    let standby =
        server.start_standby(&directory.join("standby"), &settings).unwrap_or_else(|error| panic!("{error}"));
    (server, standby)
}

async fn pair() -> Pair {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = directory.path().to_owned();
    let (server, standby) = tokio::task::spawn_blocking(move || start(&path)).await.unwrap();
    server.create_database("shop").await.unwrap();
    let on_primary = plain::connect(Engine::Postgres, &server.dsn("shop")).await.unwrap();
    on_primary.batch("CREATE TABLE users (id integer PRIMARY KEY, name text)").await.unwrap();
    let primary = lockstep_database::connect(Engine::Postgres, &server.dsn("shop")).unwrap();
    primary.claim(&owner("alpha")).await.unwrap();
    let on_standby = loop {
        // The database itself comes by replication.
        if let Ok(connection) = plain::connect(Engine::Postgres, &standby.dsn("shop")).await {
            break connection;
        }
    };
    let replica = lockstep_database::connect(Engine::Postgres, &standby.dsn("shop")).unwrap();
    let pair = Pair { primary, replica, on_primary, on_standby, standby, server, _directory: directory };
    pair.wait_until_replayed().await;
    pair
}

impl Pair {
    async fn wait_until_replayed(&self) {
        let rows = self.on_primary.query("SELECT pg_current_wal_lsn()::text", &[]).await.unwrap();
        let here = "SELECT (pg_last_wal_replay_lsn() >= $1::text::pg_lsn)::integer";
        while self.on_standby.query(here, &rows[0]).await.unwrap()[0][0].as_integer() != Some(1) {}
    }

    /// Waits until the standby has received, not replayed, what the primary has written.
    async fn wait_until_received(&self) {
        let rows = self.on_primary.query("SELECT pg_current_wal_lsn()::text", &[]).await.unwrap();
        let here = "SELECT (pg_last_wal_receive_lsn() >= $1::text::pg_lsn)::integer";
        while self.on_standby.query(here, &rows[0]).await.unwrap()[0][0].as_integer() != Some(1) {}
    }

    async fn lag_ms(&self) -> Option<u64> {
        self.replica.health().await.replication_lag_ms
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_shows_what_has_been_replayed_and_takes_nothing() {
    let pair = pair().await;
    assert_eq!(pair.replica.schema().await.unwrap(), pair.primary.schema().await.unwrap());
    let before = pair.replica.ledger().await.unwrap();
    assert_eq!(before, pair.primary.ledger().await.unwrap());

    assert_eq!(pair.replica.follow(&owner("replica")).await.unwrap(), before);
    let second = lockstep_database::connect(Engine::Postgres, &pair.standby.dsn("shop")).unwrap();
    let error = second.follow(&owner("second")).await.unwrap_err();
    assert!(matches!(error, Error::Claimed { .. }), "{error}");
    let stranger = Owner { cluster_id: "cluster-two".to_owned(), ..owner("replica") };
    assert!(matches!(pair.replica.follow(&stranger).await, Err(Error::ForeignLedger { .. })));

    let error = pair.replica.claim(&owner("replica")).await.unwrap_err();
    assert!(matches!(error, Error::ReadOnly { .. }), "{error}");
    let error = execute(&pair.replica, &forward(1, Action::Nothing)).await.unwrap_err();
    assert!(matches!(error, Error::NotClaimed { .. }), "{error}");
    let obstacles = pair.replica.preflight(&step(Vec::new()), &Limits::default()).await;
    assert_eq!(obstacles.iter().map(|obstacle| obstacle.kind.as_str()).collect::<Vec<_>>(), ["read_only"]);

    pair.on_standby.batch("SELECT pg_wal_replay_pause()").await.unwrap();
    let add = forward(1, statements(&["ALTER TABLE users ADD email text"]));
    execute(&pair.primary, &add).await.unwrap();
    pair.wait_until_received().await;
    assert_eq!(pair.replica.ledger().await.unwrap(), before, "the row has not arrived");
    pair.on_standby.batch("SELECT pg_wal_replay_resume()").await.unwrap();
    pair.wait_until_replayed().await;
    assert_eq!(pair.replica.ledger().await.unwrap().head, Version(1));
    assert_eq!(pair.replica.ledger_rows(Version(0), 10).await.unwrap().len(), 1);
    assert_eq!(pair.replica.schema().await.unwrap(), pair.primary.schema().await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_was_promoted_is_not_followed() {
    let pair = pair().await;
    pair.replica.follow(&owner("replica")).await.unwrap();
    pair.on_standby.query("SELECT pg_promote()", &[]).await.unwrap();
    let error = pair.replica.follow(&owner("replica")).await.unwrap_err();
    assert!(matches!(error, Error::NotReplica { .. }), "{error}");
    let error = pair.primary.follow(&owner("alpha")).await.unwrap_err();
    assert!(matches!(error, Error::NotReplica { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_is_behind_only_with_what_its_primary_has_written() {
    let mut pair = pair().await;
    assert_eq!(pair.primary.health().await.replication_lag_ms, None, "a primary has no lag");
    // However long ago its last transaction was.
    let long_ago = "SELECT (clock_timestamp() > pg_last_xact_replay_timestamp() + interval '100 ms')::integer";
    while one_integer(&pair.on_standby, long_ago).await == 0 {}
    assert_eq!(pair.lag_ms().await, Some(0), "an idle primary is no lag");

    pair.on_standby.batch("SELECT pg_wal_replay_pause()").await.unwrap();
    pair.on_primary.batch("INSERT INTO users VALUES (1, 'one')").await.unwrap();
    pair.wait_until_received().await;
    while pair.lag_ms().await.is_none_or(|lag| lag < 100) {}
    pair.on_standby.batch("SELECT pg_wal_replay_resume()").await.unwrap();
    while pair.lag_ms().await != Some(0) {}

    // Without its primary it receives nothing, and nobody knows what it lacks.
    let server = &mut pair.server;
    tokio::task::block_in_place(|| server.crash());
    while pair.lag_ms().await == Some(0) {}
    assert!(pair.replica.health().await.reachable);
    let server = &mut pair.server;
    tokio::task::block_in_place(|| server.restart()).unwrap();
    while pair.lag_ms().await != Some(0) {}

    let standby = &mut pair.standby;
    tokio::task::block_in_place(|| standby.crash());
    assert!(!pair.replica.health().await.reachable);
    tokio::task::block_in_place(|| standby.restart()).unwrap();
    while pair.lag_ms().await != Some(0) {}
}
