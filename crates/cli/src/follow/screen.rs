//! Shows on stderr how far a change is: bars on a terminal, a line for each move elsewhere.

use super::snapshot::{HoldoutLine, NodeLine, Snapshot};
use crate::context::now;
use crate::output::stderr_look;
use crate::render::{Look, Tone};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use lockstep_core::Timestamp;
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::Duration;

/// How often the spinner moves.
const TICK: Duration = Duration::from_millis(120);

/// A holdout whose reason has changed is said again after so long.
const REPEAT_AFTER_MS: u64 = 30_000;

/// Shows snapshots.
pub(crate) enum Screen {
    /// Nothing is shown.
    Silent,
    /// A line for each move.
    Lines(Lines),
    /// Bars that move.
    Bars(Box<Bars>),
}

impl Screen {
    /// What fits stderr.
    pub(crate) fn new(is_silent: bool) -> Self {
        if is_silent {
            Self::Silent
        } else if std::io::stderr().is_terminal() {
            Self::Bars(Box::new(Bars::new(stderr_look())))
        } else {
            Self::Lines(Lines::default())
        }
    }

    /// Shows how far the change is now.
    pub(crate) fn show(&mut self, snapshot: &Snapshot) {
        match self {
            Self::Silent => {}
            Self::Lines(lines) => lines.next(snapshot, now()).into_iter().for_each(|line| eprintln!("{line}")),
            Self::Bars(bars) => bars.show(snapshot),
        }
    }

    /// Takes away what moves.
    pub(crate) fn clear(&mut self) {
        if let Self::Bars(bars) = self {
            // Nothing to be done when a terminal cannot be cleared.
            let _ = bars.all.clear();
            // Bars draw themselves once more when they are dropped, below what is said meanwhile.
            bars.all.set_draw_target(ProgressDrawTarget::hidden());
        }
    }
}

/// Says only what is new. A reason may hold an age or a countdown: the same holdout is said again only now and then.
#[derive(Default)]
pub(crate) struct Lines {
    headline: String,
    is_blocked: bool,
    holdouts: BTreeMap<String, (Timestamp, String)>,
}

impl Lines {
    /// The lines that have to be said after those that were said before.
    fn next(&mut self, snapshot: &Snapshot, now: Timestamp) -> Vec<String> {
        let mut lines = Vec::new();
        if self.headline != snapshot.headline {
            self.headline.clone_from(&snapshot.headline);
            self.holdouts.clear();
            lines.push(snapshot.headline.clone());
        }
        if snapshot.is_blocked && !self.is_blocked {
            self.holdouts.clear();
            lines.push(snapshot.dated_headline(now));
        }
        self.is_blocked = snapshot.is_blocked;
        lines.extend(snapshot.holdouts.iter().filter_map(|holdout| self.holdout(holdout, now)));
        lines
    }

    fn holdout(&mut self, holdout: &HoldoutLine, now: Timestamp) -> Option<String> {
        let is_said = self
            .holdouts
            .get(&holdout.who)
            .is_some_and(|(at, text)| text == &holdout.text || now.since_ms(*at) < REPEAT_AFTER_MS);
        if is_said {
            return None;
        }
        self.holdouts.insert(holdout.who.clone(), (now, holdout.text.clone()));
        Some(holdout.text.clone())
    }
}

/// A headline, a bar for each node, and whom it waits for.
pub(crate) struct Bars {
    all: MultiProgress,
    headline: ProgressBar,
    nodes: BTreeMap<String, ProgressBar>,
    holdouts: ProgressBar,
    look: Look,
}

