//! Conversions between core's types (and [`crate::view`]) and messages, one file a family. Into messages they cannot fail; from
//! messages they fail with the name of the field.

mod catalog;
mod change;
mod cluster;
mod gate;
mod in_flight;
mod limits;
mod session;
mod step;
mod version;

use std::collections::BTreeMap;

/// A message that cannot be what it says: which field, and what is wrong with it. Not retryable: the sender must change it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("field `{field}` {problem}")]
pub struct Error {
    /// Path from the message's root, e.g. `spec.steps[2].forward`.
    pub field: String,
    /// What is wrong, e.g. `is not set`.
    pub problem: String,
}

impl Error {
    /// An error in a field.
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }

    /// The same error, seen from the message that holds the failing one in `field`.
    #[must_use]
    pub fn within(self, field: &str) -> Self {
        Self { field: format!("{field}.{}", self.field), problem: self.problem }
    }
}

/// The value of a message field that must be set.
///
/// # Errors
///
/// When it is not set, or cannot be what it says.
pub fn required<M, T: TryFrom<M, Error = Error>>(field: &str, value: Option<M>) -> Result<T, Error> {
    optional(field, value)?.ok_or_else(|| Error::new(field, "is not set"))
}

/// The value of a message field that may be absent.
///
/// # Errors
///
/// When it is set and cannot be what it says.
pub fn optional<M, T: TryFrom<M, Error = Error>>(field: &str, value: Option<M>) -> Result<Option<T>, Error> {
    value.map(T::try_from).transpose().map_err(|error| error.within(field))
}

/// The values of a repeated message field.
///
/// # Errors
///
/// When one of them cannot be what it says; the error names its position.
pub fn list<M, T: TryFrom<M, Error = Error>>(field: &str, values: Vec<M>) -> Result<Vec<T>, Error> {
    let item =
        |(index, value)| T::try_from(value).map_err(|error: Error| error.within(&format!("{field}[{index}]")));
    values.into_iter().enumerate().map(item).collect()
}

/// The page token that follows, as a message has it.
#[must_use]
pub fn page_token(token: String) -> Option<String> {
    (!token.is_empty()).then_some(token)
}

/// A map field with converted keys and values.
fn map<K, M, J, T>(field: &str, values: BTreeMap<K, M>, key: fn(K) -> J) -> Result<BTreeMap<J, T>, Error>
where
    K: Ord + std::fmt::Display,
    J: Ord,
    T: TryFrom<M, Error = Error>,
{
    let entry = |(name, value)| {
        let path = format!("{field}[{name}]");
        T::try_from(value).map(|value| (key(name), value)).map_err(|error: Error| error.within(&path))
    };
    values.into_iter().map(entry).collect()
}

/// A map field as a message has it.
fn unmap<K: Ord, T, J: Ord, M: From<T>>(values: BTreeMap<K, T>, key: fn(K) -> J) -> BTreeMap<J, M> {
    values.into_iter().map(|(name, value)| (key(name), M::from(value))).collect()
}

/// The value of an enum field: `M` is the message enum, `T` core's.
fn enumeration<M, T>(field: &str, number: i32) -> Result<T, Error>
where
    M: TryFrom<i32>,
    T: TryFrom<M, Error = Error>,
{
    let known = M::try_from(number).map_err(|_| Error::new(field, format!("has the unknown value {number}")))?;
    T::try_from(known).map_err(|error| Error::new(field, error.problem))
}

/// The error of an enum's zero value; its field is named by [`enumeration`].
fn unspecified() -> Error {
    Error::new("", "is not set")
}

/// A position in a list, as a message has it. Lists of messages are far shorter than 2^32.
fn position(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// A time, position or count that this state of a message must have.
fn present<T>(field: &str, value: Option<T>) -> Result<T, Error> {
    value.ok_or_else(|| Error::new(field, "is not set"))
}

/// Declares the conversions between a message enum and an enum that has the same variants less the unspecified one.
macro_rules! same_variants {
    ($message:ty, $core:ty, $($variant:ident),+) => {
        impl From<$core> for $message {
            fn from(value: $core) -> Self {
                match value { $(<$core>::$variant => Self::$variant),+ }
            }
        }

        impl TryFrom<$message> for $core {
            type Error = $crate::convert::Error;

            fn try_from(value: $message) -> Result<Self, Self::Error> {
                match value {
                    <$message>::Unspecified => Err($crate::convert::unspecified()),
                    $(<$message>::$variant => Ok(Self::$variant)),+
                }
            }
        }
    };
}
use same_variants;
