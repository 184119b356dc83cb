//! With which code the process ends. Scripts depend on these numbers: they never change their meaning.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "a stable list; the commands come one after the other")]
pub(crate) enum Exit {
    /// It did what was asked.
    Ok = 0,
    /// It failed, or the change was reverted or cancelled.
    Failed = 1,
    /// The command line or a file cannot be meant as it stands.
    Usage = 2,
    /// What was waited for has not happened in time.
    NotYet = 3,
    /// A gate stands in the way: its holdouts were named.
    Blocked = 4,
    /// No agent could be reached, or those that could have no quorum.
    NoQuorum = 5,
    /// The caller may not.
    Denied = 6,
    /// What should be made is there already.
    Conflict = 7,
}

impl Exit {
    /// Of `lockstep --help`.
    pub(crate) const HELP: &str = "\
Exit codes:
  0  done
  1  failed, or the change was reverted or cancelled
  2  usage: the command line or a file cannot be meant as it stands
  3  not yet: what was waited for has not happened in time
  4  blocked: a gate stands in the way, and its holdouts were named
  5  no quorum, or no agent could be reached
  6  denied
  7  conflict: the name is taken";
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
