//! `lockstep demo-app`: one release of the demo's application, as a process of its own.
//!
//! It reads and writes on all shards all the time and checks every answer. Lines on its standard input name what is going on, so
//! that latencies can be told apart; when its input ends it closes its session, prints a [`Report`] and ends.

mod report;
mod worker;

pub(crate) use report::Report;

use crate::exit::Exit;
use anyhow::{Context, Result};
use lockstep_client::session::SessionOptions;
use lockstep_client::{Client, Options, Session};
use lockstep_core::Engine;
use lockstep_core::session::Compatibility;
use lockstep_database::plain;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::{Barrier, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use worker::Worker;

/// The change that the new release understands.
pub(crate) const CHANGE: &str = "0001_users_email";

/// Options of `lockstep demo-app`.
#[derive(clap::Args, Debug)]
pub(crate) struct AppArguments {
    /// Client addresses of agents
    #[arg(long, required = true, value_delimiter = ',')]
    endpoints: Vec<String>,
    /// Engine of the shards
    #[arg(long)]
    engine: Engine,
    /// Data source name of a shard; once for each
    #[arg(long = "shard", required = true)]
    shards: Vec<String>,
    /// Name of this process
    #[arg(long)]
    instance: String,
    /// What it knows
    #[arg(long)]
    release: Release,
    /// The row that it writes on each shard; no other process may write it
    #[arg(long)]
    row: i64,
    /// How long its lease lasts after a renewal
    #[arg(long, default_value = "3s", value_parser = humantime::parse_duration)]
    ttl: Duration,
    /// Between two requests to a shard
    #[arg(long, default_value = "10ms", value_parser = humantime::parse_duration)]
    interval: Duration,
}

/// What a release knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Release {
    /// The column `mail` only.
    Old,
    /// Both columns; uses the one that its guard says.
    New,
}

impl Release {
    /// As on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Old => "old",
            Self::New => "new",
        }
    }

    fn compatibility(self) -> Compatibility {
        let understands = match self {
            Self::Old => [].into(),
            Self::New => [CHANGE.to_owned()].into(),
        };
        Compatibility { understands, ..Compatibility::default() }
    }
}

/// Runs one release of the demo's application.
pub(crate) async fn run(arguments: AppArguments) -> Result<Exit> {
    let client = Client::connect(Options::new(&arguments.endpoints, "demo-app")).await?;
    let compatibility = arguments.release.compatibility();
    let options =
        SessionOptions { ttl: arguments.ttl, ..SessionOptions::new("shop", &arguments.instance, compatibility) };
    let session = Session::open(&client, options).await?;
    let (label, labels) = watch::channel("start".to_owned());
    let stop = CancellationToken::new();
    let begun = Arc::new(Barrier::new(arguments.shards.len() + 1));
    let mut workers = JoinSet::new();
    for shard in &arguments.shards {
        let connection = plain::connect(arguments.engine, shard).await.context("cannot open a shard")?;
        let worker = Worker {
            session: session.clone(),
            connection,
            release: arguments.release,
            row: arguments.row,
            interval: arguments.interval,
            label: labels.clone(),
        };
        workers.spawn(worker.run(stop.clone(), Arc::clone(&begun)));
    }
    // Whoever started this process may rely on traffic on all shards once it sees the line.
    begun.wait().await;
    println!("session {}", session.id());
    let report = serve(workers, &label, &stop).await?;
    // A session that is over has nothing to close.
    let _ = session.close().await;
    println!("{}", serde_json::to_string(&report)?);
    Ok(if report.failed == 0 { Exit::Ok } else { Exit::Failed })
}

/// Passes labels on until the input ends or the lease is over, and gathers what the workers counted.
async fn serve(
    mut workers: JoinSet<Report>,
    label: &watch::Sender<String>,
    stop: &CancellationToken,
) -> Result<Report> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut report = Report::default();
    loop {
        tokio::select! {
            line = lines.next_line(), if !stop.is_cancelled() => match line? {
                Some(line) => { label.send_replace(line); }
                None => stop.cancel(),
            },
            finished = workers.join_next() => match finished {
                Some(worker) => report.add(worker?),
                None => return Ok(report),
            },
        }
    }
}
