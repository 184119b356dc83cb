//! What the services show, in core's types: the replicated truth with what the answering agent knows beside it. Agents build
//! views and convert them to messages; clients convert them back. They serialise, so that tools print them as JSON.

mod catalog;
mod change;
mod cluster;
mod duration;
mod progress;
mod session;

pub use catalog::Catalog;
pub use change::{Change, ChangeSummary, Gate, Unchanged, Version};
pub use cluster::{ClusterStatus, Health, Member, RaftRole, Warning};
pub use duration::duration;
pub use progress::{Blocker, Progress};
pub use session::{Announcement, Session};

use serde::Serialize;

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    /// In the order that the list promises.
    pub items: Vec<T>,
    /// What asks for the next page; `None` when this is the last.
    pub next_page_token: Option<String>,
}
