//! A file of SQL, cut into statements, each with the directives that stand right above it.

mod cut;
mod directive;
mod statement;

pub use directive::Directive;
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

/// Reads a file.
///
/// # Errors
///
/// Quotes or comments that are not closed, directives that do not exist or stand above nothing. A statement that the parser does
/// not know is no error here: it is [`Kind::Opaque`].
pub fn parse(engine: Engine, text: &str) -> Result<Vec<Statement>, Error> {
    cut::cut(engine, text)?.into_iter().map(|piece| Statement::of(engine, piece)).collect()
}
