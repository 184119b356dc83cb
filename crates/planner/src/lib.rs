//! Turns what a person wrote into a plan of steps.
//!
//! Pure: text in, [`lockstep_core::change::Spec`] out. So far a person writes the steps themselves, in a [`plan_file`].
//! Deliberately absent: reading files, and any knowledge of a running cluster.

pub mod plan_file;

pub use plan_file::{Error, parse};
