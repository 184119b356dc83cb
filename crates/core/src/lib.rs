//! The replicated state of a Lockstep cluster and the rules by which it moves.
//!
//! [`State::apply`] takes one stamped command and returns what happened. It is pure: no clock, no randomness, no
//! environment, no floats, no hash-map order, no I/O. Time enters only as the stamp that the proposing leader put on the
//! command; identity enters only as the Raft log index of the entry. After every command the [`gate`] runs until nothing more
//! is enabled, so that a transition never depends on which command came last.
//!
//! Deliberately absent: prost types (converted in `lockstep-proto`), lease renewals (leader memory, in `lockstep-agent`),
//! progress of long work (soft state), data source names (never replicated).

pub mod audit;
pub mod change;
pub mod command;
mod compatibility;
pub mod drift;
pub mod engine;
pub mod event;
pub mod gate;
pub mod holdout;
pub mod ids;
pub mod in_flight;
pub mod limits;
pub mod node;
pub mod refusal;
pub mod request;
pub mod schema;
pub mod session;
pub mod source;
pub mod state;
pub mod step;
pub mod version;
mod waiting;

pub use command::{Command, Reply, Stamped};
pub use drift::{Difference, Drift};
pub use engine::Engine;
pub use event::Event;
pub use ids::{ChangeId, Fence, LogIndex, NodeId, RequestId, SessionId, Timestamp, Version};
pub use refusal::Refusal;
pub use schema::Schema;
pub use source::Source;
pub use state::{Applied, State};
pub use step::Step;
