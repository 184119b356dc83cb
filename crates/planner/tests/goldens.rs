//! Beside each golden lies the plan of its change. `lockstep-tests` runs every one of these plans on the real engine. `docs/rules/` shows them to people.

mod golden;
mod rule_book;

use golden::{goldens, planned};
use lockstep_core::Engine;
use lockstep_planner::{Plan, Target};
use std::fmt::Write as _;

fn check(engine: Engine, version: u32) {
    let target = Target { engine, version };
    let (folder, goldens) = goldens(engine);
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(&folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (stem, text) in &goldens {
        let shown = match planned(target, stem, text) {
            Ok(plan) => text_of(&plan),
            Err(error) => format!("refused: {error}"),
        };
        settings.bind(|| insta::assert_snapshot!(stem.as_str(), shown));
    }
    rule_book::check(target, &goldens);
}

fn text_of(plan: &Plan) -> String {
    let mut text = String::new();
    for statement in &plan.statements {
        let _ = writeln!(text, "as written, line {}: {:?}", statement.line, statement.as_written);
        for hazard in &statement.hazards {
            let _ = writeln!(text, "  hazard: {hazard}");
        }
    }
    for (step, note) in plan.change.steps.iter().zip(&plan.notes) {
        let _ = writeln!(text, "\n{} `{}` for lines {:?}: {}", step.phase, step.name, note.lines, note.why);
        let _ = writeln!(text, "  forward {:#?}", step.forward);
        let _ = writeln!(text, "  revert {:#?}", step.revert);
        let _ = writeln!(
            text,
            "  only if {:?}; clients {:?}; approval {}",
            step.preconditions, step.requires, step.needs_approval
        );
        let _ = writeln!(text, "  impact {:?}", note.impact);
    }
    text
}

#[test]
fn postgres() {
    check(Engine::Postgres, 15);
}

#[test]
fn sqlite() {
    check(Engine::Sqlite, 3);
}

#[test]
fn mariadb() {
    check(Engine::Mariadb, 1011);
}

#[test]
fn mysql() {
    check(Engine::Mysql, 800);
}
