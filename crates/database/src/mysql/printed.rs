//! Expressions as MySQL prints them in `SHOW CREATE TABLE`.
//!
//! What its information schema tells of an expression with texts in it is no SQL: quotes come with backslashes, and letters beyond ASCII
//! in the wrong character set. A revert must be able to run it.

use super::sql::{quote, quoted_length};

/// Where in a table's definition an expression stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place<'a> {
    /// Of a check, by its name.
    Check(&'a str),
    /// A column's default.
    Default(&'a str),
    /// What a column is generated from.
    Generated(&'a str),
    /// A part of an index, by its name and position.
    IndexPart(&'a str, usize),
}

/// The expression, without its outermost parentheses.
pub(super) fn expression<'a>(definition: &'a str, place: Place<'_>) -> Option<&'a str> {
    // The server writes a line for each column, index and constraint; within a text it writes the end of a line as `\n`.
    let line = |start: String| definition.lines().find_map(|line| line.trim_start().strip_prefix(&start));
    match place {
        Place::Check(name) => parenthesised(line(format!("CONSTRAINT {} CHECK ", quote(name)))?),
        Place::Default(column) => after(line(format!("{} ", quote(column)))?, "DEFAULT"),
        Place::Generated(column) => after(line(format!("{} ", quote(column)))?, "AS"),
        Place::IndexPart(name, position) => {
            let of = |kind: &str| line(format!("{kind} {} ", quote(name)));
            let list = ["KEY", "UNIQUE KEY"].iter().find_map(|kind| of(kind))?;
            parenthesised(parts(parenthesised(list)?).get(position)?)
        }
    }
}

/// What stands in parentheses after a word.
fn after<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    let mut rest = line;
    loop {
        if let Some(found) = rest.strip_prefix(word).and_then(|rest| rest.strip_prefix(' '))
            && found.starts_with('(')
        {
            return parenthesised(found);
        }
        rest = &rest[step(rest)?..];
    }
}

/// What stands between the parenthesis at the start of `text` and the one that closes it.
fn parenthesised(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('(')?;
    let (mut depth, mut at) = (1_u32, 0);
    loop {
        match inner[at..].chars().next()? {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(&inner[..at]);
        }
        at += step(&inner[at..])?;
    }
}

/// A list's parts.
fn parts(list: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start, mut at) = (Vec::new(), 0_u32, 0, 0);
    while let Some(length) = step(&list[at..]) {
        match list[at..].chars().next() {
            Some('(') => depth += 1,
            Some(')') => depth = depth.saturating_sub(1),
            Some(',') if depth == 0 => {
                parts.push(&list[start..at]);
                start = at + length;
            }
            _ => {}
        }
        at += length;
    }
    parts.push(&list[start..]);
    parts
}

/// Length of the character, or of what is quoted, at the start of a text.
fn step(text: &str) -> Option<usize> {
    let first = text.chars().next()?;
    Some(if matches!(first, '\'' | '"' | '`') { quoted_length(text) } else { first.len_utf8() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As MySQL 9.7 prints it.
    const DEFINITION: &str = r#"CREATE TABLE `e` (
  `a(` varchar(50) DEFAULT 'AS (1)',
  `b` int DEFAULT (length(_utf8mb4'it\'s\\ "x) ä')) COMMENT 'DEFAULT (1)',
  `c` varchar(60) GENERATED ALWAYS AS (concat(`a(`,_utf8mb4'it\'s\n')) VIRTUAL,
  PRIMARY KEY (`b`),
  UNIQUE KEY `both` (`b`,(concat(`a(`,_utf8mb4'it\'s')),(length(`c`)) DESC),
  CONSTRAINT `k` CHECK ((`a(` <> _utf8mb4'(')) /*!80016 NOT ENFORCED */
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci"#;

    #[test]
    fn expressions_are_found_where_they_stand() {
        for (place, wanted) in [
            (Place::Check("k"), Some("(`a(` <> _utf8mb4'(')")),
            (Place::Check("missing"), None),
            (Place::Default("a("), None),
            (Place::Default("b"), Some(r#"length(_utf8mb4'it\'s\\ "x) ä')"#)),
            (Place::Generated("c"), Some(r"concat(`a(`,_utf8mb4'it\'s\n')")),
            (Place::IndexPart("both", 0), None),
            (Place::IndexPart("both", 1), Some(r"concat(`a(`,_utf8mb4'it\'s')")),
            (Place::IndexPart("both", 2), Some("length(`c`)")),
            (Place::IndexPart("both", 3), None),
        ] {
            assert_eq!(expression(DEFINITION, place), wanted, "{place:?}");
        }
    }
}
