//! `cargo xtask bench backfill`: what a new, filled NOT NULL column costs the applications beside it, and how fast it is filled.
//!
//! A table of a million rows on a server of its own, an application that asks at a fixed rate whether it is answered or not, and the
//! column added in several ways, one after the other in the same run: by plain DDL through Lockstep, by a hand-written loop, by the
//! plain statement. Read the ratios: what else runs on the machine slows all of them. Nothing is asserted about time.
//! Options: see [`options::Options`].

mod application;
mod fill;
mod ground;
mod latency;
#[path = "../shared/machine.rs"]
mod machine;
mod options;
mod reader;
#[path = "../shared/summary.rs"]
mod summary;
mod way;

use anyhow::Result;
use options::{Options, Part};

fn main() -> Result<()> {
    let options = Options::parse(std::env::args().skip(1))?;
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("machine: {cores} cores, shared by all processes below; {}", machine::load_average());
    tokio::runtime::Runtime::new()?.block_on(run(&options))
}

async fn run(options: &Options) -> Result<()> {
    for engine in &options.engines {
        println!("\n# {engine}");
        if options.has(Part::Fill) {
            fill::beside_traffic(*engine, options).await?;
        }
        if options.has(Part::Quiet) {
            fill::alone(*engine, options).await?;
        }
        if options.has(Part::Reader) {
            reader::run(*engine, options).await?;
        }
    }
    println!("\nat the end: {}", machine::load_average());
    Ok(())
}
