//! What the command line sets.

use anyhow::{Context, Result, bail};
use std::time::Duration;

/// What there is to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Latency and throughput of single commits.
    Commits,
    /// Submission to Settled of an empty step.
    Steps,
    /// What a session costs the leader.
    Sessions,
}

/// `--only commits|steps|sessions`, `--rounds 3`, `--seconds 3` (of a case of commits), `--clients 1,10,100`, `--nodes 3,10`,
/// `--sessions 10,1000,10000`, `--kept 10000` (sessions whose upkeep is measured).
#[derive(Debug)]
pub(crate) struct Options {
    only: Option<Part>,
    /// How often each case is measured.
    pub(crate) rounds: usize,
    /// How long a case of commits lasts.
    pub(crate) lasting: Duration,
    /// Numbers of clients.
    pub(crate) clients: Vec<usize>,
    /// Sizes of clusters for empty steps.
    pub(crate) nodes: Vec<usize>,
    /// Numbers of sessions for empty steps, ascending.
    pub(crate) sessions: Vec<usize>,
    /// Number of sessions whose upkeep is measured.
    pub(crate) kept: usize,
}

impl Options {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut options = Self {
            only: None,
            rounds: 3,
            lasting: Duration::from_secs(3),
            clients: vec![1, 10, 100],
            nodes: vec![3, 10],
            sessions: vec![10, 1_000, 10_000],
            kept: 10_000,
        };
        while let Some(name) = arguments.next() {
            // Cargo says this to every benchmark.
            if name == "--bench" {
                continue;
            }
            let value = arguments.next().with_context(|| format!("{name} needs a value"))?;
            options.set(&name, &value).with_context(|| format!("{name} {value}"))?;
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        match name {
            "--only" => self.only = Some(part(value)?),
            "--rounds" => self.rounds = value.parse()?,
            "--seconds" => self.lasting = Duration::from_secs(value.parse()?),
            "--clients" => self.clients = numbers(value)?,
            "--nodes" => self.nodes = numbers(value)?,
            "--sessions" => self.sessions = numbers(value)?,
            "--kept" => self.kept = value.parse()?,
            _ => bail!("there is no such option"),
        }
        Ok(())
    }

    pub(crate) fn has(&self, part: Part) -> bool {
        self.only.is_none_or(|only| only == part)
    }
}

fn part(name: &str) -> Result<Part> {
    match name {
        "commits" => Ok(Part::Commits),
        "steps" => Ok(Part::Steps),
        "sessions" => Ok(Part::Sessions),
        _ => bail!("the parts are commits, steps and sessions"),
    }
}

fn numbers(list: &str) -> Result<Vec<usize>> {
    list.split(',').map(|number| Ok(number.trim().parse()?)).collect()
}
