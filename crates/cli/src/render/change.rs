//! `change show` and `change list`.

use super::look::{Look, Tone, cell, finish};
use super::{at_work, facts, gate, step, text, time};
use lockstep_core::Timestamp;
use lockstep_core::change::{Status, StepRecord};
use lockstep_core::in_flight::{Measurement, Stage};
use lockstep_proto::view::{Change, ChangeSummary};

/// Characters of a statement that a table has room for; all of it is in `-o json`.
const STATEMENT_CHARS_MAX: usize = 120;

/// One change: what it is, how far, what it waits for.
pub(crate) fn change(view: &Change, look: Look, now: Timestamp) -> String {
    let mut parts = vec![summary(view, look, now), String::new(), steps(view, look)];
    if let Some(waiting) = &view.gate {
        parts.extend([
            String::new(),
            gate::headline(waiting, look, now),
            look.paint(Tone::Faint, &gate::deadline(waiting, now)),
            gate::holdouts(&waiting.gate.holdouts, look, now),
        ]);
    }
    if !view.progress.is_empty() {
        parts.push(String::new());
        parts.extend(view.progress.iter().map(at_work));
    }
    parts.join("\n")
}

fn summary(view: &Change, look: Look, now: Timestamp) -> String {
    let change = &view.change;
    let mut lines = vec![
        ("change", look.paint(Tone::Strong, &change.name)),
        ("id", change.id.to_string()),
        ("status", look.paint(tone(view.status), &words(view.status, change.is_held()))),
    ];
    if !change.description.is_empty() {
        lines.push(("what", change.description.clone()));
    }
    let age = time::age(change.submitted_at, now);
    lines.push((
        "submitted",
        format!("by {}, {age} ago ({})", change.submitted_by, time::point(change.submitted_at)),
    ));
    if let Some(source) = &change.source {
        lines.push(("made of", format!("{}, SHA-256 {}", source.file, source.sha256)));
    }
    if change.retention_ms > 0 && change.steps.iter().any(StepRecord::is_contract) {
        let kept = format!("for {} after clients have left it", time::duration(change.retention_ms));
        lines.push(("old form kept", kept));
    }
    for (name, hold) in &change.holds {
        lines.push((
            "paused",
            format!("by {} ({name}), {} ago: {}", hold.by, time::age(hold.at, now), hold.reason),
        ));
    }
    if let Some(Stage::Reverting { reason, .. }) = view.in_flight.as_ref().map(|flight| &flight.stage) {
        lines.push(("reverting", reason.to_string()));
    }
    if let Some(now) = what_now(view) {
        lines.push(("what now", now));
    }
    lines.push(("as of", format!("log index {}", view.revision)));
    facts(&lines, look)
}

/// What can be done about a change that came to nothing.
fn what_now(view: &Change) -> Option<String> {
    let name = &view.change.name;
    let is_in_effect = (0..view.change.steps.len())
        .any(|index| !view.change.steps[index].is_rollback() && view.change.settled_version(index).is_some());
    match view.status {
        Status::Reverted | Status::Cancelled if is_in_effect => Some(format!(
            "lockstep change retry {name} runs what is left; lockstep change rollback {name} --reason ... undoes what has settled"
        )),
        Status::Reverted | Status::Cancelled => Some(format!("lockstep change retry {name} runs it again")),
        _ => None,
    }
}

fn steps(view: &Change, look: Look) -> String {
    let stage = view.in_flight.as_ref().map(|flight| flight.stage.name());
    let mut table = look.table(&["#", "PHASE", "STEP", "VERSION", "STATE", "WHAT RUNS", "COST"]);
    for (index, record) in view.change.steps.iter().enumerate() {
        let (tone, state) = step::status(record, stage);
        let title = match (record.rollback_of, record.retry_of) {
            (Some(undone), _) => format!("{} (undoes step {})", record.step.name, undone + 1),
            (None, Some(failed)) => format!("{} (step {} again)", record.step.name, failed + 1),
            (None, None) => record.step.name.clone(),
        };
        table.add_row([
            cell(Tone::Faint, index + 1),
            cell(Tone::Plain, record.step.phase),
            cell(Tone::Strong, title),
            cell(Tone::Plain, step::version(record)),
            cell(tone, state),
            cell(Tone::Plain, text::cut_lines(&step::forward(&record.step), STATEMENT_CHARS_MAX)),
            cell(Tone::Faint, cost(record)),
        ]);
    }
    finish(table)
}

/// The slowest node, the longest wait for a lock, and all rows together.
fn cost(record: &StepRecord) -> String {
    let most = |part: fn(&Measurement) -> u64| record.measurements.values().map(part).max().unwrap_or_default();
    let Some((slowest, _)) = record.measurements.iter().max_by_key(|(_, measured)| measured.duration_ms) else {
        return "-".to_owned();
    };
    let rows: u64 = record.measurements.values().map(|measured| measured.rows).sum();
    let mut parts = vec![format!("{} on {slowest}", time::duration(most(|measured| measured.duration_ms)))];
    match most(|measured| measured.lock_wait_ms) {
        0 => {}
        wait => parts.push(format!("lock wait {}", time::duration(wait))),
    }
    if rows > 0 {
        parts.push(format!("{rows} rows"));
    }
    parts.join(", ")
}

/// All changes, one a line.
pub(crate) fn changes(changes: &[ChangeSummary], look: Look, now: Timestamp) -> String {
    if changes.is_empty() {
        return "no changes".to_owned();
    }
    let mut table = look.table(&["CHANGE", "ID", "STATUS", "STEPS", "SUBMITTED", "BY", "WHAT"]);
    for change in changes {
        table.add_row([
            cell(Tone::Strong, &change.name),
            cell(Tone::Faint, change.id),
            cell(tone(change.status), words(change.status, change.is_held)),
            cell(Tone::Plain, format!("{}/{}", change.steps_settled, change.steps_total)),
            cell(Tone::Plain, format!("{} ago", time::age(change.submitted_at, now))),
            cell(Tone::Plain, &change.submitted_by),
            cell(Tone::Plain, &change.description),
        ]);
    }
    finish(table)
}

/// How a change is, and since when: the answer to an order that changed nothing.
pub(crate) fn standing(state: &str, since: Option<Timestamp>, now: Timestamp) -> String {
    since.map_or_else(|| state.to_owned(), |since| format!("{state} ({} ago)", time::age(since, now)))
}

fn words(status: Status, is_held: bool) -> String {
    let words = status.name().replace('_', " ");
    if is_held && !status.is_final() { format!("{words}, PAUSED") } else { words }
}

fn tone(status: Status) -> Tone {
    match status {
        Status::Settled => Tone::Good,
        Status::Queued => Tone::Faint,
        Status::AwaitingApproval | Status::Running | Status::RolledBack => Tone::Care,
        Status::Reverting | Status::Reverted | Status::Cancelled => Tone::Bad,
    }
}
