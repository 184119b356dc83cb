//! The vote and other small values: each is one record, replaced as a whole.

use crate::digest::Digest;
use crate::error::Error;
use crate::keys;
use crate::record::{self, Kind};
use crate::state::{Change, Pending};
use crate::store::{self, Store};

/// Longest vote, meta value, snapshot description or purge id, in bytes.
pub const SMALL_VALUE_BYTES_MAX: usize = 256 * 1024;
/// Longest name of a meta value, in bytes.
pub const META_NAME_BYTES_MAX: usize = 256;

impl Store {
    /// Stores the vote, durable when this returns.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] over [`SMALL_VALUE_BYTES_MAX`], and every error of writing. Not retryable.
    pub async fn save_vote(&self, vote: Vec<u8>) -> Result<(), Error> {
        self.submit_vote(vote)?.await
    }

    /// The last vote given to [`Store::save_vote`].
    #[must_use]
    pub fn vote(&self) -> Option<Vec<u8>> {
        self.shared().state().vote.clone()
    }

    /// Stores a small value under a name, durable when this returns.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] over [`SMALL_VALUE_BYTES_MAX`], [`Error::MetaName`], and every error of writing.
    pub async fn put_meta(&self, name: &str, value: Vec<u8>) -> Result<(), Error> {
        self.submit_meta(name, value)?.await
    }

    /// The value last stored under a name.
    #[must_use]
    pub fn meta(&self, name: &str) -> Option<Vec<u8>> {
        self.shared().state().meta.get(name).cloned()
    }

    fn submit_vote(&self, vote: Vec<u8>) -> Result<Pending, Error> {
        store::check_small("vote", &vote)?;
        let mut state = self.running()?;
        let record = encode_vote(&vote);
        state.head.vote = Some(Digest::of(&[&record]));
        state.vote = Some(vote);
        let key = keys::VOTE.to_vec();
        Ok(self.submit(state, vec![Change::Replace { key, record }], Vec::new()))
    }

    fn submit_meta(&self, name: &str, value: Vec<u8>) -> Result<Pending, Error> {
        if name.is_empty() || name.len() > META_NAME_BYTES_MAX || name.contains('\0') {
            let limit_bytes = META_NAME_BYTES_MAX;
            return Err(Error::MetaName { name: name.to_owned(), limit_bytes });
        }
        store::check_small(name, &value)?;
        let mut state = self.running()?;
        let record = encode_meta(name, &value);
        state.head.meta.insert(name.to_owned(), Digest::of(&[&record]));
        state.meta.insert(name.to_owned(), value);
        let key = keys::meta(name);
        Ok(self.submit(state, vec![Change::Replace { key, record }], Vec::new()))
    }
}

pub(crate) fn encode_vote(vote: &[u8]) -> Vec<u8> {
    record::encode(Kind::Vote, keys::VOTE, &[vote])
}

pub(crate) fn encode_meta(name: &str, value: &[u8]) -> Vec<u8> {
    record::encode(Kind::Meta, &keys::meta(name), &[value])
}
