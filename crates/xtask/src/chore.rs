//! What each chore runs.

use crate::{servers, squawk};
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;

/// Cluster tests stop an agent at exact points of its work; the code for that is in no other build.
const TEST_FEATURES: [&str; 2] = ["--features", "lockstep-cli/failpoints"];

pub(crate) fn verify() -> Result<()> {
    cargo(&["fmt", "--all", "--check"], &[])?;
    cargo(&["clippy", "--workspace", "--all-targets"], &TEST_FEATURES_THEN_DENY)?;
    run(command("cargo", &["doc", "--workspace", "--no-deps", "--quiet"], &[]).env("RUSTDOCFLAGS", "-D warnings"))?;
    test(&[])
}

const TEST_FEATURES_THEN_DENY: [&str; 5] = [TEST_FEATURES[0], TEST_FEATURES[1], "--", "-D", "warnings"];

pub(crate) fn fix() -> Result<()> {
    cargo(&["clippy", "--workspace", "--all-targets", "--fix", "--allow-dirty", "--allow-staged"], &[])?;
    cargo(&["fmt", "--all"], &[])
}

pub(crate) fn test(rest: &[String]) -> Result<()> {
    servers::set_up()?;
    squawk::set_up()?;
    // The cluster tests start agents as processes of their own: the program must be there before they run. All targets at once, so
    // that nothing is built twice with other features.
    cargo(&["build", "--workspace", "--all-targets"], &TEST_FEATURES)?;
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    let features_and_rest = [&TEST_FEATURES[..], &rest].concat();
    cargo(&["test", "--workspace"], &features_and_rest)
}

pub(crate) fn bench(name: &str, rest: &[String]) -> Result<()> {
    cargo(&["build", "--release", "--package", "lockstep-cli"], &[])?;
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    cargo(&["bench", "--package", "lockstep-tests", "--bench", name, "--"], &rest)
}

fn cargo(arguments: &[&str], rest: &[&str]) -> Result<()> {
    run(&mut command("cargo", arguments, rest))
}

/// A command in the workspace's folder.
pub(crate) fn command(program: &str, arguments: &[&str], rest: &[&str]) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = Command::new(program);
    command.args(arguments).args(rest).current_dir(root);
    command
}

/// Runs a command, telling what it is.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    eprintln!("+ {command:?}");
    let status = command.status().with_context(|| format!("cannot start {command:?}"))?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(())
}
