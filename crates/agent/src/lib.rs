//! The daemon on a database node.

pub mod config;

pub use config::Config;
