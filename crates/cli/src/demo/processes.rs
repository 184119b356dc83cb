//! The demo's processes: agents and applications. All are ended when dropped.

use super::app::{Release, Report};
use anyhow::{Context, Result, bail};
use lockstep_core::Engine;
use lockstep_database::local_server::free_port;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

fn free_address() -> Result<SocketAddr> {
    Ok((Ipv4Addr::LOCALHOST, free_port()?).into())
}

fn program() -> Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("cannot find this program")?);
    // In a group of their own: Ctrl-C goes to the demo, which ends them in order.
    command.kill_on_drop(true).process_group(0);
    Ok(command)
}

/// An agent.
pub(super) struct Agent {
    /// Its node's name.
    pub(super) name: String,
    /// Where clients reach it.
    pub(super) client_address: SocketAddr,
    /// Where other agents reach it.
    pub(super) peer_address: SocketAddr,
    configuration: PathBuf,
    log: PathBuf,
    process: Option<Child>,
}

impl Agent {
    /// Writes its configuration and starts it. `cluster` is the table of that name: how it becomes a member.
    pub(super) fn start(
        directory: &Path,
        name: &str,
        engine: Engine,
        dsn: &str,
        cluster: toml::Table,
    ) -> Result<Self> {
        let (client_address, peer_address) = (free_address()?, free_address()?);
        let (configuration, log) = (directory.join(format!("{name}.toml")), directory.join(format!("{name}.log")));
        let data = directory.join(format!("{name}.data")).display().to_string();
        let text = |text: String| toml::Value::String(text);
        let table = |pairs: [(&str, String); 2]| -> toml::Value {
            toml::Table::from_iter(pairs.map(|(key, value)| (key.to_owned(), text(value)))).into()
        };
        let settings = toml::Table::from_iter([
            ("name".to_owned(), text(name.to_owned())),
            ("data_dir".to_owned(), text(data)),
            ("cluster".to_owned(), cluster.into()),
            ("database".to_owned(), table([("engine", engine.name().to_owned()), ("dsn", dsn.to_owned())])),
            // Nobody watches a demo for a day.
            (
                "change".to_owned(),
                toml::Table::from_iter([("retention".to_owned(), text("0s".to_owned()))]).into(),
            ),
            (
                "listen".to_owned(),
                table([("client", client_address.to_string()), ("peer", peer_address.to_string())]),
            ),
        ]);
        std::fs::write(&configuration, toml::to_string(&settings)?).context("cannot write a configuration")?;
        let mut agent =
            Self { name: name.to_owned(), client_address, peer_address, configuration, log, process: None };
        agent.restart()?;
        Ok(agent)
    }

    /// Starts it again after [`Agent::kill`].
    pub(super) fn restart(&mut self) -> Result<()> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        let mut command = program()?;
        command.args(["agent", "--config"]).arg(&self.configuration);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.process = Some(command.spawn().context("cannot start an agent")?);
        Ok(())
    }

    /// Kills it as a power cut would.
    pub(super) async fn kill(&mut self) -> Result<()> {
        if let Some(mut process) = self.process.take() {
            process.kill().await?;
        }
        Ok(())
    }

    /// An error that quotes its log, if it has ended by itself.
    pub(super) fn check(&mut self) -> Result<()> {
        let Some(status) = self.process.as_mut().map(Child::try_wait).transpose()?.flatten() else {
            return Ok(());
        };
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let end: Vec<&str> = log.lines().rev().take(5).collect();
        bail!("agent {} ended with {status}: {}", self.name, end.into_iter().rev().collect::<Vec<_>>().join("\n"))
    }

    /// Its process id, while it runs.
    pub(super) fn process_id(&self) -> Option<u32> {
        self.process.as_ref().and_then(Child::id)
    }
}

/// A release of the application.
pub(super) struct App {
    /// What it knows.
    pub(super) release: Release,
    process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl App {
    /// Starts it; returns when it holds a session.
    pub(super) async fn start(
        release: Release,
        row: i64,
        engine: Engine,
        endpoints: &str,
        dsns: &[String],
    ) -> Result<Self> {
        let mut command = program()?;
        command.args(["demo-app", "--endpoints", endpoints, "--engine", engine.name()]);
        command.args(["--instance", release.name(), "--release", release.name(), "--row", &row.to_string()]);
        for dsn in dsns {
            command.args(["--shard", dsn]);
        }
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = process.stdin.take().context("an application has no input")?;
        let output = process.stdout.take().context("an application has no output")?;
        let mut output = BufReader::new(output).lines();
        output.next_line().await?.with_context(|| format!("the {} release did not start", release.name()))?;
        Ok(Self { release, process, input, output })
    }

    /// Tells it what is going on from now on.
    pub(super) async fn label(&mut self, label: &str) -> Result<()> {
        let line = format!("{label}\n");
        self.input
            .write_all(line.as_bytes())
            .await
            .with_context(|| format!("the {} release is gone", self.release.name()))
    }

    /// Ends it in order; returns what it counted.
    pub(super) async fn finish(mut self) -> Result<Report> {
        drop(self.input);
        let line = self.output.next_line().await?.context("an application ended without a report")?;
        self.process.wait().await?;
        Ok(serde_json::from_str(&line)?)
    }
}
