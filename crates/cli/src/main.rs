//! The `lockstep` command: what operators type, and the agent itself.
//!
//! Commands fetch (`command`, `observe`, `follow`), what they fetched is plain values (`view`), and those become text in
//! `render`, which does nothing else. Data goes to stdout, talk to stderr; [`exit::Exit`] has the exit codes.

mod arguments;
mod command;
mod context;
mod demo;
mod engine_version;
mod exit;
mod failure;
mod follow;
mod observe;
mod output;
mod render;
mod view;

use arguments::{Cli, Command};
use clap::Parser;
use context::Context;
use exit::Exit;
use failure::Failure;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let Cli { global, command } = Cli::parse();
    // The agent and the demo say for themselves where their logs go.
    if !matches!(command, Command::Agent(_) | Command::Demo(_) | Command::DemoApp(_)) {
        log_to_stderr(global.verbose);
    }
    let context = Context::new(global);
    let exit = run(command, &context).await.unwrap_or_else(|failure| {
        eprintln!("{}", failure.text());
        failure.exit
    });
    exit.into()
}

async fn run(command: Command, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::Change(command) => command::change::run(command, context).await,
        Command::Node(command) => command::node::run(command, context).await,
        Command::Session(command) => command::session::run(command, context).await,
        Command::Version(command) => command::version::run(command, context).await,
        Command::Cluster(command) => command::cluster::run(command, context).await,
        Command::Agent(arguments) => command::agent::run(arguments).await,
        Command::Config(command) => command::config::run(&command),
        Command::Demo(arguments) => Ok(demo::run(arguments).await?),
        Command::DemoApp(arguments) => Ok(demo::run_app(arguments).await?),
        Command::Completions(arguments) => command::completions::run(&arguments),
    }
}

/// Nothing by default: results and failures say enough.
fn log_to_stderr(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => "lockstep_client=debug,lockstep_cli=debug",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
