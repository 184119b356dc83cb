//! Request ids: what takes effect at most once.

use crate::command::Reply;
use crate::ids::Timestamp;
use crate::refusal::Refusal;
use serde::{Deserialize, Serialize};

/// How long an answer is kept for repeats, in milliseconds of the log's own time: one day.
pub const RETENTION_MS: u64 = 24 * 60 * 60 * 1_000;

/// How many answers are kept at most; the oldest go first.
pub const RECORDS_MAX: usize = 100_000;

/// The first answer to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Hash of the command, to tell a repeat from another request under the same id.
    pub content_hash: String,
    /// When it was applied.
    pub at: Timestamp,
    /// What was answered.
    pub result: Result<Reply, Refusal>,
}
