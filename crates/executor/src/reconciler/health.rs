//! Readings of the database's health, beside the work.

use crate::settings::Settings;
use crate::surroundings::ProgressSink;
use lockstep_database::Database;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::watch;

/// Reads and shows the health, more often while there is work.
pub(super) async fn publish(
    database: Arc<dyn Database>,
    sink: Arc<dyn ProgressSink>,
    settings: Settings,
    mut busy: watch::Receiver<bool>,
) -> Infallible {
    loop {
        let is_busy = *busy.borrow_and_update();
        sink.health(&database.health().await);
        let interval = if is_busy { settings.health_interval } else { settings.health_interval_idle };
        let turned_busy = async {
            // An error means that the loop is over, and this future is about to be dropped.
            if busy.wait_for(|is_busy| *is_busy).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            () = turned_busy, if !is_busy => {}
        }
    }
}
