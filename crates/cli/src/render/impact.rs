//! What running something costs others, in words.

use super::look::Tone;
use super::text::count;
use lockstep_core::Step;
use lockstep_core::step::Action;
use lockstep_planner::draft::{Impact, Lock};

/// What a statement would have done, had it been run as it stands.
pub(super) fn as_written(impact: Option<&Impact>) -> (Tone, String) {
    let Some(impact) = impact else {
        return (Tone::Faint, "it is run just so".to_owned());
    };
    let work = work(impact);
    let tone = if work.is_some() { Tone::Bad } else { Tone::Care };
    let text = match (locks(&impact.locks), work) {
        (Some(locks), Some(work)) => format!("would hold {locks} while it {work}"),
        (Some(locks), None) => format!("would hold {locks}, for a moment once it got it"),
        (None, Some(work)) => format!("{work} in one go, without a lock that others wait for"),
        (None, None) => "takes no lock that others wait for".to_owned(),
    };
    (tone, text)
}

/// What a step locks, and how long.
pub(super) fn of_step(step: &Step, impact: &Impact) -> String {
    let duration = work(impact).map_or("for a moment".to_owned(), |work| format!("while it {work}"));
    match (locks(&impact.locks), &step.forward) {
        (_, Action::Nothing) => "nothing".to_owned(),
        (Some(locks), _) => format!("{locks}, {duration}"),
        (None, Action::Backfill(_)) => "the rows of one batch at a time".to_owned(),
        (None, _) => "nothing that others wait for".to_owned(),
    }
}

fn locks(locks: &[Lock]) -> Option<String> {
    let one = |lock: &Lock| format!("{} on {} ({} wait)", lock.mode, lock.table, lock.blocks);
    (!locks.is_empty()).then(|| locks.iter().map(one).collect::<Vec<_>>().join(" and "))
}

/// What takes the longer the more rows there are; `None` when nothing does.
fn work(impact: &Impact) -> Option<String> {
    let rows = impact
        .rows_estimate
        .map_or("all rows, however many there are".to_owned(), |rows| format!("about {}", count(rows, "row")));
    match (impact.rewrites, impact.scans) {
        (true, _) => Some(format!("writes the table anew ({rows})")),
        (false, true) => Some(format!("reads through the table ({rows})")),
        (false, false) => None,
    }
}
