//! Large files are planned at once. How long it took is printed and not asserted: machines differ.

use lockstep_core::Engine;
use lockstep_planner::{Catalog, Target, plan};
use std::fmt::Write as _;
use std::time::Instant;

/// Tables with an index and a column that comes later: four statements each, fewer steps than a change may have.
fn script(tables: usize) -> String {
    (0..tables).fold(String::new(), |mut text, table| {
        let _ = writeln!(
            text,
            "-- table {table}
             CREATE TABLE t{table} (id integer PRIMARY KEY, name text NOT NULL DEFAULT 'it''s; fine', age integer);
             CREATE INDEX t{table}_name ON t{table} (name);
             ALTER TABLE t{table} ADD COLUMN email text;
             CREATE INDEX t{table}_email ON t{table} (email);"
        );
        text
    })
}

#[test]
fn a_thousand_statements_are_planned() {
    for (engine, version) in [(Engine::Postgres, 15), (Engine::Sqlite, 3), (Engine::Mariadb, 1011)] {
        let text = script(250);
        let started = Instant::now();
        let mut catalog = Catalog::of(Default::default(), Default::default());
        let plan = plan(Target { engine, version }, "large.sql", "large", &text, &mut catalog).unwrap();
        println!("{engine}: 1,000 statements planned in {:?}", started.elapsed());
        assert_eq!(plan.statements.len(), 1_000);
        assert_eq!(catalog.schema.tables.len(), 250);
    }
}
