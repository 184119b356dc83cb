//! Views of long work on a node.

use super::duration;
use lockstep_core::limits::Stop;
use lockstep_core::{NodeId, Version};
use serde::Serialize;
use std::fmt;

/// How far a node is with what it is doing now. Soft state: told by heartbeats, never replicated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// The node.
    pub node: NodeId,
    /// Its name.
    pub node_name: String,
    /// The version that it works on.
    pub version: Version,
    /// What it does, for people, e.g. `backfill of users`.
    pub activity: String,
    /// Rows done.
    pub rows_done: u64,
    /// Rows to do, estimated.
    pub rows_total: Option<u64>,
    /// Rows per second, lately.
    pub rows_per_second: u64,
    /// Time still needed, estimated, in milliseconds.
    pub remaining_ms: Option<u64>,
    /// Sessions in the node's database that work on it beside the first one.
    pub helpers: u32,
    /// Attempts so far, this one included.
    pub attempts: u32,
    /// Who holds what it needs, and is waited for.
    pub blockers: Vec<Blocker>,
    /// Age of this report at the answering agent, in milliseconds.
    pub age_ms: u64,
    /// Why its work waits; empty when nothing throttles it.
    pub stop_reasons: Vec<Stop>,
}

/// A transaction in a node's database that stands in the way of a step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Blocker {
    /// All of it in one line, for people.
    pub text: String,
    /// The process or connection, as the database numbers them; `None` where it does not.
    pub process: Option<u64>,
    /// Whose it is; empty when the agent may not see it.
    pub user: String,
    /// What the client calls itself, or where it comes from.
    pub application: String,
    /// How long it has been open, in milliseconds; `None` when the agent may not see it.
    pub age_ms: Option<u64>,
    /// The beginning of its last statement.
    pub query: String,
    /// What ends it.
    pub remedy: String,
}

/// In one line: what is done, how much of it, how fast, and for how long still.
impl fmt::Display for Progress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = vec![self.activity.clone()];
        match self.rows_total {
            Some(total) if total > 0 => {
                let percent = u128::from(self.rows_done.min(total)) * 100 / u128::from(total);
                parts.push(format!("{percent}% ({} of {total} rows)", self.rows_done));
            }
            _ if self.rows_done > 0 => parts.push(format!("{} rows", self.rows_done)),
            _ => {}
        }
        if self.rows_per_second > 0 {
            parts.push(format!("{} rows/s", self.rows_per_second));
        }
        if self.helpers > 0 {
            parts.push(format!("{} sessions", self.helpers + 1));
        }
        if let Some(remaining_ms) = self.remaining_ms {
            parts.push(format!("{} left", duration(remaining_ms)));
        }
        if self.attempts > 1 {
            parts.push(format!("attempt {}", self.attempts));
        }
        if !self.stop_reasons.is_empty() {
            let reasons: Vec<String> = self.stop_reasons.iter().map(ToString::to_string).collect();
            parts.push(format!("waits: {}", reasons.join("; ")));
        }
        if let Some(blocker) = self.blockers.first() {
            parts.push(format!("waits for {}", blocker.text));
        }
        formatter.write_str(&parts.join(", "))
    }
}
