//! Drift: what a database has that its version should not give it, object by object.
//!
//! Deliberately absent: how to mend it. What an object is worth, only a person knows.

use crate::ids::Version;
use crate::node::Fingerprint;
use crate::schema::Schema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Differences that go into the log; how many more there are is only counted.
pub const DIFFERENCES_MAX: usize = 20;

/// Characters of a name or a definition that go into the log.
pub const TEXT_CHARS_MAX: usize = 200;

/// One object that is not as it must be: it is missing, it should not be there, or it is another one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Difference {
    /// Its kind and name, with the table that it belongs to: `column users.email`, `index by_mail of users`.
    pub object: String,
    /// Its definition in the database; `None`: it is missing there.
    pub found: Option<String>,
    /// As it must be; `None`: it must not be there.
    pub expected: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let object = &self.object;
        match (&self.found, &self.expected) {
            (None, expected) => {
                write!(formatter, "{object} is missing (expected {})", expected.as_deref().unwrap_or_default())
            }
            (Some(found), None) => write!(formatter, "{object} is not expected (it is {found})"),
            (Some(found), Some(expected)) => write!(formatter, "{object} is {found}, expected {expected}"),
        }
    }
}

/// What an agent found in its database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// The newest version in its ledger.
    pub version: Version,
    /// Of the schema that it has.
    pub fingerprint: Fingerprint,
    /// In what that differs from what the version should give, as far as the agent knows what that is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// How many more differences there are.
    #[serde(default)]
    pub left_out: u32,
}

impl Drift {
    /// A schema of which only the fingerprint is known.
    pub(crate) fn unnamed(version: Version, fingerprint: &Fingerprint) -> Self {
        Self { version, fingerprint: fingerprint.clone(), differences: Vec::new(), left_out: 0 }
    }

    /// What `found` has at `version`, with its differences from `expected` when that is known. Bounded in length.
    #[must_use]
    pub fn of(version: Version, found: &Schema, expected: Option<&Schema>) -> Self {
        let mut differences = expected.map(|expected| found.differences(expected)).unwrap_or_default();
        let left_out = differences.len().saturating_sub(DIFFERENCES_MAX);
        differences.truncate(DIFFERENCES_MAX);
        for difference in &mut differences {
            shorten(&mut difference.object);
            difference.found.iter_mut().chain(&mut difference.expected).for_each(shorten);
        }
        let left_out = u32::try_from(left_out).unwrap_or(u32::MAX);
        Self { version, fingerprint: found.fingerprint(), differences, left_out }
    }
}

fn shorten(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(TEXT_CHARS_MAX) {
        text.truncate(end);
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Column, Index, Table};

    fn column(name: &str, data_type: &str) -> Column {
        let (name, data_type) = (name.to_owned(), data_type.to_owned());
        Column { name, data_type, nullable: true, default: None, generated: None, options: Vec::new() }
    }

    fn schema(columns: Vec<Column>, index: Option<&str>) -> Schema {
        let mut table = Table { columns, ..Table::default() };
        let by_mail = |definition: &str| Index { unique: false, valid: true, definition: definition.to_owned() };
        table.indexes.extend(index.map(|definition| ("by_mail".to_owned(), by_mail(definition))));
        Schema { tables: [("users".to_owned(), table)].into(), ..Schema::default() }
    }

    #[test]
    fn each_object_is_named_with_what_is_and_what_must_be() {
        let expected = schema(vec![column("id", "int"), column("mail", "text")], Some("(mail)"));
        let found = schema(vec![column("id", "bigint"), column("fax", "text")], None);
        let drift = Drift::of(Version(3), &found, Some(&expected));
        let lines: Vec<String> = drift.differences.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "column users.fax is not expected (it is column text)",
                "column users.id is column bigint, expected column int",
                "column users.mail is missing (expected column text)",
                "index by_mail of users is missing (expected (mail))",
            ]
        );
        assert_eq!((drift.version, drift.left_out), (Version(3), 0));
    }

    #[test]
    fn what_goes_into_the_log_is_bounded() {
        let many = |number: usize| column(&format!("{}{number}", "é".repeat(300)), &"x".repeat(1_000));
        let found = schema((0..500).map(many).collect(), None);
        let drift = Drift::of(Version(1), &found, Some(&schema(Vec::new(), None)));
        assert_eq!(drift.differences.len() + drift.left_out as usize, 500);
        let texts = drift.differences.iter().flat_map(|each| [Some(&each.object), each.found.as_ref()]).flatten();
        assert!(texts.into_iter().all(|text| text.chars().count() <= TEXT_CHARS_MAX + 1));
        let unknown = Drift::of(Version(1), &found, None);
        assert!(unknown.differences.is_empty() && unknown.fingerprint == found.fingerprint());
    }
}
