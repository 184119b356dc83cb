//! One golden, played on two nodes: one is a step ahead of the other.

use super::dialect::Dialect;
use super::form::{Around, Form};
use super::model::Row;
use super::moments::{moments, prove, run};
use super::node::{AtWork, Node};
use super::proof;
use super::work::Release;
use crate::golden::{Golden, Ground, Stand, run_script};
use anyhow::{Context as _, Result};
use lockstep_core::Step;
use lockstep_core::step::{Action, ClientRequirement, Phase};
use lockstep_database::plain::{self, Value};
use lockstep_planner::{Catalog, Plan, Target};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// The points at which clients use the old form: how many steps have been executed. It ends where the switches end that some client
/// has not followed yet.
fn old_points(steps: &[Step]) -> RangeInclusive<usize> {
    let asks = steps.iter().position(|step| step.requires == ClientRequirement::Understands);
    let end = asks.map(|first| first + steps[first..].iter().take_while(|step| is_switch(step)).count());
    0..=end.unwrap_or(steps.len())
}

/// The points at which clients use the new form: from the first of the last switches on, which come when all is proven.
fn new_points(steps: &[Step]) -> RangeInclusive<usize> {
    let last = steps.iter().rposition(is_switch);
    let start = last.map(|last| last + 1 - steps[..=last].iter().rev().take_while(|step| is_switch(step)).count());
    start.map_or(steps.len(), |first| first + 1)..=steps.len()
}

fn is_switch(step: &Step) -> bool {
    matches!(step.phase, Phase::SwitchWrites | Phase::SwitchReads)
}

/// Both nodes, and what is played on them.
pub(super) struct Scene {
    plan: Plan,
    forms: (Form, Form, Form),
    ahead: Node,
    behind: Node,
    /// The change says how values are made up that going back cannot bring back.
    loses_values: bool,
    /// The plan says that going back needs values in rows that clients of the new form wrote.
    needs_values: bool,
    /// By point: all of the new form is there. Known once the point was reached.
    fits: Vec<bool>,
}

impl Scene {
    /// `None`: there is no plan.
    pub(super) async fn begin(
        golden: &Golden,
        ground: &Ground,
        target: Target,
        seed: u64,
    ) -> Result<Option<Self>> {
        let Some((mut plan, forms)) = read(golden, ground, target, seed).await? else { return Ok(None) };
        proof::stands_before_use(&plan.change.steps)?;
        for step in &mut plan.change.steps {
            // Other writes come between any two rows.
            for action in [Some(&mut step.forward), step.revert.as_mut()].into_iter().flatten() {
                if let Action::Backfill(backfill) = action {
                    backfill.batch_rows_max = 1;
                }
            }
        }
        let ahead = Node::begin(golden, ground, "ahead", &forms, seed).await?;
        let behind = Node::begin(golden, ground, "behind", &forms, seed).await?;
        let loses_values = golden.forgets();
        let mut hazards = plan.statements.iter().flat_map(|statement| &statement.hazards);
        let needs_values = hazards.any(|hazard| hazard.contains("going back needs a value"));
        Ok(Some(Self { plan, forms, ahead, behind, loses_values, needs_values, fits: Vec::new() }))
    }

    fn at_work(&self, point: usize) -> AtWork {
        let steps = &self.plan.change.steps;
        AtWork {
            old: old_points(steps).contains(&point),
            new: new_points(steps).contains(&point) && self.fits.get(point) == Some(&true),
        }
    }

    /// All who are there work on both nodes, which are equally far.
    async fn rest(&mut self, point: usize, whence: &str) -> Result<()> {
        if self.fits.len() == point {
            let schema = self.ahead.stand.database.schema().await?;
            self.fits.push(self.forms.1.fits(self.ahead.stand.engine, &schema));
        }
        let at_work = self.at_work(point);
        for node in [&mut self.ahead, &mut self.behind] {
            node.arrive(at_work, self.loses_values).await?;
            node.work(at_work, whence).await?;
        }
        Ok(())
    }

    /// A step on one node, moment by moment, and then on the other as the agent runs it. Clients are where they were before it.
    async fn step(&mut self, index: usize, forward: bool) -> Result<()> {
        let step = self.plan.change.steps[index].clone();
        let action = if forward { step.forward.clone() } else { step.revert.clone().unwrap_or(Action::Nothing) };
        let (from, to) = if forward { (index, index + 1) } else { (index + 1, index) };
        let name = if forward { step.name.clone() } else { format!("the revert of {}", step.name) };
        let before = self.at_work(from);
        let after = self.at_work(to);
        // What was all there stays there, at a point not reached yet, too.
        let stays = after.new || to == self.fits.len();
        let meanwhile = AtWork { old: before.old && after.old, new: before.new && stays };
        if forward {
            for node in [&self.ahead, &self.behind] {
                prove(&node.stand, &step.preconditions).await.with_context(|| format!("before `{name}`"))?;
            }
        }
        let parts = moments(&self.ahead.stand, &action).await?;
        for (number, part) in parts.iter().enumerate() {
            let whence = format!("in `{name}` after {} of {}", number + 1, parts.len());
            run(&mut self.ahead.stand, &name, part).await.with_context(|| whence.clone())?;
            self.ahead.work(meanwhile, &whence).await?;
        }
        self.behind.work(meanwhile, &format!("before `{name}`")).await?;
        self.behind.execute(&name, &action, meanwhile).await
    }

