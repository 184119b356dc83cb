//! How long the reconciler waits for what.

use lockstep_core::limits;
use lockstep_database::{Limits, Patience, Probe};
use std::path::PathBuf;
use std::time::Duration;

/// How long the reconciler waits for what. The defaults are for production.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What preflight takes as an obstacle.
    pub limits: Limits,
    /// How long one attempt in the database waits for what.
    pub patience: Patience,
    /// A step that could not be executed for so long is reported as failed.
    pub execute_deadline: Duration,
    /// The first pause after a failed attempt; doubled with each one more, with jitter.
    pub retry_pause_first: Duration,
    /// The longest pause after a failed attempt.
    pub retry_pause_max: Duration,
    /// How often a node that is not ready, quarantined or without its database looks again. With jitter.
    pub recheck_interval: Duration,
    /// How often a node that is ready looks whether it still is, while it waits for others.
    pub ready_recheck_interval: Duration,
    /// How often a replica looks whether a version has come.
    pub replication_interval: Duration,
    /// How often an idle node compares its schema with what it must be.
    pub drift_interval: Duration,
    /// An obstacle whose wording alone changed (an age, a count) is reported again after so long.
    pub wording_interval: Duration,
    /// A report that the cluster took, or refused, is repeated after so long if the state still asks for it.
    pub report_repeat_interval: Duration,
    /// How often the database's health is read while there is work.
    pub health_interval: Duration,
    /// How often it is read while there is none.
    pub health_interval_idle: Duration,
    /// Over which readings work waits, or is undone, unless the change says otherwise.
    pub load: limits::Limits,
    /// A threshold must be breached for so long, and by three readings at least.
    pub breach_sustained: Duration,
    /// A reading that is older counts as over its limit.
    pub reading_age_max: Duration,
    /// An operator's own statement that tells how clients fare.
    pub probe: Option<Probing>,
    /// Where the agent keeps its data: it must not run full either.
    pub data_dir: Option<PathBuf>,
}

/// The probe and its rhythm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probing {
    /// What is run.
    pub probe: Probe,
    /// How often.
    pub interval: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            limits: Limits::default(),
            patience: Patience::default(),
            execute_deadline: seconds(300),
            retry_pause_first: Duration::from_millis(200),
            retry_pause_max: seconds(10),
            recheck_interval: seconds(1),
            ready_recheck_interval: seconds(30),
            replication_interval: Duration::from_millis(250),
            drift_interval: seconds(60),
            wording_interval: seconds(30),
            report_repeat_interval: seconds(5),
            health_interval: Duration::from_millis(500),
            health_interval_idle: seconds(5),
            load: limits::Limits::usual(),
            breach_sustained: seconds(1),
            reading_age_max: seconds(15),
            probe: None,
            data_dir: None,
        }
    }
}
