//! The plain statement, handed to the `lockstep` command; one agent, as it comes.

use super::plain_ddl;
use crate::ground::{Ground, Place};
use anyhow::{Context, Result, ensure};
use lockstep_client::{Client, Options};
use lockstep_core::Engine;
use lockstep_core::step::Phase;
use lockstep_tests::agent::{self, free_address, program};
use lockstep_tests::wait;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

/// An agent beside the database. Killed when dropped.
pub(crate) struct Agent {
    client: Client,
    agent: agent::Agent,
    folder: PathBuf,
}

impl Agent {
    /// Starts it and waits until its node is active.
    pub(crate) async fn start(ground: &Ground, place: &Place, name: &str) -> Result<Self> {
        let folder = ground.directory().join(name);
        let database = [
            ("engine".to_owned(), toml::Value::from(place.engine.name())),
            ("dsn".to_owned(), place.dsn.clone().into()),
        ];
        let bootstrap = [("bootstrap".to_owned(), toml::Value::from(true))];
        let settings = toml::Table::from_iter([
            ("cluster".to_owned(), toml::Value::Table(toml::Table::from_iter(bootstrap))),
            ("database".to_owned(), toml::Value::Table(toml::Table::from_iter(database))),
        ]);
        let mut agent = agent::Agent::prepare("shard-1", &folder, free_address()?, settings)?;
        agent.start(&[])?;
        let client = Client::connect(Options::new([agent.client_address.to_string()], "bench")).await?;
        wait::until("the node is active", async || match client.status().await {
            Ok(status) if status.members.iter().any(|member| member.node.is_active()) => Ok(()),
            Ok(_) => Err("it is not".to_owned()),
            Err(error) => Err(error.to_string()),
        })
        .await;
        Ok(Self { client, agent, folder })
    }

    /// Adds the column; what the agent's backfill took.
    pub(crate) async fn fill(&self, engine: Engine) -> Result<Duration> {
        self.apply("0001_score", &plain_ddl(engine)).await?;
        let change = self.client.change("0001_score").await?.change;
        let backfill = change.steps.iter().find(|record| record.step.phase == Phase::Backfill);
        let backfill = backfill.context("the plan has no backfill")?;
        let measured = backfill.measurements.values().next().context("the backfill was not measured")?;
        Ok(Duration::from_millis(measured.duration_ms))
    }

    /// Has a statement applied; returns when it has settled.
    pub(crate) async fn apply(&self, name: &str, sql: &str) -> Result<()> {
        let file = self.folder.join(format!("{name}.sql"));
        std::fs::write(&file, sql)?;
        let mut command = tokio::process::Command::new(program()?);
        command.args(["--endpoint", &self.agent.client_address.to_string(), "change", "apply", "--yes"]);
        let output = command.arg(file).stdin(Stdio::null()).kill_on_drop(true).output().await?;
        ensure!(
            output.status.success(),
            "lockstep change apply: {}\nthe agent's log: {}",
            String::from_utf8_lossy(&output.stderr),
            self.agent.log()
        );
        Ok(())
    }
}