    async fn forward(&mut self, end: usize) -> Result<()> {
        for index in 0..end {
            self.step(index, true).await?;
            self.rest(index + 1, &format!("after `{}`", self.plan.change.steps[index].name)).await?;
        }
        Ok(())
    }

    /// Forward up to what nothing undoes, back, and forward to the end.
    pub(super) async fn play(mut self) -> Result<()> {
        let steps = &self.plan.change.steps;
        let all = steps.len();
        let turn = steps.iter().position(|step| step.revert.is_none()).unwrap_or(all);
        self.rest(0, "at the beginning").await?;
        self.forward(turn).await?;
        for index in (0..turn).rev() {
            if self.needs_values && self.at_work(index + 1).old && !self.at_work(index + 1).new {
                self.ahead.fill().await?;
                self.behind.fill().await?;
            }
            self.step(index, false).await.context("going back")?;
            self.rest(index, &format!("after the revert of `{}`", self.plan.change.steps[index].name)).await?;
        }
        self.forward(all).await.context("the second time")
    }
}

/// The plan, and the forms around the change, from a database that is changed by the plain statements.
async fn read(
    golden: &Golden,
    ground: &Ground,
    target: Target,
    seed: u64,
) -> Result<Option<(Plan, (Form, Form, Form))>> {
    let stand = ground.stand(&format!("{}_plain_{seed}", golden.name)).await?;
    run_script(&stand.connection, target.engine, &golden.before).await?;
    let before = stand.database.schema().await?;
    let mut catalog = Catalog::of(before.clone(), golden.sizes.clone());
    let Ok(plan) = golden.plan(target, &mut catalog) else { return Ok(None) };
    let mut around = Around {
        engine: target.engine,
        before: &before,
        after: &before,
        change: &golden.change,
        empty: Vec::new(),
    };
    around.empty.extend(golden.sizes.iter().filter(|(_, size)| size.rows == 0).map(|(table, _)| table.clone()));
    let old_rows = rows(&stand, around.forms().0).await?;
    let plain = golden.plain.as_deref().unwrap_or(&golden.change);
    run_script(&stand.connection, target.engine, plain).await.context("the plain change")?;
    let after = stand.database.schema().await?;
    around.after = &after;
    let (mut old, mut new, common) = around.forms();
    let new_rows = rows(&stand, new.clone()).await?;
    convert(&mut old, &mut new, &old_rows, &new_rows);
    Ok(Some((plan, (old, new, common))))
}

/// All rows, as a release reads them, by the meaning of the table.
async fn rows(stand: &Stand, form: Form) -> Result<BTreeMap<String, Vec<Row>>> {
    let dialect = Dialect(stand.engine);
    let connection = plain::connect(stand.engine, &stand.dsn).await?;
    connection.execute(dialect.session(), &[]).await?;
    let reader = Release { name: "reader", connection, form, dialect, times: 0 };
    let mut tables = BTreeMap::new();
    for (meaning, table) in &reader.form.tables {
        let row = |values: Vec<Value>| {
            table.columns.iter().zip(values).map(|(column, value)| (column.meaning.clone(), value)).collect()
        };
        tables.insert(meaning.clone(), reader.all(table).await?.into_iter().map(row).collect());
    }
    Ok(tables)
}

/// Learns from rows how the change converts values of a column. A column of which that is not to be learned is another one.
fn convert(
    old: &mut Form,
    new: &mut Form,
    old_rows: &BTreeMap<String, Vec<Row>>,
    new_rows: &BTreeMap<String, Vec<Row>>,
) {
    for (meaning, table) in &mut old.tables {
        let Some(other) = new.tables.get_mut(meaning) else { continue };
        let key = table.key.clone();
        let key: Vec<String> = table
            .columns
            .iter()
            .filter(|column| key.contains(&column.name))
            .map(|column| column.meaning.clone())
            .collect();
        let is_same = |one: &Row, other: &Row| key.iter().all(|part| one.get(part) == other.get(part));
        for column in &mut table.columns {
            let twin = other.columns.iter_mut().find(|twin| twin.meaning == column.meaning);
            let Some(twin) = twin.filter(|twin| !twin.kind.is_like(&column.kind)) else { continue };
            let pair = |row: &Row| {
                let there = new_rows.get(meaning)?.iter().find(|other| is_same(row, other))?;
                Some((row.get(&column.meaning)?.clone(), there.get(&column.meaning)?.clone()))
            };
            let pairs: Vec<(Value, Value)> =
                old_rows.get(meaning).into_iter().flatten().filter_map(pair).collect();
            if pairs.iter().all(|(old, _)| *old == Value::Null) {
                twin.meaning.push_str(", changed");
            } else {
                column.converted.clone_from(&pairs);
                twin.converted = pairs;
            }
        }
    }
}
