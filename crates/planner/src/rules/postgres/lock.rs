//! The locks of PostgreSQL's statements, and what waits for them (manual, section 13.3.1).

use super::table_name::Name;
use crate::draft::{Draft, Impact, Lock};

/// Mode and what it blocks.
pub(super) type Mode = (&'static str, &'static str);

/// Most forms of ALTER TABLE.
pub(super) const ACCESS_EXCLUSIVE: Mode = ("ACCESS EXCLUSIVE", "reads and writes");
/// Foreign keys and triggers.
pub(super) const SHARE_ROW_EXCLUSIVE: Mode = ("SHARE ROW EXCLUSIVE", "writes");
/// An index build that is not concurrent.
pub(super) const SHARE: Mode = ("SHARE", "writes");
/// VALIDATE CONSTRAINT, concurrent index builds.
pub(super) const SHARE_UPDATE_EXCLUSIVE: Mode = ("SHARE UPDATE EXCLUSIVE", "other schema changes");
/// Writing rows.
pub(super) const ROW_EXCLUSIVE: Mode = ("ROW EXCLUSIVE", "schema changes");

/// Says what a draft locks.
pub(super) trait Locks {
    /// It locks this table so.
    fn holds(self, table: &Name, mode: Mode) -> Self;
}

impl Locks for Draft {
    fn holds(self, table: &Name, (mode, blocks): Mode) -> Self {
        self.locks(&table.key(), mode, blocks)
    }
}

/// The cost of a statement as it stands.
pub(super) fn impact(table: &Name, (mode, blocks): Mode) -> Impact {
    Impact { locks: vec![Lock { table: table.key(), mode, blocks }], ..Impact::default() }
}

/// The same, when it reads every row under its locks.
pub(super) fn scan(table: &Name, mode: Mode, rows_estimate: Option<u64>) -> Impact {
    Impact { scans: true, rows_estimate, ..impact(table, mode) }
}

/// The same, when it writes the table anew under its locks.
pub(super) fn rewrite(table: &Name, mode: Mode, rows_estimate: Option<u64>) -> Impact {
    Impact { scans: true, rewrites: true, rows_estimate, ..impact(table, mode) }
}
