//! One turn after the other: what is owed, do it, wait for what could change the answer.

use super::attempts::{self, Attempts};
use super::preflight::out_of_reach;
use super::report::Told;
use super::{Ended, Reconciler};
use crate::duty::{Duty, duty};
use crate::ledger_view::LedgerView;
use crate::monitor::Doing;
use crate::progress::{Activity, Progress};
use crate::surroundings::look;
use lockstep_core::Schema;
use lockstep_core::in_flight::{Measurement, Obstacle};
use lockstep_core::limits::Stop;
use lockstep_core::node::{Node, Role};
use lockstep_core::{LogIndex, State, Version};
use lockstep_database::{Database, Error};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The loop with what it keeps between two turns. None of it counts: a loop that starts anew comes to the same end.
pub(super) struct Running {
    pub(super) parts: Reconciler,
    pub(super) shutdown: CancellationToken,
    applied: watch::Receiver<LogIndex>,
    /// What is being executed, for the monitor.
    pub(super) doing: watch::Sender<Option<Doing>>,
    /// Why forward work waits.
    pub(super) stops: watch::Receiver<Vec<Stop>>,
    /// How many sessions a backfill may work with.
    pub(super) room: watch::Receiver<u32>,
    is_claimed: bool,
    /// The ledger when it was last read.
    pub(super) ledger: Option<LedgerView>,
    /// The same duty is not begun again before the moment.
    held: Option<(Duty, Instant)>,
    /// The newest order of an operator to try at once, by log index.
    hurried_at: LogIndex,
    /// Why the database could not be asked, and when to ask again.
    out_of_reach: Option<(Obstacle, Instant)>,
    pub(super) attempts: Option<Attempts>,
    /// What the newest execution cost.
    pub(super) measured: Option<(Version, Measurement)>,
    pub(super) told: Told,
    /// The newest schema that was as it must be: to name what differs when one is not.
    pub(super) fitting_schema: Option<Schema>,
    /// When an idle node last compared its schema; `None`: that is due.
    pub(super) drift_checked: Option<Instant>,
    progress: Progress,
}

/// Steps will ask again, and say so where everybody sees it.
async fn tell_missing_rights(database: &dyn Database, node: &str) {
    for right in database.missing_rights().await.unwrap_or_default() {
        tracing::warn!(
            node,
            missing = right.message,
            remedy = right.remedy,
            "the agent lacks a right in its database"
        );
    }
}

/// What comes after a turn.
pub(super) enum Next {
    /// Something changed: ask again what is owed.
    AtOnce,
    /// Unless the state asks for something else, ask again after this time.
    After(Duration),
    /// The loop is over.
    End(Ended),
}

impl Running {
    pub(super) fn new(
        parts: Reconciler,
        shutdown: CancellationToken,
        doing: watch::Sender<Option<Doing>>,
        stops: watch::Receiver<Vec<Stop>>,
        room: watch::Receiver<u32>,
    ) -> Self {
        Self {
            applied: parts.source.applied(),
            told: Told::new(&parts.settings),
            fitting_schema: parts.memory.recall(),
            parts,
            shutdown,
            doing,
            stops,
            room,
            is_claimed: false,
            ledger: None,
            held: None,
            hurried_at: LogIndex::default(),
            out_of_reach: None,
            attempts: None,
            measured: None,
            drift_checked: Some(Instant::now()),
            progress: Progress::new(Activity::Idle, None),
        }
    }

    pub(super) async fn run(mut self) -> Ended {
        self.parts.sink.progress(&self.progress);
        while !self.shutdown.is_cancelled() {
            self.applied.borrow_and_update();
            match self.turn().await {
                Next::AtOnce => {}
                Next::After(pause) => self.wait(pause).await,
                Next::End(ended) => return ended,
            }
        }
        Ended::Shutdown
    }

    async fn wait(&mut self, pause: Duration) {
        // An order may have come while something else was awaited, and have woken only that.
        if self.look(State::hurried_at) > self.hurried_at {
            return;
        }
        let shutdown = self.shutdown.clone();
        tokio::select! {
            () = self.state_moved() => {}
            () = tokio::time::sleep(pause) => {}
            () = shutdown.cancelled() => {}
        }
    }

