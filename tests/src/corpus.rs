//! Plays a folder of migrations through, as a cluster would see them one after the other: each file is planned against the
//! database as it then is, executed step by step, and compared with a twin on which the file was run as it stands.

use crate::golden::{Ground, Rows, Stand, run_script};
use anyhow::{Context as _, Result, ensure};
use lockstep_core::{Engine, Schema};
use lockstep_database::plain;
use lockstep_planner::{Catalog, Plan, Target, plan};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Planned and executed; afterwards the schema is what the plain file gives.
    Same,
    /// Not planned; the text says why.
    Refused(String),
    /// A step or its revert failed.
    Failed(String),
    /// Executed, and another schema than the plain file gives.
    Differs(String),
    /// The file does not run as it stands: it says nothing of the planner.
    DoesNotRun(String),
}

/// A folder of migrations, played through.
#[derive(Debug)]
pub struct Play<'a> {
    ground: &'a Ground,
    target: Target,
    name: String,
    goes_back: bool,
    /// Databases made so far: each gets a name of its own.
    made: usize,
    /// Those that ran as they stand, in order.
    ran: Vec<String>,
}

impl<'a> Play<'a> {
    /// Of the folder `name`; `goes_back`: each change is also reverted and executed once more.
    #[must_use]
    pub fn new(ground: &'a Ground, target: Target, name: &str, goes_back: bool) -> Self {
        Self { ground, target, name: name.replace('-', "_"), goes_back, made: 0, ran: Vec::new() }
    }

    /// All its files, in the order of their names; each is told as soon as it was played.
    ///
    /// # Errors
    ///
    /// Files that cannot be read, and databases that cannot be made.
    pub async fn run(&mut self, folder: &Path, tell: impl Fn(&str, &Outcome)) -> Result<Vec<(String, Outcome)>> {
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        files.sort();
        let (mut twin, mut stand) = (self.database().await?, self.database().await?);
        let mut outcomes = Vec::new();
        for file in files {
            let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
            let outcome = self.one(&mut twin, &mut stand, &name, &text).await?;
            tell(&name, &outcome);
            outcomes.push((name, outcome));
        }
        Ok(outcomes)
    }

    async fn one(&mut self, twin: &mut Stand, stand: &mut Stand, name: &str, text: &str) -> Result<Outcome> {
        if let Err(error) = as_it_stands(twin, text).await {
            // Some of its statements may have run.
            *twin = self.again().await?;
            return Ok(Outcome::DoesNotRun(format!("{error:#}")));
        }
        self.ran.push(text.to_owned());
        let outcome = match self.stepwise(stand, name, text).await? {
            Ok(()) => {
                let mut differences = stand.look().await?.0.diff(&twin.look().await?.0);
                differences.retain(|difference| !is_of_the_moment(difference));
                if differences.is_empty() { Outcome::Same } else { Outcome::Differs(differences.join("\n")) }
            }
            Err(outcome) => outcome,
        };
        if outcome != Outcome::Same {
            *stand = self.again().await?;
        }
        Ok(outcome)
    }

    async fn stepwise(&self, stand: &mut Stand, name: &str, text: &str) -> Result<Result<(), Outcome>> {
        let before = stand.look().await?;
        let sizes = stand.database.sizes().await?;
        let mut catalog = Catalog::of(before.0.clone(), sizes.tables);
        let plan = match plan(self.target, "change.sql", name, text, &mut catalog) {
            Ok(plan) => plan,
            Err(error) => return Ok(Err(Outcome::Refused(error.to_string()))),
        };
        let ran = self.forward_and_back(stand, &plan, &before).await;
        Ok(ran.map_err(|error| Outcome::Failed(format!("{error:#}"))))
    }

    async fn forward_and_back(&self, stand: &mut Stand, plan: &Plan, before: &(Schema, Rows)) -> Result<()> {
        let seen = stand.forward(plan).await?;
        let has_a_way_back = plan.change.steps.iter().all(|step| step.revert.is_some());
        if !self.goes_back || !has_a_way_back {
            return Ok(());
        }
        stand.back(plan, before, &seen).await?;
        let again = stand.forward(plan).await.context("forward again")?;
        let (Some(first), Some(second)) = (seen.last(), again.last()) else { return Ok(()) };
        let differences = second.0.diff(&first.0);
        ensure!(differences.is_empty(), "forward again: {differences:#?}");
        Ok(())
    }

    async fn database(&mut self) -> Result<Stand> {
        self.made += 1;
        let name = format!("{}_{}", self.name, self.made);
        let stand = self.ground.stand(&name).await?;
        stand.claim().await?;
        Ok(stand)
    }

    /// A database on which all files ran that run.
    async fn again(&mut self) -> Result<Stand> {
        let mut stand = self.database().await?;
        for text in self.ran.clone() {
            as_it_stands(&mut stand, &text).await?;
        }
        Ok(stand)
    }
}

/// True for definitions that differ in when they were made: `timestamp 'now'` in a view is the moment of its creation.
fn is_of_the_moment(difference: &str) -> bool {
    let without_numbers = |text: &str| {
        text.split(|c: char| c.is_ascii_digit()).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("0")
    };
    let halves = difference.split_once(", expected ").filter(|(found, _)| found.contains("::timestamp"));
    halves.is_some_and(|(found, wanted)| without_numbers(found).ends_with(without_numbers(wanted).trim_start()))
}

/// Runs a file on a connection of its own: what it sets for its session ends with it.
async fn as_it_stands(stand: &mut Stand, text: &str) -> Result<()> {
    stand.connection = plain::connect(stand.engine, &stand.dsn).await?;
    match stand.connection.batch(text).await {
        // Some statements want to be alone; here nothing of the others stayed.
        Err(_) if stand.engine == Engine::Postgres => run_script(&stand.connection, stand.engine, text).await,
        result => Ok(result?),
    }
}

/// How often each outcome came.
#[must_use]
pub fn count(outcomes: &[(String, Outcome)]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for (_, outcome) in outcomes {
        let name = match outcome {
            Outcome::Same => "same",
            Outcome::Refused(_) => "refused",
            Outcome::Failed(_) => "failed",
            Outcome::Differs(_) => "differs",
            Outcome::DoesNotRun(_) => "does not run",
        };
        *counts.entry(name).or_insert(0) += 1;
    }
    counts
}
