//! Where results and talk go: data on stdout in the format asked for, everything else on stderr.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::Look;
use serde::Serialize;
use std::io::{ErrorKind, IsTerminal, Write};

/// How data is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Table,
    /// For programs: complete and stable; streams print one object a line
    Json,
    /// As JSON, for people's eyes
    Yaml,
}

/// Prints data and talk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    format: Format,
    is_quiet: bool,
}

impl Output {
    pub(crate) fn new(format: Format, is_quiet: bool) -> Self {
        Self { format, is_quiet }
    }

    /// True when no talk is wanted.
    pub(crate) fn is_quiet(self) -> bool {
        self.is_quiet
    }

    /// True when data is for people.
    pub(crate) fn is_table(self) -> bool {
        self.format == Format::Table
    }

    /// Prints a result: as it serialises, or as `text` renders it.
    pub(crate) fn print<T: Serialize>(self, value: &T, text: impl FnOnce(Look) -> String) -> Result<(), Failure> {
        let printed = match self.format {
            Format::Table => text(stdout_look()),
            Format::Json => serde_json::to_string_pretty(value).map_err(unprintable)?,
            Format::Yaml => yaml(value)?,
        };
        write(&printed)
    }

    /// Prints one of several results: JSON stays on one line, YAML gets a document of its own.
    pub(crate) fn print_next<T: Serialize>(
        self,
        value: &T,
        text: impl FnOnce(Look) -> String,
    ) -> Result<(), Failure> {
        let printed = match self.format {
            Format::Table => text(stdout_look()),
            Format::Json => serde_json::to_string(value).map_err(unprintable)?,
            Format::Yaml => format!("---\n{}", yaml(value)?),
        };
        write(&printed)
    }

    /// Says something beside the result, on stderr.
    pub(crate) fn say(self, text: &str) {
        if !self.is_quiet {
            eprintln!("{text}");
        }
    }
}

/// What text on stdout may look like.
pub(crate) fn stdout_look() -> Look {
    let is_terminal = std::io::stdout().is_terminal();
    // An empty table knows the width of the terminal on stdout, and none when there is no terminal.
    Look { has_colour: is_terminal && is_colour_wanted(), width: comfy_table::Table::new().width() }
}

/// What text on stderr may look like.
pub(crate) fn stderr_look() -> Look {
    Look { has_colour: std::io::stderr().is_terminal() && is_colour_wanted(), width: None }
}

/// False when the environment says so; see no-color.org.
fn is_colour_wanted() -> bool {
    let is_set = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !is_set && std::env::var_os("TERM").is_none_or(|terminal| terminal != "dumb")
}

fn yaml<T: Serialize>(value: &T) -> Result<String, Failure> {
    // By way of JSON values: map keys are text in both, so that one description serves both formats.
    let value = serde_json::to_value(value).map_err(unprintable)?;
    serde_yaml_ng::to_string(&value).map(|text| text.trim_end().to_owned()).map_err(unprintable)
}

fn unprintable(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Failed, format!("the result cannot be printed: {error}"))
}

/// Writes a line to stdout. A reader that has seen enough (`| head`) is no failure.
pub(crate) fn write(text: &str) -> Result<(), Failure> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::Failed, format!("cannot write to stdout: {error}")))
        }
        _ => Ok(()),
    }
}
