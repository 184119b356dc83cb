//! How large the tables of a database are.

use lockstep_core::schema::Size;
use std::collections::BTreeMap;

/// What an engine tells of its tables without reading them, and which version of the engine it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// The engine's major version.
    pub engine_version: u32,
    /// By table, named as in the schema. Tables of which the engine knows nothing are left out.
    pub tables: BTreeMap<String, Size>,
}
