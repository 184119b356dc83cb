//! Who did what: the trail that operators and auditors read.

use crate::ids::{LogIndex, Timestamp};
use serde::{Deserialize, Serialize};

/// How many records the state keeps; older ones are only in the log stream of the agents.
pub const RECORDS_MAX: usize = 10_000;

/// One accepted command of a person or program that changed what the cluster will do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Log index of the command.
    pub index: LogIndex,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What, e.g. `evict session 17 (shop/a)`.
    pub action: String,
    /// Why, if the command gave a reason.
    pub reason: String,
    /// Names of the holdouts that the command overrode; empty unless it was forced.
    pub overridden: Vec<String>,
}
