//! Directives: what a person tells the planner in a comment right above a statement.

use super::Error;

/// How a comment begins that is a directive.
pub(super) const PREFIX: &str = "lockstep:";

const FORMS: &str = "
    backfill COLUMN = EXPRESSION           what existing rows get
    as COLUMN using EXPRESSION back EXPRESSION   name of the new form of a column, and how values go to and fro
    revert STATEMENT                       what undoes the statement; several are done in the order in which they stand
    irreversible                           nothing undoes the statement, and that is accepted
    opaque                                 run the statement as it stands, though the planner does not understand it";

/// What a directive says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Directive {
    /// `backfill COLUMN = EXPRESSION`: what existing rows get.
    Backfill {
        /// As written, quotes and all.
        column: String,
        /// SQL over the columns of the same row.
        expression: String,
    },
    /// `as COLUMN using EXPRESSION back EXPRESSION`: how the new form of a column is called and made.
    As {
        /// As written, quotes and all.
        column: String,
        /// From the old form to the new.
        using: String,
        /// From the new form to the old.
        back: String,
    },
    /// `revert STATEMENT`: what undoes the statement.
    Revert {
        /// One statement.
        statement: String,
    },
    /// `irreversible`: nothing undoes the statement, and that is accepted.
    Irreversible,
    /// `opaque`: the statement is run as it stands.
    Opaque,
}

impl Directive {
    /// Reads the comment; `None` when it is no directive.
    pub(super) fn read(line: usize, comment: &str) -> Option<Result<Self, Error>> {
        let text = comment.strip_prefix(PREFIX)?.trim();
        let error = || Error { line, problem: format!("`{text}` is no directive. Those that there are:{FORMS}") };
        Some(parse(text).ok_or_else(error))
    }
}

fn parse(text: &str) -> Option<Directive> {
    let (verb, rest) = text.split_once(char::is_whitespace).map_or((text, ""), |(verb, rest)| (verb, rest.trim()));
    match verb {
        "backfill" => {
            let (column, expression) = name_first(rest)?;
            let expression = filled(expression.strip_prefix('=')?)?;
            Some(Directive::Backfill { column, expression })
        }
        "as" => {
            let (column, rest) = name_first(rest)?;
            let (using, back) = rest.strip_prefix("using ")?.rsplit_once(" back ")?;
            Some(Directive::As { column, using: filled(using)?, back: filled(back)? })
        }
        "revert" => Some(Directive::Revert { statement: filled(rest.trim_end_matches(';'))? }),
        "irreversible" if rest.is_empty() => Some(Directive::Irreversible),
        "opaque" if rest.is_empty() => Some(Directive::Opaque),
        _ => None,
    }
}

fn filled(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// A name, quoted or not, and what comes after it.
fn name_first(text: &str) -> Option<(String, &str)> {
    let end = if text.starts_with(['"', '`']) {
        let quote = text.chars().next()?;
        let mut at = 1;
        loop {
            at += text[at..].find(quote)? + 1;
            if !text[at..].starts_with(quote) {
                break at;
            }
            at += 1;
        }
    } else {
        text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(text.len())
    };
    (end > 0).then(|| (text[..end].to_owned(), text[end..].trim_start()))
}

#[cfg(test)]
mod tests {
    use super::Directive;

    #[test]
    fn directives_are_read_and_others_are_refused_with_the_list() {
        for (comment, expected) in [
            ("just a remark", "None"),
            ("lockstep: irreversible", "Irreversible"),
            ("lockstep: opaque", "Opaque"),
            (
                "lockstep: backfill email = lower(name) || '@example.org'",
                "Backfill { column: \"email\", expression: \"lower(name) || '@example.org'\" }",
            ),
            ("lockstep: backfill \"e \"\"mail\" = 1", r#"column: "\"e \"\"mail\"""#),
            (
                "lockstep: as cents using (amount * 100)::bigint back (cents / 100.0)",
                "As { column: \"cents\", using: \"(amount * 100)::bigint\", back: \"(cents / 100.0)\" }",
            ),
            ("lockstep: revert DROP TABLE a;", "Revert { statement: \"DROP TABLE a\" }"),
            ("lockstep: backfil a = 1", "line 7: `backfil a = 1` is no directive. Those that there are:"),
            ("lockstep: backfill a =", "is no directive"),
            ("lockstep: opaque please", "is no directive"),
        ] {
            let shown = match Directive::read(7, comment) {
                None => "None".to_owned(),
                Some(Ok(directive)) => format!("{directive:?}"),
                Some(Err(error)) => error.to_string(),
            };
            assert!(shown.contains(expected), "{comment}\n got {shown}");
        }
    }
}
