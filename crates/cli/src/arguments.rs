//! The command line as a whole.

use crate::command;
use crate::demo;
use crate::exit::Exit;
use crate::output::Format;
use std::path::PathBuf;
use std::time::Duration;

/// Coordinates schema changes over a cluster of independent databases, without breaking a single request.
#[derive(clap::Parser, Debug)]
#[command(name = "lockstep", version, after_help = Exit::HELP, subcommand_required = true, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command that talks to a cluster takes.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Agents to ask, HOST:PORT; give several by commas or by repeating it, so that one may be down
    #[arg(
        long = "endpoint",
        value_name = "HOST:PORT",
        env = "LOCKSTEP_ENDPOINTS",
        global = true,
        value_delimiter = ',',
        default_value = "127.0.0.1:7400"
    )]
    pub(crate) endpoints: Vec<String>,
    /// Who asks, for the audit trail; the name of the user unless told otherwise
    #[arg(long, value_name = "NAME", env = "LOCKSTEP_ACTOR", global = true)]
    pub(crate) actor: Option<String>,
    /// Proof of the operator role; better in a file [env: LOCKSTEP_OPERATOR_TOKEN]
    #[arg(long, value_name = "TOKEN", global = true)]
    pub(crate) operator_token: Option<String>,
    /// The file that holds the operator token [env: LOCKSTEP_OPERATOR_TOKEN_FILE]
    #[arg(long, value_name = "FILE", global = true, conflicts_with = "operator_token")]
    pub(crate) operator_token_file: Option<PathBuf>,
    /// How to print data
    #[arg(
        short,
        long,
        value_name = "FORMAT",
        env = "LOCKSTEP_OUTPUT",
        global = true,
        value_enum,
        default_value_t
    )]
    pub(crate) output: Format,
    /// How long to try, e.g. 30s; for `wait`, `watch` and `apply`: how long to wait [default: 30s, or for ever]
    #[arg(long, value_name = "TIME", env = "LOCKSTEP_TIMEOUT", global = true, value_parser = humantime::parse_duration)]
    pub(crate) timeout: Option<Duration>,
    /// Repeats an earlier request whose outcome is unknown: it takes effect at most once
    #[arg(long, value_name = "ID", global = true)]
    pub(crate) request_id: Option<String>,
    /// No talk on stderr, only errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Say more about what goes on; twice for even more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// The nouns.
#[derive(clap::Subcommand, Debug)]
pub(crate) enum Command {
    /// Changes: plan, submit, follow and steer them
    #[command(subcommand)]
    Change(command::change::Command),
    /// Database nodes with their agents
    #[command(subcommand)]
    Node(command::node::Command),
    /// Sessions: the leases of application clients
    #[command(subcommand)]
    Session(command::session::Command),
    /// The schema version log
    #[command(subcommand)]
    Version(command::version::Command),
    /// The cluster as a whole: how it is, and what it waits for
    #[command(subcommand)]
    Cluster(command::cluster::Command),
    /// Run the agent of a database node
    Agent(command::agent::Arguments),
    /// The configuration of an agent
    #[command(subcommand)]
    Config(command::config::Command),
    /// Show a whole change on a cluster of three agents on this machine, under live traffic
    Demo(demo::Arguments),
    /// One release of the demo's application
    #[command(hide = true)]
    DemoApp(demo::AppArguments),
    /// Print the completions of a shell
    Completions(command::completions::Arguments),
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::{CommandFactory, Parser};

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// What parsing a line gives, in short: `ok`, or the kind of the error.
    fn check(line: &str, expected: &str) {
        let parsed = Cli::try_parse_from(line.split_whitespace());
        let found = parsed.map_or_else(|error| format!("{:?}", error.kind()), |_| "ok".to_owned());
        assert_eq!(found, expected, "{line}");
    }

    #[test]
    fn lines_that_operators_type() {
        for (line, expected) in [
            ("lockstep", "DisplayHelpOnMissingArgumentOrSubcommand"),
            ("lockstep change plan a.toml b.toml", "ok"),
            ("lockstep change plan a.sql migrations/ --engine postgres --engine-version 14 --schema s.sql", "ok"),
            ("lockstep change plan a.sql --engine oracle", "ValueValidation"),
            ("lockstep change plan a.sql --schema s.sql", "MissingRequiredArgument"),
            ("lockstep change plan", "MissingRequiredArgument"),
            ("lockstep change apply migrations/", "ok"),
            ("lockstep change apply a.toml --name x --detach --yes", "ok"),
            ("lockstep change cancel x", "MissingRequiredArgument"),
            ("lockstep change cancel x --reason late", "ok"),
            ("lockstep change rollback x --reason late -o json", "ok"),
            ("lockstep change wait x --for settled --timeout 5m", "ok"),
            ("lockstep change wait x --for lunch", "InvalidValue"),
            ("lockstep change wait x --timeout 5", "ValueValidation"),
            ("lockstep change pause x --reason lunch", "ok"),
            ("lockstep change resume x", "ok"),
            ("lockstep node remove b --reason dead --force", "ok"),
            ("lockstep node remove b --force", "MissingRequiredArgument"),
            ("lockstep node repair b", "ok"),
            ("lockstep node accept b", "MissingRequiredArgument"),
            ("lockstep node accept b --reason hotfix", "ok"),
            ("lockstep session evict 17 --reason stuck", "ok"),
            ("lockstep session evict shop --reason stuck", "ValueValidation"),
            ("lockstep version show 3", "ok"),
            ("lockstep cluster why --endpoint a:1,b:2 --endpoint c:3", "ok"),
            ("lockstep cluster status -o xml", "InvalidValue"),
            ("lockstep cluster join-token --valid-for 10m", "ok"),
            ("lockstep cluster status --operator-token a --operator-token-file b", "ArgumentConflict"),
            ("lockstep agent --config a.toml --listen-client 127.0.0.1:0", "ok"),
            ("lockstep agent --listen-cleint x", "UnknownArgument"),
            ("lockstep config print --config a.toml", "ok"),
            ("lockstep completions bash", "ok"),
            ("lockstep demo", "ok"),
        ] {
            check(line, expected);
        }
    }

    #[test]
    fn endpoints_come_from_commas_and_from_repeating() {
        let line = "lockstep --endpoint a:1,b:2 cluster why --endpoint c:3";
        let cli = Cli::try_parse_from(line.split_whitespace()).unwrap();
        assert_eq!(cli.global.endpoints, ["c:3"], "the innermost wins, as for all flags");
        let line = "lockstep cluster why --endpoint a:1,b:2 --endpoint c:3";
        let cli = Cli::try_parse_from(line.split_whitespace()).unwrap();
        assert_eq!(cli.global.endpoints, ["a:1", "b:2", "c:3"]);
    }
}
