//! The reconciler: what this node owes now, and doing it.
