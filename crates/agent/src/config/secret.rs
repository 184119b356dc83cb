//! Text that must not be shown.

use std::fmt;

/// A secret: readable on purpose only, never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text. Do not log it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// True when `shown` is the secret. Takes equally long wherever the two differ, so that answers do not tell how much of a
    /// guess was right.
    #[must_use]
    pub fn is(&self, shown: &str) -> bool {
        use sha2::{Digest, Sha256};
        let (mine, theirs) = (Sha256::digest(self.0.as_bytes()), Sha256::digest(shown.as_bytes()));
        mine.iter().zip(theirs.iter()).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(secret)")
    }
}
