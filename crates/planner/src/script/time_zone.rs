//! Whether a statement for PostgreSQL means another moment in another time zone: then what its file says of the zone matters.

use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

/// What makes times, or makes them of something else.
const OF_TIMES: [&str; 28] = [
    "age",
    "clock_timestamp",
    "current_date",
    "current_time",
    "current_timestamp",
    "date",
    "date_bin",
    "date_part",
    "date_trunc",
    "extract",
    "localtime",
    "localtimestamp",
    "make_date",
    "make_timestamp",
    "make_timestamptz",
    "now",
    "statement_timestamp",
    "time",
    "timeofday",
    "timestamp",
    "timestamptz",
    "timetz",
    "to_char",
    "to_date",
    "to_timestamp",
    "transaction_timestamp",
    "zone",
    "cast",
];

/// Texts that are read as times.
const MOMENTS: [&str; 5] = ["now", "today", "tomorrow", "yesterday", "allballs"];

/// True when the statement may depend on the zone; what is not known may.
pub(super) fn matters(sql: &str) -> bool {
    let Ok(tokens) = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize() else { return true };
    let is_time = |token: &Token| match token {
        Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text) => reads_as_local_time(text),
        _ => false,
    };
    let words: Vec<String> = tokens
        .iter()
        .filter_map(|token| match token {
            Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_lowercase()),
            _ => None,
        })
        .collect();
    let says = |word: &str| words.iter().any(|said| said == word);
    let says_times = || OF_TIMES.iter().any(|word| says(word));
    tokens.iter().any(is_time)
        || match words.first().map(String::as_str) {
            // What is selected is computed now.
            Some("create") => says("materialized") || (says("table") && says("select")),
            Some("alter") => says("type") || says("using") || (says_times() && says("default")),
            Some("insert") => says("select") || says_times(),
            Some("update" | "delete" | "select" | "with" | "do" | "call" | "merge" | "refresh") => true,
            _ => false,
        }
}

/// True for a text that may be a time and does not say its zone.
fn reads_as_local_time(text: &str) -> bool {
    let text = text.trim().to_lowercase();
    let bytes = text.as_bytes();
    let is_between_digits = |at: usize| {
        let is_digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
        b"-/:.".contains(&bytes[at]) && is_digit(at.checked_sub(1)) && is_digit(Some(at + 1))
    };
    let zone = text.rfind(['+', '-']).filter(|at| text[..*at].contains(':')).map(|at| &text[at + 1..]);
    let says_zone = text.ends_with('z')
        || zone.is_some_and(|zone| {
            !zone.is_empty() && zone.bytes().all(|byte| byte.is_ascii_digit() || byte == b':')
        });
    let is_written_out = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
        .iter()
        .any(|month| text.contains(month) && text.bytes().any(|byte| byte.is_ascii_digit()));
    MOMENTS.contains(&text.as_str()) || (!says_zone && (is_written_out || (0..bytes.len()).any(is_between_digits)))
}

#[cfg(test)]
mod tests {
    use super::matters;

    #[test]
    fn what_means_another_moment_in_another_zone_is_found() {
        for sql in [
            "INSERT INTO a VALUES ('2020-01-01 10:00')",
            "INSERT INTO a (b) SELECT c FROM d",
            "INSERT INTO a VALUES (now())",
            "CREATE TABLE a (b timestamptz DEFAULT '2020-01-01')",
            "CREATE TABLE a AS SELECT b FROM c",
            "ALTER TABLE a ALTER COLUMN b TYPE text",
            "ALTER TABLE a ADD b timestamp DEFAULT now()",
            "UPDATE a SET b = c",
            "CREATE VIEW a AS SELECT 'May 5 2020'::timestamptz",
        ] {
            assert!(matters(sql), "{sql}");
        }
        for sql in [
            "CREATE TABLE a (b timestamp with time zone DEFAULT now() NOT NULL)",
            "CREATE VIEW a AS SELECT b::date FROM c",
            "CREATE INDEX a ON b (updated_at)",
            "ALTER TABLE a ADD CONSTRAINT b FOREIGN KEY (c) REFERENCES d",
            "INSERT INTO a VALUES (1, 'one', '2020-01-01 10:00:00+00', '2020-01-01T10:00:00Z')",
            "COMMENT ON TABLE a IS 'x'",
        ] {
            assert!(!matters(sql), "{sql}");
        }
    }
}
