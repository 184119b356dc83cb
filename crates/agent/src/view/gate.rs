//! What the next move waits for: the screen that somebody looks at in the middle of the night. The state says who and why; what
//! agents tell of themselves says what they are doing about it right now.

use super::Surroundings;
use super::member::{SILENT_AFTER, silence};
use super::progress::progress;
use crate::soft::Heard;
use lockstep_core::holdout::{self, Holdout, Subject};
use lockstep_core::limits::Stop;
use lockstep_core::{ChangeId, NodeId, SessionId, State};
use lockstep_proto::view::Gate;
use std::time::Duration;

/// What the cluster waits for; `None` when nothing waits.
pub(crate) fn gate(state: &State, around: &Surroundings) -> Option<Gate> {
    Some(explain(state, state.gate()?, around))
}

/// What one change waits for; `None` when it is over.
pub(crate) fn gate_of(state: &State, change: ChangeId, around: &Surroundings) -> Option<Gate> {
    Some(explain(state, state.gate_of(change)?, around))
}

fn explain(state: &State, mut gate: holdout::Gate, around: &Surroundings) -> Gate {
    for holdout in &mut gate.holdouts {
        match holdout.subject {
            Subject::Node(node) => explain_node(holdout, node, around),
            Subject::Session(session) => explain_session(holdout, session, around),
            Subject::Time(_) => explain_time(holdout, state, around),
            Subject::Operator(_) | Subject::Change(_) | Subject::Cluster => {}
        }
    }
    Gate::at(gate, around.now)
}

fn explain_node(holdout: &mut Holdout, node: NodeId, around: &Surroundings) {
    if let Some(age) = silence(node, around).filter(|age| *age > SILENT_AFTER) {
        add(&mut holdout.reason, &format!("agent not heard of for {}", super::spoken(age)));
        holdout.remedy = format!(
            "start its agent or mend its network; if it is gone for good: lockstep node remove {} --reason ... --force",
            holdout.name
        );
        return;
    }
    let Some(heard) = around.heard.get(&node) else { return };
    if let Some(problem) = &heard.told.database_problem {
        if !holdout.reason.contains(problem) {
            add(&mut holdout.reason, &format!("its database does not answer: {problem}"));
        }
        return;
    }
    if let Some(work) = &heard.told.work {
        let remedy = work.blockers.first().map(|blocker| blocker.remedy.clone());
        holdout.remedy =
            remedy.or_else(|| remedy_of(&work.stop_reasons)).unwrap_or_else(|| holdout.remedy.clone());
    }
    for fact in work(holdout, node, heard).into_iter().chain(lag(heard)) {
        add(&mut holdout.reason, &fact);
    }
}

/// What to do about readings that are over their limits: one sentence for each sort of them.
fn remedy_of(stops: &[Stop]) -> Option<String> {
    let mut stops: Vec<&Stop> = stops.iter().collect();
    stops.dedup_by_key(|stop| stop.reading);
    let first = stops.first()?;
    let remedies: Vec<String> = stops.iter().map(|stop| stop.remedy()).collect();
    Some(format!(
        "{}; it goes on by itself then. Another limit: `{}` in [throttle] at its agent, or --throttle of a change (docs/throttle.md)",
        remedies.join("; "),
        first.reading
    ))
}

/// What the node does, and what went wrong last; nothing that the reason says already.
fn work(holdout: &Holdout, node: NodeId, heard: &Heard) -> Vec<String> {
    let said = without_numbers(&holdout.reason);
    let is_new = |text: &String| !said.contains(&without_numbers(text));
    let doing = progress(node, &holdout.name, heard).map(|progress| progress.to_string()).filter(is_new);
    let error = heard.told.work.as_ref().and_then(|work| work.last_error.clone());
    let failed = error.filter(is_new).map(|error| format!("last error: {error}"));
    doing.into_iter().chain(failed).collect()
}

/// The same look a moment later finds other ages and counts.
fn without_numbers(text: &str) -> String {
    text.chars().filter(|character| !character.is_ascii_digit()).collect()
}

/// How far its database is behind the one that it follows.
fn lag(heard: &Heard) -> Option<String> {
    let lag = Duration::from_millis(heard.told.replication_lag_ms?);
    Some(format!("its database is {} behind its primary", super::spoken(lag)))
}

fn explain_session(holdout: &mut Holdout, session: SessionId, around: &Surroundings) {
    let remaining = around.leases.as_ref().and_then(|leases| leases.remaining(session));
    if let Some(remaining) = remaining {
        let fact = format!("its lease lasts for {} more unless it is renewed", super::spoken(remaining));
        add(&mut holdout.reason, &fact);
    }
}

fn explain_time(holdout: &mut Holdout, state: &State, around: &Surroundings) {
    let left_ms = state.due_at().map_or(0, |due| due.since_ms(around.now));
    add(&mut holdout.reason, &format!("{} to go", super::spoken(Duration::from_millis(left_ms))));
}

fn add(reason: &mut String, fact: &str) {
    reason.push_str(": ");
    reason.push_str(fact);
}
