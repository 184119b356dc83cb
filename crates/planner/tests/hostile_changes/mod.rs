//! Changes with places for names.

/// How many names a change has places for: `{0}` to `{9}`.
pub(crate) const NAMES: usize = 10;

/// A table `{0}` with columns `{2}` to `{5}` and an index `{6}`, a table `{1}` that points at it, and a view `{9}`.
const BEFORE: &str =
    "CREATE TABLE {0} ({2} bigint PRIMARY KEY, {3} text NOT NULL, {4} varchar(50), {5} integer DEFAULT 3);
CREATE TABLE {1} ({2} bigint PRIMARY KEY, {3} bigint);
INSERT INTO {0} ({2}, {3}, {4}, {5}) VALUES (1, 'x', 'y', 3), (2, 'z', NULL, 4);
INSERT INTO {1} VALUES (1, 1), (2, NULL);
CREATE INDEX {6} ON {0} ({4});
CREATE VIEW {9} AS SELECT {2} FROM {1};";

/// One for each rule, `{7}` and `{8}` for what is new.
pub(crate) const CHANGES: [&str; 36] = [
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

fn filled(text: &str, names: &[String]) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let place: usize = rest[at + 1..at + 2].parse().expect("a place for a name is a digit");
        filled.push_str(&rest[..at]);
        filled.push_str(&lockstep_planner::name::quote(&names[place]));
        rest = &rest[at + 3..];
    }
    filled + rest
}

/// The schema and rows before a change.
#[must_use]
pub(crate) fn before(names: &[String]) -> String {
    filled(BEFORE, names)
}

/// A change with its names.
#[must_use]
pub(crate) fn change(text: &str, names: &[String]) -> String {
    filled(text, names)
}

/// Names of text.
#[must_use]
pub(crate) fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
