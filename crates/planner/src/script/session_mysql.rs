//! What a file for MySQL or MariaDB says of its session: what dumps and tools write around their statements is left out.

use super::Error;
use super::cut::Piece;
use super::session::{NO_EFFECT, OWN_LIMITS};

const OWN_CHECKS: &str = "each step says itself which checks it needs";
const DUMPS: &str = "it is what dumps write around rows; InnoDB does not need it";

/// Variables on which the steps do not depend: they set their own.
const WITHOUT_BEARING: [&str; 18] = [
    "names",
    "character",
    "charset",
    "character_set_client",
    "character_set_results",
    "character_set_connection",
    "collation_connection",
    "time_zone",
    "sql_notes",
    "sql_log_bin",
    "sql_quote_show_create",
    "net_read_timeout",
    "innodb_lock_wait_timeout",
    "session_track_gtids",
    "information_schema_stats_expiry",
    "note_verbosity",
    "alter_algorithm",
    "sql_safe_updates",
];
const CHECKS: [&str; 3] = ["foreign_key_checks", "unique_checks", "check_constraint_checks"];
const LIMITS: [&str; 3] = ["lock_wait_timeout", "max_statement_time", "max_execution_time"];

/// Modes that change nothing of what DDL makes.
const MODES: [&str; 12] = [
    "no_auto_value_on_zero",
    "traditional",
    "strict_trans_tables",
    "strict_all_tables",
    "only_full_group_by",
    "no_zero_in_date",
    "no_zero_date",
    "error_for_division_by_zero",
    "no_engine_substitution",
    "no_auto_create_user",
    "allow_invalid_dates",
    "",
];

/// Why the statement can be left out; `None` when it is no setting.
pub(super) fn without_bearing(piece: &Piece<'_>) -> Result<Option<&'static str>, Error> {
    let lower = piece.sql.to_lowercase();
    let words: Vec<&str> = lower.split_whitespace().collect();
    match words.as_slice() {
        ["alter", "table", _, "disable" | "enable", "keys"] => return Ok(Some(DUMPS)),
        ["set", "password" | "role" | "default", ..] | ["set", "statement", ..] => return Ok(None),
        ["set", ..] => {}
        _ => return Ok(None),
    }
    let mut why = NO_EFFECT;
    for one in assignments(lower.trim_start_matches("set").trim()) {
        why = of_one(one).ok_or_else(|| {
            let problem = format!(
                "`{}` would have to hold for what comes after it, and a session does not outlast a step: say in each statement what \
                 it would have changed, or set it for the user that the agents connect as",
                piece.sql.split_whitespace().collect::<Vec<_>>().join(" ")
            );
            Error { line: piece.line, problem }
        })?;
    }
    Ok(Some(why))
}

/// The parts between commas that stand outside of quotes and brackets.
fn assignments(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth, mut quote) = (Vec::new(), 0, 0_i32, None);
    for (position, character) in text.char_indices() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"' | '`') => quote = Some(character),
            (None, '(') => depth += 1,
            (None, ')') => depth -= 1,
            (None, ',') if depth == 0 => {
                parts.push(text[start..position].trim());
                start = position + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts
}

fn of_one(assignment: &str) -> Option<&'static str> {
    let mut rest = assignment;
    for scope in ["@@session.", "@@local.", "session ", "local ", "@@"] {
        rest = rest.strip_prefix(scope).unwrap_or(rest);
    }
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '@')).unwrap_or(rest.len());
    let (name, value) = (&rest[..end], rest[end..].trim_start_matches([':', '=', ' ']));
    let is_saved = value.trim().starts_with("@old_") || value.trim().starts_with("@saved_");
    match name {
        // What a dump keeps, and puts back in the end.
        _ if name.starts_with("@old_") || name.starts_with("@saved_") => Some(NO_EFFECT),
        _ if CHECKS.contains(&name) => Some(OWN_CHECKS),
        _ if LIMITS.contains(&name) => Some(OWN_LIMITS),
        "autocommit" => Some("each step commits what it does"),
        _ if WITHOUT_BEARING.contains(&name) => Some(NO_EFFECT),
        "sql_mode" => {
            let modes = modes_of(value).split(',').all(|mode| MODES.contains(&mode.trim()));
            (is_saved || modes).then_some("the agents work in the server's own mode")
        }
        _ => is_saved.then_some(NO_EFFECT),
    }
}

/// The modes that are set, or that are taken out of those in force: `(SELECT REPLACE(@@sql_mode, 'MODE', ''))`.
fn modes_of(value: &str) -> &str {
    let inner = value.trim().trim_start_matches('(').trim_start();
    let inner = inner.strip_prefix("select ").unwrap_or(inner).trim_start();
    let taken_out = inner
        .strip_prefix("replace(@@sql_mode")
        .or_else(|| inner.strip_prefix("replace(@@session.sql_mode"))
        .and_then(|rest| rest.trim_start().strip_prefix(','))
        .and_then(|rest| rest.trim_end_matches([')', ' ']).strip_suffix("''"))
        .map(|rest| rest.trim().trim_end_matches(','));
    taken_out.unwrap_or(value).trim().trim_matches(['\'', '"', ';', ' '])
}

#[cfg(test)]
mod tests {
    use crate::script::parse;
    use lockstep_core::Engine;

    #[test]
    fn what_dumps_and_tools_write_is_left_out() {
        let noise = "/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
            /*!40101 SET NAMES utf8mb4 */; /*!40103 SET TIME_ZONE='+00:00' */;
            /*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */;
            /*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
            SET FOREIGN_KEY_CHECKS = 0; SET @@session.foreign_key_checks=0; SET autocommit=0;
            SET SQL_MODE=@OLD_SQL_MODE; /*!40000 ALTER TABLE `t` DISABLE KEYS */;
            SET SQL_MODE = 'ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES';
            SET sql_mode=(SELECT REPLACE(@@sql_mode,'ONLY_FULL_GROUP_BY',''));
            SET @saved_cs_client = @@character_set_client;";
        for engine in [Engine::Mariadb, Engine::Mysql] {
            let script = parse(engine, &format!("{noise} a")).unwrap();
            assert_eq!(script.statements.iter().map(|one| one.sql.as_str()).collect::<Vec<_>>(), ["a"]);
            assert_eq!(script.left_out.len(), 13);
        }
    }

    #[test]
    fn other_settings_are_refused() {
        for text in [
            "SET @x = 1",
            "SET GLOBAL innodb_file_per_table = 1",
            "SET sql_mode = 'ANSI_QUOTES'",
            "SET sql_mode = REPLACE(@@sql_mode, 'ANSI_QUOTES', '')",
            "SET foreign_key_checks = 0, @x = 1",
        ] {
            let error = parse(Engine::Mariadb, &format!("a;\n{text}")).unwrap_err().to_string();
            assert!(error.starts_with(&format!("line 2: `{text}` would have to hold")), "{error}");
        }
    }
}
