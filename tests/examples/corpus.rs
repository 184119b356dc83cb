//! Plans and executes folders of migrations on a real database, and compares with what they do as they stand.
//!
//!     cargo run --package lockstep-tests --example corpus -- --engine postgres FOLDER...
//!
//! `--back` also reverts each change and executes it once more. A folder's files are SQL, played in the order of their names.

use anyhow::{Context as _, Result, bail};
use lockstep_core::Engine;
use lockstep_planner::Target;
use lockstep_tests::corpus::{Outcome, Play, count};
use lockstep_tests::golden::Ground;
use std::path::PathBuf;

#[tokio::main]
async fn main() -> Result<()> {
    let (mut engine, mut goes_back, mut folders) = (None, false, Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--engine" => engine = Some(arguments.next().context("--engine needs a name")?.parse::<Engine>()?),
            "--back" => goes_back = true,
            flag if flag.starts_with('-') => bail!("{flag} is not known; there are --engine ENGINE and --back"),
            folder => folders.push(PathBuf::from(folder)),
        }
    }
    let engine = engine.context("say --engine ENGINE")?;
    let mut all = Vec::new();
    let ground = tokio::task::spawn_blocking(move || Ground::start(Target { engine, version: 0 })).await?;
    let target = ground.newest().await?;
    for folder in folders {
        let name = folder.file_name().context("a folder has a name")?.to_string_lossy().into_owned();
        let tell = |file: &str, outcome: &Outcome| match outcome {
            Outcome::Same => eprintln!("{name}/{file}"),
            other => println!("{name}/{file}: {other:?}"),
        };
        let outcomes = Play::new(&ground, target, &name, goes_back).run(&folder, tell).await?;
        println!("{name}: {:?}", count(&outcomes));
        all.extend(outcomes);
    }
    println!("all: {:?}", count(&all));
    Ok(())
}
