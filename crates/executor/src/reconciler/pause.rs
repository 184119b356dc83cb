//! Waiting, before work begins and while it runs: as long as a reading is over its limit, or the change is held.
//!
//! Only what moves forward waits. A revert is the way out of trouble, and does not.

use super::running::Running;
use crate::duty::{Duty, Work};
use crate::monitor::Doing;
use lockstep_core::limits::Stop;
use lockstep_database::{Kind, Progress};
use std::time::{Duration, Instant};
use tokio::sync::watch;

impl Running {
    /// Returns once the work may go on; false when it is not owed any more, or the loop is to end.
    pub(super) async fn may_begin(&mut self, duty: &Duty, work: &Work) -> bool {
        let since = Instant::now();
        let may_begin = loop {
            if !self.must_wait(work) {
                break true;
            }
            self.show_stops(work);
            self.tell_waiting();
            let shutdown = self.shutdown.clone();
            tokio::select! {
                () = self.state_or_stops_moved() => {}
                () = shutdown.cancelled() => break false,
            }
            if self.owed() != *duty {
                break false;
            }
        };
        self.show_stops(work);
        self.count_waiting(since.elapsed());
        may_begin
    }

    /// True while the work must not go on.
    pub(super) fn must_wait(&self, work: &Work) -> bool {
        work.kind == Kind::Forward && (self.is_held(work) || !self.stops.borrow().is_empty())
    }

    /// True when somebody holds the change of the step in flight.
    fn is_held(&self, work: &Work) -> bool {
        self.look(|state| {
            let flight = state.in_flight().filter(|flight| flight.version == work.version);
            flight.is_some_and(|flight| state.changes()[&flight.change].is_held())
        })
    }

    /// Shows why the work waits, or that it does not.
    pub(super) fn show_stops(&mut self, work: &Work) {
        let stops: Vec<Stop> = match work.kind {
            Kind::Forward => self.stops.borrow_and_update().clone(),
            Kind::Revert => Vec::new(),
        };
        self.update_progress(|progress| progress.stop_reasons = stops);
    }

    /// Time spent waiting is no time spent trying.
    pub(super) fn count_waiting(&mut self, waited: Duration) {
        if waited.is_zero() {
            return;
        }
        if let Some(attempts) = &mut self.attempts {
            attempts.waited += waited;
        }
        self.change_doing(|doing| {
            doing.waited += waited;
            doing.waits_since = None;
        });
    }

    /// The monitor must not take for work what is waiting.
    pub(super) fn tell_waiting(&mut self) {
        self.change_doing(|doing| {
            doing.waits_since.get_or_insert_with(Instant::now);
        });
    }

    fn change_doing(&mut self, change: impl FnOnce(&mut Doing)) {
        self.doing.send_if_modified(|doing| doing.as_mut().map(change).is_some());
    }

    pub(super) fn count_rows(&mut self, reached: &Progress) {
        self.change_doing(|doing| {
            (doing.rows_done, doing.rows_predicted) = (reached.rows_done, reached.rows_total_estimate);
        });
    }

    /// Tells the monitor what is being executed.
    pub(super) fn tell_doing(&mut self, work: &Work) {
        if work.kind == Kind::Revert {
            self.doing.send_replace(None);
            return;
        }
        self.doing.send_if_modified(|doing| {
            let is_new = doing.as_ref().is_none_or(|doing| doing.version != work.version);
            if is_new {
                *doing = Some(Doing::begin(work.version));
            }
            is_new
        });
    }
}

/// A running job that can be told to wait, and for how long it has been.
pub(super) struct Held {
    hold: watch::Sender<bool>,
    since: Option<Instant>,
}

impl Held {
    pub(super) fn new() -> (Self, watch::Receiver<bool>) {
        let (hold, is_held) = watch::channel(false);
        (Self { hold, since: None }, is_held)
    }

    pub(super) fn hold(&mut self) {
        self.since.get_or_insert_with(Instant::now);
        self.hold.send_replace(true);
    }

    /// How long it was held.
    pub(super) fn let_go(&mut self) -> Duration {
        self.hold.send_replace(false);
        self.since.take().map(|since| since.elapsed()).unwrap_or_default()
    }
}
