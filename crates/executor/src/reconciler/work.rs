//! Executing, reverting, catching up: check, do, and what follows from the outcome.

use super::attempts::Attempts;
use super::running::{Next, Running};
use crate::duty::{Duty, Work};
use crate::failpoint::{self, Failpoint};
use crate::progress::Activity;
use lockstep_core::in_flight::{Failure, Measurement, Stage};
use lockstep_core::{Command, Step, Version};
use lockstep_database::{Error, Kind};

/// Obstacles that do not go away by themselves: executing would fail, or do harm.
const LASTING: [&str; 3] = ["violations", "statement", "permission"];

/// The job waits for locks by itself, with short time-outs.
const LEFT_TO_THE_JOB: &str = "lock_held";

/// Failed attempts to revert that are not told: most pass.
const REVERT_ATTEMPTS_UNTOLD: u32 = 3;

/// Why work did not get done.
pub(super) enum Problem {
    /// The database said so.
    Database(Error),
    /// The last look before it found something in the way.
    Obstacle {
        /// What.
        message: String,
        /// True: it does not go away by itself.
        lasting: bool,
    },
}

impl Problem {
    fn text(&self) -> String {
        match self {
            Self::Database(error) => error.to_string(),
            Self::Obstacle { message, .. } => message.clone(),
        }
    }

    /// True when trying again, with the ledger read anew, may help.
    fn may_pass(&self) -> bool {
        match self {
            Self::Database(error) => may_pass(error),
            Self::Obstacle { lasting, .. } => !lasting,
        }
    }
}

/// Beside what is retryable: errors that say that this agent's view of ledger or log was old.
fn may_pass(error: &Error) -> bool {
    error.retryable()
        || matches!(
            error,
            Error::Fenced { .. }
                | Error::AlreadyReverted { .. }
                | Error::BaseMismatch { .. }
                | Error::HalfDone { .. }
                | Error::NotHead { .. }
                | Error::NotClaimed { .. }
        )
}

impl Running {
    pub(super) async fn work(&mut self, duty: &Duty, work: &Work) -> Next {
        self.show(activity(duty), Some(work.version));
        self.tell_doing(work);
        if !self.may_begin(duty, work).await {
            return Next::AtOnce;
        }
        self.count_attempt(work);
        match self.last_look(duty, work).await {
            Ok(None) => {}
            Ok(Some(next)) => return next,
            Err(problem) => return self.failed_by(duty, work, problem).await,
        }
        failpoint::reach(before(duty));
        let node = self.parts.owner.node_name.clone();
        tracing::info!(%node, version = %work.version, step = %work.step_name, does = activity(duty).name(), "begins");
        match self.run_job(work).await {
            Ok(measurement) => {
                let Measurement { duration_ms, lock_wait_ms, attempts, rows, batches, .. } = measurement;
                tracing::info!(
                    %node, version = %work.version, step = %work.step_name, does = activity(duty).name(),
                    duration_ms, lock_wait_ms, attempts, rows, batches, "done"
                );
                self.measured = (work.kind == Kind::Forward).then_some((work.version, measurement));
                self.attempts = None;
                self.show_error(None);
                failpoint::reach(after(duty));
                Next::AtOnce
            }
            Err(Error::Cancelled { .. }) => Next::AtOnce,
            Err(error) => self.failed(duty, work, &error).await,
        }
    }

    pub(super) fn count_attempt(&mut self, work: &Work) {
        if self.attempts.as_ref().is_none_or(|attempts| attempts.work != *work) {
            self.attempts = Some(Attempts::new(work.clone(), &self.parts.settings));
        }
        if let Some(attempts) = &mut self.attempts {
            attempts.count += 1;
            let count = attempts.count;
            self.update_progress(|progress| progress.attempts = count);
        }
    }

