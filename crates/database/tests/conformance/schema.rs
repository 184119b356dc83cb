//! Introspection, fingerprints, differences.

use super::Stand;
use lockstep_core::Engine;

fn base(engine: Engine) -> String {
    let is_mysql = matches!(engine, Engine::Mariadb | Engine::Mysql);
    let text = if is_mysql { "varchar(50)" } else { "text" };
    // There a foreign key that stands with its column is read over.
    let (column, table) = match is_mysql {
        true => ("", ", CONSTRAINT users_of_team FOREIGN KEY (team) REFERENCES teams (id)"),
        false => ("REFERENCES teams (id)", ""),
    };
    format!(
        "CREATE TABLE teams (id integer PRIMARY KEY, title {text} NOT NULL);
         CREATE TABLE users (id integer PRIMARY KEY, name {text} NOT NULL, team integer {column}, age integer {table});
         CREATE INDEX users_by_name ON users (name);
         CREATE VIEW adults AS SELECT id, name FROM users WHERE id >= 18;"
    )
}

pub(crate) async fn equal_schemas_have_equal_fingerprints(stand: Stand) {
    let plain = stand.plain().await;
    let database = stand.database();
    // In one go.
    let (text, only) = match stand.engine {
        // Whole texts are no keys there, and parts of tables no indexes.
        Engine::Mariadb | Engine::Mysql => ("varchar(50)", ""),
        _ => ("text", "WHERE name <> ''"),
    };
    plain
        .batch(&format!(
            "CREATE TABLE users (id integer PRIMARY KEY, name {text} NOT NULL DEFAULT 'x', email {text}, UNIQUE (email));
             CREATE INDEX users_by_name ON users (name) {only};",
        ))
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
        Engine::Mariadb | Engine::Mysql => {
            "create table people(`id` int /* the key */ primary key, email2 text, name varchar(9)) default charset=latin1;
             alter table people drop column email2, convert to character set utf8mb4;
             alter table people modify name VARCHAR(50) not null; alter table people alter name set default 'x';
             alter table people add email varchar(50) null default null; rename table people to users;
             alter table users add unique (email);"
        }
    };
    plain.batch(steps).await.unwrap();
    plain
        .batch(&format!(
            "insert into users (id) values (1); alter table users add column tmp integer;
             create index users_by_name on users(NAME)   {}; alter table users drop column tmp;",
            only.to_lowercase()
        ))
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
        ("ALTER TABLE teams RENAME TO crews", "crews"),
        ("CREATE INDEX users_by_age ON users (age)", "users_by_age"),
        ("DROP VIEW adults", "adults"),
        ("CREATE VIEW all_users AS SELECT * FROM users", "all_users"),
    ];
    changes.extend(match engine {
        Engine::Sqlite => SQLITE_CHANGES,
        Engine::Postgres => POSTGRES_CHANGES,
        Engine::Mariadb => MARIADB_CHANGES,
        Engine::Mysql => MYSQL_CHANGES,
    });
    changes
}

