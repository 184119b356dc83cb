//! Two releases of an application at work while a change is under way: one knows only the form before it, one only the form
//! after it. No statement of either fails, and what each wrote is what both read.
//!
//! The old one works until the first step that only clients who understand the change can follow; the new one from the last switch
//! on. Each is there at every point in between two steps, and while the steps run.

mod form;
mod work;

use crate::golden::{Golden, Ground, Stand, run_script};
use anyhow::{Context as _, Result, ensure};
use form::Form;
use lockstep_core::step::{Action, ClientRequirement, Phase};
use lockstep_core::{Engine, Schema};
use lockstep_database::plain;
use lockstep_planner::{Catalog, Plan, Target};
use std::ops::RangeInclusive;
use work::{Model, Random, Release};

/// What a release does at each point.
const STATEMENTS_AT_A_POINT: usize = 14;

/// Goldens whose change is about the rows themselves: what becomes of them is not the releases' doing.
const ABOUT_ROWS: [&str; 4] = ["dml", "opaque", "delete_without_revert", "update_without_revert"];

/// The points at which a release works: how many steps have been executed.
fn old_points(plan: &Plan) -> RangeInclusive<usize> {
    let asks = |step: &lockstep_core::Step| step.requires == ClientRequirement::Understands;
    0..=plan.change.steps.iter().position(asks).unwrap_or(plan.change.steps.len())
}

fn new_points(plan: &Plan) -> RangeInclusive<usize> {
    let steps = &plan.change.steps;
    let is_switch = |phase: Phase| matches!(phase, Phase::SwitchWrites | Phase::SwitchReads);
    let last = steps.iter().rposition(|step| is_switch(step.phase));
    last.map_or(steps.len(), |last| last + 1)..=steps.len()
}

/// Both releases, and what they know of the rows.
struct Scene {
    stand: Stand,
    plan: Plan,
    old: Release,
    new: Release,
    model: Model,
    random: Random,
    /// True: rows that the change finds are left as they are until the new release is there.
    is_quiet: bool,
}

impl Scene {
    async fn begin(golden: &Golden, ground: &Ground, target: Target, seed: u64) -> Result<Option<Self>> {
        let mut stand = ground.stand(&format!("{}_plain_{seed}", golden.name)).await?;
        run_script(&stand.connection, target.engine, &golden.before).await?;
        let before = stand.look().await?.0;
        let mut catalog = Catalog::of(before.clone(), golden.sizes.clone());
        let Ok(mut plan) = golden.plan(target, &mut catalog) else { return Ok(None) };
        run_script(&stand.connection, target.engine, golden.plain.as_deref().unwrap_or(&golden.change)).await?;
        let after = stand.look().await?.0;

        stand = ground.stand(&format!("{}_releases_{seed}", golden.name)).await?;
        run_script(&stand.connection, target.engine, &golden.before).await?;
        stand.claim().await?;
        for step in &mut plan.change.steps {
            // Other writes come between any two rows.
            if let Action::Backfill(backfill) = &mut step.forward {
                backfill.batch_rows_max = 1;
            }
        }
        let (old_form, new_form) = Form::both(&before, &after, &golden.change);
        let release = async |name, form: &Form| -> Result<Release> {
            let connection = plain::connect(target.engine, &stand.dsn).await?;
            connection.execute("PRAGMA foreign_keys = ON", &[]).await?;
            Ok(Release::new(name, connection, form.clone()))
        };
        let (old, new) = (release("old", &old_form).await?, release("new", &new_form).await?);
        let mut model = Model::default();
        model.learn(&old).await?;
        Ok(Some(Self { stand, plan, old, new, model, random: Random(seed), is_quiet: seed % 3 == 1 }))
    }

    /// Who works at a point.
    fn at_work(&self, point: usize, schema: &Schema) -> (bool, bool) {
        let is_old = old_points(&self.plan).contains(&point);
        let is_new = new_points(&self.plan).contains(&point) && self.new.form.fits(schema);
        (is_old, is_new)
    }

    /// Both do their work at a point, in any order, and then read all that they know.
    async fn point(&mut self, point: usize, whence: &str) -> Result<()> {
        let schema = self.stand.database.schema().await?;
        let (is_old, is_new) = self.at_work(point, &schema);
        if is_new {
            self.model.learn(&self.new).await?;
        } else {
            // Going back loses values for which the old form has no place.
            self.model.forget_all_but(&self.old.form);
        }
        let context = |release: &Release| format!("the {} release at point {point} ({whence})", release.name);
        for _ in 0..STATEMENTS_AT_A_POINT {
            let release = match (is_old, is_new) {
                (false, false) => return Ok(()),
                (true, true) if self.random.chance(2) => &self.old,
                (true, false) => &self.old,
                _ => &self.new,
            };
            release
                .work(&mut self.model, &mut self.random, self.is_quiet && !is_new)
                .await
                .with_context(|| context(release))?;
        }
        for (release, is_at_work) in [(&self.old, is_old), (&self.new, is_new)] {
            if is_at_work {
                release.read_all(&self.model).await.with_context(|| context(release))?;
            }
        }
        Ok(())
    }