    /// Right before executing: is the schema as it must be, and nothing in the way? Work that was begun is only finished.
    async fn last_look(&mut self, duty: &Duty, work: &Work) -> Result<Option<Next>, Problem> {
        let is_begun = self.ledger.as_ref().is_some_and(|ledger| ledger.claimed.is_some());
        if work.kind == Kind::Revert || is_begun {
            return Ok(None);
        }
        if let Some(required) = self.required(work.base) {
            let schema = match self.schema(duty).await {
                None => return Ok(Some(Next::AtOnce)),
                Some(schema) => schema.map_err(Problem::Database)?,
            };
            if let Some(misfit) = self.misfit(work.base, schema, &required) {
                return Ok(Some(self.misfits(duty, work.version, misfit).await));
            }
        }
        let Some(step) = self.step(work.version) else { return Ok(None) };
        let Some(obstacles) = self.obstacles(duty, &step).await else { return Ok(Some(Next::AtOnce)) };
        let is_lasting = |kind: &str| LASTING.contains(&kind);
        let worst = obstacles
            .into_iter()
            .filter(|obstacle| obstacle.kind != LEFT_TO_THE_JOB)
            .max_by_key(|obstacle| is_lasting(&obstacle.kind));
        match worst {
            None => Ok(None),
            Some(obstacle) => {
                Err(Problem::Obstacle { lasting: is_lasting(&obstacle.kind), message: obstacle.message })
            }
        }
    }

    fn step(&self, version: Version) -> Option<Step> {
        self.look(|state| state.entry(version).map(|entry| state.record_of(entry).step.clone()))
    }

    pub(super) async fn failed(&mut self, duty: &Duty, work: &Work, error: &Error) -> Next {
        if matches!(error, Error::NotClaimed { .. }) {
            self.lost_the_claim();
        }
        self.settle_failure(duty, work, error.to_string(), may_pass(error)).await
    }

    async fn failed_by(&mut self, duty: &Duty, work: &Work, problem: Problem) -> Next {
        self.settle_failure(duty, work, problem.text(), problem.may_pass()).await
    }

    /// Tries again after a pause; and tells the cluster when that does not help, or has not helped for long.
    async fn settle_failure(&mut self, duty: &Duty, work: &Work, message: String, may_pass: bool) -> Next {
        let settings = self.parts.settings.clone();
        tracing::warn!(
            node = %self.parts.owner.node_name, version = %work.version, step = %work.step_name,
            error = message, "an attempt failed"
        );
        self.show_error(Some(message.clone()));
        let deadline = settings.execute_deadline;
        // Nobody waits to see whether a revert works out: after a few attempts the others are told what it waits for.
        let is_slow = |attempts: &Attempts| work.kind == Kind::Revert && attempts.count >= REVERT_ATTEMPTS_UNTOLD;
        let is_over =
            self.attempts.as_ref().is_some_and(|attempts| attempts.is_over(deadline) || is_slow(attempts));
        let pause = self.attempts.as_mut().map_or(settings.retry_pause_max, |attempts| attempts.pause(&settings));
        if may_pass && !is_over {
            return Next::After(pause);
        }
        match self.tell_failure(duty, work, message).await {
            Ok(()) => Next::After(pause),
            Err(next) => next,
        }
    }

    async fn tell_failure(&mut self, duty: &Duty, work: &Work, message: String) -> Result<(), Next> {
        let (node, version) = (self.parts.node, work.version);
        let report = match duty {
            Duty::Execute(_) => Command::ReportExecuteFailed { node, version, message: message.clone() },
            Duty::Revert(_) => Command::ReportRevertFailed { node, version, message: message.clone() },
            // The cluster waits for nothing of a node that catches up; its progress says why it does not.
            _ => return Ok(()),
        };
        let is_known = self.reported_failure().is_some_and(|failure| failure.message == message);
        if is_known || !self.told.is_new_failure(version, &message, self.parts.settings.wording_interval) {
            return Ok(());
        }
        self.report(duty, report).await?;
        self.told.failed(version, message);
        Ok(())
    }

    fn reported_failure(&self) -> Option<Failure> {
        let node = self.parts.node;
        self.look(|state| match state.in_flight().map(|flight| &flight.stage) {
            Some(Stage::Executing { failures, .. } | Stage::Reverting { failures, .. }) => {
                failures.get(&node).cloned()
            }
            _ => None,
        })
    }
}

fn activity(duty: &Duty) -> Activity {
    match duty {
        Duty::Execute(_) => Activity::Executing,
        Duty::Revert(_) => Activity::Reverting,
        _ => Activity::CatchingUp,
    }
}

fn before(duty: &Duty) -> Failpoint {
    match duty {
        Duty::Execute(_) => Failpoint::BeforeExecute,
        Duty::Revert(_) => Failpoint::BeforeRevert,
        _ => Failpoint::BeforeCatchUp,
    }
}

fn after(duty: &Duty) -> Failpoint {
    match duty {
        Duty::Execute(_) => Failpoint::AfterExecuteBeforeReport,
        Duty::Revert(_) => Failpoint::AfterRevertBeforeReport,
        _ => Failpoint::AfterCatchUp,
    }
}
