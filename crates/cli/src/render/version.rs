//! `version list` and `version show`.

use super::look::{Look, Tone, cell, finish};
use super::{facts, time};
use lockstep_core::Timestamp;
use lockstep_core::version::Outcome;
use lockstep_proto::view::Version;

/// Entries of the version log, one a line.
pub(crate) fn versions(versions: &[Version], look: Look, now: Timestamp) -> String {
    if versions.is_empty() {
        return "no versions yet: the databases are at the baseline, version 0".to_owned();
    }
    let mut table = look.table(&["VERSION", "STATE", "CHANGE", "STEP", "PHASE", "APPENDED", "BUILDS ON", "HASH"]);
    for view in versions {
        let (tone, outcome) = outcome(&view.entry.outcome);
        table.add_row([
            cell(Tone::Strong, view.entry.version),
            cell(tone, outcome),
            cell(Tone::Plain, &view.change_name),
            cell(Tone::Plain, format!("{} ({})", view.entry.step + 1, view.step_name)),
            cell(Tone::Plain, view.phase),
            cell(Tone::Plain, format!("{} ago", time::age(view.entry.at, now))),
            cell(Tone::Plain, view.entry.base),
            cell(Tone::Faint, short(&view.entry.hash)),
        ]);
    }
    finish(table)
}

/// One entry of the version log.
pub(crate) fn version(view: &Version, look: Look, now: Timestamp) -> String {
    let entry = &view.entry;
    let (tone, name) = outcome(&entry.outcome);
    let decided = match &entry.outcome {
        Outcome::InFlight => String::new(),
        Outcome::Settled { at, confirm, .. } => {
            format!(" {} ago ({}), confirmed at log index {confirm}", time::age(*at, now), time::point(*at))
        }
        Outcome::Reverted { at } => format!(" {} ago ({})", time::age(*at, now), time::point(*at)),
    };
    let mut lines = vec![
        ("version", look.paint(Tone::Strong, &entry.version.to_string())),
        ("state", format!("{}{decided}", look.paint(tone, name))),
        ("change", view.change_name.clone()),
        ("step", format!("{} ({}), phase {}", entry.step + 1, view.step_name, view.phase)),
        ("appended", format!("{} ago ({})", time::age(entry.at, now), time::point(entry.at))),
        ("builds on", entry.base.to_string()),
    ];
    if let Outcome::Settled { fingerprint, .. } = &entry.outcome {
        lines.push(("schema", fingerprint.0.clone()));
    }
    lines.extend([
        ("step hash", entry.step_hash.clone()),
        ("hash before", entry.previous_hash.clone()),
        ("hash", entry.hash.clone()),
    ]);
    facts(&lines, look)
}

fn outcome(outcome: &Outcome) -> (Tone, &'static str) {
    match outcome {
        Outcome::InFlight => (Tone::Care, "in flight"),
        Outcome::Settled { .. } => (Tone::Good, "settled"),
        Outcome::Reverted { .. } => (Tone::Faint, "reverted"),
    }
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
