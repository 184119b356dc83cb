//! Settings.

use crate::Error;
use std::time::Duration;

/// How a member of the Raft group behaves. The defaults suit agents within one region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// How often the leader calls each member. Default 100 ms.
    pub heartbeat_interval: Duration,
    /// A voter that hears no leader for a random time between this and [`Config::election_timeout_max`] asks for votes.
    /// Default 400 ms; at least three heartbeats.
    pub election_timeout_min: Duration,
    /// See [`Config::election_timeout_min`]. Default 800 ms.
    pub election_timeout_max: Duration,
    /// How many voters there are to be, as far as there are nodes; all others are learners. Odd. Default 5.
    pub voters_target: usize,
    /// A voter that the leader has not heard of for so long is swapped for a live learner that has caught up. Default 60 s.
    pub dead_voter_after: Duration,
    /// A snapshot is made each time that so many entries have been applied, or more when the one before was large. Default 50,000.
    pub snapshot_every_entries: u64,
    /// So many entries that a snapshot covers stay in the log, for members that lag a little. Default 1,000.
    pub keep_entries: u64,
    /// Longest command that may be proposed, in bytes of JSON. Default 256 KiB.
    pub command_bytes_max: usize,
    /// How long [`crate::Consensus::propose`] and [`crate::Consensus::read_barrier`] try before they give up. Default 10 s.
    pub request_timeout: Duration,
    /// How long [`crate::Consensus::join`] tries. Default 60 s.
    pub join_timeout: Duration,
    /// How long it may take to connect to another agent. Default 1 s.
    pub connect_timeout: Duration,
    /// Deadline of calls that carry log entries or chunks of a snapshot. Default 5 s.
    pub transfer_timeout: Duration,
    /// Soft state is sent no more often than this. Default 500 ms.
    pub soft_state_interval: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            heartbeat_interval: Duration::from_millis(100),
            election_timeout_min: Duration::from_millis(400),
            election_timeout_max: Duration::from_millis(800),
            voters_target: 5,
            dead_voter_after: Duration::from_secs(60),
            snapshot_every_entries: 50_000,
            keep_entries: 1_000,
            command_bytes_max: 256 * 1024,
            request_timeout: Duration::from_secs(10),
            join_timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(1),
            transfer_timeout: Duration::from_secs(5),
            soft_state_interval: Duration::from_millis(500),
        }
    }
}

/// Longest command that can be configured: an entry must fit into one stored value and one message.
pub(crate) const COMMAND_BYTES_LIMIT: usize = 512 * 1024;

impl Config {
    /// Refuses settings that cannot work.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let problem = if self.voters_target.is_multiple_of(2) {
            Some(format!(
                "voters_target is {}: an even number of voters tolerates no more failures than one less",
                self.voters_target
            ))
        } else if self.election_timeout_min < self.heartbeat_interval * 3 {
            Some("election_timeout_min is less than three heartbeat intervals: one lost heartbeat would unseat the leader".to_owned())
        } else if self.election_timeout_max <= self.election_timeout_min {
            Some("election_timeout_max must be larger than election_timeout_min, or voters stand for election all at once".to_owned())
        } else if self.command_bytes_max > COMMAND_BYTES_LIMIT {
            Some(format!("command_bytes_max is {}, the limit is {COMMAND_BYTES_LIMIT}", self.command_bytes_max))
        } else if self.snapshot_every_entries == 0 {
            Some("snapshot_every_entries is 0".to_owned())
        } else {
            None
        };
        problem.map_or(Ok(()), |problem| Err(Error::Config { problem }))
    }

    /// The same for openraft.
    pub(crate) fn to_raft(&self, cluster_id: &str) -> Result<openraft::Config, Error> {
        let config = openraft::Config {
            cluster_name: cluster_id.to_owned(),
            heartbeat_interval: milliseconds(self.heartbeat_interval),
            election_timeout_min: milliseconds(self.election_timeout_min),
            election_timeout_max: milliseconds(self.election_timeout_max),
            install_snapshot_timeout: milliseconds(self.transfer_timeout),
            // `snapshotting` asks for them.
            snapshot_policy: openraft::SnapshotPolicy::Never,
            max_in_snapshot_log_to_keep: self.keep_entries,
            max_payload_entries: 512,
            enable_pre_vote: Some(true),
            // A leader that starts again must be elected again. Restored at once in its old term, it does not know yet what it had
            // committed, and would let readers past entries that were already acknowledged.
            enable_leader_restore: Some(false),
            ..openraft::Config::default()
        };
        config.validate().map_err(|error| Error::Config { problem: error.to_string() })
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
