//! How an ALTER TABLE is to be done, so that the server refuses instead of copying.

use super::text::q;
use crate::plan::Target;
use lockstep_core::Engine;

/// What a clause needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Algorithm {
    /// Changes the server's catalog only.
    Instant,
    /// Builds or drops an index beside reads and writes; the table is not written anew.
    NoCopy,
    /// Writes the table anew beside reads and writes.
    Inplace,
    /// Holds back writes while the table is written anew. Never in what goes forward; a rollback may have no other way.
    Copy,
}

impl Algorithm {
    /// As it stands at the end of the statement.
    pub(super) fn sql(self, target: Target) -> &'static str {
        match (self, target.engine) {
            (Self::Instant, _) => "ALGORITHM=INSTANT",
            (Self::NoCopy, Engine::Mariadb) => "ALGORITHM=NOCOPY, LOCK=NONE",
            (Self::NoCopy | Self::Inplace, _) => "ALGORITHM=INPLACE, LOCK=NONE",
            (Self::Copy, _) => "ALGORITHM=COPY",
        }
    }

    pub(super) fn mode(self) -> super::lock::Mode {
        match self {
            Self::Instant => super::lock::EXCLUSIVE,
            Self::NoCopy | Self::Inplace => super::lock::ONLINE,
            Self::Copy => super::lock::COPY,
        }
    }
}

/// The whole statement.
pub(super) fn alter(target: Target, table: &str, clause: &str, algorithm: Algorithm) -> String {
    format!("ALTER TABLE {} {clause}, {}", q(table), algorithm.sql(target))
}

/// What a new column needs. MySQL before 8.0.29 adds one at the end only, without writing the table anew; versions are known to a tenth.
pub(super) fn add_column(target: Target, is_placed: bool) -> Algorithm {
    let is_old_mysql = target.engine == Engine::Mysql && target.version < 801;
    if is_placed && is_old_mysql { Algorithm::Inplace } else { Algorithm::Instant }
}

/// What dropping a column without an index needs.
pub(super) fn drop_column(target: Target) -> Algorithm {
    let is_old_mysql = target.engine == Engine::Mysql && target.version < 801;
    if is_old_mysql { Algorithm::Inplace } else { Algorithm::Instant }
}

/// What a change of the catalog needs that MySQL does without `INSTANT`.
pub(super) fn catalog_only(target: Target) -> Algorithm {
    if target.engine == Engine::Mysql { Algorithm::NoCopy } else { Algorithm::Instant }
}
