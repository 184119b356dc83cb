//! Each file in `goldens/<engine>/` has a schema, a line `-- change`, and a change; beside it lies the plan of the change. Lines
//! `-- rows: TABLE NUMBER` say how many rows a table is believed to have.
//! `lockstep-tests` runs every one of these plans on the real engine. `docs/rules/` shows them to people.

mod rule_book;

use lockstep_core::Engine;
use lockstep_planner::catalog::Size;
use lockstep_planner::{Catalog, Plan, Target, plan, replay};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The line between the schema and the change.
const SEPARATOR: &str = "\n-- change\n";

/// Names and texts, in order, and the folder in which they are.
fn goldens(engine: Engine) -> (PathBuf, Vec<(String, String)>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(engine.name());
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "sql"));
    files.sort();
    assert!(!files.is_empty(), "no goldens in {}", folder.display());
    let read = |file: &PathBuf| {
        let stem = file.file_stem().unwrap().to_str().unwrap().to_owned();
        (stem, std::fs::read_to_string(file).unwrap())
    };
    let goldens = files.iter().map(read).collect();
    (folder, goldens)
}

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

/// What is there before, and the change.
fn parts<'a>(stem: &str, text_of_golden: &'a str) -> (&'a str, &'a str) {
    let (before, change) =
        text_of_golden.split_once(SEPARATOR).unwrap_or_else(|| panic!("{stem}: no line `-- change`"));
    // What the change means, in plain statements, is for the run on the engine.
    (before, change.split_once("\n-- plain\n").map_or(change, |(change, _)| change))
}

fn planned(target: Target, stem: &str, text_of_golden: &str) -> Result<Plan, lockstep_planner::plan::Error> {
    let (before, change) = parts(stem, text_of_golden);
    let mut catalog = Catalog::of(Default::default(), sizes(text_of_golden));
    replay(target, "before.sql", before, &mut catalog).unwrap_or_else(|error| panic!("{stem}: {error}"));
    plan(target, "change.sql", stem, change, &mut catalog)
}

/// What the lines `-- rows: TABLE NUMBER` say.
fn sizes(text: &str) -> BTreeMap<String, Size> {
    let size = |line: &str| {
        let (table, rows) = line.strip_prefix("-- rows: ")?.rsplit_once(' ')?;
        Some((table.to_owned(), Size { rows: rows.parse().ok()?, bytes: None }))
    };
    text.lines().filter_map(size).collect()
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
