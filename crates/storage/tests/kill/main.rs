//! Kills a writing process thirty times, at any moment, and looks whether anything acknowledged is gone.
//!
//! The test runs its own binary again as the child that writes. The child says on its standard output what it is
//! about to do (small letters) and what has been acknowledged (capitals); the parent keeps the account.

mod account;
mod child;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use account::Account;
use lockstep_storage::{OpenOptions, Store};
use rand::{RngExt as _, SeedableRng as _};

const KILLS: u64 = 30;
const CHILD_DIRECTORY: &str = "LOCKSTEP_KILL_TEST_DIRECTORY";
const CHILD_ROUND: &str = "LOCKSTEP_KILL_TEST_ROUND";
const LINES_MAX: usize = 250;

#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    if let Ok(directory) = std::env::var(CHILD_DIRECTORY) {
        let round = std::env::var(CHILD_ROUND).unwrap().parse().unwrap();
        child::write_until_killed(Path::new(&directory), round);
    }
    let kills = std::env::var("LOCKSTEP_KILL_TEST_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let seed = rand::random();
    println!("seed {seed}");
    let mut random = rand::rngs::SmallRng::seed_from_u64(seed);
    let directory = tempfile::tempdir().unwrap();
    let mut account = Account::default();
    for round in 1..=kills {
        // One in six dies while it opens the store.
        let lines = if random.random_ratio(1, 6) { 0 } else { random.random_range(1..LINES_MAX) };
        run_and_kill(directory.path(), round, lines, &mut account);
        let store = Store::open(directory.path(), OpenOptions::default());
        let store = store.unwrap_or_else(|error| panic!("round {round}, seed {seed}: {error}"));
        account.settle(&store);
    }
    println!("{account:?}");
    account.assert_everything_happened();
}

/// Runs a child, kills it after it has said so many lines, and books all that it said.
fn run_and_kill(directory: &Path, round: u64, lines: usize, account: &mut Account) {
    let this_test = "nothing_acknowledged_is_lost_when_the_process_is_killed";
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([this_test, "--exact", "--nocapture", "--quiet"])
        .env(CHILD_DIRECTORY, directory)
        .env(CHILD_ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).split(b'\n');
    let mut said = 0;
    while said < lines {
        let line = output.next().expect("the child writes until it is killed").unwrap();
        said += usize::from(account.book(&String::from_utf8(line).unwrap()));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    for line in output {
        account.book(&String::from_utf8(line.unwrap()).unwrap());
    }
}
