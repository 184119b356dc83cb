//! The leader says when a time has come that the state waits for: the state itself knows no clock but the stamps of commands.

use super::duties::Surroundings;
use lockstep_core::{Command, Refusal, State};
use std::sync::Arc;
use std::time::Duration;

/// How often the leader looks. A gate advances within 2 s of its last condition.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Runs for as long as the agent. One agent too many that believes to lead does no harm: a command that comes early or late is void.
pub(super) async fn wake(around: Arc<Surroundings>) {
    let mut leadership = around.consensus.leadership();
    loop {
        if leadership.wait_for(Option::is_some).await.is_err() {
            return;
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
        let due = around.consensus.with_state(State::due_at);
        if due.is_none_or(|due| around.consensus.now() < due) {
            continue;
        }
        match around.propose(Command::Wake {}).await.map(|committed| committed.result) {
            Ok(Ok(_) | Err(Refusal::NotDue { .. })) => {}
            Ok(Err(refusal)) => tracing::error!(%refusal, "the cluster does not take note of the time"),
            Err(error) => tracing::debug!(%error, "the time has come, but the cluster cannot be told yet"),
        }
    }
}
