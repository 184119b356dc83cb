//! The view of a database's schema.

use lockstep_core::schema::{Schema, Size};
use lockstep_core::{Engine, Version};
use serde::Serialize;
use std::collections::BTreeMap;

/// One database's schema, engine and sizes. All databases of a cluster at one version have the same schema; sizes differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Catalog {
    /// The node whose database it is.
    pub node_name: String,
    /// The engine.
    pub engine: Engine,
    /// The engine's major version there; another node may have an older one.
    pub engine_version: u32,
    /// The newest schema version whose effect the database holds.
    pub version: Version,
    /// Without Lockstep's own objects.
    pub schema: Schema,
    /// By table, as the engine estimates them; tables of which it knows nothing are left out.
    pub sizes: BTreeMap<String, Size>,
}
