//! Whole agents in this process: what they refuse, and what several of them do together.

mod bad_input;
mod cluster;
mod common;
