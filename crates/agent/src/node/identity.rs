//! The data directory, and whether it is the one that the configuration means.

use crate::token::JoinToken;
use crate::{Config, Error};
use lockstep_storage::{Identity, OpenOptions, Store};
use std::io::ErrorKind;

/// Opens the data directory and checks it against the configuration.
pub(super) async fn open(config: &Config) -> Result<Store, Error> {
    let directory = config.data_dir.clone();
    let opened = tokio::task::spawn_blocking(move || Store::open(&directory, OpenOptions::default())).await;
    let opened =
        opened.map_err(|error| Error::Ended { part: "opening of the store", reason: error.to_string() })?;
    let store = opened.map_err(|error| refused(config, error))?;
    match store.identity() {
        Some(identity) => check(config, &identity)?,
        None => check_empty(config)?,
    }
    Ok(store)
}

fn refused(config: &Config, error: lockstep_storage::Error) -> Error {
    let directory = config.data_dir.clone();
    match &error {
        lockstep_storage::Error::Io { source, .. } if source.kind() == ErrorKind::PermissionDenied => {
            Error::NoPermission { directory, reason: error.to_string() }
        }
        _ => Error::Store { directory, source: error },
    }
}

fn check(config: &Config, identity: &Identity) -> Result<(), Error> {
    let directory = config.data_dir.clone();
    if let Some(expected) = config.cluster.id.as_ref().filter(|expected| **expected != identity.cluster_id) {
        let source = lockstep_storage::Error::OtherCluster {
            found: identity.cluster_id.clone(),
            expected: expected.clone(),
        };
        return Err(Error::Store { directory, source });
    }
    let found = format!("{} (#{})", identity.name, identity.node_id);
    if config.name != identity.name {
        return Err(Error::OtherNode { directory, found, expected: config.name.clone(), key: "name" });
    }
    match config.cluster.node_id {
        Some(expected) if expected != identity.node_id => {
            Err(Error::OtherNode { directory, found, expected: format!("#{expected}"), key: "cluster.node_id" })
        }
        _ => Ok(()),
    }
}

/// An empty directory where there should be data is a loss, and never the beginning of something new.
fn check_empty(config: &Config) -> Result<(), Error> {
    let lost = |expectation: String, remedy: &str| Error::EmptyDataDirectory {
        directory: config.data_dir.clone(),
        expectation,
        remedy: remedy.to_owned(),
    };
    let cluster = &config.cluster;
    if let Some(node_id) = cluster.node_id {
        let remedy = "remove `cluster.node_id` and let the node join anew with `cluster.join`, `cluster.join_token` and \
                      `cluster.replace = true`";
        return Err(lost(format!("`cluster.node_id` is {node_id}"), remedy));
    }
    if let Some(id) = cluster.id.as_ref().filter(|_| cluster.bootstrap) {
        let remedy = "join the cluster through another member instead of `cluster.bootstrap`; remove `cluster.id` only to make a \
                      new cluster";
        return Err(lost(format!("`cluster.id` is {id}"), remedy));
    }
    if !cluster.bootstrap && cluster.join.is_empty() {
        return Err(Error::NotMember { directory: config.data_dir.clone() });
    }
    Ok(())
}

/// The join token, if it is for the cluster that the configuration means.
pub(super) fn join_token(config: &Config) -> Result<JoinToken, Error> {
    let text = config.cluster.join_token.as_ref().map(crate::config::Secret::reveal).unwrap_or_default();
    let token: JoinToken =
        text.parse().map_err(|error: crate::token::Malformed| Error::JoinToken(error.to_string()))?;
    match &config.cluster.id {
        Some(expected) if *expected != token.cluster_id => Err(Error::WrongCluster {
            source_of_found: "the join token".to_owned(),
            found: token.cluster_id,
            expected: expected.clone(),
            remedy: "get a token at a member of the right cluster, or correct `cluster.id`",
        }),
        _ => Ok(token),
    }
}
