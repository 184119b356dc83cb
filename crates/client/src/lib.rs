//! The Rust client of Lockstep: submit and watch changes, and hold a session under which an application uses a schema version.
//!
//! * [`Client`] talks to any agent of a cluster: it rotates over its endpoints, follows hints to the leader, and repeats what
//!   failed under the same request id, so that nothing takes effect twice.
//! * [`Session`] is an application's lease. [`Session::guard`] is asked once per unit of work (a request, a job): it says which
//!   version and phases to use, and fails as soon as the lease *may* be over, so that a paused process stops by itself.
//!
//! Deliberately absent: anything of agents, Raft, storage or database drivers.

mod call;
mod client;
mod endpoints;
mod error;
mod options;
pub mod session;
mod watch;

pub use client::{Client, IssuedJoinToken, Ordered, PageRequest, Submitted};
pub use error::Error;
pub use lockstep_proto::problem::{Kind, Outcome, Problem};
pub use lockstep_proto::view;
pub use options::Options;
pub use session::{Guard, LeaseOver, Session, SessionOptions};
pub use watch::{Watch, Watched};