const SQLITE_CHANGES: &[(&str, &str)] = &[
    ("CREATE INDEX users_by_part ON users (age) WHERE age > 3", "users_by_part"),
    ("DROP INDEX users_by_name", "users_by_name"),
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
    ("CREATE INDEX users_by_part ON users (age) WHERE age > 3", "users_by_part"),
    ("DROP INDEX users_by_name", "users_by_name"),
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

const MARIADB_CHANGES: &[(&str, &str)] = &[
    ("DROP INDEX users_by_name ON users", "users_by_name"),
    ("CREATE INDEX users_by_start ON users (name(10), age DESC)", "(`name`(10), `age` DESC)"),
    ("CREATE UNIQUE INDEX one_name ON users (name(20))", "UNIQUE KEY `one_name`"),
    ("CREATE FULLTEXT INDEX words ON users (name)", "FULLTEXT KEY `words`"),
    ("ALTER TABLE users ALTER INDEX users_by_name IGNORED", "IGNORED"),
    ("ALTER TABLE users MODIFY age bigint", "bigint"),
    ("ALTER TABLE users MODIFY age integer unsigned", "unsigned"),
    ("ALTER TABLE users MODIFY age integer NOT NULL", "not null"),
    ("ALTER TABLE users ALTER age SET DEFAULT 7", "default 7"),
    ("ALTER TABLE users ALTER name SET DEFAULT 'it''s'", "default 'it''s'"),
    ("ALTER TABLE users MODIFY name varchar(50) COLLATE utf8mb4_bin NOT NULL", "collate utf8mb4_bin"),
    ("ALTER TABLE users MODIFY name varchar(50) CHARACTER SET latin1 NOT NULL", "collate latin1_swedish_ci"),
    ("ALTER TABLE users ADD changed timestamp NULL ON UPDATE current_timestamp", "on update current_timestamp()"),
    ("ALTER TABLE users ADD twice bigint AS (age * 2) STORED", "generated `age` * 2 stored"),
    ("ALTER TABLE users ADD twice bigint AS (age * 2) VIRTUAL", "virtual"),
    ("ALTER TABLE users MODIFY age integer INVISIBLE", "invisible"),
    ("ALTER TABLE users DROP FOREIGN KEY users_of_team, DROP INDEX users_of_team", "users_of_team"),
    ("ALTER TABLE users ADD CONSTRAINT grown CHECK (age > 1)", "CHECK (`age` > 1)"),
    ("ALTER TABLE users ADD points integer CHECK (points > 1)", "check (`points` > 1)"),
    ("ALTER TABLE users DROP PRIMARY KEY", "PRIMARY"),
    ("CREATE TABLE counted (a integer AUTO_INCREMENT PRIMARY KEY)", "auto_increment"),
    (
        "CREATE TABLE child (a integer, FOREIGN KEY (a) REFERENCES teams (id) ON DELETE CASCADE)",
        "on delete cascade",
    ),
    ("ALTER TABLE users COLLATE utf8mb4_bin", "collation utf8mb4_bin"),
    ("CREATE TABLE fast (a integer) ENGINE = Aria", "engine Aria"),
    ("ALTER TABLE users ROW_FORMAT = COMPACT", "row_format=COMPACT"),
    ("CREATE TABLE ranges (a integer) PARTITION BY HASH (a) PARTITIONS 3", "partition by hash"),
    ("CREATE TABLE kept (a integer) WITH SYSTEM VERSIONING", "versioning system"),
    ("CREATE TRIGGER keep BEFORE INSERT ON users FOR EACH ROW SET new.age = 1", "BEFORE INSERT FOR EACH ROW SET"),
    ("CREATE FUNCTION one() RETURNS integer RETURN 1", "function one"),
    ("CREATE PROCEDURE nothing() BEGIN SELECT 1; SELECT 2; END", "procedure nothing"),
    ("CREATE SEQUENCE numbers INCREMENT BY 5", "sequence numbers"),
    ("CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM users", "event nightly"),
    ("CREATE OR REPLACE SQL SECURITY INVOKER VIEW adults AS SELECT id FROM users", "SQL SECURITY INVOKER"),
];

const MYSQL_CHANGES: &[(&str, &str)] = &[
    ("DROP INDEX users_by_name ON users", "users_by_name"),
    ("CREATE INDEX users_by_start ON users (name(10), age DESC)", "(`name`(10), `age` DESC)"),
    ("CREATE INDEX users_by_lower ON users ((lower(name)))", "lower(`name`)"),
    ("CREATE UNIQUE INDEX one_name ON users (name(20))", "UNIQUE KEY `one_name`"),
    ("CREATE FULLTEXT INDEX words ON users (name)", "FULLTEXT KEY `words`"),
    ("ALTER TABLE users ALTER INDEX users_by_name INVISIBLE", "INVISIBLE"),
    ("ALTER TABLE users MODIFY age bigint", "bigint"),
    ("ALTER TABLE users MODIFY age integer unsigned", "unsigned"),
    ("ALTER TABLE users MODIFY age integer NOT NULL", "not null"),
    ("ALTER TABLE users ALTER age SET DEFAULT 7", "default '7'"),
    ("ALTER TABLE users ALTER name SET DEFAULT 'it''s'", "default 'it''s'"),
    ("ALTER TABLE users ALTER name SET DEFAULT (concat('it''s', 1))", "default (concat("),
    ("ALTER TABLE users MODIFY name varchar(50) COLLATE utf8mb4_bin NOT NULL", "collate utf8mb4_bin"),
    ("ALTER TABLE users MODIFY name varchar(50) CHARACTER SET latin1 NOT NULL", "collate latin1_swedish_ci"),
    ("ALTER TABLE users ADD changed timestamp NULL ON UPDATE current_timestamp", "on update current_timestamp"),
    ("ALTER TABLE users ADD twice bigint AS (age * 2) STORED", "generated (`age` * 2) stored"),
    ("ALTER TABLE users ADD twice bigint AS (age * 2) VIRTUAL", "virtual"),
    ("ALTER TABLE users MODIFY age integer INVISIBLE", "invisible"),
    ("ALTER TABLE users DROP FOREIGN KEY users_of_team, DROP INDEX users_of_team", "users_of_team"),
    ("ALTER TABLE users ADD CONSTRAINT grown CHECK (age > 1)", "CHECK (`age` > 1)"),
    ("ALTER TABLE users ADD CONSTRAINT grown CHECK (age > 1) NOT ENFORCED", "NOT ENFORCED"),
    ("ALTER TABLE users ADD CONSTRAINT named CHECK (name <> 'it''s')", r"_utf8mb4'it\'s'"),
    ("ALTER TABLE users ADD points integer CHECK (points > 1)", "users_chk_1"),
    ("ALTER TABLE users DROP PRIMARY KEY", "PRIMARY"),
    ("CREATE TABLE counted (a integer AUTO_INCREMENT PRIMARY KEY)", "auto_increment"),
    (
        "CREATE TABLE child (a integer, FOREIGN KEY (a) REFERENCES teams (id) ON DELETE CASCADE)",
        "on delete cascade",
    ),
    ("ALTER TABLE users COLLATE utf8mb4_bin", "collation utf8mb4_bin"),
    ("CREATE TABLE fast (a integer) ENGINE = MyISAM", "engine MyISAM"),
    ("ALTER TABLE users ROW_FORMAT = COMPACT", "row_format=COMPACT"),
    ("CREATE TABLE ranges (a integer) PARTITION BY HASH (a) PARTITIONS 3", "partition by hash"),
    ("CREATE TRIGGER keep BEFORE INSERT ON users FOR EACH ROW SET new.age = 1", "BEFORE INSERT FOR EACH ROW SET"),
    ("CREATE FUNCTION one() RETURNS integer DETERMINISTIC RETURN 1", "function one"),
    ("CREATE PROCEDURE nothing() BEGIN SELECT 1; SELECT 2; END", "procedure nothing"),
    ("CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM users", "event nightly"),
    ("CREATE OR REPLACE SQL SECURITY INVOKER VIEW adults AS SELECT id FROM users", "SQL SECURITY INVOKER"),
];

pub(crate) async fn every_kind_of_change_shows(stand: Stand) {
    let plain = stand.plain().await;
    let database = stand.database();
    plain.batch(&base(stand.engine)).await.unwrap();
    let before = database.schema().await.unwrap();
    for (change, name) in changes(stand.engine) {
        plain.batch(change).await.unwrap_or_else(|error| panic!("{change}: {error}"));
        let changed = database.schema().await.unwrap();
        assert_ne!(changed.fingerprint(), before.fingerprint(), "{change}");
        let difference = changed.diff(&before).join("\n");
        assert!(difference.to_lowercase().contains(&name.to_lowercase()), "{change}: {difference}");
        wipe(&plain, stand.engine).await;
        plain.batch(&base(stand.engine)).await.unwrap();
        assert_eq!(database.schema().await.unwrap().diff(&before), Vec::<String>::new(), "{change}");
    }
}

async fn wipe(plain: &lockstep_database::plain::Connection, engine: Engine) {
    if engine == Engine::Postgres {
        let all = "DROP SCHEMA public CASCADE; CREATE SCHEMA public; DROP SCHEMA IF EXISTS side";
        return plain.batch(all).await.unwrap();
    }
    if matches!(engine, Engine::Mariadb | Engine::Mysql) {
        let name = plain.query("SELECT DATABASE()", &[]).await.unwrap().remove(0).remove(0);
        let name = name.as_text().unwrap();
        return plain
            .batch(&format!("DROP DATABASE `{name}`; CREATE DATABASE `{name}`; USE `{name}`"))
            .await
            .unwrap();
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
    plain.batch(&base(stand.engine)).await.unwrap();
    let before = stand.database().schema().await.unwrap();
    let database = stand.claimed().await;
    assert_eq!(database.schema().await.unwrap(), before);
    assert!(database.health().await.reachable);
}

pub(crate) async fn sizes_are_told_without_counting(stand: Stand) {
    const ROWS: u32 = 500;
    let plain = stand.users(ROWS).await;
    let (users, empty, quoted) = match stand.engine {
        Engine::Sqlite => ("users", "no \"rows", "\"no \"\"rows\""),
        Engine::Postgres => ("public.users", "public.\"no \"\"rows\"", "\"no \"\"rows\""),
        Engine::Mariadb | Engine::Mysql => ("users", "no `rows", "`no ``rows`"),
    };
    plain.batch(&format!("CREATE TABLE {quoted} (id integer PRIMARY KEY)")).await.unwrap();
    let database = stand.claimed().await;
    // Nobody has counted yet: a table that is not empty must not look so.
    let sizes = database.sizes().await.unwrap();
    assert!(sizes.tables[users].rows >= 1, "{sizes:?}");
    assert_eq!(sizes.tables[empty].rows, 0, "{sizes:?}");
    plain.batch(if stand.ddl_commits() { "ANALYZE TABLE users" } else { "ANALYZE" }).await.unwrap();
    let sizes = database.sizes().await.unwrap();
    assert_eq!(sizes.tables[users].rows, u64::from(ROWS), "{sizes:?}");
    assert_eq!(sizes.tables.len(), 2, "neither Lockstep's own nor the engine's: {sizes:?}");
    assert!(sizes.engine_version >= 3, "{sizes:?}");
    let schema = database.schema().await.unwrap();
    assert!(sizes.tables.keys().all(|table| schema.tables.contains_key(table)), "{sizes:?}");
}
