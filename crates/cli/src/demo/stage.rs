//! What the demo's story is told on: shards, agents, applications, and somebody who watches.

use super::app::{Release, Report};
use super::processes::{Agent, App};
use super::shards::Shards;
use super::{NODES, shard_name};
use anyhow::{Context, Result, bail};
use lockstep_client::{Client, Options, view};
use lockstep_core::change::Spec;
use lockstep_core::{Engine, LogIndex};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// How long anything in the demo may take before it is given up.
const PATIENCE: Duration = Duration::from_secs(300);

/// The demo's cluster with its applications.
pub(super) struct Stage {
    pub(super) client: Client,
    pub(super) agents: Vec<Agent>,
    pub(super) shards: Shards,
    apps: Vec<App>,
    report: Report,
    labels: Vec<String>,
    spread_max: Arc<AtomicU64>,
    watcher: JoinHandle<()>,
    started: Instant,
    next_row: i64,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.watcher.abort();
    }
}

impl Stage {
    /// Makes the shards, and a cluster of agents before them.
    pub(super) async fn build(directory: &Path, engine: Engine, rows: u32) -> Result<Self> {
        let started = Instant::now();
        println!("three {engine} shards with {rows} users each, in {}", directory.display());
        let shards = Shards::create(engine, directory, NODES, rows).await?;
        let first_settings = [("bootstrap".to_owned(), true.into())].into_iter().collect();
        let first = Agent::start(directory, &shard_name(1), engine, &shards.dsns[0], first_settings)?;
        let mut agents = vec![first];
        let token = join_token(&mut agents[0]).await?;
        for number in 2..=NODES {
            let via = vec![toml::Value::from(agents[0].peer_address.to_string())];
            let settings = [("join".to_owned(), via.into()), ("join_token".to_owned(), token.clone().into())];
            let settings = settings.into_iter().collect();
            agents.push(Agent::start(directory, &shard_name(number), engine, &shards.dsns[number - 1], settings)?);
        }
        let client = connect(&agents).await?;
        let spread_max = Arc::new(AtomicU64::new(0));
        let watcher = tokio::spawn(watch_spread(client.clone(), Arc::clone(&spread_max)));
        let mut stage = Self {
            client,
            agents,
            shards,
            apps: Vec::new(),
            report: Report::default(),
            labels: Vec::new(),
            spread_max,
            watcher,
            started,
            next_row: 1_000_000_000,
        };
        stage.wait_status(|status| status.members.iter().filter(|m| m.node.is_active()).count() == NODES).await?;
        stage.say("three agents form a cluster");
        Ok(stage)
    }

    /// Prints a line with the time since the start.
    pub(super) fn say(&self, text: &str) {
        println!("{:>6.1}s  {text}", self.started.elapsed().as_secs_f64());
    }

    /// Starts a release of the application.
    pub(super) async fn start_app(&mut self, release: Release) -> Result<()> {
        let endpoints: Vec<_> = self.agents.iter().map(|agent| agent.client_address.to_string()).collect();
        let row = self.next_row;
        self.next_row += 1;
        let app = App::start(release, row, self.shards.engine, &endpoints.join(","), &self.shards.dsns).await?;
        self.apps.push(app);
        Ok(())
    }

    /// Ends all processes of a release.
    pub(super) async fn stop_app(&mut self, release: Release) -> Result<()> {
        let (leaving, staying) = self.apps.drain(..).partition(|app| app.release == release);
        self.apps = staying;
        for app in leaving {
            let report = app.finish().await?;
            if let Some(reason) = &report.over {
                bail!("the {} release stopped by itself: {reason}", release.name());
            }
            self.report.add(report);
        }
        Ok(())
    }

    /// Tells the applications what is going on, so that latencies can be told apart.
    pub(super) async fn label(&mut self, label: &str) -> Result<()> {
        if self.labels.iter().all(|known| known != label) {
            self.labels.push(label.to_owned());
        }
        for app in &mut self.apps {
            app.label(label).await?;
        }
        Ok(())
    }

    /// Hands in a change.
    pub(super) async fn submit(&self, spec: Spec) -> Result<()> {
        self.say(&format!("lockstep change apply {}", spec.name));
        self.client.submit(spec).await?;
        Ok(())
    }

