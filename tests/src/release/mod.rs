//! Two releases of an application at work while a change is under way, on two nodes of which one is a step ahead. One release
//! knows only the form before the change, one only the form after it; a third uses nothing but what both know. No statement of any
//! fails, and what each wrote is what all read.
//!
//! Clients use the old form until the last of them has followed the switches, and the new one from the moment when the first has.
//! What stays is used all the time. All work between any two statements that others can see the effect of, and while steps run;
//! the change goes forward, back, and forward again.

mod check;
mod composite;
mod dialect;
mod form;
mod kind;
mod model;
mod moments;
mod node;
mod part;
mod proof;
mod scene;
mod work;

use crate::golden::{Golden, Ground, each};
use anyhow::Context as _;
use lockstep_planner::Target;
use scene::Scene;
use std::ops::Range;

/// Plays all goldens of an engine with both releases; `LOCKSTEP_GOLDEN` picks those whose name contains it, `LOCKSTEP_SEED` what
/// the releases do.
///
/// # Panics
///
/// When one does not hold; all that do not are named, with their seed.
pub async fn play_all(target: Target, seeds: Range<u64>) {
    let seeds = match std::env::var("LOCKSTEP_SEED") {
        Ok(seed) => {
            let seed = seed.parse().expect("LOCKSTEP_SEED is a number");
            seed..seed + 1
        }
        Err(_) => seeds,
    };
    each(
        move || Ground::start(target),
        async |golden: &Golden, ground: &Ground| {
            for seed in seeds.clone() {
                if let Some(scene) = Scene::begin(golden, ground, ground.target, seed).await? {
                    scene.play().await.with_context(|| format!("LOCKSTEP_SEED={seed}"))?;
                }
            }
            Ok(())
        },
    )
    .await;
}
