//! Plan files: the steps of a change, written by hand in TOML.
//!
//! ```toml
//! engine = "sqlite"
//! description = "users get a normalised e-mail address"
//!
//! [[step]]
//! name = "add email"
//! phase = "expand"
//! execute = ["ALTER TABLE users ADD COLUMN email TEXT"]
//! revert = ["ALTER TABLE users DROP COLUMN email"]
//!
//! [[step]]
//! name = "fill email"
//! phase = "backfill"
//! backfill = { table = "users", key = ["id"], set = "email = lower(mail)", where = "email IS NULL" }
//!
//! [throttle]
//! replication_lag = "10s"
//!
//! [thresholds]
//! probe_p99 = "200ms"
//! ```

use lockstep_core::Engine;
use lockstep_core::change::Spec;
use lockstep_core::limits::{Kind, Limits, Table};
use lockstep_core::step::{Action, Assertion, Backfill, ClientRequirement, Phase, Step};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Rows in a batch when a plan file does not say.
const BATCH_ROWS_DEFAULT: u32 = 1_000;

/// The text is not a plan. Nothing was submitted; mend the file and try again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not TOML, or a key or value that a plan file does not have. The text names line and column.
    #[error("{file}: {source}")]
    Syntax {
        /// The file's name.
        file: String,
        /// What is wrong, and where.
        source: Box<toml::de::Error>,
    },
    /// A step that cannot be meant as it stands.
    #[error("{file}: step {number} (`{name}`): {problem}")]
    Step {
        /// The file's name.
        file: String,
        /// Counted from 1.
        number: usize,
        /// As written.
        name: String,
        /// What is wrong, and what to write instead.
        problem: String,
    },
    /// The plan as a whole is not valid.
    #[error("{file}: {problem}")]
    Plan {
        /// The file's name.
        file: String,
        /// What is wrong.
        problem: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanFile {
    name: Option<String>,
    engine: Engine,
    #[serde(default)]
    description: String,
    block_deadline_minutes: Option<u64>,
    retention_minutes: Option<u64>,
    #[serde(default)]
    throttle: BTreeMap<String, toml::Value>,
    #[serde(default)]
    thresholds: BTreeMap<String, toml::Value>,
    #[serde(rename = "step", default)]
    steps: Vec<StepTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StepTable {
    name: String,
    phase: Phase,
    execute: Option<Vec<String>>,
    revert: Option<Vec<String>>,
    #[serde(default)]
    irreversible: bool,
    #[serde(default = "yes")]
    transactional: bool,
    backfill: Option<BackfillTable>,
    assert: Option<Vec<AssertionTable>>,
    #[serde(default)]
    preconditions: Vec<AssertionTable>,
    #[serde(default)]
    targets: Vec<String>,
    requires: Option<ClientRequirement>,
    approval: Option<bool>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BackfillTable {
    table: String,
    key: Vec<String>,
    set: String,
    #[serde(rename = "where")]
    only_where: Option<String>,
    batch_rows: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AssertionTable {
    name: String,
    /// Returns the rows that break it.
    violations: String,
}

/// The name that a plan file gives its change, if it gives one and can be read.
#[must_use]
pub fn name(text: &str) -> Option<String> {
    let table: toml::Table = text.parse().ok()?;
    table.get("name")?.as_str().map(str::to_owned)
}

/// Reads a plan file. `file` is its name, for errors; `stem` is the name of the change unless the file gives one.
///
/// # Errors
///
/// See [`Error`]; never retryable.
pub fn parse(file: &str, stem: &str, text: &str) -> Result<Spec, Error> {
    let plan: PlanFile = toml::from_str(text)
        .map_err(|source| Error::Syntax { file: file.to_owned(), source: Box::new(source) })?;
    let steps = plan
        .steps
        .into_iter()
        .enumerate()
        .map(|(index, table)| {
            let name = table.name.clone();
            let number = index + 1;
            step(table).map_err(|problem| Error::Step { file: file.to_owned(), number, name, problem })
        })
        .collect::<Result<_, _>>()?;
    let block_deadline_ms = plan.block_deadline_minutes.map_or(Spec::BLOCK_DEADLINE_DEFAULT_MS, |m| m * 60_000);
    let limits = limits(&plan.throttle, &plan.thresholds)
        .map_err(|problem| Error::Plan { file: file.to_owned(), problem })?;
    let spec = Spec {
        name: plan.name.unwrap_or_else(|| stem.to_owned()),
        engine: plan.engine,
        description: plan.description,
        steps,
        block_deadline_ms,
        retention_ms: plan.retention_minutes.map(|minutes| minutes * 60_000),
        source: None,
        limits,
    };
    match spec.problem() {
        Some(problem) => Err(Error::Plan { file: file.to_owned(), problem }),
        None => Ok(spec),
    }
}

fn limits(
    throttle: &BTreeMap<String, toml::Value>,
    thresholds: &BTreeMap<String, toml::Value>,
) -> Result<Limits, String> {
    Ok(Limits { throttle: table("throttle", throttle)?, thresholds: table("thresholds", thresholds)? })
}

fn table(name: &str, values: &BTreeMap<String, toml::Value>) -> Result<Table, String> {
    values
        .iter()
        .map(|(reading, value)| limit(reading, value))
        .collect::<Result<_, _>>()
        .map_err(|problem| format!("[{name}]: {problem}"))
}

/// A count may stand without quotation marks.
fn limit(reading: &str, value: &toml::Value) -> Result<(Kind, Option<u64>), String> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    lockstep_core::limits::read_setting(&format!("{reading}={text}"))
}

fn step(table: StepTable) -> Result<Step, String> {
    let is_contract = table.phase == Phase::Contract;
    let requires = table.requires.unwrap_or(if is_contract {
        ClientRequirement::Understands
    } else {
        ClientRequirement::Nothing
    });
    let (forward, revert) =
        actions(table.execute, table.backfill, table.assert, table.revert, table.transactional)?;
    if revert.is_none() && !table.irreversible {
        return Err(
            "say how to undo it with `revert = [...]`, or that nothing can: `irreversible = true`".to_owned()
        );
    }
    if revert.is_some() && table.irreversible {
        return Err("it has a revert, so it is not `irreversible`: drop one of the two".to_owned());
    }
    Ok(Step {
        name: table.name,
        phase: table.phase,
        forward,
        revert,
        preconditions: table.preconditions.into_iter().map(Assertion::from).collect(),
        targets: table.targets,
        requires,
        needs_approval: table.approval.unwrap_or(is_contract),
    })
}

/// What the step does and what undoes it. Only statements leave a trace in the schema, so only they need a revert.
fn actions(
    execute: Option<Vec<String>>,
    backfill: Option<BackfillTable>,
    assert: Option<Vec<AssertionTable>>,
    revert: Option<Vec<String>>,
    transactional: bool,
) -> Result<(Action, Option<Action>), String> {
    let revert = revert.map(|statements| Action::Statements { statements, transactional });
    match (execute, backfill, assert) {
        (Some(statements), None, None) => Ok((Action::Statements { statements, transactional }, revert)),
        (None, Some(backfill), None) => Ok((Action::Backfill(backfill.into()), revert.or(Some(Action::Nothing)))),
        (None, None, Some(assertions)) => {
            let assertions = assertions.into_iter().map(Assertion::from).collect();
            Ok((Action::Assert { assertions }, revert.or(Some(Action::Nothing))))
        }
        (None, None, None) => Ok((Action::Nothing, revert.or(Some(Action::Nothing)))),
        _ => Err("it has more than one of `execute`, `backfill` and `assert`: make a step of each".to_owned()),
    }
}

impl From<BackfillTable> for Backfill {
    fn from(table: BackfillTable) -> Self {
        Self {
            table: table.table,
            key: table.key,
            set: table.set,
            only_where: table.only_where,
            batch_rows_max: table.batch_rows.unwrap_or(BATCH_ROWS_DEFAULT),
        }
    }
}

impl From<AssertionTable> for Assertion {
    fn from(table: AssertionTable) -> Self {
        Self { name: table.name, violations_query: table.violations }
    }
}

#[cfg(test)]
mod tests {
    use super::parse;
    use lockstep_core::limits::Kind;

    /// Parses a plan with one step of these lines, and prints what came of it in one line.
    fn check(step_lines: &str, expected: &str) {
        let text = format!("engine = \"sqlite\"\n[[step]]\n{step_lines}\n");
        let shown = match parse("0001_x.toml", "0001_x", &text) {
            Err(error) => error.to_string(),
            Ok(spec) => {
                let step = &spec.steps[0];
                format!(
                    "{} {} | {:?} | revert {:?} | requires {:?} | approval {}",
                    spec.name, step.phase, step.forward, step.revert, step.requires, step.needs_approval
                )
            }
        };
        assert!(shown.contains(expected), "\n   plan: {step_lines}\n    got: {shown}\nexpected: {expected}");
    }

    #[test]
    fn statements_need_a_revert_or_say_that_there_is_none() {
        let add = "name = 'a'\nphase = 'expand'\nexecute = ['ALTER TABLE t ADD COLUMN c']";
        check(add, "step 1 (`a`): say how to undo it with `revert = [...]`");
        check(&format!("{add}\nirreversible = true"), "revert None");
        check(
            &format!("{add}\nrevert = ['ALTER TABLE t DROP COLUMN c']"),
            "statements: [\"ALTER TABLE t DROP COLUMN c\"]",
        );
        check(
            &format!("{add}\nrevert = ['ALTER TABLE t DROP COLUMN c']\nirreversible = true"),
            "drop one of the two",
        );
    }

    #[test]
    fn a_contract_needs_approval_and_understanding_unless_the_plan_says_otherwise() {
        let contract = "name = 'a'\nphase = 'contract'\nexecute = ['DROP TABLE t']\nirreversible = true";
        check(contract, "requires Understands | approval true");
        check(&format!("{contract}\napproval = false\nrequires = 'nothing'"), "requires Nothing | approval false");
        check("name = 'a'\nphase = 'switch_reads'", "requires Nothing | approval false");
    }

    #[test]
    fn backfill_and_assertions_leave_no_trace_in_the_schema() {
        check(
            "name = 'a'\nphase = 'backfill'\nbackfill = { table = 't', key = ['id'], set = 'c = 1' }",
            "batch_rows_max: 1000 }) | revert Some(Nothing)",
        );
        check(
            "name = 'a'\nphase = 'validate'\nassert = [{ name = 'no nulls', violations = 'SELECT 1' }]",
            "revert Some(Nothing)",
        );
    }

    #[test]
    fn limits_are_read_with_their_units_and_refused_by_table() {
        let step = "name = 'a'\nphase = 'switch_reads'";
        let text = |limits: &str| format!("engine = \"sqlite\"\n[[step]]\n{step}\n{limits}\n");
        let limits = "[throttle]\nreplication_lag = '10s'\nload = 'off'\n[thresholds]\nlock_waiters = 50";
        let spec = parse("a.toml", "a", &text(limits)).expect("a plan");
        assert_eq!(spec.limits.throttle, [(Kind::ReplicationLag, Some(10_000_000)), (Kind::Load, None)].into());
        assert_eq!(spec.limits.thresholds, [(Kind::LockWaiters, Some(50))].into());
        check(
            &format!("{step}\n[throttle]\nreplication_lag = 10"),
            "[throttle]: `replication_lag` is \"10\"; it must be a value such as 500ms or 5s, or \"off\"",
        );
        check(&format!("{step}\n[thresholds]\nlag = '10s'"), "[thresholds]: there is no reading `lag`");
        check(&format!("{step}\n[throttle]\ncost = '300%'"), "`cost` cannot throttle");
    }

    #[test]
    fn what_cannot_be_meant_is_an_error_that_names_the_place() {
        check("name = 'a'\nphase = 'widen'", "unknown variant `widen`");
        check("name = 'a'\nphase = 'expand'\nexecutes = []", "unknown field `executes`");
        check("name = 'a'\nphase = 'switch_reads'\nexecute = ['SELECT 1']\nrevert = []", "carries no statements");
        check("name = 'a'\nphase = 'expand'\nexecute = []\nrevert = []", "it has no statements");
        check(
            "name = 'a'\nphase = 'expand'\nexecute = ['x']\nassert = []",
            "it has more than one of `execute`, `backfill` and `assert`",
        );
        check("name = 'a'\nphase = 'expand'\n[[step]]\nname = 'a'\nphase = 'expand'", "its name is taken");
    }
}
