//! Introspection, fingerprints, differences.

use super::Stand;
use lockstep_core::Engine;

const BASE: &str = "
    CREATE TABLE teams (id integer PRIMARY KEY, title text NOT NULL);
    CREATE TABLE users (id integer PRIMARY KEY, name text NOT NULL, team integer REFERENCES teams (id), age integer);
    CREATE INDEX users_by_name ON users (name);
    CREATE VIEW adults AS SELECT id, name FROM users WHERE id >= 18;";

pub(crate) async fn equal_schemas_have_equal_fingerprints(stand: Stand) {
    let plain = stand.plain().await;
    let database = stand.database();
    // In one go.
    plain
        .batch(
            "CREATE TABLE users (id integer PRIMARY KEY, name text NOT NULL DEFAULT 'x', email text, UNIQUE (email));
             CREATE INDEX users_by_name ON users (name) WHERE name <> '';",
        )
        .await
        .unwrap();
    let whole = database.schema().await.unwrap();
    plain.batch("DROP TABLE users").await.unwrap();
    // Piece by piece, with other spelling, detours and data.
    let steps = match stand.engine {
        Engine::Sqlite => {
            "create table people(\"id\" INTEGER -- the key\n primary key, name TEXT not null default 'x', email text unique);
             alter table people rename to users;"
        }
        Engine::Postgres => {
            "create table people(\"id\" int /* the key */ primary key, email2 text, name text);
             alter table people drop column email2; alter table people alter name set not null;
             alter table people alter name set default 'x'; alter table people add email text;
             alter table people rename to users; alter index people_pkey rename to users_pkey;
             alter table users add unique (email);"
        }
        other => unreachable!("no stand of {other} yet"),
    };
    plain.batch(steps).await.unwrap();
    plain
        .batch(
            "insert into users (id) values (1); alter table users add column tmp integer;
             create index users_by_name on users(NAME)   where name<>''; alter table users drop column tmp;",
        )
        .await
        .unwrap();
    let pieces = database.schema().await.unwrap();
    assert_eq!(pieces.diff(&whole), Vec::<String>::new());
    assert_eq!(pieces.fingerprint(), whole.fingerprint());
}

/// Each is one kind of change, and the name that a difference must show.
fn changes(engine: Engine) -> Vec<(&'static str, &'static str)> {
    let mut changes = vec![
        ("CREATE TABLE extra (a integer)", "table"),
        ("ALTER TABLE users ADD COLUMN email text", "email"),
        ("ALTER TABLE users ADD COLUMN points integer NOT NULL DEFAULT 0", "points"),
        ("ALTER TABLE users RENAME COLUMN age TO years", "years"),
        ("ALTER TABLE teams RENAME TO groups", "groups"),
        ("CREATE INDEX users_by_age ON users (age)", "users_by_age"),
        ("CREATE INDEX users_by_part ON users (age) WHERE age > 3", "users_by_part"),
        ("DROP INDEX users_by_name", "users_by_name"),
        ("DROP VIEW adults", "adults"),
        ("CREATE VIEW all_users AS SELECT * FROM users", "all_users"),
    ];
    changes.extend(match engine {
        Engine::Sqlite => SQLITE_CHANGES,
        Engine::Postgres => POSTGRES_CHANGES,
        other => unreachable!("no stand of {other} yet"),
    });
    changes
}

const SQLITE_CHANGES: &[(&str, &str)] = &[
    ("CREATE TRIGGER keep AFTER UPDATE ON users BEGIN SELECT 1; END", "keep"),
    ("CREATE TRIGGER into_view INSTEAD OF INSERT ON adults BEGIN SELECT 1; END", "into_view"),
    ("CREATE TABLE checked (a integer CHECK (a > 1))", "a > 1"),
    ("CREATE TABLE plain_text (a text COLLATE NOCASE)", "nocase"),
    ("CREATE TABLE computed (a integer, b integer GENERATED ALWAYS AS (a * 2) STORED)", "a * 2"),
    ("CREATE TABLE exact (a integer) STRICT", "strict"),
    ("CREATE TABLE narrow (a integer PRIMARY KEY) WITHOUT ROWID", "without rowid"),
    ("CREATE TABLE counted (a integer PRIMARY KEY AUTOINCREMENT)", "autoincrement"),
    ("CREATE TABLE child (a integer REFERENCES teams (id) ON DELETE CASCADE)", "cascade"),
    ("CREATE TABLE later (a integer REFERENCES teams (id) DEFERRABLE INITIALLY DEFERRED)", "initially deferred"),
    ("CREATE TABLE pairs (a integer, b integer, UNIQUE (a, b))", "unique (a, b)"),
];

