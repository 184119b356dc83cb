//! Plans a change as it was found among files, however it is written.

use crate::catalog::Catalog;
use crate::plan::{self, Error, Plan, Target};
use crate::plan_file;
use crate::script::{Directive, Script};
use crate::source::{Change, File, Language};

/// Plans a change. The catalog is moved on to what it will be after it; after a plan file whose steps were written by hand,
/// nothing is known any more, because only their author knows what they make.
///
/// What somebody wrote to undo the change is not run: every step has a revert of its own. It serves one purpose: where the change
/// is a single statement that is accepted as opaque and names no revert, what undoes it is taken from there.
///
/// # Errors
///
/// See [`Error`]; never retryable.
pub fn plan_change(target: Target, change: &Change, catalog: &mut Catalog) -> Result<Plan, Error> {
    let mut plan = match change.language {
        Language::Sql => of_script(target, change, catalog),
        Language::Toml => of_plan_file(change, catalog),
    }?;
    plan.change.source = Some(change.source.clone());
    Ok(plan)
}

/// Moves the catalog on by a change that the database already has, or will have by then.
///
/// # Errors
///
/// See [`Error`]; never retryable.
pub fn replay_change(target: Target, change: &Change, catalog: &mut Catalog) -> Result<(), Error> {
    plan_change(target, change, catalog).map(drop)
}

fn of_plan_file(change: &Change, catalog: &mut Catalog) -> Result<Plan, Error> {
    let File { shown, text, .. } = &change.file;
    let mut spec =
        plan_file::parse(shown, &change.name, text).map_err(|error| Error::PlanFile(error.to_string()))?;
    spec.name.clone_from(&change.name);
    if let Some(problem) = spec.problem() {
        return Err(Error::Change { file: shown.clone(), problem });
    }
    *catalog = Catalog::unknown();
    Ok(Plan {
        change: spec,
        notes: Vec::new(),
        statements: Vec::new(),
        left_out: Vec::new(),
        remarks: vec!["its steps were written by hand: nothing is known of what they cost".to_owned()],
    })
}

fn of_script(target: Target, change: &Change, catalog: &mut Catalog) -> Result<Plan, Error> {
    let File { shown, text, .. } = &change.file;
    let mut script = plan::read(target, shown, text)?;
    let remark = match &change.down {
        None => None,
        Some(down) if lacks_revert(&script) => {
            let reverts =
                plan::read(target, &down.shown, &down.text)?.statements.into_iter().map(|statement| statement.sql);
            script.statements[0].directives.extend(reverts.map(|statement| Directive::Revert { statement }));
            Some(format!("what undoes the statement was taken from {}", down.shown))
        }
        Some(down) if down.shown == *shown => {
            Some("the section that undoes the change is not run: every step has a revert of its own".to_owned())
        }
        Some(down) => Some(format!("{} is not run: every step has a revert of its own", down.shown)),
    };
    let mut plan = plan::plan_script(target, shown, &change.name, &script, catalog)?;
    plan.remarks.extend(remark);
    if !change.file.path.contains(&change.name) {
        let called =
            format!("the change is called {}: a name has letters, digits, `_`, `-` and `.` only", change.name);
        plan.remarks.push(called);
    }
    Ok(plan)
}

