//! One file for each command: its arguments, what it fetches, what it prints.

pub(crate) mod agent;
pub(crate) mod change;
pub(crate) mod cluster;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod node;
mod ordered;
pub(crate) mod session;
mod settings;
pub(crate) mod version;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use lockstep_core::LogIndex;
use serde::Serialize;

/// Options of commands that list.
#[derive(clap::Args, Debug)]
pub(crate) struct ListArguments {
    /// Show at most so many
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    pub(crate) limit: usize,
}

/// A command that took effect.
#[derive(Serialize)]
struct Effect<'a> {
    /// What was done.
    done: &'a str,
    /// To whom.
    subject: String,
    /// Log index at which it took effect.
    revision: LogIndex,
}

/// Prints that a command took effect: as data for programs, as talk for people.
fn took_effect(
    context: &Context,
    done: &str,
    subject: impl ToString,
    revision: LogIndex,
    next: &str,
) -> Result<Exit, Failure> {
    let effect = Effect { done, subject: subject.to_string(), revision };
    if context.output.is_table() {
        context.output.say(&format!("{} {} at log index {revision}", effect.subject, effect.done));
        if !next.is_empty() {
            context.output.say(&format!("hint: {next}"));
        }
    } else {
        context.output.print(&effect, |_| String::new())?;
    }
    Ok(Exit::Ok)
}
