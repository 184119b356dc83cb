//! MariaDB and MySQL.

/// A table `{0}` with columns `{2}` to `{5}` and an index `{6}`, a table `{1}`, and a view `{9}`.
pub(super) const BEFORE: &str =
    "CREATE TABLE {0} ({2} bigint NOT NULL, {3} varchar(50) NOT NULL, {4} varchar(50), {5} int DEFAULT 3, PRIMARY KEY ({2}),
  KEY {6} ({4})) DEFAULT CHARSET=utf8mb4;
CREATE TABLE {1} ({2} bigint NOT NULL PRIMARY KEY, {3} bigint) DEFAULT CHARSET=utf8mb4;
INSERT INTO {0} ({2}, {3}, {4}, {5}) VALUES (1, 'x', 'y', 3), (2, 'z', NULL, 4);
INSERT INTO {1} VALUES (1, 1), (2, NULL);
CREATE VIEW {9} AS SELECT {2} FROM {1};";

/// One for each rule, `{7}` and `{8}` for what is new.
pub(super) const CHANGES: [&str; 24] = [
    "ALTER TABLE {0} ADD COLUMN {7} varchar(20)",
    "ALTER TABLE {0} ADD COLUMN {7} int NOT NULL DEFAULT 1 AFTER {3}",
    "ALTER TABLE {0} ADD COLUMN {7} int NOT NULL",
    "-- lockstep: backfill {7} = lower({3})\nALTER TABLE {0} ADD COLUMN {7} varchar(50) NOT NULL",
    "ALTER TABLE {0} ADD INDEX {7} ({3}, {5})",
    "CREATE UNIQUE INDEX {7} ON {0} ({3})",
    "DROP INDEX {6} ON {0}",
    "ALTER TABLE {0} RENAME INDEX {6} TO {7}",
    "ALTER TABLE {1} ADD CONSTRAINT {7} FOREIGN KEY ({3}) REFERENCES {0} ({2})",
    "ALTER TABLE {0} RENAME COLUMN {4} TO {7}",
    "ALTER TABLE {0} CHANGE {5} {7} int DEFAULT 3",
    "ALTER TABLE {0} MODIFY {5} bigint DEFAULT 3",
    "ALTER TABLE {0} MODIFY {5} int NOT NULL DEFAULT 3",
    "ALTER TABLE {0} MODIFY {4} varchar(60)",
    "ALTER TABLE {0} ALTER COLUMN {4} SET DEFAULT 'it''s; -- #'",
    "ALTER TABLE {0} DROP COLUMN {5}",
    "RENAME TABLE {0} TO {7}",
    "DROP VIEW {9}; DROP TABLE {1}",
    "CREATE TABLE {7} ({2} bigint NOT NULL PRIMARY KEY, {8} varchar(20) UNIQUE, {3} bigint) DEFAULT CHARSET=utf8mb4",
    "CREATE VIEW {7} AS SELECT {3} FROM {0}",
    "CREATE TRIGGER {7} BEFORE INSERT ON {0} FOR EACH ROW SET NEW.{5} = 1",
    "CREATE PROCEDURE {7} () SELECT {3} FROM {0}",
    "UPDATE {0} SET {4} = {3}",
    "DELETE FROM {0} WHERE {5} > 100",
];
