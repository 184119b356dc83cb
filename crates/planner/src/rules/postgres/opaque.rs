//! Statements that no rule knows: run as they stand when a directive accepts that, otherwise refused.

use super::{Planned, Rule};
use crate::draft::{Draft, Drafts};
use crate::plan::Refusal;
use lockstep_core::step::Phase;

/// What stands for every table, where nobody knows which ones a statement touches.
pub(super) const EVERYTHING: &str = "*";

const REMEDY: &str = "accept it as it is with `-- lockstep: opaque` and `-- lockstep: revert ...` above it";

/// A directive accepts the statement as it stands.
pub(super) fn accepted(rule: &Rule<'_>) -> Planned {
    let reverts = rule.revert_by_directive("nothing is known of what undoes this statement")?;
    let step = Draft::statements(
        "run a statement as it stands",
        Phase::Expand,
        vec![rule.statement.sql.clone()],
        reverts,
    )
    .why("A directive accepts the statement as it stands: its locks and its effect are not known.");
    Ok(Drafts {
        steps: vec![step],
        hazards: vec!["the planner does not know what this statement locks, reads or writes".to_owned()],
        touches: vec![EVERYTHING.to_owned()],
        ..Drafts::default()
    })
}

/// The parser does not know it.
pub(super) fn plan(_rule: &mut Rule<'_>, reason: &str) -> Planned {
    Err(Refusal::new(format!("the planner does not understand this statement ({reason})"), REMEDY))
}

/// The parser knows it, and there is no rule.
pub(super) fn no_rule() -> Planned {
    Err(Refusal::new("there is no rule for this statement yet", REMEDY))
}
