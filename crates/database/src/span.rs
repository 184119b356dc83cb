//! The part of a table that a backfill has still to go through, as the ledger keeps it.
//!
//! The end is fixed when the work begins: rows with a key beyond it are new, and new rows are filled by what the steps before set up (a
//! default, a trigger). So a backfill ends however fast rows arrive.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Keys above one and up to another, each column a value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Span<Value> {
    /// The key of the last row that is done; empty before the first.
    pub(crate) after: Vec<Value>,
    /// The greatest key when the work began; empty for a table without rows.
    pub(crate) until: Vec<Value>,
}

/// As earlier releases kept it, too.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored<Value> {
    Span(Span<Value>),
    /// The key of the last row that is done.
    After(Vec<Value>),
}

impl<Value: Serialize + DeserializeOwned> Span<Value> {
    /// Reads a ledger's cursor; the end is `until` where none is stored yet.
    pub(crate) fn read(cursor: Option<&str>, until: Vec<Value>) -> Result<Self, serde_json::Error> {
        let Some(text) = cursor else { return Ok(Self { after: Vec::new(), until }) };
        Ok(match serde_json::from_str(text)? {
            Stored::Span(span) => span,
            Stored::After(after) => Self { after, until },
        })
    }

    pub(crate) fn text(&self) -> String {
        serde_json::to_string(self).expect("numbers and texts always serialise")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_go_to_the_ledger_and_back() {
        let texts = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect::<Vec<String>>();
        let span = Span { after: texts(&["1", "a"]), until: texts(&["9", "z"]) };
        assert_eq!(Span::read(Some(&span.text()), texts(&["10", "b"])).unwrap(), span);
        assert_eq!(Span::read(Some(r#"["1","a"]"#), texts(&["9", "z"])).unwrap(), span);
        assert_eq!(Span::read(None, texts(&["9"])).unwrap(), Span { after: vec![], until: texts(&["9"]) });
        assert!(Span::<String>::read(Some("7"), vec![]).is_err());
    }
}
