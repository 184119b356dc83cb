//! The `lockstep` command: what operators type, and the agent itself.

mod arguments;
mod demo;
mod exit;

use arguments::{Cli, Command};
use clap::Parser;
use exit::Exit;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::DemoApp(arguments) => demo::run_app(arguments).await,
    };
    let exit = result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        Exit::Failed
    });
    exit.into()
}
