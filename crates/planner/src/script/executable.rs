//! Comments that MySQL and MariaDB run: `/*!40101 ... */`, `/*M!100100 ... */`. Dumps are full of them.

use lockstep_core::Engine;
use std::borrow::Cow;

/// MariaDB passes over what is only for these versions of MySQL.
const ONLY_MYSQL: std::ops::RangeInclusive<u32> = 50_700..=99_999;

/// True when what stands here is run.
pub(super) fn begins(engine: Engine, text: &str) -> bool {
    inside(engine, text).is_some()
}

/// Where the part begins that is run.
fn inside(engine: Engine, text: &str) -> Option<usize> {
    let head = match engine {
        Engine::Mariadb => text.strip_prefix("/*M!").map(|_| 4),
        Engine::Mysql => None,
        Engine::Postgres | Engine::Sqlite => return None,
    };
    let start = head.or_else(|| text.strip_prefix("/*!").map(|_| 3))?;
    let digits = text[start..].find(|c: char| !c.is_ascii_digit()).unwrap_or(0);
    let version: u32 = text[start..start + digits].parse().unwrap_or(0);
    let is_run = engine == Engine::Mysql || start == 4 || !ONLY_MYSQL.contains(&version);
    is_run.then_some(start + digits)
}

/// The statement as the server reads it: what is run has its comment's marks taken off.
pub(super) fn unwrapped(engine: Engine, sql: &str) -> Cow<'_, str> {
    if !sql.contains("/*") {
        return Cow::Borrowed(sql);
    }
    let mut text = String::with_capacity(sql.len());
    let (mut rest, mut is_open) = (sql, false);
    while let Some(first) = rest.chars().next() {
        if let Some(start) = inside(engine, rest) {
            is_open = true;
            text.push(' ');
            rest = &rest[start..];
            continue;
        }
        if is_open && rest.starts_with("*/") {
            is_open = false;
            text.push(' ');
            rest = &rest[2..];
            continue;
        }
        let length = match first {
            '\'' | '"' | '`' => super::cut::quoted(rest, first, first != '`').unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        text.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    Cow::Owned(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::unwrapped;
    use lockstep_core::Engine;

    #[test]
    fn what_is_run_is_unwrapped_and_what_is_not_stays_a_comment() {
        let squeezed = |engine, sql: &str| unwrapped(engine, sql).split_whitespace().collect::<Vec<_>>().join(" ");
        for (sql, mariadb, mysql) in [
            ("/*!40101 SET NAMES utf8 */", "SET NAMES utf8", "SET NAMES utf8"),
            (
                "/*!50003 CREATE*/ /*!50017 DEFINER=`a`@`*/`*/ x",
                "CREATE DEFINER=`a`@`*/` x",
                "CREATE DEFINER=`a`@`*/` x",
            ),
            ("a /*!80000 b */ c", "a /*!80000 b */ c", "a b c"),
            ("a /*M!100100 b */", "a b", "a /*M!100100 b */"),
            ("a '/*! b */'", "a '/*! b */'", "a '/*! b */'"),
            ("a /* b */", "a /* b */", "a /* b */"),
        ] {
            assert_eq!(squeezed(Engine::Mariadb, sql), mariadb, "{sql}");
            assert_eq!(squeezed(Engine::Mysql, sql), mysql, "{sql}");
        }
    }
}
