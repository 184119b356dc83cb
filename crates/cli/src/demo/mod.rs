//! `lockstep demo`: a cluster of three agents with live traffic, and one change through all phases.

use crate::exit::Exit;

/// Options of `lockstep demo`.
#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {}

/// Options of `lockstep demo-app`: one release of the demo's application, as a process of its own.
#[derive(clap::Args, Debug)]
pub(crate) struct AppArguments {}

/// Runs the demo.
pub(crate) async fn run(_arguments: Arguments) -> anyhow::Result<Exit> {
    anyhow::bail!("the demo is not in this build yet")
}

/// Runs one release of the demo's application.
pub(crate) async fn run_app(_arguments: AppArguments) -> anyhow::Result<Exit> {
    anyhow::bail!("the demo is not in this build yet")
}
