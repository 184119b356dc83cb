//! A file of SQL, cut into statements, each with the directives that stand right above it.

mod body;
mod cut;
mod directive;
mod executable;
mod session;
mod session_mysql;
mod statement;
mod time_zone;

pub use directive::Directive;
pub use session::LeftOut;
pub use statement::{Kind, Statement};

use lockstep_core::Engine;

/// The text cannot be read as a list of statements.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct Error {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong, and what to write instead.
    pub problem: String,
}

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Script {
    /// What is to be done, in order.
    pub statements: Vec<Statement>,
    /// What is not run: the transaction around the whole, settings that nothing depends on.
    pub left_out: Vec<LeftOut>,
    /// True: not even a comment stands in it.
    pub is_blank: bool,
}

/// True for the engines that speak MySQL's SQL.
pub(crate) fn of_mysql_family(engine: Engine) -> bool {
    matches!(engine, Engine::Mariadb | Engine::Mysql)
}

/// Reads a file. A byte order mark before it is no part of it.
///
/// # Errors
///
/// Quotes or comments that are not closed, directives that do not exist or stand above nothing, commands of a shell, transactions
/// within the file, settings that later statements could depend on. A statement that the parser does not know is no error here:
/// it is [`Kind::Opaque`].
pub fn parse(engine: Engine, text: &str) -> Result<Script, Error> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some(at) = text.find('\0') {
        let line = text[..at].matches('\n').count() + 1;
        return Err(Error { line, problem: "a NUL character stands here: is the file UTF-8 text?".to_owned() });
    }
    let mut pieces = cut::cut(engine, text)?;
    for piece in &mut pieces {
        piece.sql = executable::unwrapped(engine, &piece.sql).into_owned().into();
    }
    pieces.retain(|piece| !piece.sql.is_empty());
    let (pieces, left_out) = session::leave_out(engine, pieces)?;
    let statements = pieces.iter().map(|piece| Statement::of(engine, piece)).collect::<Result<_, _>>()?;
    Ok(Script { statements, left_out, is_blank: text.trim().is_empty() })
}

#[cfg(test)]
mod tests {
    use super::parse;
    use lockstep_core::Engine;

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_statement() {
        let script = parse(Engine::Postgres, "\u{feff}SELECT 1").unwrap();
        assert_eq!(script.statements[0].sql, "SELECT 1");
        assert_eq!(script.statements[0].line, 1);
    }

    #[test]
    fn a_backfill_of_another_column_is_refused() {
        let above = |column: &str| {
            format!("-- remark\n-- lockstep: backfill {column} = 1\nALTER TABLE t ADD COLUMN Email text")
        };
        assert!(parse(Engine::Postgres, &above("email")).is_ok());
        assert!(parse(Engine::Postgres, &above("\"Email\"")).is_ok());
        let error = parse(Engine::Postgres, &above("emial")).unwrap_err().to_string();
        assert!(error.starts_with("line 2: the directive is about column emial, which"), "{error}");
    }

    #[test]
    fn text_that_is_no_text_is_named() {
        let error = parse(Engine::Postgres, "SELECT\n 1\0").unwrap_err().to_string();
        assert!(error.starts_with("line 2: a NUL character"), "{error}");
    }
}
