//! Turns what a person wrote into a plan of steps.
//!
//! Pure: text and a [`Catalog`] in, a [`Plan`] out. [`plan()`] takes plain DDL; a [`plan_file`] has the steps written by hand.
//! Deliberately absent: reading files, and any knowledge of a running cluster.

pub mod catalog;
pub mod draft;
pub mod name;
pub mod plan;
pub mod plan_file;
mod rules;
pub mod script;

pub use catalog::Catalog;
pub use plan::{Plan, Target, plan, replay};
