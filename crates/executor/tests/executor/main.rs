//! Tests of the executor: duties as tables, and real reconcilers on real SQLite databases around an in-process state.

mod cluster;
mod commands;
mod crashes;
mod database;
mod duty;
mod faults;
mod life;
mod load;
mod mending;
