//! Readings beyond their limits.

use super::kind::{Kind, Side};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A reading that was beyond its threshold for long enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breach {
    /// What was read.
    pub reading: Kind,
    /// Of what, when that is not the node's database as such: a standby, a volume. Empty otherwise.
    #[serde(default)]
    pub of: String,
    /// What it was.
    pub value: u64,
    /// The threshold.
    pub limit: u64,
}

impl fmt::Display for Breach {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reading, of, value, limit } = self;
        let of = if of.is_empty() { String::new() } else { format!(" of {of}") };
        let side = match reading.side() {
            Side::Over => "over",
            Side::Under => "under",
        };
        write!(
            formatter,
            "{reading}{of} was {}, {side} its threshold of {}",
            reading.show(*value),
            reading.show(*limit)
        )
    }
}

/// Why work waits on a node: soft state, shown and never replicated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// What was read, or was to be read.
    pub reading: Kind,
    /// Of what, when that is not the node's database as such: a standby, a volume, a replica node. Empty otherwise.
    #[serde(default)]
    pub of: String,
    /// What it is; `None` when it cannot be read, which counts as beyond the limit.
    #[serde(default)]
    pub value: Option<u64>,
    /// The limit of the throttle.
    pub limit: u64,
    /// Why it cannot be read, or what else there is to say; may be empty.
    #[serde(default)]
    pub note: String,
}

impl Stop {
    /// What to do about it. The work goes on by itself afterwards.
    #[must_use]
    pub fn remedy(&self) -> String {
        let of = if self.of.is_empty() { "its database" } else { &self.of };
        if self.value.is_none() {
            return format!("see why {} of {of} cannot be read", self.reading);
        }
        match self.reading {
            Kind::ReplicationLag => format!(
                "see what keeps {of} behind (a replay that is paused, replication that stands, a long query or load there)"
            ),
            Kind::SessionsRunning => format!("see what runs in {of}, and end what need not run"),
            Kind::LockWaiters => format!("see who waits for whom in {of}, and end what holds the locks"),
            Kind::Load => "see what runs on the agent's machine".to_owned(),
            Kind::FreeDisk => format!("make room on the volume of {of}"),
            Kind::ProbeP99 => format!("see what makes the probe slow in {of}"),
            Kind::ExecuteDuration | Kind::Cost => format!("see what the step does in {of}"),
            Kind::ClientFailures => format!("see what fails in {of}"),
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reading, of, value, limit, note } = self;
        let of = if of.is_empty() { String::new() } else { format!(" of {of}") };
        let limit = reading.show(*limit);
        match value {
            Some(value) => write!(formatter, "{reading}{of} is {} (limit {limit})", reading.show(*value))?,
            None => write!(formatter, "{reading}{of} cannot be read (limit {limit})")?,
        }
        if note.is_empty() { Ok(()) } else { write!(formatter, ": {note}") }
    }
}
