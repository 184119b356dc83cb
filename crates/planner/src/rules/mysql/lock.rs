//! What statements of these engines hold, and what waits for it (MariaDB: "InnoDB Online DDL Operations"; MySQL: "Online DDL
//! Operations").
//!
//! Every ALTER TABLE needs the table's metadata lock for itself for a moment: with `ALGORITHM=INSTANT` once, with `INPLACE` and
//! `NOCOPY` at its begin and at its end. Whoever uses the table in an open transaction makes it wait, and others wait behind it: so
//! each waits for a short `lock_wait_timeout` only. What copies holds back writes for as long as it takes.

use crate::draft::{Draft, Impact, Lock};

/// Mode and what it blocks.
pub(super) type Mode = (&'static str, &'static str);

/// For a moment: `ALGORITHM=INSTANT`, `RENAME TABLE`, triggers, `DROP TABLE`.
pub(super) const EXCLUSIVE: Mode = ("EXCLUSIVE metadata lock", "reads and writes");
/// `ALGORITHM=INPLACE` or `NOCOPY` with `LOCK=NONE`: reads and writes go on in between.
pub(super) const ONLINE: Mode = ("EXCLUSIVE metadata lock (at begin and end only)", "reads and writes");
/// What copies the table.
pub(super) const COPY: Mode = ("SHARED NO WRITE metadata lock", "writes");
/// Writing rows.
pub(super) const ROWS: Mode = ("row locks", "writes of the same rows");

/// Says what a draft locks.
pub(super) trait Locks {
    /// It locks this table so.
    fn holds(self, table: &str, mode: Mode) -> Self;
    /// So many rows are gone through, with no lock that others wait for.
    fn goes_through(self, rows_estimate: Option<u64>) -> Self;
}

impl Locks for Draft {
    fn holds(self, table: &str, (mode, blocks): Mode) -> Self {
        self.locks(table, mode, blocks)
    }

    fn goes_through(mut self, rows_estimate: Option<u64>) -> Self {
        self.impact.rows_estimate = rows_estimate;
        self.joins = false;
        self
    }
}

/// The cost of a statement as it stands.
pub(super) fn impact(table: &str, (mode, blocks): Mode) -> Impact {
    Impact { locks: vec![Lock { table: table.to_owned(), mode, blocks }], ..Impact::default() }
}

/// The same, when it writes the table anew under its lock.
pub(super) fn copy(table: &str, rows_estimate: Option<u64>) -> Impact {
    Impact { scans: true, rewrites: true, rows_estimate, ..impact(table, COPY) }
}

/// The same, when it writes all rows in one transaction.
pub(super) fn rows(table: &str, rows_estimate: Option<u64>) -> Impact {
    Impact { scans: true, rows_estimate, ..impact(table, ROWS) }
}
