//! What the command line sets.

use anyhow::{Context, Result, bail, ensure};
use lockstep_core::Engine;
use std::time::Duration;

/// What there is to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The column is added while an application works.
    Fill,
    /// The same with nobody else there, and no throttle.
    Quiet,
    /// Somebody holds the table in an open transaction.
    Reader,
}

/// `--only fill|quiet|reader`, `--engines postgres,mariadb`, `--rounds 3`, `--rows 1000000`, `--rate 300` (transactions a second),
/// `--before 10` (seconds of traffic before each way begins), `--holding 10` (seconds that the reader holds the table).
#[derive(Debug)]
pub(crate) struct Options {
    only: Option<Part>,
    /// Engines, in the order in which they are measured.
    pub(crate) engines: Vec<Engine>,
    /// How often each way is measured.
    pub(crate) rounds: usize,
    /// Rows of the table.
    pub(crate) rows: u64,
    /// Transactions that the application begins in a second.
    pub(crate) rate: u32,
    /// How long the application is watched before a way begins.
    pub(crate) before: Duration,
    /// How long the reader holds the table.
    pub(crate) holding: Duration,
}

impl Options {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut options = Self {
            only: None,
            engines: vec![Engine::Postgres, Engine::Mariadb],
            rounds: 3,
            rows: 1_000_000,
            rate: 300,
            before: Duration::from_secs(10),
            holding: Duration::from_secs(10),
        };
        while let Some(name) = arguments.next() {
            // Cargo says this to every benchmark.
            if name == "--bench" {
                continue;
            }
            let value = arguments.next().with_context(|| format!("{name} needs a value"))?;
            options.set(&name, &value).with_context(|| format!("{name} {value}"))?;
        }
        ensure!(
            options.rate > 0 && options.rows > 0 && options.rounds > 0,
            "rate, rows and rounds are at least 1"
        );
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        match name {
            "--only" => self.only = Some(part(value)?),
            "--engines" => self.engines = value.split(',').map(engine).collect::<Result<_>>()?,
            "--rounds" => self.rounds = value.parse()?,
            "--rows" => self.rows = value.parse()?,
            "--rate" => self.rate = value.parse()?,
            "--before" => self.before = Duration::from_secs(value.parse()?),
            "--holding" => self.holding = Duration::from_secs(value.parse()?),
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
        "fill" => Ok(Part::Fill),
        "quiet" => Ok(Part::Quiet),
        "reader" => Ok(Part::Reader),
        _ => bail!("the parts are fill, quiet and reader"),
    }
}

fn engine(name: &str) -> Result<Engine> {
    match name {
        "postgres" => Ok(Engine::Postgres),
        "mariadb" => Ok(Engine::Mariadb),
        _ => bail!("the engines are postgres and mariadb"),
    }
}
