//! One attempt in the database, watched: it goes on only as long as it is owed, and waits while it must.

use super::pause::Held;
use super::running::Running;
use crate::duty::Work;
use crate::failpoint::{self, Failpoint};
use lockstep_core::in_flight::Measurement;
use lockstep_database::{Control, Error, Progress};
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

impl Running {
    /// Runs the job to its end. When the state stops asking for it (an operator cancels, the node is removed), or the agent shuts
    /// down, it is told to stop, and its answer awaited: what it has committed by then, the ledger says. While a reading is over
    /// its limit, or the change is held, it is told to wait.
    pub(super) async fn run_job(&mut self, work: &Work) -> Result<Measurement, Error> {
        let job = work.job(&self.parts.settings.patience);
        let database = Arc::clone(&self.parts.database);
        let (progress, mut seen) = watch::channel(Progress::default());
        let cancel = CancellationToken::new();
        let (mut held, hold) = Held::new();
        let control = Control { cancel: cancel.clone(), hold, room: self.room.clone() };
        let shutdown = self.shutdown.clone();
        let mut executing = std::pin::pin!(database.execute(&job, &progress, &control));
        loop {
            self.hold_if_needed(&mut held, work);
            tokio::select! {
                done = &mut executing => {
                    self.count_waiting(held.let_go());
                    return done;
                }
                () = shutdown.cancelled(), if !cancel.is_cancelled() => cancel.cancel(),
                () = self.state_or_stops_moved() => {
                    if self.owed().work() != Some(work) {
                        cancel.cancel();
                    }
                }
                Ok(()) = seen.changed() => {
                    let reached = seen.borrow_and_update().clone();
                    self.show_reached(&reached);
                }
            }
        }
    }

    fn hold_if_needed(&mut self, held: &mut Held, work: &Work) {
        if self.must_wait(work) {
            held.hold();
            self.tell_waiting();
        } else {
            self.count_waiting(held.let_go());
        }
        self.show_stops(work);
    }

    fn show_reached(&mut self, reached: &Progress) {
        let mut is_batch = false;
        self.update_progress(|progress| {
            is_batch = reached.batches > progress.batches;
            progress.rows_done = reached.rows_done;
            progress.rows_total_estimate = reached.rows_total_estimate;
            progress.batches = reached.batches;
            progress.helpers = reached.helpers;
            progress.blockers.clone_from(&reached.blockers);
        });
        self.count_rows(reached);
        if is_batch {
            failpoint::reach(Failpoint::AfterBackfillBatch);
        }
    }
}