impl Bars {
    fn new(look: Look) -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let headline = all.add(ProgressBar::new(1).with_style(style("{spinner} [{pos}/{len}] {wide_msg}")));
        let holdouts = all.add(ProgressBar::new(1).with_style(style("{msg}")));
        headline.enable_steady_tick(TICK);
        Self { all, headline, nodes: BTreeMap::new(), holdouts, look }
    }

    fn show(&mut self, snapshot: &Snapshot) {
        let (done, total) = snapshot.steps;
        self.headline.set_length(total as u64);
        self.headline.set_position(done as u64);
        let tone = if snapshot.is_blocked { Tone::Bad } else { Tone::Strong };
        self.headline.set_message(self.look.paint(tone, &snapshot.dated_headline(now())));
        let gone = self.nodes.extract_if(.., |name, _| !snapshot.nodes.iter().any(|node| &node.name == name));
        gone.for_each(|(_, bar)| bar.finish_and_clear());
        let width = snapshot.nodes.iter().map(|node| node.name.len()).max().unwrap_or_default();
        snapshot.nodes.iter().for_each(|node| self.show_node(node, width));
        self.holdouts.set_message(holdouts(snapshot));
    }

    fn show_node(&mut self, node: &NodeLine, width: usize) {
        let bar = self
            .nodes
            .entry(node.name.clone())
            .or_insert_with(|| self.all.insert_before(&self.holdouts, ProgressBar::new(1)));
        let (done, total) = node.share.unwrap_or((0, 1));
        bar.set_style(style("  {prefix} [{bar:24}] {wide_msg}"));
        bar.set_prefix(format!("{:width$}", node.name));
        bar.set_length(total.max(1));
        bar.set_position(done.min(total));
        bar.set_message(node.text.clone());
    }
}

fn holdouts(snapshot: &Snapshot) -> String {
    let mut lines: Vec<String> = snapshot.holdouts.iter().map(|holdout| holdout.text.clone()).collect();
    if snapshot.holdouts_left_out > 0 {
        lines.push(format!("... and {} more: lockstep cluster why", snapshot.holdouts_left_out));
    }
    lines.join("\n")
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the templates of this file are well-formed: a test draws each")
        .progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::{Bars, HoldoutLine, Lines, NodeLine, REPEAT_AFTER_MS, Snapshot};
    use crate::render::Look;
    use indicatif::ProgressDrawTarget;
    use lockstep_core::Timestamp;

    fn snapshot(headline: &str, holdouts: &[(&str, &str)]) -> Snapshot {
        let line = |(who, text): &(&str, &str)| HoldoutLine { who: (*who).to_owned(), text: (*text).to_owned() };
        Snapshot {
            steps: (1, 2),
            headline: headline.to_owned(),
            since: None,
            is_blocked: false,
            nodes: vec![NodeLine { name: "a".to_owned(), text: "ready".to_owned(), share: Some((1, 1)) }],
            holdouts: holdouts.iter().map(line).collect(),
            holdouts_left_out: 0,
        }
    }

    #[test]
    fn a_line_is_said_once() {
        let mut lines = Lines::default();
        let mut check = |ms: u64, snapshot: &Snapshot, expected: &[&str]| {
            assert_eq!(lines.next(snapshot, Timestamp(ms)), expected, "at {ms} ms");
        };
        check(0, &snapshot("preparing", &[("a", "a, 9s left")]), &["preparing", "a, 9s left"]);
        check(1, &snapshot("preparing", &[("a", "a, 8s left")]), &[]);
        check(2, &snapshot("preparing", &[("a", "a, 8s left"), ("b", "b")]), &["b"]);
        check(REPEAT_AFTER_MS, &snapshot("preparing", &[("a", "a, 5s left"), ("b", "b")]), &["a, 5s left"]);
        check(REPEAT_AFTER_MS + 1, &snapshot("executing", &[("b", "b")]), &["executing", "b"]);
        let blocked = Snapshot { is_blocked: true, ..snapshot("executing", &[("b", "b")]) };
        check(REPEAT_AFTER_MS + 2, &blocked, &["executing BLOCKED", "b"]);
        check(REPEAT_AFTER_MS + 3, &blocked, &[]);
    }

    #[test]
    fn bars_come_and_go_with_the_nodes() {
        let mut bars = Bars::new(Look::PLAIN);
        bars.all.set_draw_target(ProgressDrawTarget::hidden());
        bars.show(&snapshot("executing", &[("a", "waits for a")]));
        assert_eq!(bars.nodes.keys().collect::<Vec<_>>(), ["a"]);
        bars.show(&Snapshot { nodes: Vec::new(), ..snapshot("settled", &[]) });
        assert!(bars.nodes.is_empty());
    }
}
