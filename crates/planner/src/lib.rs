//! Turns what a person wrote into a plan of steps.
//!
//! Pure: text and a [`Catalog`] in, a [`Plan`] out. [`plan()`] takes plain DDL; a [`plan_file`] has the steps written by hand.
//! Deliberately absent: reading files, and any knowledge of a running cluster.

mod again;
pub mod catalog;
mod change;
pub mod draft;
pub mod name;
pub mod plan;
pub mod plan_file;
mod replay;
mod rules;
pub mod script;
pub mod source;

pub use catalog::Catalog;
pub use change::{plan_change, replay_change};
pub use plan::{Plan, Target, plan};
pub use replay::replay;
