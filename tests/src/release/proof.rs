//! What must be proven before anybody relies on it. Two forms that are the same by luck look as two that were compared: so that is asked of
//! the plan, not of the rows.

use anyhow::{Result, bail};
use lockstep_core::Step;
use lockstep_core::step::{Action, Phase};

/// Fails where clients are sent to rows that a backfill fills, or their old form goes, with no proof in between.
pub(super) fn stands_before_use(steps: &[Step]) -> Result<()> {
    for (index, read) in steps.iter().enumerate().filter(|(_, step)| step.phase == Phase::SwitchReads) {
        let still = steps[index + 1..].iter().take_while(|step| !is_use(step));
        if let Some(fills) = still.into_iter().find(|step| matches!(step.forward, Action::Backfill(_))) {
            bail!("`{}` comes before `{}`", read.name, fills.name);
        }
    }
    for (index, filled) in steps.iter().enumerate().filter(|(_, step)| matches!(step.forward, Action::Backfill(_)))
    {
        let behind = &steps[index + 1..];
        let used = behind.iter().position(is_use);
        let Some(used) = used.filter(|used| !behind[..*used].iter().any(is_proof)) else { continue };
        bail!("`{}` comes before it is proven what `{}` filled", behind[used].name, filled.name);
    }
    Ok(())
}

fn is_use(step: &Step) -> bool {
    match step.phase {
        Phase::SwitchReads => true,
        Phase::Contract => step.forward != Action::Nothing,
        _ => false,
    }
}

/// A comparison, or a NOT NULL for which the server looks at every row.
fn is_proof(step: &Step) -> bool {
    match &step.forward {
        Action::Assert { .. } => true,
        Action::Statements { statements, .. } => {
            step.phase == Phase::Validate && statements.iter().any(|statement| statement.contains("NOT NULL"))
        }
        _ => false,
    }
}
