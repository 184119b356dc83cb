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
    /// Several work on it; none is left when it is empty.
    Spans(Vec<Span<Value>>),
    /// The key of the last row that is done.
    After(Vec<Value>),
}

impl<Value: Serialize + DeserializeOwned> Span<Value> {
    /// Reads a ledger's cursor, in the order of keys; the end is `until` where none is stored yet. Spans without rows are left out.
    pub(crate) fn read_all(cursor: Option<&str>, until: Vec<Value>) -> Result<Vec<Self>, serde_json::Error>
    where
        Value: PartialEq,
    {
        let spans = match cursor.map(serde_json::from_str).transpose()? {
            None => vec![Self { after: Vec::new(), until }],
            Some(Stored::Span(span)) => vec![span],
            Some(Stored::Spans(spans)) => spans,
            Some(Stored::After(after)) => vec![Self { after, until }],
        };
        Ok(spans.into_iter().filter(|span| !span.until.is_empty() && span.after != span.until).collect())
    }

    /// What [`Span::read_all`] reads.
    pub(crate) fn text_of_all<'s>(spans: impl Iterator<Item = &'s Self>) -> String
    where
        Value: 's,
    {
        let spans: Vec<&Self> = spans.collect();
        match spans[..] {
            // As releases wrote it that had one worker only.
            [span] => span.text(),
            _ => serde_json::to_string(&spans).expect("numbers and texts always serialise"),
        }
    }

    pub(crate) fn text(&self) -> String {
        serde_json::to_string(self).expect("numbers and texts always serialise")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(after: &[&str], until: &[&str]) -> Span<String> {
        let texts = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect();
        Span { after: texts(after), until: texts(until) }
    }

    fn read(cursor: Option<&str>, until: &[&str]) -> Vec<Span<String>> {
        Span::read_all(cursor, span(&[], until).until).unwrap()
    }

    #[test]
    fn spans_go_to_the_ledger_and_back() {
        let one = [span(&["1", "a"], &["9", "z"])];
        let two = [span(&["1", "a"], &["3", "b"]), span(&["5", "c"], &["9", "z"])];
        for spans in [&one[..], &two, &[]] {
            assert_eq!(read(Some(&Span::text_of_all(spans.iter())), &["10", "b"]), spans);
        }
        assert_eq!(Span::text_of_all(one.iter()), one[0].text());
        assert_eq!(read(Some(r#"["1","a"]"#), &["9", "z"]), one, "as it once was written");
        assert_eq!(read(None, &["9"]), [span(&[], &["9"])]);
        assert!(Span::<String>::read_all(Some("7"), vec![]).is_err());
    }

    #[test]
    fn a_span_without_rows_is_none() {
        assert_eq!(read(None, &[]), []);
        assert_eq!(read(Some(&span(&["9"], &["9"]).text()), &["10"]), []);
    }
}
