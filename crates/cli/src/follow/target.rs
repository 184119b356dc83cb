//! What a follower waits for. Pure.

use lockstep_core::change::Status;
use lockstep_proto::view::Change;
use std::fmt;

/// What a follower waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Target {
    /// All steps settled
    #[default]
    Settled,
    /// The next step waits for an operator's approval
    AwaitingApproval,
    /// Undone, or stopped before anything was done
    Reverted,
    /// What had settled was undone
    RolledBack,
    /// Settled, or rolled back in full: whoever watches is told of anything else by the exit code
    #[value(skip)]
    Done,
    /// Nothing more will happen to it without an operator, whatever became of it
    Ended,
}

/// Whether the target is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is.
    Reached,
    /// It is not, and will not be.
    Missed,
    /// Not yet.
    Open,
}

impl Target {
    /// Whether a change has reached it.
    pub(crate) fn verdict(self, view: &Change) -> Verdict {
        let status = view.status;
        let is_reached = match self {
            Self::Settled => status == Status::Settled,
            Self::AwaitingApproval => status == Status::AwaitingApproval,
            Self::Reverted => matches!(status, Status::Reverted | Status::Cancelled),
            Self::RolledBack => status == Status::RolledBack,
            Self::Done => matches!(status, Status::Settled | Status::RolledBack),
            Self::Ended => status.is_final(),
        };
        match (is_reached, status.is_final()) {
            (true, _) => Verdict::Reached,
            (false, true) => Verdict::Missed,
            (false, false) => Verdict::Open,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Settled => "settled",
            Self::AwaitingApproval => "awaiting approval",
            Self::Reverted => "reverted",
            Self::RolledBack => "rolled back",
            Self::Done | Self::Ended => "ended",
        })
    }
}
