//! A change as `change plan` shows it.

use lockstep_core::{Engine, Version};
use serde::Serialize;

/// A change that can be planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Plan {
    /// The file's name.
    pub(crate) file: String,
    /// What would be submitted, and why.
    #[serde(flatten)]
    pub(crate) planned: lockstep_planner::Plan,
    /// Names of the steps that wait for an operator.
    pub(crate) approvals: Vec<String>,
    /// Names of the steps that nothing undoes.
    pub(crate) irreversible: Vec<String>,
    /// What was known of the database.
    pub(crate) basis: Basis,
    /// The major version of the engine for which it is planned; `None` for steps that were written by hand.
    pub(crate) engine_version: Option<u32>,
    /// How it fits the cluster; `None` when none was asked or none could be reached.
    pub(crate) cluster: Option<ClusterCheck>,
}

/// What a plan was made against.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Basis {
    /// The steps were written by hand.
    ByHand,
    /// Nothing was known of the database.
    Nothing,
    /// A file with the schema.
    SchemaFile {
        /// The file's name.
        file: String,
    },
    /// A database of the cluster.
    Database {
        /// Whose.
        node: String,
        /// The schema version that it held.
        version: Version,
        /// False: changes are on their way, and what they will make was not known.
        is_complete: bool,
    },
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
    pub(crate) fn of(file: String, planned: lockstep_planner::Plan) -> Self {
        let named = |wanted: fn(&lockstep_core::Step) -> bool| {
            planned.change.steps.iter().filter(|step| wanted(step)).map(|step| step.name.clone()).collect()
        };
        Self {
            approvals: named(|step| step.needs_approval),
            irreversible: named(|step| step.revert.is_none()),
            basis: Basis::ByHand,
            engine_version: None,
            cluster: None,
            file,
            planned,
        }
    }
}
