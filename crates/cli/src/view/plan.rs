//! A plan file as `change plan` shows it.

use lockstep_core::Engine;
use lockstep_core::change::Spec;
use serde::Serialize;

/// A plan file that can be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Plan {
    /// The file's name.
    pub(crate) file: String,
    /// What would be submitted.
    pub(crate) change: Spec,
    /// Names of the steps that wait for an operator.
    pub(crate) approvals: Vec<String>,
    /// Names of the steps that nothing undoes.
    pub(crate) irreversible: Vec<String>,
    /// How it fits the cluster; `None` when none was asked or none could be reached.
    pub(crate) cluster: Option<ClusterCheck>,
}

/// How a plan fits a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ClusterCheck {
    /// The cluster.
    pub(crate) cluster_id: String,
    /// The engine of its databases.
    pub(crate) engine: Engine,
    /// True when the plan is written for that engine.
    pub(crate) is_engine_right: bool,
    /// True when no change of that name exists.
    pub(crate) is_name_free: bool,
    /// Changes that are to finish first, in order.
    pub(crate) queued_behind: Vec<String>,
}

impl Plan {
    /// The view of what a file holds.
    pub(crate) fn of(file: String, change: Spec) -> Self {
        let named = |wanted: fn(&lockstep_core::Step) -> bool| {
            change.steps.iter().filter(|step| wanted(step)).map(|step| step.name.clone()).collect()
        };
        Self {
            approvals: named(|step| step.needs_approval),
            irreversible: named(|step| step.revert.is_none()),
            cluster: None,
            file,
            change,
        }
    }
}
