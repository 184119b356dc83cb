//! Runs the planner's goldens the whole way: submitted, prepared, confirmed, executed, settled; rolled back; and once more under
//! another name.

use crate::golden::{FORGETS, Golden, Ground, each, run_script};
use crate::solo::Solo;
use anyhow::{Context as _, Result, ensure};
use lockstep_planner::{Catalog, Target};
use std::sync::Arc;

/// Runs all goldens of an engine that plan; `LOCKSTEP_GOLDEN` picks those whose name contains it.
///
/// # Panics
///
/// When one does not hold; all that do not are named.
pub async fn run_all(target: Target) {
    each(move || Ground::start(target), run).await;
}

async fn run(golden: &Golden, ground: &Ground) -> Result<()> {
    let target = ground.target;
    let stand = ground.stand(&format!("{}_executor", golden.name)).await?;
    run_script(&stand.connection, target.engine, &golden.before).await.context("the part before the change")?;
    let before = stand.look().await?;
    let mut catalog = Catalog::of(before.0.clone(), golden.sizes.clone());
    let Ok(plan) = golden.plan(target, &mut catalog) else { return Ok(()) };

    let twin = ground.stand(&format!("{}_executor_plain", golden.name)).await?;
    run_script(&twin.connection, target.engine, &golden.before).await?;
    run_script(&twin.connection, target.engine, golden.plain.as_deref().unwrap_or(&golden.change)).await?;
    let wanted = twin.look().await?;

    let node = Solo::start(Arc::clone(&stand.database)).await?;
    let solo = node.desk();
    solo.apply(plan.change.clone()).await?;
    let after = stand.look().await?;
    golden.compare(&after.0, &wanted.0)?;
    ensure!(after.1 == wanted.1, "rows after the change: {:#?}\nplain: {:#?}", after.1, wanted.1);
    if plan.change.steps.iter().any(|step| step.revert.is_none()) {
        return Ok(());
    }
    solo.roll_back(&plan.change.name).await.context("rolled back")?;
    let back = stand.look().await?;
    ensure!(back.0.diff(&before.0).is_empty(), "rolled back: {:#?}", back.0.diff(&before.0));
    ensure!(back.1 == before.1 || golden.differs.iter().any(|known| known == FORGETS), "rows: {:#?}", back.1);
    let again = lockstep_core::change::Spec { name: format!("{}_again", plan.change.name), ..plan.change };
    solo.apply(again).await.context("once more")?;
    let again = stand.look().await?;
    ensure!(again.0.diff(&after.0).is_empty(), "once more: {:#?}", again.0.diff(&after.0));
    ensure!(again.1 == after.1, "rows once more: {:#?}\nfirst: {:#?}", again.1, after.1);
    Ok(())
}
