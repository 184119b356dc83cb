//! Limits on readings: one list of what is read of a node, for throttle, thresholds, status and docs alike.
//!
//! Over a limit of the *throttle*, work waits until the reading has come back; over a *threshold*, the step in flight is undone on
//! every node. An agent's configuration has the usual limits, and a change may bring its own ([`Limits`] in
//! [`crate::change::Spec`]). Readings themselves are soft state and no part of this crate; a breach that was reported is.

mod breach;
mod kind;
mod text;

pub use breach::{Breach, Stop};
pub use kind::{Kind, Side, Unit};
pub use text::read_setting;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One limit for each kind of reading that has one; `None` switches the usual one off.
pub type Table = BTreeMap<Kind, Option<u64>>;

/// Limits of both sorts. What a kind's value means is [`Kind::unit`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Over these, work waits.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub throttle: Table,
    /// Over these, the step in flight is undone on every node.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub thresholds: Table,
}

impl Limits {
    /// What an agent uses when nobody says otherwise.
    #[must_use]
    pub fn usual() -> Self {
        let throttle = Kind::ALL.into_iter().filter(|kind| kind.throttles());
        Self {
            throttle: throttle.map(|kind| (kind, kind.throttle_default())).collect(),
            thresholds: Kind::ALL.into_iter().map(|kind| (kind, kind.threshold_default())).collect(),
        }
    }

    /// True when it sets nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.throttle.is_empty() && self.thresholds.is_empty()
    }

    /// These, and for what they do not set, `usual`.
    #[must_use]
    pub fn over(&self, usual: &Self) -> Self {
        let merged =
            |own: &Table, usual: &Table| usual.iter().chain(own).map(|(kind, value)| (*kind, *value)).collect();
        Self {
            throttle: merged(&self.throttle, &usual.throttle),
            thresholds: merged(&self.thresholds, &usual.thresholds),
        }
    }

    /// What is wrong with it; `None` if nothing is.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let misplaced = self.throttle.keys().find(|kind| !kind.throttles())?;
        Some(format!("`{}` cannot throttle: work does not wait for it; make it a threshold", misplaced.name()))
    }
}

/// The limits that are set in a table.
pub fn set(table: &Table) -> impl Iterator<Item = (Kind, u64)> + '_ {
    table.iter().filter_map(|(kind, value)| Some((*kind, (*value)?)))
}
