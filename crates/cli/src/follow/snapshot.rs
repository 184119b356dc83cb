//! How far a change is, in the few lines that a person follows. Pure.

use crate::render::{time, who};
use lockstep_core::change::{Status, StepRecord, StepStatus};
use lockstep_core::holdout::{Holdout, Subject};
use lockstep_core::in_flight::{InFlight, Preparation, Stage};
use lockstep_core::{NodeId, Timestamp};
use lockstep_proto::view::{Change, Progress};
use std::collections::BTreeMap;

/// Holdouts that are named; `lockstep cluster why` has all.
const HOLDOUTS_SHOWN_MAX: usize = 5;

/// A node that has not answered for so long, and tells of no work, is named as a holdout.
const AT_WORK_MS: u64 = 10_000;

/// How reasons begin that say no more than that a node is not done yet.
const AT_WORK_REASONS: [&str; 3] =
    ["has not executed yet", "has not reverted yet", "has not said whether it is ready"];

/// How far a change is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// Steps that are done, and all.
    pub(crate) steps: (usize, usize),
    /// The step that moves or waits, and how far it is.
    pub(crate) headline: String,
    /// Since when it is there.
    pub(crate) since: Option<Timestamp>,
    /// True when it is there for too long.
    pub(crate) is_blocked: bool,
    /// One for each node of the step in flight, by name.
    pub(crate) nodes: Vec<NodeLine>,
    /// Whom it waits for; nodes that are simply at work are not among them.
    pub(crate) holdouts: Vec<HoldoutLine>,
    /// How many more there are.
    pub(crate) holdouts_left_out: usize,
}

/// Whom it waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HoldoutLine {
    pub(crate) who: String,
    /// Why, and on a second line what to do.
    pub(crate) text: String,
}

/// How far one node is with the step in flight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeLine {
    pub(crate) name: String,
    /// In words.
    pub(crate) text: String,
    /// Done and all, if that is known; in rows, or 1 of 1.
    pub(crate) share: Option<(u64, u64)>,
}

impl Snapshot {
    /// How far a change is now.
    pub(crate) fn of(view: &Change, now: Timestamp) -> Self {
        let mut holdouts = holdouts(view, now);
        let holdouts_left_out = holdouts.len().saturating_sub(HOLDOUTS_SHOWN_MAX);
        holdouts.truncate(HOLDOUTS_SHOWN_MAX);
        let is_done = |record: &&StepRecord| !record.is_unfinished();
        Self {
            steps: (view.change.steps.iter().filter(is_done).count(), view.change.steps.len()),
            headline: headline(view),
            since: view.gate.as_ref().map(|gate| gate.gate.since).or(view.in_flight.as_ref().map(|f| f.since)),
            is_blocked: view.gate.as_ref().is_some_and(|gate| gate.is_blocked),
            nodes: view.in_flight.as_ref().map(|flight| nodes(view, flight)).unwrap_or_default(),
            holdouts,
            holdouts_left_out,
        }
    }

    /// The headline with its age and whether that is too long.
    pub(crate) fn dated_headline(&self, now: Timestamp) -> String {
        let age = self.since.map(|since| format!(" for {}", time::age(since, now))).unwrap_or_default();
        let flag = if self.is_blocked { " BLOCKED" } else { "" };
        format!("{}{age}{flag}", self.headline)
    }
}

fn headline(view: &Change) -> String {
    let total = view.change.steps.len();
    let words = view.status.name().replace('_', " ");
    let Some(index) = current(view) else { return words };
    let record = &view.change.steps[index];
    let state = match (&view.in_flight, &record.status) {
        (Some(flight), StepStatus::InFlight { version }) => format!("{}, version {version}", flight.stage.name()),
        (_, StepStatus::AwaitingApproval { .. }) => "awaiting approval".to_owned(),
        _ => "queued".to_owned(),
    };
    let paused = if view.change.is_held() { ", PAUSED" } else { "" };
    format!("step {} of {total}: {} ({}): {state}{paused}", index + 1, record.step.name, record.step.phase)
}

/// Position of the step that is in flight or next; `None` when the change is at its end.
fn current(view: &Change) -> Option<usize> {
    let in_flight =
        view.change.steps.iter().position(|record| matches!(record.status, StepStatus::InFlight { .. }));
    in_flight.or_else(|| (!view.status.is_final()).then(|| view.change.next_step()).flatten())
}

