//! `cluster why`: what the next move waits for, in one screen.

use super::gate;
use super::look::{Look, Tone};
use super::status::warning_line;
use super::{answered, at_work};
use crate::view::Status;
use lockstep_core::holdout::Subject;
use lockstep_proto::view::{Progress, Warning};

/// What the next move waits for, who said so, and who could not be asked.
pub(crate) fn why(status: &Status, look: Look) -> String {
    let now = status.asked_at;
    let mut parts: Vec<String> = answered::banner(status, look).into_iter().collect();
    match status.gate() {
        None => {
            parts.push(look.paint(Tone::Good, "nothing is waiting: no step is in flight and none is queued"));
            parts.extend(failed(status).map(|warning| format!("\n{}", warning_line(warning, look))));
        }
        Some(waiting) => {
            parts.push(gate::headline(waiting, look, now));
            parts.push(look.paint(Tone::Faint, &gate::deadline(waiting, now)));
            parts.push(String::new());
            parts.push(gate::holdouts(&waiting.gate.holdouts, look, now));
        }
    }
    let working = working(status);
    if !working.is_empty() {
        parts.push(String::new());
        parts.extend(working.into_iter().map(at_work));
    }
    parts.push(String::new());
    parts.push(answered::line(status, look));
    parts.extend(answered::silent(status, look));
    parts.join("\n")
}

/// A change that came to nothing: it waits for nothing, but for somebody who looks.
fn failed(status: &Status) -> impl Iterator<Item = &Warning> {
    status.status.warnings.iter().filter(|warning| warning.kind == "reverted")
}

/// Long work of nodes that are no holdouts: the reasons of holdouts tell already what they do.
fn working(status: &Status) -> Vec<&Progress> {
    let holdouts = status.gate().map(|gate| gate.gate.holdouts.as_slice()).unwrap_or_default();
    let is_named =
        |report: &&Progress| holdouts.iter().any(|holdout| holdout.subject == Subject::Node(report.node));
    let reports = status.status.members.iter().filter_map(|member| member.progress.as_ref());
    let is_long = |report: &&Progress| report.rows_done > 0 || report.rows_total.is_some();
    reports.filter(is_long).filter(|report| !is_named(report)).collect()
}
