//! Names as nobody would give them go through every rule unharmed: what is planned is one statement each, and says
//! the names as they are. `lockstep-tests` executes a sample of the same changes.

mod hostile_changes;

use hostile_changes::{Changes, MARIADB, NAMES, POSTGRES, SQLITE, names};
use lockstep_core::Engine;
use lockstep_core::step::Action;
use lockstep_planner::{Catalog, Plan, plan, replay, script};
use proptest::prelude::*;

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
        "`",
        "#",
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

/// A name of up to 63 bytes, as an engine can have it.
fn name(engine: Engine) -> impl Strategy<Value = String> {
    prop::collection::vec(part(), 1..30).prop_map(move |parts| {
        // Marks side by side are refused: the rules cannot carry them over.
        let mut name = parts.concat().replace('\\', "/");
        while name.contains("\"\"") {
            name = name.replace("\"\"", "\"");
        }
        if engine == Engine::Mariadb {
            // Its names have no characters beyond the first plane and no blanks at the end.
            name.retain(|letter| u32::from(letter) < 0x1_0000);
        }
        while name.len() > 62 {
            name.pop();
        }
        name.truncate(name.trim_end().len());
        name
    })
}

/// Names that differ for an engine, which may overlook case and accents.
fn all_names(engine: Engine) -> impl Strategy<Value = Vec<String>> {
    let numbered =
        |names: Vec<String>| names.into_iter().enumerate().map(|(at, name)| format!("{name}{at}")).collect();
    prop::collection::vec(name(engine), NAMES).prop_map(numbered)
}

fn planned(changes: &Changes, change_text: &str, names: &[String]) -> Result<Plan, String> {
    let mut catalog = Catalog::of(Default::default(), Default::default());
    replay(changes.target, "before.sql", &changes.before(names), &mut catalog)
        .map_err(|error| error.to_string())?;
    plan(changes.target, "change.sql", "hostile", &changes.change(change_text, names), &mut catalog)
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

/// A script of this one statement. What goes through a table in rounds stands in a body, as in a file of a client's own.
fn script_of(sql: &str) -> (String, String) {
    match sql.strip_prefix("BEGIN NOT ATOMIC ") {
        Some(body) => {
            let alone = format!("CREATE PROCEDURE p() BEGIN {body}");
            (format!("DELIMITER |||\n{alone}|||\n"), alone)
        }
        None => (sql.to_owned(), sql.to_owned()),
    }
}

fn check(changes: &Changes, names: &[String]) -> Result<(), TestCaseError> {
    for change in changes.all {
        let plan = planned(changes, change, names);
        prop_assert!(plan.is_ok(), "{change}\n{names:?}\n{plan:?}");
        for sql in statements(&plan.unwrap()) {
            let (text, sql) = script_of(&sql);
            let read = script::parse(changes.target.engine, &text);
            prop_assert!(read.is_ok(), "{change}\n{sql}\n{read:?}");
            let read = read.unwrap().statements;
            prop_assert!(read.len() == 1 && read[0].sql == sql, "{change}\n{sql}\n{read:?}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_statement_planned_for_postgres_is_one_statement(names in all_names(Engine::Postgres)) {
        check(&POSTGRES, &names)?;
    }

    #[test]
    fn every_statement_planned_for_mariadb_is_one_statement(names in all_names(Engine::Mariadb)) {
        check(&MARIADB, &names)?;
    }

    #[test]
    fn every_statement_planned_for_sqlite_is_one_statement(names in all_names(Engine::Sqlite)) {
        check(&SQLITE, &names)?;
    }
}

/// With plain names every change plans, too: what the property says is of the names, and not of the changes.
#[test]
fn plain_names_plan() {
    let names = names(&["t", "u", "k", "a", "b", "c", "i", "n", "m", "v"]);
    for changes in [POSTGRES, MARIADB, SQLITE] {
        for change in changes.all {
            planned(&changes, change, &names).unwrap_or_else(|error| panic!("{change}\n{error}"));
        }
    }
}
