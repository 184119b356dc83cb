//! The rules of the replicated state: as tables that read at a glance, as properties of random histories, and as stored bytes.
//!
//! A table is a text: one event a row, what came of it behind the bar. [`table::check`] runs it; a row that comes out
//! differently fails the test and prints the whole table as it is.

mod approval_and_holds;
mod bootstrap;
mod breaches;
mod cancel_and_revert;
mod compatibility;
mod gate_holdouts;
mod helper;
mod history;
mod invariants;
mod limits;
mod make;
mod nodes_drift;
mod nodes_join;
mod operators;
mod properties;
mod refusals;
mod requests;
mod retention;
mod retry;
mod rollback;
mod sessions;
mod step_life;
mod stored_format;
mod table;
