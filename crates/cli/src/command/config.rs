//! `lockstep config ...`

use super::settings::Settings;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;

/// What can be done with an agent's configuration.
#[derive(clap::Subcommand, Debug)]
pub(crate) enum Command {
    /// Print the configuration that an agent would run with, as TOML, without secrets
    Print(Settings),
}

/// Runs one of them.
pub(crate) fn run(command: &Command) -> Result<Exit, Failure> {
    let Command::Print(settings) = command;
    output::write(settings.load()?.to_toml().trim_end())?;
    Ok(Exit::Ok)
}
