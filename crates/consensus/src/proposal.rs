//! What is proposed, and what comes of it.

use lockstep_core::command::{Actor, Command};
use lockstep_core::{Event, LogIndex, Refusal, Reply, RequestId};
use serde::{Deserialize, Serialize};

/// A command on its way to the leader, who adds the time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// Makes the command take effect at most once, and therefore safe to repeat.
    pub request: Option<RequestId>,
    /// Who asks, as the agent that was asked has authenticated it.
    pub actor: Actor,
    /// What is asked.
    pub command: Command,
}

/// A command that stands in the log for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committed {
    /// Where. For a repeat of a request this is the place of the repeat; ids in [`Committed::result`] are those of the first.
    pub index: LogIndex,
    /// What the state answered.
    pub result: Result<Reply, Refusal>,
    /// What changed. Empty for a refusal and for a repeat.
    pub events: Vec<Event>,
}

impl Proposal {
    /// True when applying the command a second time does no harm, so that a lost answer may be followed by a repeat.
    pub(crate) fn repeatable(&self) -> bool {
        self.request.is_some()
            || matches!(
                self.command,
                Command::MoveNode { .. }
                    | Command::ReportCaughtUp { .. }
                    | Command::ReportDrift { .. }
                    | Command::ReportPreparation { .. }
                    | Command::ReportExecuted { .. }
                    | Command::ReportExecuteFailed { .. }
                    | Command::ReportReverted { .. }
                    | Command::ReportRevertFailed { .. }
                    | Command::Acknowledge { .. }
                    | Command::CloseSession { .. }
                    | Command::ExpireSession { .. }
            )
    }
}
