//! Places at which a test can end the process, as a crash would: at once, with nothing written or told.
//!
//! Compiled in with the feature `failpoints` only. The environment variable `LOCKSTEP_FAILPOINT` names the place; `name:3` ends
//! the process when it is there for the third time.
//!
//! 1. `before_execute`: the step is confirmed, nothing is in the database yet.
//! 2. `after_backfill_batch`: a batch of a step in flight, or of its revert, is committed, with its cursor.
//! 3. `after_execute_before_report`: the database holds the version, the log does not know.
//! 4. `before_report_executed`: as 3, with the schema introspected.
//! 5. `after_report_executed`: the log knows, the local state may not.
//! 6. `before_revert`: the revert is owed, nothing is undone yet.
//! 7. `after_revert_before_report`: the database does not hold the version any more, the log does not know.
//! 8. `before_catch_up`: a late database lacks a version.
//! 9. `after_catch_up`: a late database has got one version more, the node does not count yet.
//! 10. `before_report_ready`: preflight is done, the log does not know.

/// A place at which a test can end the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failpoint {
    /// See the list of this module.
    BeforeExecute,
    /// See the list of this module.
    AfterBackfillBatch,
    /// See the list of this module.
    AfterExecuteBeforeReport,
    /// See the list of this module.
    BeforeReportExecuted,
    /// See the list of this module.
    AfterReportExecuted,
    /// See the list of this module.
    BeforeRevert,
    /// See the list of this module.
    AfterRevertBeforeReport,
    /// See the list of this module.
    BeforeCatchUp,
    /// See the list of this module.
    AfterCatchUp,
    /// See the list of this module.
    BeforeReportReady,
}

impl Failpoint {
    /// As the environment names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BeforeExecute => "before_execute",
            Self::AfterBackfillBatch => "after_backfill_batch",
            Self::AfterExecuteBeforeReport => "after_execute_before_report",
            Self::BeforeReportExecuted => "before_report_executed",
            Self::AfterReportExecuted => "after_report_executed",
            Self::BeforeRevert => "before_revert",
            Self::AfterRevertBeforeReport => "after_revert_before_report",
            Self::BeforeCatchUp => "before_catch_up",
            Self::AfterCatchUp => "after_catch_up",
            Self::BeforeReportReady => "before_report_ready",
        }
    }
}

/// Ends the process here if the environment says so.
#[cfg(feature = "failpoints")]
pub(crate) fn reach(point: Failpoint) {
    use std::sync::atomic::{AtomicU64, Ordering};
    static TIMES: AtomicU64 = AtomicU64::new(0);
    let Ok(wanted) = std::env::var("LOCKSTEP_FAILPOINT") else { return };
    let (name, times) = wanted.split_once(':').unwrap_or((&wanted, "1"));
    if name == point.name() && Some(TIMES.fetch_add(1, Ordering::SeqCst) + 1) == times.parse().ok() {
        std::process::abort();
    }
}

/// Nothing: fail points are not compiled in.
#[cfg(not(feature = "failpoints"))]
pub(crate) fn reach(_point: Failpoint) {}
