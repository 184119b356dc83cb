//! What commands print: plain values that serialise as they are. Fetching makes them, rendering reads them; neither knows the
//! other.

mod findings;
mod observation;
mod plan;
mod why;

pub(crate) use findings::schema_groups;
pub(crate) use observation::{Answer, Freshness, Observation, Status, bare, voters_heard};
pub(crate) use plan::{Basis, ClusterCheck, Plan};
pub(crate) use why::Why;

#[cfg(test)]
pub(crate) mod sample;

#[cfg(test)]
mod tests;
