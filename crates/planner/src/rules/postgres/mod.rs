//! PostgreSQL 13 to 18.

use crate::catalog::Catalog;
use crate::draft::Drafts;
use crate::plan::{Refusal, Target};
use crate::script::{Kind, Statement};

/// What to do for a statement.
pub(super) fn plan(_target: Target, statement: &Statement, _catalog: &mut Catalog) -> Result<Drafts, Refusal> {
    match &statement.kind {
        Kind::Opaque(reason) => Err(Refusal::new(
            format!("the planner does not understand this statement ({reason})"),
            "accept it as it is with `-- lockstep: opaque` and `-- lockstep: revert ...` above it",
        )),
        Kind::Parsed(_) => Err(Refusal::new(
            "there is no rule for this statement yet",
            "accept it as it is with `-- lockstep: opaque` and `-- lockstep: revert ...` above it",
        )),
    }
}
