//! What a duty depends on of a database's ledger.

use lockstep_core::{Fence, Version};
use lockstep_database::Ledger;
use lockstep_database::job::Kind;

/// What a database's ledger says, as far as it decides what the node owes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerView {
    /// The newest executed version; 0 if none.
    pub head: Version,
    /// [`lockstep_core::version::Entry::hash`] that was recorded with `head`; empty for 0.
    pub head_hash: String,
    /// The highest fence that ever wrote there.
    pub fence: Fence,
    /// The version that is half done, if any.
    pub claimed: Option<Claimed>,
}

/// A version that was begun in a database and not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// Which.
    pub version: Version,
    /// [`lockstep_core::version::Entry::hash`] that was recorded with it.
    pub hash: String,
    /// Whether it was being executed or reverted.
    pub kind: Kind,
}

impl From<&Ledger> for LedgerView {
    fn from(ledger: &Ledger) -> Self {
        Self {
            head: ledger.head,
            head_hash: ledger.head_hash.clone(),
            fence: ledger.fence,
            claimed: ledger.claimed.as_ref().map(|row| Claimed {
                version: row.version,
                hash: row.hash.clone(),
                kind: row.kind,
            }),
        }
    }
}