    /// A step, and meanwhile the work of who is there before and after it.
    async fn step(&mut self, index: usize, forward: bool) -> Result<()> {
        let step = self.plan.change.steps[index].clone();
        let action = if forward { step.forward } else { step.revert.unwrap_or(Action::Nothing) };
        let schema = self.stand.database.schema().await?;
        let (before, after) = (self.at_work(index, &schema), self.at_work(index + 1, &schema));
        let meanwhile = match (before, after) {
            ((true, _), (true, _)) => Some(&self.old),
            ((_, true), (_, true)) => Some(&self.new),
            _ => None,
        };
        let quiet = self.is_quiet && !after.1;
        let (model, random) = (&mut self.model, &mut self.random);
        let work = async {
            if let Some(release) = meanwhile {
                for _ in 0..STATEMENTS_AT_A_POINT {
                    release.work(model, random, quiet).await?;
                }
            }
            anyhow::Ok(())
        };
        let (executed, worked) = tokio::join!(self.stand.execute(&step.name, &action), work);
        executed.with_context(|| format!("`{}`, forward {forward}", step.name))?;
        worked.with_context(|| format!("a release while `{}` ran, forward {forward}", step.name))
    }

    async fn play(mut self) -> Result<()> {
        let steps = self.plan.change.steps.len();
        self.point(0, "at the beginning").await?;
        for index in 0..steps {
            self.step(index, true).await?;
            self.point(index + 1, &format!("after `{}`", self.plan.change.steps[index].name)).await?;
        }
        for index in (0..steps).rev() {
            if self.plan.change.steps[index].revert.is_none() {
                return Ok(());
            }
            self.step(index, false).await?;
            self.point(index, &format!("after the revert of `{}`", self.plan.change.steps[index].name)).await?;
        }
        Ok(())
    }

    /// Goes forward up to the first step that nothing undoes, and back.
    async fn turn_back(mut self) -> Result<()> {
        let end = self.plan.change.steps.iter().position(|step| step.revert.is_none());
        let Some(end) = end else { return Ok(()) };
        for index in 0..end {
            self.step(index, true).await?;
            self.point(index + 1, "on the way").await?;
        }
        for index in (0..end).rev() {
            self.step(index, false).await?;
            self.point(index, &format!("after the revert of `{}`", self.plan.change.steps[index].name)).await?;
        }
        Ok(())
    }
}

/// Plays all goldens of an engine with both releases; `LOCKSTEP_GOLDEN` picks those whose name contains it, `LOCKSTEP_SEED` what
/// the releases do.
///
/// # Panics
///
/// When one does not hold; all that do not are named, with their seed.
pub async fn play_all(target: Target, seeds: std::ops::Range<u64>) {
    assert_eq!(target.engine, Engine::Sqlite, "releases speak SQLite so far");
    let ground = tokio::task::spawn_blocking(move || Ground::start(target)).await.expect("the ground is there");
    let wanted = std::env::var("LOCKSTEP_GOLDEN").unwrap_or_default();
    let seeds = match std::env::var("LOCKSTEP_SEED") {
        Ok(seed) => {
            let seed = seed.parse().expect("LOCKSTEP_SEED is a number");
            seed..seed + 1
        }
        Err(_) => seeds,
    };
    let mut failures = Vec::new();
    let goldens = Golden::all(target.engine).unwrap_or_else(|error| panic!("{error:#}"));
    for golden in goldens.into_iter().filter(|golden| golden.is_for(target)) {
        if !golden.name().contains(&wanted) || ABOUT_ROWS.contains(&golden.name()) {
            continue;
        }
        for seed in seeds.clone() {
            if let Err(error) = both_ways(&golden, &ground, target, seed).await {
                failures.push(format!("{} (LOCKSTEP_SEED={seed}): {error:#}", golden.name()));
                break;
            }
        }
    }
    assert!(failures.is_empty(), "{} goldens do not hold:\n\n{}", failures.len(), failures.join("\n\n"));
}

async fn both_ways(golden: &Golden, ground: &Ground, target: Target, seed: u64) -> Result<()> {
    // Names of databases are made of seeds, so the second way has one of its own.
    let Some(scene) = Scene::begin(golden, ground, target, seed * 2 + 1).await? else { return Ok(()) };
    scene.play().await?;
    let scene = Scene::begin(golden, ground, target, seed * 2 + 2).await?;
    ensure!(scene.is_some(), "it was planned before");
    match scene {
        Some(scene) => scene.turn_back().await,
        None => Ok(()),
    }
}
