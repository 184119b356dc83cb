//! PostgreSQL.

/// A table `{0}` with columns `{2}` to `{5}` and an index `{6}`, a table `{1}` that points at it, and a view `{9}`.
pub(super) const BEFORE: &str =
    "CREATE TABLE {0} ({2} bigint PRIMARY KEY, {3} text NOT NULL, {4} varchar(50), {5} integer DEFAULT 3);
CREATE TABLE {1} ({2} bigint PRIMARY KEY, {3} bigint);
INSERT INTO {0} ({2}, {3}, {4}, {5}) VALUES (1, 'x', 'y', 3), (2, 'z', NULL, 4);
INSERT INTO {1} VALUES (1, 1), (2, NULL);
CREATE INDEX {6} ON {0} ({4});
CREATE VIEW {9} AS SELECT {2} FROM {1};";

/// One for each rule, `{7}` and `{8}` for what is new.
pub(super) const CHANGES: [&str; 36] = [
    "ALTER TABLE {0} ADD COLUMN {7} text",
    "ALTER TABLE {0} ADD COLUMN {7} integer NOT NULL DEFAULT 1 CHECK ({7} > 0)",
    "ALTER TABLE {0} ADD COLUMN {7} integer NOT NULL DEFAULT (random() * 0)::integer",
    "-- lockstep: backfill {7} = lower({3})\nALTER TABLE {0} ADD COLUMN {7} text NOT NULL",
    "ALTER TABLE {0} ADD COLUMN {7} bigserial",
    "ALTER TABLE {0} ADD COLUMN {7} integer GENERATED ALWAYS AS IDENTITY",
    "ALTER TABLE {0} ADD COLUMN {7} bigint REFERENCES {1} ({2})",
    "ALTER TABLE {0} ADD CONSTRAINT {7} CHECK ({5} > 0)",
    "ALTER TABLE {1} ADD CONSTRAINT {7} FOREIGN KEY ({3}) REFERENCES {0} ({2})",
    "ALTER TABLE {0} ADD CONSTRAINT {7} UNIQUE ({4}, {5})",
    "CREATE INDEX {7} ON {0} ({3}, {5})",
    "CREATE UNIQUE INDEX {7} ON {0} ({3}) WHERE {5} > 0",
    "DROP INDEX {6}",
    "ALTER INDEX {6} RENAME TO {7}",
    "ALTER TABLE {0} RENAME COLUMN {4} TO {7}",
    "ALTER TABLE {0} RENAME COLUMN {5} TO {7}",
    "ALTER TABLE {0} RENAME TO {7}",
    "ALTER TABLE {0} ALTER COLUMN {5} TYPE bigint",
    "ALTER TABLE {0} ALTER COLUMN {4} TYPE text",
    "-- lockstep: as {7} using ({5} * 100) back ({7} / 100)\nALTER TABLE {0} ALTER COLUMN {5} TYPE bigint",
    "ALTER TABLE {0} ALTER COLUMN {5} SET NOT NULL",
    "ALTER TABLE {0} ALTER COLUMN {3} DROP NOT NULL",
    "ALTER TABLE {0} ALTER COLUMN {4} SET DEFAULT 'it''s; --'",
    "ALTER TABLE {0} DROP COLUMN {5}",
    "DROP VIEW {9}; DROP TABLE {1}",
    "CREATE TABLE {7} ({2} bigint PRIMARY KEY, {8} text UNIQUE, {3} bigint REFERENCES {0})",
    "CREATE TABLE {7} AS SELECT {3} FROM {0}",
    "CREATE TYPE {7} AS ENUM ('a', 'b;'); ALTER TABLE {0} ADD COLUMN {8} {7}",
    "CREATE SEQUENCE {7}; ALTER SEQUENCE {7} RENAME TO {8}",
    "CREATE SCHEMA {7}",
    "CREATE VIEW {7} AS SELECT {3} FROM {0}",
    "DROP VIEW {9}",
    "UPDATE {0} SET {4} = {3}",
    "UPDATE {0} AS {7} SET {5} = {1}.{3} FROM {1} WHERE {1}.{2} = {7}.{2}",
    "DELETE FROM {0} USING {1} WHERE {1}.{3} = {0}.{2} AND {1}.{2} > 5",
    "COMMENT ON COLUMN {0}.{3} IS 'it''s; --'; CREATE STATISTICS {7} ON {3}, {4} FROM {0}",
];
