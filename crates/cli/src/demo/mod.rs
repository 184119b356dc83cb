//! `lockstep demo`: a cluster of three agents with live traffic, and what a change goes through.

mod app;
mod processes;
mod shards;
mod stage;
mod story;
mod summary;

pub(crate) use app::{AppArguments, run as run_app};

use crate::exit::Exit;
use anyhow::{Context, Result};
use lockstep_core::Engine;
use stage::Stage;
use std::os::unix::fs::PermissionsExt;

/// Nodes of the demo.
const NODES: usize = 3;

/// Options of `lockstep demo`.
#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// What the shards are: files of their own (sqlite), or three servers that are started from the programs on this machine
    /// (postgres, mariadb; mysql, where MYSQL_BINDIR says which directory has its programs)
    #[arg(long, default_value = "sqlite")]
    engine: Engine,
    /// Rows on each shard
    #[arg(long, default_value_t = 100_000)]
    rows: u32,
    /// Leave everything running at the end, and say what can be tried
    #[arg(long)]
    keep: bool,
}

/// The name of node `number`, counted from 1.
fn shard_name(number: usize) -> String {
    format!("shard-{number}")
}

/// Runs the demo until it ends or is interrupted; either way its processes and files go.
pub(crate) async fn run(arguments: Arguments) -> Result<Exit> {
    let directory = tempfile::Builder::new().prefix("lockstep-demo-").tempdir()?;
    // A server does not run as root, and must be able to walk down to its data.
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755))?;
    let mut stage = tokio::select! {
        stage = Stage::build(directory.path(), arguments.engine, arguments.rows) => stage?,
        interrupted = tokio::signal::ctrl_c() => return interrupted.map(|()| Exit::Failed).context("no signals"),
    };
    let summary = tokio::select! {
        summary = story::tell(&mut stage) => summary?,
        interrupted = tokio::signal::ctrl_c() => return interrupted.map(|()| Exit::Failed).context("no signals"),
    };
    println!("\n{}", summary.render());
    if arguments.keep {
        stage.keep();
        tokio::signal::ctrl_c().await?;
    }
    Ok(if summary.is_good() { Exit::Ok } else { Exit::Failed })
}
