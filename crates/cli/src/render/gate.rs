//! What a move waits for: the part that `cluster why`, `cluster status` and `change show` have in common.

use super::look::{Look, Tone};
use super::time;
use lockstep_core::Timestamp;
use lockstep_core::holdout::{Holdout, Subject};
use lockstep_proto::view::Gate;
use std::fmt::Write as _;

/// Holdouts that are listed; `-o json` has all.
const HOLDOUTS_SHOWN_MAX: usize = 20;

/// One line: the step, how far it is, since when, and whether that is too long.
pub(crate) fn headline(gate: &Gate, look: Look, now: Timestamp) -> String {
    let Gate { gate, is_blocked } = gate;
    let version = gate.version.map(|version| format!(", version {version}")).unwrap_or_default();
    let state = format!("{} for {}", gate.stage.replace('_', " "), time::age(gate.since, now));
    let flag = if *is_blocked { format!("  {}", look.paint(Tone::Bad, "BLOCKED")) } else { String::new() };
    format!(
        "{} step {} ({}){version}: {}{flag}",
        look.paint(Tone::Strong, &gate.change_name),
        gate.step + 1,
        gate.step_name,
        look.paint(Tone::Care, &state),
    )
}

/// From when on the step counts as blocked, as part of a sentence.
pub(crate) fn deadline(gate: &Gate, now: Timestamp) -> String {
    let blocked_at = gate.gate.blocked_at;
    if gate.is_blocked {
        format!("past its deadline by {}; it is never forced", time::age(blocked_at, now))
    } else {
        format!("shown BLOCKED in {} if nothing moves", time::age(now, blocked_at))
    }
}

/// Who, since when, why, and on the line below it what to do. Lines are not wrapped, so that a command can be copied whole.
pub(crate) fn holdouts(holdouts: &[Holdout], look: Look, now: Timestamp) -> String {
    let shown = &holdouts[..holdouts.len().min(HOLDOUTS_SHOWN_MAX)];
    let rows: Vec<(String, String, &Holdout)> =
        shown.iter().map(|holdout| (who(holdout), time::age(holdout.since, now), holdout)).collect();
    let who_width = width("WHO", rows.iter().map(|(who, ..)| who));
    let age_width = width("AGE", rows.iter().map(|(_, age, _)| age));
    let mut text = look.paint(Tone::Strong, &format!("{:who_width$}  {:age_width$}  WHY", "WHO", "AGE"));
    for (who, age, holdout) in &rows {
        let remedy = look.paint(Tone::Faint, &format!("-> {}", holdout.remedy));
        let _ = write!(
            text,
            "\n{who:who_width$}  {age:age_width$}  {}\n{:who_width$}  {:age_width$}  {remedy}",
            holdout.reason, "", ""
        );
    }
    if holdouts.len() > shown.len() {
        let _ = write!(text, "\n... and {} more: lockstep cluster why -o json", holdouts.len() - shown.len());
    }
    text
}

/// Kind and name of a holdout.
pub(crate) fn who(holdout: &Holdout) -> String {
    let name = &holdout.name;
    match holdout.subject {
        Subject::Node(_) => format!("node {name}"),
        Subject::Session(id) => format!("session {id} ({name})"),
        Subject::Operator(_) => "an operator".to_owned(),
        Subject::Change(_) => format!("change {name}"),
        Subject::Time(_) => "retention time".to_owned(),
        Subject::Cluster => "the cluster".to_owned(),
    }
}

fn width<'a>(title: &str, texts: impl Iterator<Item = &'a String>) -> usize {
    texts.map(|text| text.chars().count()).chain([title.len()]).max().unwrap_or_default()
}
