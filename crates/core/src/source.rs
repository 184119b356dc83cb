//! The file that a change was made of: kept in the log, so that an applied file that changed is noticed.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How long the name of a file may be, in bytes.
pub const FILE_BYTES_MAX: usize = 255;

/// A file, as it was when its change was submitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its name, with the folder before it that belongs to its layout (`0042_users/up.sql`); no other path.
    pub file: String,
    /// Lower-case hex SHA-256 of its bytes.
    pub sha256: String,
}

impl Source {
    /// Of a file with this content.
    #[must_use]
    pub fn of(file: &str, content: &[u8]) -> Self {
        Self { file: file.to_owned(), sha256: crate::version::hex(&Sha256::digest(content)) }
    }

    /// What is wrong with it; `None` if nothing is.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        if self.file.is_empty() || self.file.len() > FILE_BYTES_MAX {
            return Some(format!("the name of its file has 1 to {FILE_BYTES_MAX} bytes"));
        }
        let is_hash = self.sha256.len() == 64
            && self.sha256.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        (!is_hash).then(|| "the hash of its file is no SHA-256 in lower-case hex".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::{FILE_BYTES_MAX, Source};

    #[test]
    fn the_hash_is_that_of_the_bytes() {
        let source = Source::of("a.sql", b"abc");
        assert_eq!(source.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(source.problem(), None);
    }

    #[test]
    fn a_change_with_a_source_that_cannot_be_is_refused() {
        let text = r#"{"name":"a","engine":"sqlite","steps":[{"name":"a","phase":"switch_reads","forward":{"kind":"nothing"},
            "revert":null}],"source":{"file":"a.sql","sha256":"none"}}"#;
        let mut spec: crate::change::Spec = serde_json::from_str(text).unwrap();
        assert!(spec.problem().is_some_and(|problem| problem.contains("no SHA-256")));
        spec.source = None;
        assert_eq!(spec.problem(), None);
    }

    #[test]
    fn what_cannot_be_a_source_is_named() {
        let source = || Source::of("a.sql", b"abc");
        for (broken, expected) in [
            (Source { file: String::new(), ..source() }, "the name of its file"),
            (Source { file: "x".repeat(FILE_BYTES_MAX + 1), ..source() }, "the name of its file"),
            (Source { sha256: "ABC".to_owned(), ..source() }, "no SHA-256"),
            (Source { sha256: "A".repeat(64), ..source() }, "no SHA-256"),
        ] {
            assert!(broken.problem().is_some_and(|problem| problem.contains(expected)), "{broken:?}");
        }
    }
}
