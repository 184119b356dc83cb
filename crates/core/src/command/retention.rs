//! Retention: the old form is kept for a while after clients have left it. The state knows the time by stamps only, so somebody has
//! to say when the time has come: the leader does, and is wrong when its stamp is too early.

use super::Reply;
use crate::change::{Change, StepStatus};
use crate::holdout::Subject;
use crate::ids::{ChangeId, Timestamp};
use crate::refusal::Refusal;
use crate::state::{Context, State};
use crate::step::Phase;

pub(super) fn wake(state: &mut State, context: &mut Context<'_>) -> Result<Reply, Refusal> {
    context.require_agent("say that a time has come")?;
    match state.kept_until() {
        Some(due) if due <= context.at => Ok(Reply::Done),
        due_at => Err(Refusal::NotDue { due_at }),
    }
}

impl State {
    /// The time that the next step waits for; `None` when it waits for none. One that has come counts for as long as nothing else is
    /// waited for: then it is for the leader to say so.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        let is_alone = || self.holdouts().all(|holdout| matches!(holdout.subject, Subject::Time(_)));
        self.kept_until().filter(|due| *due > self.clock || is_alone())
    }

    /// Until when the next step keeps the old form, whether that time has come or not.
    pub(crate) fn kept_until(&self) -> Option<Timestamp> {
        if self.in_flight.is_some() {
            return None;
        }
        let (change, step) = self.candidate()?;
        self.retention(change, step).map(|(_, until)| until)
    }

    /// From when until when the old form is kept before the step may take it away: from the last switch of clients on.
    pub(crate) fn retention(&self, change: ChangeId, step: usize) -> Option<(Timestamp, Timestamp)> {
        let change = &self.changes[&change];
        let record = &change.steps[step];
        let is_waived = record.approval.as_ref().is_some_and(|approval| approval.now);
        if !record.is_contract() || is_waived || change.retention_ms == 0 {
            return None;
        }
        let left = change.switched_at()?;
        Some((left, Timestamp(left.0.saturating_add(change.retention_ms))))
    }
}

impl Change {
    /// When the last switch of clients settled that is in effect.
    fn switched_at(&self) -> Option<Timestamp> {
        let is_switch = |phase| matches!(phase, Phase::SwitchWrites | Phase::SwitchReads);
        let switches = self.steps.iter().filter(|record| is_switch(record.step.phase) && !record.is_rollback());
        let settled = switches.filter_map(|record| match record.status {
            StepStatus::Settled { at, .. } => Some(at),
            _ => None,
        });
        settled.max()
    }

    /// E.g. `the old form is kept for 72 h after clients left it`.
    pub(crate) fn retention_in_words(&self) -> String {
        format!("the old form is kept for {} after clients left it", in_words(self.retention_ms))
    }
}

/// In the largest unit that needs no fraction.
fn in_words(ms: u64) -> String {
    let units = [(3_600_000, "h"), (60_000, "min"), (1_000, "s")];
    let whole = units.into_iter().find(|(unit, _)| ms.is_multiple_of(*unit));
    whole.map_or_else(|| format!("{ms} ms"), |(unit, name)| format!("{} {name}", ms / unit))
}