    /// Returns when the local state has moved.
    pub(super) async fn state_moved(&mut self) {
        if self.applied.changed().await.is_err() {
            // Whoever applied is gone: nothing will move any more, and the shutdown is on its way.
            std::future::pending::<()>().await;
        }
    }

    /// An operator does not want to wait for the next attempt, or the next look at the schema: what is held back is begun at once.
    fn hurry(&mut self) {
        let ordered = self.look(State::hurried_at);
        if ordered > self.hurried_at {
            self.hurried_at = ordered;
            self.held = None;
            self.drift_checked = None;
            self.out_of_reach = None;
            if let Some(attempts) = &mut self.attempts {
                attempts.begin_again(&self.parts.settings);
            }
        }
    }

    /// Returns when the local state has moved, or the reasons to wait are others.
    pub(super) async fn state_or_stops_moved(&mut self) {
        let moved = tokio::select! {
            moved = self.applied.changed() => moved,
            moved = self.stops.changed() => moved,
        };
        if moved.is_err() {
            // As above; and the monitor ends only together with the loop.
            std::future::pending::<()>().await;
        }
    }

    async fn turn(&mut self) -> Next {
        self.hurry();
        if let Some(next) = self.still_out_of_reach().await {
            return next;
        }
        if let Some(rest) = self.held_for() {
            return Next::After(rest);
        }
        if let Err(error) = self.read_ledger().await {
            return self.lost_the_database(&error).await;
        }
        self.out_of_reach = None;
        let duty = self.owed();
        // What was held is another duty now that the ledger is read.
        if let Some(rest) = self.held_for() {
            return Next::After(rest);
        }
        // What was held before says nothing any more: it is to be shown anew, even if it is owed again at once.
        self.held = None;
        let next = self.perform(&duty).await;
        if let Next::After(pause) = next {
            self.held = Some((duty, Instant::now() + pause));
        }
        next
    }

    /// How long the present duty is held back, by the ledger as last read.
    fn held_for(&mut self) -> Option<Duration> {
        self.ledger.as_ref()?;
        let now = Instant::now();
        let owed = self.owed();
        self.told.forget_unless(&owed);
        match &self.held {
            Some((held, until)) if *held == owed && *until > now => Some(*until - now),
            _ => None,
        }
    }

    /// What is owed, by the ledger as last read.
    pub(super) fn owed(&self) -> Duty {
        let ledger = self.ledger.clone().unwrap_or_default();
        let node = self.parts.node;
        self.look(|state| duty(state, node, &ledger))
    }

    pub(super) fn look<T>(&self, at: impl FnOnce(&State) -> T) -> T {
        look(self.parts.source.as_ref(), at)
    }

    /// This node, as the state has it.
    pub(super) fn member(&self) -> Option<Node> {
        self.look(|state| state.nodes().get(&self.parts.node).cloned())
    }

    async fn read_ledger(&mut self) -> Result<(), Error> {
        let (database, owner) = (&self.parts.database, &self.parts.owner);
        let ledger = match self.member().map(|node| node.role) {
            // Each time: a replica that somebody made a primary must not be believed any more.
            Some(Role::Replica) => database.follow(owner).await?,
            Some(Role::Primary) if !self.is_claimed => {
                let ledger = database.claim(owner).await?;
                self.is_claimed = true;
                tell_missing_rights(database.as_ref(), &owner.node_name).await;
                ledger
            }
            _ => database.ledger().await?,
        };
        self.ledger = Some(LedgerView::from(&ledger));
        Ok(())
    }

    /// The claim is gone: it is taken again before anything else is done.
    pub(super) fn lost_the_claim(&mut self) {
        self.is_claimed = false;
    }

    async fn still_out_of_reach(&mut self) -> Option<Next> {
        let (obstacle, until) = self.out_of_reach.clone()?;
        let rest = until.checked_duration_since(Instant::now())?;
        self.tell_unreachable(obstacle).await;
        Some(Next::After(rest))
    }

