//! Names in SQL: quoting, folding, and names of our own that fit the engine.

use sha2::{Digest, Sha256};
use sqlparser::ast::{Ident, ObjectName};

/// The longest name that every engine takes as it is, in bytes (PostgreSQL: NAMEDATALEN - 1).
pub const BYTES_MAX: usize = 63;

/// The name, quoted so that it is taken as it is. PostgreSQL and SQLite.
#[must_use]
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// What a written name means: quoted names as they are, others folded to lower case.
#[must_use]
pub fn meant(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

/// True when `written`, with or without quotes, means `name`.
#[must_use]
pub fn same(written: &str, name: &str) -> bool {
    let inner = written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match inner {
        Some(quoted) => quoted.replace("\"\"", "\"") == name,
        None => written.to_lowercase() == name,
    }
}

/// The parts of a written name, as they are meant.
#[must_use]
pub fn parts(name: &ObjectName) -> Vec<String> {
    name.0.iter().filter_map(|part| part.as_ident()).map(meant).collect()
}

/// A name of our own for something that belongs to `parts`: readable as far as it fits, and never the same for two.
#[must_use]
pub fn own(purpose: &str, parts: &[&str]) -> String {
    let plain = format!("lockstep_{purpose}_{}", parts.join("_"));
    let hash = Sha256::digest(parts.join("\0"));
    let hash: String = hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let mut end = plain.len().min(BYTES_MAX - hash.len() - 1);
    while !plain.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}_{hash}", &plain[..end])
}

/// One of our own names ([`own`]), changed so that it comes after all usual names in the engine's order.
#[must_use]
pub fn own_last(own: &str) -> String {
    let mut end = own.len();
    // What is cut stands in the middle: the hash at the end tells two names apart.
    let hash = own.rfind('_').unwrap_or(0);
    if own.len() + 1 > BYTES_MAX {
        end = hash - 1;
        while !own.is_char_boundary(end) {
            end -= 1;
        }
        return format!("~{}{}", &own[..end], &own[hash..]);
    }
    format!("~{}", &own[..end])
}

#[cfg(test)]
mod tests {
    use super::{BYTES_MAX, own, quote, same};

    #[test]
    fn quotes_are_doubled_and_names_are_folded_unless_quoted() {
        assert_eq!(quote("a\"b"), "\"a\"\"b\"");
        assert!(same("Users", "users") && same("\"Users\"", "Users") && !same("\"Users\"", "users"));
        assert!(same("\"a\"\"b\"", "a\"b"));
    }

    #[test]
    fn own_names_fit_and_differ() {
        let long = "ü".repeat(60);
        assert!(own("sync", &[&long, "a"]).len() <= BYTES_MAX);
        assert_ne!(own("sync", &[&long, "a"]), own("sync", &[&long, "b"]));
        assert_ne!(own("sync", &["a_b", "c"]), own("sync", &["a", "b_c"]));
    }
}
