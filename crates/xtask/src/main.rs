//! Developer chores: `cargo xtask verify|fix|test|compatibility|bench`.

mod chore;
mod compatibility;
mod mysql;
mod servers;
mod squawk;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Developer chores")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// The one read-only gate: format, lints, docs, arrows, tests
    Verify,
    /// The one chore that rewrites: format, and what lints can mend by themselves
    Fix,
    /// Sets up what the tests need and runs them all
    Test {
        /// Passed on to `cargo test`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// Fetches releases of PostgreSQL, or MySQL, and runs on each what depends on the release
    Compatibility {
        /// Which, e.g. `13 18`, or `mysql`; without, all of PostgreSQL that Lockstep knows
        releases: Vec<String>,
    },
    /// Runs a benchmark and prints its figures
    Bench {
        /// Which
        #[arg(value_parser = ["coordination", "backfill"])]
        name: String,
        /// Passed on to the benchmark
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().chore {
        Chore::Verify => chore::verify(),
        Chore::Fix => chore::fix(),
        Chore::Test { rest } => chore::test(&rest),
        Chore::Compatibility { releases } => compatibility::compatibility(&releases),
        Chore::Bench { name, rest } => chore::bench(&name, &rest),
    }
}
