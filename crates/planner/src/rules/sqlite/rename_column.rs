//! ALTER TABLE RENAME COLUMN.

use super::scope::Scope;
use crate::catalog::Catalog;
use crate::draft::Drafts;
use crate::plan::Refusal;

/// `ALTER TABLE table RENAME [COLUMN] from TO to`.
pub(super) fn plan(scope: Scope, from: &str, to: &str, _catalog: &mut Catalog) -> Result<Drafts, Refusal> {
    Err(Refusal::new(format!("`{}.{from}` cannot be renamed to `{to}` yet", scope.name()), "wait"))
}
