//! Steps in words: what runs, what undoes it, what clients must do.

use super::look::Tone;
use super::text::one_line;
use super::time;
use lockstep_core::Step;
use lockstep_core::change::{StepRecord, StepStatus};
use lockstep_core::step::{Action, Backfill, ClientRequirement, Phase};

/// What the step does to each database, one line for each thing.
pub(crate) fn forward(step: &Step) -> String {
    let mut lines: Vec<String> =
        step.preconditions.iter().map(|assertion| format!("first proves: {}", assertion.name)).collect();
    lines.extend(action(&step.forward));
    lines.join("\n")
}

/// What undoes the step.
pub(crate) fn revert(step: &Step) -> (Tone, String) {
    match &step.revert {
        None => (Tone::Bad, "IRREVERSIBLE: nothing undoes it".to_owned()),
        Some(Action::Nothing) => (Tone::Faint, "nothing to undo".to_owned()),
        Some(revert) => (Tone::Plain, action(revert).join("\n")),
    }
}

/// What clients have to do, or be able to do, for the step to settle.
pub(crate) fn clients(step: &Step) -> String {
    let task = match step.phase {
        Phase::SwitchWrites => "write both forms, then acknowledge",
        Phase::SwitchReads => "read the new form, then acknowledge",
        Phase::Contract => "have stopped using the old form",
        Phase::Expand | Phase::Backfill | Phase::Validate => "acknowledge",
    };
    match step.requires {
        ClientRequirement::Nothing => task.to_owned(),
        ClientRequirement::Understands => format!("{task}; only releases that understand the change"),
    }
}

/// How far a step is, in words.
pub(crate) fn status(record: &StepRecord, stage: Option<&str>) -> (Tone, String) {
    match &record.status {
        StepStatus::Queued if record.awaits_approval() => (Tone::Faint, "queued, will need approval".to_owned()),
        StepStatus::Queued => (Tone::Faint, "queued".to_owned()),
        StepStatus::AwaitingApproval { .. } => (Tone::Care, "awaiting approval".to_owned()),
        StepStatus::InFlight { .. } => (Tone::Care, stage.unwrap_or("in flight").to_owned()),
        StepStatus::Settled { at, .. } => (Tone::Good, format!("settled {}", time::point(*at))),
        StepStatus::Reverted { at, reason, .. } => (Tone::Bad, format!("reverted {}: {reason}", time::point(*at))),
        StepStatus::Cancelled => (Tone::Faint, "cancelled".to_owned()),
        StepStatus::RolledBack { by, .. } => (Tone::Care, format!("rolled back by version {by}")),
    }
}

/// The version that a step makes or made.
pub(crate) fn version(record: &StepRecord) -> String {
    match record.status {
        StepStatus::InFlight { version }
        | StepStatus::Settled { version, .. }
        | StepStatus::Reverted { version, .. }
        | StepStatus::RolledBack { version, .. } => version.to_string(),
        StepStatus::Queued | StepStatus::AwaitingApproval { .. } | StepStatus::Cancelled => "-".to_owned(),
    }
}

fn action(action: &Action) -> Vec<String> {
    match action {
        Action::Nothing => vec!["no statement: the version itself is the signal".to_owned()],
        Action::Statements { statements, transactional } => {
            let note = (!transactional).then(|| "outside a transaction:".to_owned());
            note.into_iter().chain(statements.iter().map(|statement| one_line(statement))).collect()
        }
        Action::Backfill(backfill) => vec![batches(backfill)],
        Action::Assert { assertions } => {
            assertions.iter().map(|assertion| format!("proves: {}", assertion.name)).collect()
        }
    }
}

fn batches(backfill: &Backfill) -> String {
    let Backfill { table, key, set, only_where, batch_rows_max } = backfill;
    let condition = only_where.as_ref().map(|condition| format!(" WHERE {}", one_line(condition)));
    format!(
        "UPDATE {table} SET {}{} in batches of {batch_rows_max} by {}",
        one_line(set),
        condition.unwrap_or_default(),
        key.join(", ")
    )
}
