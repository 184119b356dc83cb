//! Changes with names as nobody would give them, executed on PostgreSQL: forward, back, and forward again. The planner's own property
//! test plans the same changes with any names.

#[path = "../../crates/planner/tests/hostile_changes/mod.rs"]
mod hostile_changes;

use hostile_changes::{CHANGES, NAMES, before, change, names};
use lockstep_core::Engine;
use lockstep_planner::Target;
use lockstep_tests::golden::{Golden, Ground};
use std::sync::Arc;

const TARGET: Target = Target { engine: Engine::Postgres, version: 15 };

/// Changes that run at the same time.
const AT_ONCE_MAX: usize = 4;

/// Quotes, comments, semicolons, keywords, marks of formats and of dollar quotes, and names of 63 bytes.
const HOSTILE: [&str; NAMES] = [
    "a\"b; DROP TABLE x; --",
    "/* select */ \"user\" $$ it's",
    "SELECT",
    "$lockstep$ %s %I {0} \u{1f980}",
    "\u{e4}\u{f6}\u{fc}.\u{65e5}\u{672c}, (x)",
    "New.old",
    "123456789 123456789 123456789 123456789 123456789 123456789 123",
    "123456789 123456789 123456789 123456789 123456789 1234567 \"x\";",
    "'; --",
    "table",
];

#[tokio::test(flavor = "multi_thread")]
async fn postgres() {
    let ground = Arc::new(tokio::task::spawn_blocking(|| Ground::start(TARGET)).await.expect("the server starts"));
    // What stands in a directive means something else than the plain statement.
    let mut rest = CHANGES.iter().enumerate().filter(|(_, change)| !change.contains("lockstep:"));
    let (mut failures, mut running) = (Vec::new(), tokio::task::JoinSet::new());
    loop {
        while running.len() < AT_ONCE_MAX
            && let Some((number, text)) = rest.next()
        {
            let ground = Arc::clone(&ground);
            let mut names = names(&HOSTILE);
            names.rotate_left(number % NAMES);
            let golden = Golden::of(&format!("hostile_{number}"), &before(&names), &change(text, &names));
            running.spawn(async move { golden.run(&ground).await.map_err(|error| format!("{text}: {error:#}")) });
        }
        match running.join_next().await {
            Some(result) => failures.extend(result.expect("no change panics").err()),
            None => break,
        }
    }
    assert!(failures.is_empty(), "{} changes do not hold:\n\n{}", failures.len(), failures.join("\n\n"));
}
