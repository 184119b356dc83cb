//! `cargo xtask bench coordination`: what it costs to agree, to move a cluster by one empty step, and to keep a session.
//!
//! Everything runs as release processes on this machine, in one run, so that a busy or slow machine slows all of it: read the
//! ratios. Nothing is asserted about time. Options: see [`options::Options`].

mod commits;
mod crowd;
mod disk;
mod etcd;
mod fleet;
mod load;
#[path = "../shared/machine.rs"]
mod machine;
mod options;
mod process;
mod sessions;
mod steps;
#[path = "../shared/summary.rs"]
mod summary;
mod upkeep;

use anyhow::Result;
use options::{Options, Part};

fn main() -> Result<()> {
    let options = Options::parse(std::env::args().skip(1))?;
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("machine: {cores} cores, shared by all processes below; {}", machine::load_average());
    tokio::runtime::Runtime::new()?.block_on(run(&options))
}

async fn run(options: &Options) -> Result<()> {
    if options.has(Part::Commits) {
        commits::run(options).await?;
    }
    if options.has(Part::Steps) {
        steps::run(options).await?;
    }
    if options.has(Part::Sessions) {
        upkeep::run(options).await?;
    }
    println!("\nat the end: {}", machine::load_average());
    Ok(())
}