    async fn lost_the_database(&mut self, error: &Error) -> Next {
        let text = error.to_string();
        if self.look(|state| state.cluster().is_some() && state.applied().0 >= self.parts.node.0)
            && self.member().is_none()
        {
            return Next::End(Ended::Removed);
        }
        if self.progress.activity != Activity::Unreachable {
            tracing::warn!(node = %self.parts.owner.node_name, %error, "cannot use the database");
        }
        self.show(Activity::Unreachable, None);
        self.show_error(Some(text));
        let pause = attempts::jittered(self.parts.settings.recheck_interval);
        let obstacle = out_of_reach(error);
        self.out_of_reach = Some((obstacle.clone(), Instant::now() + pause));
        self.tell_unreachable(obstacle).await;
        match self.ledger.is_some().then(|| self.owed()) {
            // Reachable when it was owed: not to reach it now is an attempt that failed.
            Some(duty @ (Duty::Execute(_) | Duty::Revert(_))) => self.could_not_begin(&duty, error, pause).await,
            _ => Next::After(pause),
        }
    }

    async fn could_not_begin(&mut self, duty: &Duty, error: &Error, pause: Duration) -> Next {
        if let Some(work) = duty.work() {
            self.count_attempt(work);
            self.failed(duty, work, error).await;
        }
        Next::After(pause)
    }

    async fn perform(&mut self, duty: &Duty) -> Next {
        if duty.work().is_none() {
            self.doing.send_if_modified(|doing| doing.take().is_some());
        }
        match duty {
            Duty::Preflight { version, base, step } => self.preflight(duty, *version, *base, step).await,
            Duty::Execute(work) | Duty::Revert(work) | Duty::CatchUp(work) => self.work(duty, work).await,
            Duty::AwaitReplication { version, .. } => {
                self.show(Activity::AwaitingReplication, Some(*version));
                Next::After(attempts::jittered(self.parts.settings.replication_interval))
            }
            Duty::ReportExecuted { version } => self.report_executed(duty, *version).await,
            Duty::ReportReverted { version, .. } => self.report_reverted(duty, *version).await,
            Duty::ReportCaughtUp { version } => self.report_caught_up(duty, *version).await,
            Duty::ReportDrift { reason } => self.report_drift(duty, reason.clone()).await,
            Duty::Stop { reason } => self.stop(duty, reason).await,
            Duty::Removed => Next::End(Ended::Removed),
            Duty::Idle { .. } => self.idle(duty).await,
        }
    }

    /// Believes that the ledger contradicts the log only once the log is complete here.
    async fn stop(&mut self, duty: &Duty, reason: &str) -> Next {
        let source = std::sync::Arc::clone(&self.parts.source);
        let pause = attempts::jittered(self.parts.settings.recheck_interval);
        match self.while_owed(duty, source.catch_up()).await {
            None => return Next::AtOnce,
            Some(Err(problem)) => {
                self.show(Activity::Stopped, None);
                self.show_error(Some(format!("{reason} (or this agent's log is incomplete: {problem})")));
                return Next::After(pause);
            }
            Some(Ok(())) if self.owed() != *duty => return Next::AtOnce,
            Some(Ok(())) => {}
        }
        if self.show(Activity::Stopped, None) {
            tracing::error!(node = %self.parts.owner.node_name, reason, "stopped: nothing is executed here");
        }
        self.show_error(Some(reason.to_owned()));
        if self.member().is_some_and(|node| node.is_active()) {
            return self.report_drift(duty, reason.to_owned()).await;
        }
        Next::After(pause)
    }

    /// Awaits while the duty stays the same; `None` once it is another one, or the loop is to end.
    pub(super) async fn while_owed<T>(&mut self, duty: &Duty, doing: impl Future<Output = T>) -> Option<T> {
        let shutdown = self.shutdown.clone();
        let mut doing = std::pin::pin!(doing);
        loop {
            tokio::select! {
                done = &mut doing => return Some(done),
                () = shutdown.cancelled() => return None,
                () = self.state_moved() => {}
            }
            if self.owed() != *duty {
                return None;
            }
        }
    }

    /// Shows what the node is at; true when that is new.
    pub(super) fn show(&mut self, activity: Activity, version: Option<Version>) -> bool {
        let is_new = self.progress.activity != activity || self.progress.version != version;
        if is_new {
            self.progress = Progress::new(activity, version);
            self.parts.sink.progress(&self.progress);
        }
        is_new
    }

    pub(super) fn show_error(&mut self, error: Option<String>) {
        self.update_progress(|progress| progress.last_error = error);
    }

    pub(super) fn update_progress(&mut self, update: impl FnOnce(&mut Progress)) {
        let before = self.progress.clone();
        update(&mut self.progress);
        if self.progress != before {
            self.parts.sink.progress(&self.progress);
        }
    }
}
