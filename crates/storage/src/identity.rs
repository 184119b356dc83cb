//! Whose data directory this is.

use std::path::Path;

use crate::error::Error;
use crate::sealed;

const FILE: &str = "identity";
const FORMAT: u32 = 1;

/// The cluster and the node that a data directory belongs to. Set once, never changed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Identity {
    /// The cluster.
    pub cluster_id: String,
    /// The node's id, never reused in its cluster.
    pub node_id: u64,
    /// The node's stable name.
    pub name: String,
}

impl Identity {
    /// Whether a data directory of `self` serves a caller that expects `expected`.
    ///
    /// # Errors
    ///
    /// [`Error::OtherCluster`] or [`Error::OtherNode`].
    pub fn check(&self, expected: &Identity) -> Result<(), Error> {
        if self.cluster_id != expected.cluster_id {
            let (found, expected) = (self.cluster_id.clone(), expected.cluster_id.clone());
            return Err(Error::OtherCluster { found, expected });
        }
        if self != expected {
            return Err(Error::OtherNode { found: self.node(), expected: expected.node() });
        }
        Ok(())
    }

    fn node(&self) -> String {
        format!("{} ({})", self.name, self.node_id)
    }
}

#[derive(serde::Deserialize)]
struct FormatOnly {
    format: u32,
}

#[derive(serde::Serialize)]
struct Stored<'identity> {
    format: u32,
    #[serde(flatten)]
    identity: &'identity Identity,
}

/// The file's content.
pub(crate) fn render(identity: &Identity) -> String {
    let stored = Stored { format: FORMAT, identity };
    let text = serde_json::to_string_pretty(&stored).expect("strings and numbers always render as JSON");
    format!("{text}\n")
}

/// The identity in a file's content.
pub(crate) fn parse(content: &str) -> Result<Identity, Error> {
    let damaged = |error: serde_json::Error| Error::damage(format!("identity file: {error}"), FILE);
    let found = serde_json::from_str::<FormatOnly>(content).map_err(damaged)?.format;
    if found > FORMAT {
        return Err(Error::NewerFormat { what: "identity file".to_owned(), found, supported: FORMAT });
    }
    serde_json::from_str(content).map_err(damaged)
}

pub(crate) fn read(directory: &Path) -> Result<Option<Identity>, Error> {
    sealed::read(directory, FILE)?.map(|content| parse(&content)).transpose()
}

pub(crate) fn write(directory: &Path, identity: &Identity) -> Result<(), Error> {
    sealed::write(directory, FILE, &render(identity))
}
