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