/// True for a single statement that is run as it stands and does not say what undoes it.
fn lacks_revert(script: &Script) -> bool {
    match &script.statements[..] {
        [only] => {
            only.says(&Directive::Opaque) && only.reverts().is_empty() && !only.says(&Directive::Irreversible)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::plan_change;
    use crate::catalog::{Catalog, Known};
    use crate::plan::{Error, Plan, Target};
    use crate::source::{self, Change, File};
    use lockstep_core::Engine;
    use lockstep_core::step::Action;

    const TARGET: Target = Target { engine: Engine::Sqlite, version: 3 };

    fn files(files: &[(&str, &str)]) -> Vec<Change> {
        let read = |(path, text): &(&str, &str)| File {
            path: (*path).to_owned(),
            shown: format!("m/{path}"),
            text: (*text).to_owned(),
        };
        source::folder("m", files.iter().map(read).collect()).unwrap()
    }

    fn planned(texts: &[(&str, &str)]) -> Result<Plan, Error> {
        plan_change(TARGET, &files(texts)[0], &mut Catalog::of(Default::default(), Default::default()))
    }

    fn revert(plan: &Plan) -> Option<Vec<String>> {
        match &plan.change.steps[0].revert {
            Some(Action::Statements { statements, .. }) => Some(statements.clone()),
            _ => None,
        }
    }

    const OPAQUE: &str = "-- lockstep: opaque\nPRAGMA user_version = 1";

    #[test]
    fn what_undoes_a_single_opaque_statement_is_taken_from_beside_it() {
        let down = ("1_a.down.sql", "-- back\nPRAGMA user_version = 0; PRAGMA application_id = 0;");
        let plan = planned(&[("1_a.up.sql", OPAQUE), down]).unwrap();
        let expected = ["PRAGMA user_version = 0".to_owned(), "PRAGMA application_id = 0".to_owned()];
        assert_eq!(revert(&plan), Some(expected.to_vec()));
        assert_eq!(plan.remarks, ["what undoes the statement was taken from m/1_a.down.sql"]);
    }

    #[test]
    fn what_undoes_a_change_is_not_run_otherwise() {
        let down = ("1_a.down.sql", "DROP TABLE a; DROP TABLE b");
        for up in [
            "CREATE TABLE a (b INTEGER)".to_owned(),
            format!("{OPAQUE};\n-- lockstep: opaque\n-- lockstep: irreversible\nSELECT 1"),
            format!("-- lockstep: revert PRAGMA user_version = 7\n{OPAQUE}"),
        ] {
            let planned = planned(&[("1_a.up.sql", &up), down]);
            let Ok(plan) = planned else { continue };
            assert!(revert(&plan).is_none_or(|revert| revert.iter().all(|sql| !sql.contains("TABLE b"))), "{up}");
            assert_eq!(plan.remarks, ["m/1_a.down.sql is not run: every step has a revert of its own"], "{up}");
        }
        let sections = "-- +goose Up\nCREATE TABLE a (b INTEGER);\n-- +goose Down\nDROP TABLE b;";
        let plan = planned(&[("1_a.sql", sections)]).unwrap();
        assert_eq!(plan.statements.len(), 1);
        assert!(plan.remarks[0].starts_with("the section that undoes the change is not run"));
    }

    #[test]
    fn a_plan_keeps_the_hash_of_its_file() {
        let plan = planned(&[("1_a.sql", "CREATE TABLE a (b INTEGER)")]).unwrap();
        let source = plan.change.source.unwrap();
        assert_eq!(source, lockstep_core::Source::of("1_a.sql", b"CREATE TABLE a (b INTEGER)"));
    }

    #[test]
    fn changes_build_on_those_before_them_and_nothing_is_known_after_steps_by_hand() {
        let by_hand = "engine = 'sqlite'\nname = 'second'\n[[step]]\nname = 'a'\nphase = 'switch_reads'\n";
        let changes = files(&[("1_a.sql", "CREATE TABLE a (b INTEGER)"), ("2_b.toml", by_hand)]);
        let mut catalog = Catalog::of(Default::default(), Default::default());
        plan_change(TARGET, &changes[0], &mut catalog).unwrap();
        assert!(matches!(catalog.table("a"), Known::Table(_)) && !catalog.is_created_here("a"));
        let plan = plan_change(TARGET, &changes[1], &mut catalog).unwrap();
        assert_eq!((plan.change.name.as_str(), plan.notes.len()), ("second", 0));
        assert_eq!(catalog.table("a"), Known::Unknown);
    }

    #[test]
    fn a_file_that_does_nothing_counts_as_applied_and_an_empty_one_is_an_error() {
        for text in ["-- nothing", "/* nothing */ ;", "BEGIN; COMMIT;"] {
            let plan = planned(&[("1_a.sql", text)]).unwrap();
            assert_eq!(plan.change.steps[0].forward, Action::Nothing, "{text}");
        }
        for text in ["", " \r\n\t"] {
            let error = planned(&[("1_a.sql", text)]).unwrap_err().to_string();
            assert!(error.starts_with("m/1_a.sql: it is empty"), "{text:?}: {error}");
        }
    }
}
