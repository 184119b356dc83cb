//! The command line as a whole.

use crate::demo;
use crate::exit::Exit;

/// Coordinates schema changes over a cluster of independent databases, without breaking a single request.
#[derive(clap::Parser, Debug)]
#[command(name = "lockstep", version, after_help = Exit::HELP, subcommand_required = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The nouns.
#[derive(clap::Subcommand, Debug)]
pub(crate) enum Command {
    /// Show a whole change on a cluster of three agents on this machine, under live traffic
    Demo(demo::Arguments),
    /// One release of the demo's application
    #[command(hide = true)]
    DemoApp(demo::AppArguments),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