const POSTGRES_CHANGES: &[(&str, &str)] = &[
    ("ALTER TABLE users ALTER COLUMN age TYPE bigint", "bigint"),
    ("ALTER TABLE users ALTER COLUMN age SET NOT NULL", "not null"),
    ("ALTER TABLE users ALTER COLUMN name DROP NOT NULL", "name"),
    ("ALTER TABLE users ALTER COLUMN age SET DEFAULT 7", "default 7"),
    ("ALTER TABLE users ADD CONSTRAINT grown CHECK (age > 1)", "grown"),
    ("ALTER TABLE users ADD CONSTRAINT grown CHECK (age > 1) NOT VALID", "NOT VALID"),
    ("ALTER TABLE users ADD CONSTRAINT one_name UNIQUE (name)", "one_name"),
    ("ALTER TABLE users DROP CONSTRAINT users_team_fkey", "users_team_fkey"),
    ("ALTER TABLE users DROP CONSTRAINT users_pkey", "users_pkey"),
    ("ALTER TABLE users ADD COLUMN double bigint GENERATED ALWAYS AS (age * 2) STORED", "generated"),
    ("ALTER TABLE users ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY", "identity always"),
    ("ALTER TABLE users ENABLE ROW LEVEL SECURITY", "row security"),
    ("CREATE POLICY mine ON users USING (age > 1)", "policy mine"),
    ("CREATE FUNCTION one() RETURNS integer LANGUAGE sql AS 'SELECT 1'", "one()"),
    (
        "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
         CREATE TRIGGER keeper BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION keep()",
        "trigger keeper",
    ),
    ("CREATE SEQUENCE numbers INCREMENT BY 5", "numbers"),
    ("CREATE TYPE mood AS ENUM ('good', 'bad')", "mood"),
    ("CREATE DOMAIN percent AS integer CHECK (VALUE <= 100)", "percent"),
    ("CREATE TYPE point2 AS (x integer, y integer)", "point2"),
    ("CREATE MATERIALIZED VIEW kept AS SELECT id FROM users", "kept"),
    ("CREATE SCHEMA side", "schema side"),
    ("CREATE TABLE ranges (a integer) PARTITION BY RANGE (a)", "partition by"),
    ("CREATE UNLOGGED TABLE fast (a integer)", "unlogged"),
    ("CREATE STATISTICS both_columns ON name, age FROM users", "both_columns"),
    ("CREATE RULE nothing AS ON DELETE TO users DO INSTEAD NOTHING", "nothing"),
];

pub(crate) async fn every_kind_of_change_shows(stand: Stand) {
    let plain = stand.plain().await;
    let database = stand.database();
    plain.batch(BASE).await.unwrap();
    let base = database.schema().await.unwrap();
    for (change, name) in changes(stand.engine) {
        plain.batch(change).await.unwrap_or_else(|error| panic!("{change}: {error}"));
        let changed = database.schema().await.unwrap();
        assert_ne!(changed.fingerprint(), base.fingerprint(), "{change}");
        let difference = changed.diff(&base).join("\n");
        assert!(difference.to_lowercase().contains(&name.to_lowercase()), "{change}: {difference}");
        wipe(&plain, stand.engine).await;
        plain.batch(BASE).await.unwrap();
        assert_eq!(database.schema().await.unwrap().diff(&base), Vec::<String>::new(), "{change}");
    }
}

async fn wipe(plain: &lockstep_database::plain::Connection, engine: Engine) {
    if engine == Engine::Postgres {
        let all = "DROP SCHEMA public CASCADE; CREATE SCHEMA public; DROP SCHEMA IF EXISTS side";
        return plain.batch(all).await.unwrap();
    }
    plain.batch("PRAGMA foreign_keys = off").await.unwrap();
    for kind in ["view", "table"] {
        let sql = format!(
            "SELECT name FROM sqlite_schema WHERE type = '{kind}' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        );
        for row in plain.query(&sql, &[]).await.unwrap() {
            plain.batch(&format!("DROP {kind} \"{}\"", row[0].as_text().unwrap())).await.unwrap();
        }
    }
}

pub(crate) async fn lockstep_itself_does_not_show(stand: Stand) {
    let plain = stand.plain().await;
    plain.batch(BASE).await.unwrap();
    let before = stand.database().schema().await.unwrap();
    let database = stand.claimed().await;
    assert_eq!(database.schema().await.unwrap(), before);
    assert!(database.health().await.reachable);
}

pub(crate) async fn sizes_are_told_without_counting(stand: Stand) {
    const ROWS: u32 = 500;
    let plain = stand.users(ROWS).await;
    plain.batch("CREATE TABLE \"no \"\"rows\" (id integer PRIMARY KEY)").await.unwrap();
    let database = stand.claimed().await;
    let (users, empty) = match stand.engine {
        Engine::Sqlite => ("users", "no \"rows"),
        Engine::Postgres => ("public.users", "public.\"no \"\"rows\""),
        other => unreachable!("no stand of {other} yet"),
    };
    // Nobody has counted yet: a table that is not empty must not look so.
    let sizes = database.sizes().await.unwrap();
    assert!(sizes.tables[users].rows >= 1, "{sizes:?}");
    assert_eq!(sizes.tables[empty].rows, 0, "{sizes:?}");
    plain.batch("ANALYZE").await.unwrap();
    let sizes = database.sizes().await.unwrap();
    assert_eq!(sizes.tables[users].rows, u64::from(ROWS), "{sizes:?}");
    assert_eq!(sizes.tables.len(), 2, "neither Lockstep's own nor the engine's: {sizes:?}");
    assert!(sizes.engine_version >= 3, "{sizes:?}");
    let schema = database.schema().await.unwrap();
    assert!(sizes.tables.keys().all(|table| schema.tables.contains_key(table)), "{sizes:?}");
}
