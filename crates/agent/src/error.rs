//! Why an agent does not start, or stops.

use crate::config;
use lockstep_core::{Difference, Engine};
use std::net::SocketAddr;
use std::path::PathBuf;

/// What ends an agent: cause, names, remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// Logging cannot be set up.
    #[error("cannot set up the log: {0}")]
    Log(String),
    /// An address is taken.
    #[error(
        "cannot listen at {address} (`{key}`): the address is in use; stop the program that has it (another agent?), or set \
         `{key}` to a free one"
    )]
    AddressInUse {
        /// The setting.
        key: &'static str,
        /// The address.
        address: SocketAddr,
    },
    /// An address cannot be listened at for another reason.
    #[error(
        "cannot listen at {address} (`{key}`): {reason}; set `{key}` to an address of this machine that the agent may use"
    )]
    Listen {
        /// The setting.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system said.
        reason: String,
    },
    /// The database's schema is not that of the cluster.
    #[error("{refusal}; compared with that of node {node}: {}", listed(differences, *left_out))]
    SchemaDiffers {
        /// What the cluster said.
        refusal: String,
        /// Whose schema it was compared with.
        node: String,
        /// In what they differ, by object.
        differences: Vec<Difference>,
        /// How many more differences there are.
        left_out: u32,
    },
    /// The data directory may not be used by this user.
    #[error(
        "no permission for data directory {}: {reason}; give the user that runs the agent the right to read and write it, or set \
         `data_dir` to another one", directory.display()
    )]
    NoPermission {
        /// The directory.
        directory: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The data directory cannot be served from.
    #[error("data directory {}: {source}", directory.display())]
    Store {
        /// The directory.
        directory: PathBuf,
        /// Why.
        source: lockstep_storage::Error,
    },
    /// The data directory is empty although the configuration says whose it is.
    #[error(
        "data directory {} is empty, but {expectation}: its data is lost, or `data_dir` is wrong. Node ids are never reused. If \
         the data is lost for good, {remedy}", directory.display()
    )]
    EmptyDataDirectory {
        /// The directory.
        directory: PathBuf,
        /// What the configuration expects.
        expectation: String,
        /// What to do when it is lost.
        remedy: String,
    },
    /// The data directory is empty and the configuration does not say how to become a member.
    #[error(
        "data directory {} is empty: this agent is not yet a member of a cluster. For the first agent of a new cluster set \
         `cluster.bootstrap = true`; for any other set `cluster.join` and `cluster.join_token`", directory.display()
    )]
    NotMember {
        /// The directory.
        directory: PathBuf,
    },
    /// The data directory is another node's.
    #[error(
        "data directory {} belongs to node {found}, not to {expected}: names and node ids do not change; correct `{key}`, or use \
         a data directory of its own", directory.display()
    )]
    OtherNode {
        /// The directory.
        directory: PathBuf,
        /// Whose it is.
        found: String,
        /// What the configuration says.
        expected: String,
        /// The setting.
        key: &'static str,
    },
    /// Two sources name different clusters.
    #[error("{source_of_found} is for cluster {found}, but `cluster.id` is {expected}: {remedy}")]
    WrongCluster {
        /// Where `found` stands.
        source_of_found: String,
        /// The cluster there.
        found: String,
        /// The configured cluster.
        expected: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The join token cannot be read.
    #[error("`cluster.join_token` cannot be read: {0}; get one with `lockstep cluster join-token` at a member")]
    JoinToken(String),
    /// The configured engine is not the cluster's.
    #[error(
        "`database.engine` is {configured}, but cluster {cluster_id} is one of {expected} databases: correct it and `database.dsn`"
    )]
    WrongEngine {
        /// What is configured.
        configured: Engine,
        /// The cluster.
        cluster_id: String,
        /// What it has.
        expected: Engine,
    },
    /// The database cannot be used at first start, when the cluster has to be told what it holds.
    #[error("{0}")]
    Database(#[from] lockstep_database::Error),
    /// Consensus cannot go on, or the cluster does not want this agent.
    #[error("{0}")]
    Consensus(#[from] lockstep_consensus::Error),
    /// The client port failed.
    #[error("the client port failed: {0}; restart the agent")]
    Server(String),
    /// A part of the agent ended that must not.
    #[error(
        "the {part} ended unexpectedly: {reason}; this is a defect of lockstep; restart the agent and report it with its log"
    )]
    Ended {
        /// Which.
        part: &'static str,
        /// How.
        reason: String,
    },
}

/// What kind of failure it is; tools choose their exit code by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Somebody has to change the configuration.
    Usage,
    /// There is no majority. Retryable.
    NoQuorum,
    /// The cluster or the system does not allow it.
    Denied,
    /// Something is in the way: an address, a lock, another agent, another cluster.
    Conflict,
    /// Everything else.
    Failed,
}

impl Error {
    /// What kind of failure it is.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Config(_) | Self::NotMember { .. } | Self::JoinToken(_) | Self::WrongEngine { .. } => {
                Class::Usage
            }
            Self::SchemaDiffers { .. }
            | Self::NoPermission { .. }
            | Self::Database(lockstep_database::Error::NoPermission { .. }) => Class::Denied,
            Self::AddressInUse { .. }
            | Self::OtherNode { .. }
            | Self::WrongCluster { .. }
            | Self::EmptyDataDirectory { .. }
            | Self::Database(
                lockstep_database::Error::Claimed { .. } | lockstep_database::Error::ForeignLedger { .. },
            ) => Class::Conflict,
            Self::Store { source, .. } => of_store(source),
            Self::Consensus(error) => of_consensus(error),
            _ => Class::Failed,
        }
    }
}

fn listed(differences: &[Difference], left_out: u32) -> String {
    let more = (left_out > 0).then(|| format!("and {left_out} more"));
    differences.iter().map(ToString::to_string).chain(more).collect::<Vec<_>>().join("; ")
}

fn of_store(error: &lockstep_storage::Error) -> Class {
    match error {
        lockstep_storage::Error::InUse { .. }
        | lockstep_storage::Error::OtherCluster { .. }
        | lockstep_storage::Error::OtherNode { .. } => Class::Conflict,
        _ => Class::Failed,
    }
}

fn of_consensus(error: &lockstep_consensus::Error) -> Class {
    match error {
        lockstep_consensus::Error::NoQuorum { .. } | lockstep_consensus::Error::Peer { .. } => Class::NoQuorum,
        lockstep_consensus::Error::Refused(_) => Class::Denied,
        lockstep_consensus::Error::OtherCluster { .. } => Class::Conflict,
        lockstep_consensus::Error::Config { .. } => Class::Usage,
        _ => Class::Failed,
    }
}
