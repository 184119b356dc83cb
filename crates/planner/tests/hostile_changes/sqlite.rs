//! SQLite.

/// A table `{0}` with columns `{2}` to `{5}` and an index `{6}`, a table `{1}`, and a view `{9}`.
pub(super) const BEFORE: &str =
    "CREATE TABLE {0} ({2} INTEGER PRIMARY KEY, {3} TEXT NOT NULL, {4} TEXT, {5} INTEGER DEFAULT 3);
CREATE TABLE {1} ({2} INTEGER PRIMARY KEY, {3} INTEGER);
INSERT INTO {0} ({2}, {3}, {4}, {5}) VALUES (1, 'x', 'y', 3), (2, 'z', NULL, 4);
INSERT INTO {1} VALUES (1, 1), (2, NULL);
CREATE INDEX {6} ON {0} ({4});
CREATE VIEW {9} AS SELECT {2} FROM {1};";

/// One for each rule, `{7}` and `{8}` for what is new.
pub(super) const CHANGES: [&str; 17] = [
    "ALTER TABLE {0} ADD COLUMN {7} TEXT",
    "ALTER TABLE {0} ADD COLUMN {7} INTEGER NOT NULL DEFAULT 1 CHECK ({7} > 0)",
    "-- lockstep: backfill {7} = lower({3})\nALTER TABLE {0} ADD COLUMN {7} TEXT NOT NULL",
    "CREATE INDEX {7} ON {0} ({3}, {5} DESC) WHERE {5} > 0",
    "CREATE UNIQUE INDEX {7} ON {0} ({3})",
    "DROP INDEX {6}",
    "ALTER TABLE {0} RENAME COLUMN {4} TO {7}",
    "ALTER TABLE {0} RENAME TO {7}",
    "ALTER TABLE {0} DROP COLUMN {5}",
    "DROP VIEW {9}; DROP TABLE {1}",
    "CREATE TABLE {7} ({2} INTEGER PRIMARY KEY, {8} TEXT UNIQUE, {3} INTEGER REFERENCES {0})",
    "CREATE VIEW {7} AS SELECT {3} FROM {0}",
    "DROP VIEW {9}",
    "CREATE TRIGGER {7} AFTER INSERT ON {0} BEGIN UPDATE {0} SET {5} = 1 WHERE {2} = NEW.{2}; END",
    "UPDATE {0} SET {4} = {3}",
    "DELETE FROM {0} WHERE {5} > 100",
    "CREATE TABLE {7} ({2} INTEGER PRIMARY KEY, {3} TEXT NOT NULL, {4} TEXT, {5} TEXT DEFAULT 3);
INSERT INTO {7} ({2}, {3}, {4}, {5}) SELECT {2}, {3}, {4}, {5} FROM {0};
DROP TABLE {0};
ALTER TABLE {7} RENAME TO {0};
CREATE INDEX {6} ON {0} ({4})",
];
