//! Newtypes for the numbers and names that could be swapped by mistake.

use serde::{Deserialize, Deserializer, Serialize, de};
use std::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    return deserializer.deserialize_any(NumberVisitor).map(Self);
                }
                deserializer.deserialize_u64(NumberVisitor).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }
    };
}

number!(
    /// Position of an entry in the Raft log.
    LogIndex
);
number!(
    /// A node's id: the log index of the command that let it join. Never reused.
    NodeId
);
number!(
    /// A session's id: the log index of the command that opened it. Never reused.
    SessionId
);
number!(
    /// A change's id: the log index of the command that submitted it. Never reused.
    ChangeId
);
number!(
    /// Schema version: the position of a step in the version log. 0 is the baseline. Never reused.
    Version
);
number!(
    /// Fence token: the log index of the decision under which a database may be written. Never goes down in a database.
    Fence
);
number!(
    /// Milliseconds since the Unix epoch, as stamped by a leader. Never goes back within the log.
    Timestamp
);

impl LogIndex {
    /// True where there is no such entry: the log begins at 1.
    pub(crate) fn is_none(&self) -> bool {
        self.0 == 0
    }
}

/// Takes a number also as text: JSON writes map keys as text, and serde buffers the content of a tagged enum as it stands.
struct NumberVisitor;

impl de::Visitor<'_> for NumberVisitor {
    type Value = u64;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number from 0 to 2^64 - 1")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<u64, E> {
        Ok(number)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<u64, E> {
        u64::try_from(number).map_err(|_| E::invalid_value(de::Unexpected::Signed(number), &self))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
        text.parse().map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

impl Version {
    /// The version of a database that no step has touched.
    pub const BASELINE: Self = Self(0);
}

impl Timestamp {
    /// Milliseconds from `earlier` to `self`; 0 if `earlier` is later.
    #[must_use]
    pub fn since_ms(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Chosen by whoever asks for something; takes effect at most once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestId(pub String);

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
