//! What the next move waits for, as `cluster why` prints it.

use super::{Freshness, Status};
use lockstep_core::{LogIndex, Timestamp};
use lockstep_proto::view::{Gate, Progress, Warning};
use serde::Serialize;

/// What the next move waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Why {
    /// When agents were asked, by the clock of this machine.
    pub(crate) asked_at: Timestamp,
    /// The endpoint that answered.
    pub(crate) answered_by: String,
    /// Its node's name.
    pub(crate) answered_by_node: String,
    /// How far that can be trusted.
    pub(crate) freshness: Freshness,
    /// Why nothing can be decided now; `null` when it can.
    pub(crate) quorum_problem: Option<String>,
    /// Log index up to which it had applied.
    pub(crate) revision: LogIndex,
    /// `null` when nothing waits.
    pub(crate) gate: Option<Gate>,
    /// The change that came to nothing, if the newest one did: it waits for nothing, but for somebody who looks.
    pub(crate) reverted: Option<Warning>,
    /// Long work that goes on.
    pub(crate) progress: Vec<Progress>,
    /// Agents that did not answer.
    pub(crate) silent: Vec<Silent>,
}

/// An agent that did not answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Silent {
    /// Where it was asked.
    pub(crate) endpoint: String,
    /// What happened instead.
    pub(crate) error: String,
}

impl Why {
    /// The part of a status that says why nothing moves.
    pub(crate) fn of(status: &Status) -> Self {
        let silent = status.agents.iter().filter_map(|agent| {
            let error = agent.error.clone()?;
            Some(Silent { endpoint: agent.endpoint.clone(), error })
        });
        Self {
            asked_at: status.asked_at,
            answered_by: status.answered_by.clone(),
            answered_by_node: status.answered_by_node().to_owned(),
            freshness: status.freshness,
            quorum_problem: status.quorum_problem.clone(),
            revision: status.status.revision,
            gate: status.gate().cloned(),
            reverted: status.status.warnings.iter().find(|warning| warning.kind == "reverted").cloned(),
            progress: status.status.members.iter().filter_map(|member| member.progress.clone()).collect(),
            silent: silent.collect(),
        }
    }
}
