//! Changes with names as nobody would give them, executed on each engine: forward, back, and forward again. The planner's own property
//! test plans the same changes with any names.

#[path = "../../crates/planner/tests/hostile_changes/mod.rs"]
mod hostile_changes;

use hostile_changes::{Changes, MARIADB, NAMES, POSTGRES, SQLITE, names};
use lockstep_database::local_mysql::chosen;
use lockstep_tests::golden::{Golden, Ground};
use std::sync::Arc;

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

/// As long as MariaDB's names may be, in characters; none beyond the first plane.
const HOSTILE_OF_MARIADB: [&str; NAMES] = [
    "a`b; DROP TABLE x; --",
    "/* select */ `user` $$ it's",
    "SELECT",
    "# %s %I {0} \"x\"",
    "\u{e4}\u{f6}\u{fc}.\u{65e5}\u{672c}, (x)",
    "New.old",
    "123456789 123456789 123456789 123456789 123456789 123456789 1234",
    "123456789 123456789 123456789 123456789 123456789 1234567 `\u{fc}`';",
    "'; -- x",
    "table",
];

#[tokio::test(flavor = "multi_thread")]
async fn postgres() {
    check(POSTGRES, HOSTILE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_or_mysql() {
    let mut changes = MARIADB;
    changes.target.engine = chosen();
    check(changes, HOSTILE_OF_MARIADB).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite() {
    check(SQLITE, HOSTILE).await;
}

async fn check(changes: Changes, hostile: [&str; NAMES]) {
    let target = changes.target;
    let ground = tokio::task::spawn_blocking(move || Ground::start(target)).await.expect("the server starts");
    let ground = Arc::new(ground.of_own_version().await.expect("the server says its version"));
    // What stands in a directive means something else than the plain statement.
    let mut rest = changes.all.iter().enumerate().filter(|(_, change)| !change.contains("lockstep:"));
    let (mut failures, mut running) = (Vec::new(), tokio::task::JoinSet::new());
    loop {
        while running.len() < AT_ONCE_MAX
            && let Some((number, text)) = rest.next()
        {
            let ground = Arc::clone(&ground);
            let mut names = names(&hostile);
            names.rotate_left(number % NAMES);
            let (before, change) = (changes.before(&names), changes.change(text, &names));
            let golden = Golden::of(&format!("hostile_{number}"), &before, &change);
            running.spawn(async move { golden.run(&ground).await.map_err(|error| format!("{text}: {error:#}")) });
        }
        match running.join_next().await {
            Some(result) => failures.extend(result.expect("no change panics").err()),
            None => break,
        }
    }
    assert!(failures.is_empty(), "{} changes do not hold:\n\n{}", failures.len(), failures.join("\n\n"));
}
