//! The ledger's tables, and every statement that touches them.

/// Lockstep's own tables.
pub(super) const OBJECTS: [&str; 2] = ["lockstep_meta", "lockstep_ledger"];
