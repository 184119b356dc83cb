//! Names as nobody would give them go through every rule of PostgreSQL unharmed: what is planned is one statement each, and says
//! the names as they are. `lockstep-tests` executes a sample of the same changes.

mod hostile_changes;

use hostile_changes::{CHANGES, NAMES, before, change, names};
use lockstep_core::Engine;
use lockstep_core::step::Action;
use lockstep_planner::{Catalog, Plan, Target, plan, replay, script};
use proptest::prelude::*;

const TARGET: Target = Target { engine: Engine::Postgres, version: 15 };

/// What a name is made of.
fn part() -> impl Strategy<Value = String> {
    let hostile = prop::sample::select(vec![
        "\"",
        "'",
        "''",
        ";",
        "; DROP TABLE x; --",
        "--",
        "/*",
        "*/",
        "$$",
        "$lockstep$",
        "\\",
        "%",
        "%s",
        "{",
        "}",
        ".",
        ",",
        "(",
        ")",
        " ",
        "select",
        "TABLE",
        "user",
        "NEW",
        "Ä",
        "ü",
        "日本",
        "🦀",
        "a",
        "B",
        "1",
        "_",
        "lockstep_",
    ]);
    prop_oneof![6 => hostile.prop_map(str::to_owned), 1 => "[^\\x00\r\n]{1,3}"]
}

/// A name of up to 63 bytes.
fn name() -> impl Strategy<Value = String> {
    prop::collection::vec(part(), 1..30).prop_map(|parts| {
        // Marks side by side are refused: the rules cannot carry them over.
        let mut name = parts.concat().replace('\\', "/");
        while name.contains("\"\"") {
            name = name.replace("\"\"", "\"");
        }
        while name.len() > 63 {
            name.pop();
        }
        name
    })
}

fn all_names() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(name(), NAMES)
        .prop_filter("names differ", |names| (0..names.len()).all(|at| !names[..at].contains(&names[at])))
}

fn planned(change_text: &str, names: &[String]) -> Result<Plan, String> {
    let mut catalog = Catalog::of(Default::default(), Default::default());
    replay(TARGET, "before.sql", &before(names), &mut catalog).map_err(|error| error.to_string())?;
    plan(TARGET, "change.sql", "hostile", &change(change_text, names), &mut catalog)
        .map_err(|error| error.to_string())
}

fn statements(plan: &Plan) -> Vec<String> {
    let mut all = Vec::new();
    for step in &plan.change.steps {
        for action in [Some(&step.forward), step.revert.as_ref()].into_iter().flatten() {
            match action {
                Action::Nothing => {}
                Action::Statements { statements, .. } => all.extend(statements.iter().cloned()),
                Action::Backfill(backfill) => all.push(format!(
                    "UPDATE {} SET {} WHERE {}",
                    backfill.table,
                    backfill.set,
                    backfill.only_where.as_deref().unwrap_or("true")
                )),
                Action::Assert { assertions } => {
                    all.extend(assertions.iter().map(|assertion| assertion.violations_query.clone()));
                }
            }
        }
        all.extend(step.preconditions.iter().map(|assertion| assertion.violations_query.clone()));
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_planned_statement_is_one_statement(names in all_names()) {
        for change in CHANGES {
            let plan = planned(change, &names);
            prop_assert!(plan.is_ok(), "{change}\n{names:?}\n{plan:?}");
            for sql in statements(&plan.unwrap()) {
                let read = script::parse(Engine::Postgres, &sql);
                prop_assert!(read.is_ok(), "{change}\n{sql}\n{read:?}");
                let read = read.unwrap().statements;
                prop_assert!(read.len() == 1 && read[0].sql == sql, "{change}\n{sql}\n{read:?}");
            }
        }
    }
}

/// With plain names every change plans, too: what the property says is of the names, and not of the changes.
#[test]
fn plain_names_plan() {
    for change in CHANGES {
        planned(change, &names(&["t", "u", "k", "a", "b", "c", "i", "n", "m", "v"]))
            .unwrap_or_else(|error| panic!("{change}\n{error}"));
    }
}