/// All nodes that the step in flight, a progress report or a holdout mentions.
fn nodes(view: &Change, flight: &InFlight) -> Vec<NodeLine> {
    let mut names: BTreeMap<NodeId, &str> =
        view.node_names.iter().map(|(id, name)| (*id, name.as_str())).collect();
    names.extend(view.progress.iter().map(|report| (report.node, report.node_name.as_str())));
    for holdout in view.gate.iter().flat_map(|gate| &gate.gate.holdouts) {
        if let Subject::Node(id) = holdout.subject {
            names.insert(id, &holdout.name);
        }
    }
    let mut lines: Vec<NodeLine> = names.into_iter().map(|(id, name)| node(view, flight, id, name)).collect();
    lines.sort_by(|a, b| a.name.cmp(&b.name));
    lines
}

fn node(view: &Change, flight: &InFlight, id: NodeId, name: &str) -> NodeLine {
    let done = |text: &str| NodeLine { name: name.to_owned(), text: text.to_owned(), share: Some((1, 1)) };
    let finished = match &flight.stage {
        Stage::Preparing { reports } => {
            matches!(reports.get(&id), Some(Preparation::Ready { .. })).then(|| done("ready"))
        }
        Stage::Executing { executed, .. } => executed
            .get(&id)
            .map(|execution| done(&format!("executed in {}", time::duration(execution.measurement.duration_ms)))),
        Stage::Settling { .. } => Some(done("holds the version")),
        Stage::Reverting { reverted, .. } => reverted.contains(&id).then(|| done("reverted")),
    };
    if let Some(line) = finished {
        return line;
    }
    let report = view.progress.iter().find(|report| report.node == id && report.version == flight.version);
    let holdout = view.gate.iter().flat_map(|gate| &gate.gate.holdouts);
    let reason =
        holdout.filter(|holdout| holdout.subject == Subject::Node(id)).map(|holdout| &holdout.reason).next();
    let text =
        report.map(ToString::to_string).or(reason.cloned()).unwrap_or_else(|| flight.stage.name().to_owned());
    let share = report.and_then(|report| Some((report.rows_done, report.rows_total?)));
    NodeLine { name: name.to_owned(), text, share }
}

/// Everybody but the nodes that are at work: their lines tell how far they are.
fn holdouts(view: &Change, now: Timestamp) -> Vec<HoldoutLine> {
    let Some(waiting) = &view.gate else { return Vec::new() };
    let named =
        waiting.gate.holdouts.iter().filter(|holdout| waiting.is_blocked || !is_at_work(view, holdout, now));
    named
        .map(|holdout| HoldoutLine {
            who: who(holdout),
            text: format!("waits for {}: {}\n  -> {}", who(holdout), holdout.reason, holdout.remedy),
        })
        .collect()
}

fn is_at_work(view: &Change, holdout: &Holdout, now: Timestamp) -> bool {
    let Subject::Node(node) = holdout.subject else { return false };
    let tells = |report: &Progress| report.node == node && report.age_ms < AT_WORK_MS;
    AT_WORK_REASONS.iter().any(|reason| holdout.reason.starts_with(reason))
        && (now.since_ms(holdout.since) < AT_WORK_MS || view.progress.iter().any(tells))
}

/// What the end of a change means, in one line.
pub(crate) fn ending(view: &Change) -> String {
    let name = &view.change.name;
    let settled = view.change.steps.iter().filter(|record| matches!(record.status, StepStatus::Settled { .. }));
    let settled = settled.count();
    let total = view.change.steps.len();
    let reverted = view.change.steps.iter().find_map(|record| match &record.status {
        StepStatus::Reverted { reason, .. } => Some(format!("step {} was reverted: {reason}", record.step.name)),
        _ => None,
    });
    match view.status {
        Status::Settled => format!("{name} settled: {total} of {total} steps, on every node and every client"),
        Status::Reverted => {
            let reason = reverted.unwrap_or_else(|| "a step was reverted".to_owned());
            let rest = if settled > 0 {
                format!("; what settled before it stays (lockstep change rollback {name} --reason ... undoes it)")
            } else {
                String::new()
            };
            format!("{name} failed: {reason}{rest}")
        }
        Status::Cancelled => format!("{name} was cancelled; of its {total} steps {settled} had settled, and stay"),
        Status::RolledBack => format!("{name} was rolled back: its steps are undone on every node"),
        _ => format!("{name}: {}", view.status.name().replace('_', " ")),
    }
}
