//! One attempt in the database, watched: it goes on only as long as it is owed.

use super::running::Running;
use crate::duty::Work;
use crate::failpoint::{self, Failpoint};
use lockstep_core::in_flight::Measurement;
use lockstep_database::{Control, Error, Progress};
use std::sync::Arc;
use tokio::sync::watch;

impl Running {
    /// Runs the job to its end. When the state stops asking for it (an operator cancels, the node is removed), or the agent shuts
    /// down, it is told to stop, and its answer awaited: what it has committed by then, the ledger says.
    pub(super) async fn run_job(&mut self, work: &Work) -> Result<Measurement, Error> {
        let job = work.job(&self.parts.settings.patience);
        let database = Arc::clone(&self.parts.database);
        let (progress, mut seen) = watch::channel(Progress::default());
        let control = Control::default();
        let cancel = control.cancel.clone();
        let shutdown = self.shutdown.clone();
        let mut executing = std::pin::pin!(database.execute(&job, &progress, &control));
        loop {
            tokio::select! {
                done = &mut executing => return done,
                () = shutdown.cancelled(), if !cancel.is_cancelled() => cancel.cancel(),
                () = self.state_moved() => {
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

    fn show_reached(&mut self, reached: &Progress) {
        let mut is_batch = false;
        self.update_progress(|progress| {
            is_batch = reached.batches > progress.batches;
            progress.rows_done = reached.rows_done;
            progress.rows_total_estimate = reached.rows_total_estimate;
            progress.batches = reached.batches;
            progress.blockers.clone_from(&reached.blockers);
        });
        if is_batch {
            failpoint::reach(Failpoint::AfterBackfillBatch);
        }
    }
}