    /// Follows a change until it is as wanted: says when a step moves, and labels the traffic with its phase.
    pub(super) async fn follow(
        &mut self,
        name: &str,
        wanted: impl Fn(&view::Change) -> bool,
    ) -> Result<view::Change> {
        let mut watch = self.client.watch_change(name, LogIndex(0));
        let mut shown = String::new();
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let next = tokio::time::timeout_at(deadline, watch.next()).await;
            let change = match next.with_context(|| format!("{name} does not move on"))? {
                Some(change) => change?,
                None => self.client.change(name).await?,
            };
            if let Some(flight) = &change.in_flight {
                let step = &change.change.steps[flight.step].step;
                let line =
                    format!("  {:<14} {:<12} v{} {}", step.phase, step.name, flight.version, flight.stage.name());
                if line != shown {
                    self.say(&line);
                    self.label(step.phase.name()).await?;
                    shown = line;
                }
            }
            if wanted(&change) {
                return Ok(change);
            }
        }
    }

    /// Waits until the cluster's status is as wanted.
    pub(super) async fn wait_status(&mut self, wanted: impl Fn(&view::ClusterStatus) -> bool) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.client.status().await {
                Ok(status) if wanted(&status) => return Ok(()),
                Err(error) if Instant::now() > deadline => return Err(error.into()),
                Ok(_) if Instant::now() > deadline => bail!("the cluster does not come to where it should"),
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
            for agent in &mut self.agents {
                agent.check()?;
            }
        }
    }

    /// Prints what `lockstep cluster why` tells, as a person would see it.
    pub(super) fn say_why(&self, change: &view::Change) {
        let Some(gate) = &change.gate else { return };
        self.say("lockstep cluster why");
        for holdout in &gate.gate.holdouts {
            self.say(&format!("    {}: {}", holdout.name, holdout.reason));
            self.say(&format!("      do: {}", holdout.remedy));
        }
    }

    /// Ends the applications, and sums up.
    pub(super) async fn sum_up(&mut self) -> Result<super::summary::Summary> {
        self.stop_app(Release::New).await?;
        self.stop_app(Release::Old).await?;
        Ok(super::summary::Summary {
            report: std::mem::take(&mut self.report),
            labels: std::mem::take(&mut self.labels),
            spread_max: self.spread_max.load(Ordering::Relaxed),
        })
    }

    /// Says what can be tried on the cluster that stays.
    pub(super) fn keep(&self) {
        let endpoint = self.agents[0].client_address;
        println!("The cluster stays until Ctrl-C. In another terminal:\n");
        println!("  export LOCKSTEP_ENDPOINTS={endpoint}");
        for command in [
            "cluster status",
            "cluster why",
            "node list",
            "version list",
            "change list",
            "change show 0001_users_email",
        ] {
            println!("  lockstep {command}");
        }
        for agent in &self.agents {
            println!("  kill -9 {:<10} # {}", agent.process_id().unwrap_or_default(), agent.name);
        }
        for dsn in &self.shards.dsns {
            println!("  # database: {dsn}");
        }
    }
}

async fn connect(agents: &[Agent]) -> Result<Client> {
    let endpoints = agents.iter().map(|agent| agent.client_address.to_string());
    Ok(Client::connect(Options::new(endpoints, "demo")).await?)
}

/// The first agent needs a moment before it can give a token.
async fn join_token(first: &mut Agent) -> Result<String> {
    let client = connect(std::slice::from_ref(first)).await?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match client.issue_join_token(Duration::from_secs(600)).await {
            Ok(token) => return Ok(token.join_token),
            Err(error) if Instant::now() > deadline => return Err(error.into()),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
        first.check()?;
    }
}

async fn watch_spread(client: Client, spread_max: Arc<AtomicU64>) {
    let mut watch = client.watch_status(LogIndex(0));
    // A watch ends when its agents are gone for long: the story finds out by itself.
    while let Some(Ok(status)) = watch.next().await {
        spread_max.fetch_max(status.version_spread, Ordering::Relaxed);
    }
}
