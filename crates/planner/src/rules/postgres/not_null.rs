//! NOT NULL without a lock across a scan: a check that is not yet validated, its validation, then the server believes the check
//! (from PostgreSQL 12 on SET NOT NULL does not scan when a valid check proves it).

use super::lock::{ACCESS_EXCLUSIVE, Locks};
use super::table_name::Name;
use super::{Found, q};
use crate::draft::Draft;
use crate::name;
use lockstep_core::step::{Action, Phase};

/// The three statements, each a transaction of its own, that make a column NOT NULL.
pub(super) fn statements(table: &Name, column: &str) -> Vec<String> {
    let (sql, column_sql) = (table.sql(), q(column));
    let check = q(&name::own("not_null", &[&table.schema, &table.name, column]));
    vec![
        format!("ALTER TABLE {sql} ADD CONSTRAINT {check} CHECK ({column_sql} IS NOT NULL) NOT VALID"),
        format!("ALTER TABLE {sql} VALIDATE CONSTRAINT {check}"),
        format!("ALTER TABLE {sql} ALTER COLUMN {column_sql} SET NOT NULL"),
        format!("ALTER TABLE {sql} DROP CONSTRAINT {check}"),
    ]
}

/// The step that makes a column NOT NULL. No row may have NULL when it begins, and nobody may write one.
pub(super) fn step(table: &Name, column: &str, rows_estimate: Option<u64>) -> Draft {
    let forward = Action::Statements { statements: statements(table, column), transactional: false };
    let revert = Action::Statements {
        statements: vec![
            format!("ALTER TABLE {} ALTER COLUMN {} DROP NOT NULL", table.sql(), q(column)),
            // Left by work that stopped half-way.
            format!(
                "ALTER TABLE {} DROP CONSTRAINT IF EXISTS {}",
                table.sql(),
                q(&name::own("not_null", &[&table.schema, &table.name, column]))
            ),
        ],
        transactional: true,
    };
    Draft::new(&format!("not null {}", super::column::shown(table, column)), Phase::Validate, forward, Some(revert))
        .holds(table, ACCESS_EXCLUSIVE)
        .only_if(
            &format!("every row has a value in {}", super::column::shown(table, column)),
            format!("SELECT * FROM {} WHERE {} IS NULL", table.sql(), q(column)),
        )
        .scan_estimate(rows_estimate)
        .why(
            "A check that counts for new rows only, then its validation beside reads and writes; with that proof SET NOT NULL \
             looks at no row.",
        )
}

/// As [`step`], over the partitions of a table. From PostgreSQL 18 on a partition keeps NOT NULL for itself once a primary key of its
/// own asked for it, so a rollback takes it from those that did not have it.
pub(super) fn step_over(
    whole: &Found,
    partitions: &[Found],
    column: &str,
    rows_estimate: Option<u64>,
    version: u32,
) -> Draft {
    let mut draft = step(&whole.name, column, rows_estimate);
    let nullable = partitions.iter().filter(|part| part.column(column).is_ok_and(|column| column.nullable));
    let more =
        nullable.map(|part| format!("ALTER TABLE {} ALTER COLUMN {} DROP NOT NULL", part.name.sql(), q(column)));
    if let (18.., Some(Action::Statements { statements, .. })) = (version, &mut draft.step.revert) {
        statements.extend(more);
    }
    draft
}

/// So that the estimate shows though no lock that blocks is held while rows are read.
trait ScanEstimate {
    fn scan_estimate(self, rows_estimate: Option<u64>) -> Self;
}

impl ScanEstimate for Draft {
    fn scan_estimate(mut self, rows_estimate: Option<u64>) -> Self {
        self.impact.rows_estimate = rows_estimate;
        self
    }
}

/// DROP NOT NULL, which asks nothing of anybody.
pub(super) fn drop(table: &Name, column: &str) -> Draft {
    let forward = Action::Statements {
        statements: vec![format!("ALTER TABLE {} ALTER COLUMN {} DROP NOT NULL", table.sql(), q(column))],
        transactional: true,
    };
    let revert = Action::Statements { statements: statements(table, column), transactional: false };
    Draft::new(
        &format!("null allowed in {}", super::column::shown(table, column)),
        Phase::Expand,
        forward,
        Some(revert),
    )
    .holds(table, ACCESS_EXCLUSIVE)
    .why("Allowing NULL looks at no row. Taking it back needs that no row has NULL by then.")
}
