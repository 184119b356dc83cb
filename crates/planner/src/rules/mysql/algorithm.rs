//! How an ALTER TABLE is to be done, so that the server refuses instead of copying.

use super::text::q;
use crate::draft::Draft;
use crate::plan::{Refusal, Target};
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

/// True where the server makes a column NOT NULL in a copy of the table only: MariaDB takes NULL in a `timestamp` for the present time.
pub(super) fn copies_for_not_null(target: Target, data_type: &str) -> bool {
    target.engine == Engine::Mariadb && data_type.starts_with("timestamp")
}

/// Refuses what would become NOT NULL so.
pub(super) fn refuse_copied_not_null(target: Target, shown: &str, data_type: &str) -> Result<(), Refusal> {
    if !copies_for_not_null(target, data_type) {
        return Ok(());
    }
    Err(Refusal::new(
        format!(
            "the server makes the timestamp {shown} NOT NULL only by copying the whole table while writes wait"
        ),
        "let it be NULL, or make it a datetime; a new column takes NOT NULL with a DEFAULT at once",
    ))
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

/// MySQL keeps so many forms of a table's rows at most, from 8.0.29 on: each column that comes or goes at once makes one.
const ROW_VERSIONS_MAX: u32 = 64;

/// Forms that must be free before a step: its own, its revert's, and some of other statements.
const ROW_VERSIONS_FREE: u32 = 8;

/// A step that makes columns come or go at once is not begun where MySQL would refuse it half-way. MariaDB has no such limit.
pub(super) fn with_room_for_versions(draft: Draft, target: Target, table: &str) -> Draft {
    let is_plain = table.chars().all(|character| character.is_ascii_alphanumeric() || character == '_');
    if target.engine != Engine::Mysql || target.version < 801 || !is_plain {
        return draft;
    }
    let query = format!(
        "SELECT NAME, TOTAL_ROW_VERSIONS FROM information_schema.INNODB_TABLES WHERE NAME = CONCAT(DATABASE(), '/', '{table}') AND \
         TOTAL_ROW_VERSIONS > {}",
        ROW_VERSIONS_MAX - ROW_VERSIONS_FREE
    );
    let name = format!(
        "{table} has room for {ROW_VERSIONS_FREE} more row versions (`ALTER TABLE {} FORCE` makes room)",
        q(table)
    );
    draft.only_if(&name, query)
}

/// What a person should know where the server cannot be asked.
pub(super) fn versions_hazard(target: Target, table: &str) -> Option<String> {
    let is_unknown = target.engine == Engine::Mysql && target.version < 801;
    is_unknown.then(|| {
        format!(
            "from MySQL 8.0.29 on, {table} takes {ROW_VERSIONS_MAX} columns that come or go at once; beyond that the server refuses until \
             `ALTER TABLE {} FORCE` has written it anew",
            q(table)
        )
    })
}

/// What a change of the catalog needs that MySQL does without `INSTANT`.
pub(super) fn catalog_only(target: Target) -> Algorithm {
    if target.engine == Engine::Mysql { Algorithm::NoCopy } else { Algorithm::Instant }
}
