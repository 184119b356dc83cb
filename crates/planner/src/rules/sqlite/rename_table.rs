//! ALTER TABLE RENAME TO.

use super::scope::Scope;
use crate::catalog::Catalog;
use crate::draft::Drafts;
use crate::plan::Refusal;

/// `ALTER TABLE table RENAME TO name`.
pub(super) fn plan(scope: Scope, name: &str, _catalog: &mut Catalog) -> Result<Drafts, Refusal> {
    Err(Refusal::new(format!("`{}` cannot be renamed to `{name}` yet", scope.name()), "wait"))
}
