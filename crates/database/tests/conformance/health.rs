//! What a server tells of its sessions.

use super::backfill::touch;
use super::{Running, Stand, forward};
use lockstep_core::step::Action;
use lockstep_database::{Database, Error, Health};
use std::sync::Arc;
use std::time::Duration;

#[allow(dead_code, reason = "an engine without a server tells nothing")]
pub(crate) async fn sessions_at_work_are_told_and_the_agents_own_are_not(stand: Stand) {
    let plain = stand.users(20_000).await;
    let database = stand.claimed().await;
    // So much to do that it is at work for as long as it is looked at.
    let mut running = Running::start_with(&database, &forward(1, Action::Backfill(touch(1))), 2);
    running.progress.wait_for(|progress| progress.helpers == 1).await.unwrap();
    // What ran before is forgotten after a while, whatever the agent itself does.
    health(&database, |health| health.sessions_lately == Some(0) && health.sessions_running == Some(0)).await;
    plain.batch("SELECT 1").await.unwrap();
    health(&database, |health| health.sessions_lately == Some(1)).await;
    running.cancel.cancel();
    let error = running.result.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Cancelled { .. }), "it has ended: {error}");
}

/// Waits until it is as wanted.
#[allow(dead_code, reason = "as above")]
pub(crate) async fn health(database: &Arc<dyn Database>, wanted: impl Fn(&Health) -> bool) {
    let seen = async {
        while !wanted(&database.health().await) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), seen).await.expect("it is told");
}
