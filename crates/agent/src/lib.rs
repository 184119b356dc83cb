//! The daemon on a database node: wires consensus, executor and database together and serves clients and people.
//!
//! [`run`] is the whole agent; [`Agent`] is one for programs that hold several. [`Config`] is what it is told from outside.
//!
//! Deliberately absent: decisions about steps (at apply, in `lockstep-core`), Raft (`lockstep-consensus`), SQL
//! (`lockstep-database`). What the agent decides by itself is who may call what, and when a lease has run out.

pub mod config;
mod error;
mod leases;
pub mod logging;
mod node;
mod service;
mod soft;
mod token;
mod view;

pub use config::Config;
pub use error::{Class, Error};
pub use node::{Agent, run};

/// The release of this program.
const PROGRAM_VERSION: &str = env!("CARGO_PKG_VERSION");
