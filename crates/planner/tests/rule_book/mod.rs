//! The rule book as people read it: `docs/rules/ENGINE.md`, made from the goldens and checked against them.

use lockstep_core::step::{Action, ClientRequirement};
use lockstep_planner::draft::Impact;
use lockstep_planner::{Plan, Target, plan::Error};
use std::fmt::Write as _;
use std::path::Path;

/// Set, the pages are written instead of checked.
const WRITE: &str = "LOCKSTEP_WRITE_RULE_BOOK";

/// Checks an engine's page.
pub(crate) fn check(target: Target, goldens: &[(String, String)]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../docs/rules/{}.md", target.engine));
    let page = page(target, goldens);
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, page).unwrap();
        return;
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == page,
        "docs/rules/{}.md is not what the goldens say: run `{WRITE}=1 cargo test -p lockstep-planner --test goldens`",
        target.engine
    );
}

fn page(target: Target, goldens: &[(String, String)]) -> String {
    let mut text = format!(
        "# Rules: {}\n\nMade from the goldens in `crates/planner/tests/goldens/{}/`, planned for version {}: what each change \
         becomes, or why it is refused. How to read a plan: [planner.md](../planner.md).\n",
        target.engine, target.engine, target.version
    );
    for (stem, golden) in goldens {
        let (_, change) = crate::golden::parts(stem, golden);
        let _ = write!(text, "\n## {}\n\n```sql\n{}\n```\n\n", stem.replace('_', " "), change.trim());
        match crate::golden::planned(target, stem, golden) {
            Ok(plan) => steps(&mut text, &plan),
            Err(error) => refusal(&mut text, &error),
        }
    }
    text
}

fn refusal(text: &mut String, error: &Error) {
    let said = error.to_string();
    let _ = writeln!(text, "**Refused.** {}", one_line(said.strip_prefix("change.sql: ").unwrap_or(&said)));
}

fn steps(text: &mut String, plan: &Plan) {
    for (number, (step, note)) in plan.change.steps.iter().zip(&plan.notes).enumerate() {
        let mut line =
            format!("{}. **{}** {}. {}", number + 1, step.phase, one_line(&step.name), one_line(&note.why));
        for part in asks(step.needs_approval, step.requires, &note.impact) {
            let _ = write!(line, " {part}.");
        }
        if !matches!(step.forward, Action::Nothing) && step.revert.is_none() {
            line.push_str(" No way back.");
        }
        let _ = writeln!(text, "{line}");
    }
    for hazard in plan.statements.iter().flat_map(|statement| &statement.hazards) {
        let _ = writeln!(text, "\nHazard: {}.", one_line(hazard));
    }
}

fn asks(needs_approval: bool, requires: ClientRequirement, impact: &Impact) -> Vec<String> {
    let mut asks: Vec<String> =
        impact.locks.iter().map(|lock| format!("`{}` on `{}`", lock.mode, lock.table)).collect();
    if impact.scans {
        asks.push("Reads all rows".to_owned());
    }
    if impact.rewrites {
        asks.push("Writes the table anew".to_owned());
    }
    if requires == ClientRequirement::Understands {
        asks.push("Clients must know the change".to_owned());
    }
    if needs_approval {
        asks.push("Waits for approval".to_owned());
    }
    asks
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
