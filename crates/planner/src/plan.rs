//! From a file of SQL to a change: each statement by its engine's rules, then the steps in an order that keeps their meaning.

use crate::again;
use crate::catalog::Catalog;
use crate::draft::{Draft, Drafts, Impact};
use crate::rules;
use crate::script::{self, Directive, LeftOut, Script, Statement};
use lockstep_core::Engine;
use lockstep_core::change::Spec;
use lockstep_core::step::{Action, Phase, Step};
use serde::Serialize;
use std::collections::BTreeSet;

/// What a step without a way back does, unless the file accepts it.
const WAITS: &str = ": it waits for approval; `-- lockstep: revert STATEMENT` above the statement gives it a way back, \
                     `-- lockstep: irreversible` accepts that there is none";

/// What a plan is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The engine.
    pub engine: Engine,
    /// Its version, the lowest of all nodes: the major one, for MariaDB and MySQL a hundred times that and the minor one (1011 for
    /// 10.11). Rules that need a newer one are not used.
    pub version: u32,
}

/// A change, planned and explained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// What would be submitted.
    pub change: Spec,
    /// One for each step of the change, in order; none when the steps were written by hand.
    pub notes: Vec<Note>,
    /// One for each statement of the file, in order; none when the steps were written by hand.
    pub statements: Vec<Explained>,
    /// What the file says and is not run, in order.
    pub left_out: Vec<LeftOut>,
    /// What a person should know of the file as a whole.
    pub remarks: Vec<String>,
}

/// Why a step is there, and what it costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    /// Lines of the statements that it is for.
    pub lines: Vec<usize>,
    /// In a sentence.
    pub why: String,
    /// What it costs others.
    pub impact: Impact,
}

/// What would have happened to a statement, had it been run as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// Of its first word, counted from 1.
    pub line: usize,
    /// As written.
    pub sql: String,
    /// What it would have cost; `None` when it is run just so.
    pub as_written: Option<Impact>,
    /// What a person should know.
    pub hazards: Vec<String>,
}

/// The file cannot be planned. Nothing was submitted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is no list of statements.
    #[error("{file}: {source}")]
    Script {
        /// The file's name.
        file: String,
        /// What is wrong, and where.
        source: script::Error,
    },
    /// A statement that cannot be made safe as it stands.
    #[error("{file}: line {line}: {refusal}")]
    Refused {
        /// The file's name.
        file: String,
        /// Of the statement's first word.
        line: usize,
        /// Why, and what would make it safe.
        refusal: Refusal,
    },
    /// The steps make no change that a cluster takes.
    #[error("{file}: {problem}")]
    Change {
        /// The file's name.
        file: String,
        /// What is wrong.
        problem: String,
    },
    /// A plan file with its steps written by hand that is not valid. The text names the file.
    #[error("{0}")]
    PlanFile(String),
}

/// Why a statement is not planned, and what would make it so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}; {remedy}")]
pub struct Refusal {
    /// Why.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { reason: reason.into(), remedy: remedy.into() }
    }
}

/// Plans a file. `name` becomes the name of the change. The catalog is moved on to what it will be after the change.
///
/// # Errors
///
/// See [`Error`]; never retryable. The catalog is then somewhere in between.
pub fn plan(target: Target, file: &str, name: &str, text: &str, catalog: &mut Catalog) -> Result<Plan, Error> {
    plan_script(target, file, name, &read(target, file, text)?, catalog)
}

/// Plans a file that was read.
pub(crate) fn plan_script(
    target: Target,
    file: &str,
    name: &str,
    script: &Script,
    catalog: &mut Catalog,
) -> Result<Plan, Error> {
    let Script { statements, left_out, is_blank } = script;
    if *is_blank {
        let problem = "it is empty: what is the change?".to_owned();
        return Err(Error::Change { file: file.to_owned(), problem });
    }
    let drafted = draft(target, file, statements, catalog)?;
    let explained = drafted.iter().map(|(statement, drafts)| explain(statement, drafts)).collect();
    let mut steps = arrange(drafted);
    if steps.is_empty() {
        // Only comments, or what IF EXISTS and IF NOT EXISTS leave over: the file counts as applied.
        let line = statements.first().map_or(1, |statement| statement.line);
        let step = Draft::new("nothing to do", Phase::Expand, Action::Nothing, Some(Action::Nothing))
            .why("The database is as the statements want it.");
        steps.extend(placed(line, vec![step]));
    }
    let notes = steps.iter().map(note).collect();
    let mut change = Spec {
        name: name.to_owned(),
        engine: target.engine,
        description: String::new(),
        steps: steps.into_iter().map(|placed| placed.draft.step).collect(),
        block_deadline_ms: Spec::BLOCK_DEADLINE_DEFAULT_MS,
        retention_ms: None,
        source: None,
        limits: Default::default(),
    };
    number_equal_names(&mut change);
    match change.problem() {
        Some(problem) => Err(Error::Change { file: file.to_owned(), problem }),
        None => Ok(Plan { change, notes, statements: explained, left_out: left_out.clone(), remarks: Vec::new() }),
    }
}

/// Reads a file.
pub(crate) fn read(target: Target, file: &str, text: &str) -> Result<Script, Error> {
    script::parse(target.engine, text).map_err(|source| Error::Script { file: file.to_owned(), source })
}

/// What the rules make of each statement. Afterwards the file's change is over: what it made is in use.
fn draft<'a>(
    target: Target,
    file: &str,
    statements: &'a [Statement],
    catalog: &mut Catalog,
) -> Result<Vec<(&'a Statement, Drafts)>, Error> {
    let mut drafted = Vec::with_capacity(statements.len());
    let mut rest = statements;
    while let Some(statement) = rest.first() {
        let refused = |refusal| Error::Refused { file: file.to_owned(), line: statement.line, refusal };
        let (taken, drafts) = rules::plan(target, rest, catalog);
        let mut drafts = drafts.map_err(refused)?;
        again::bring_back(&drafted, &mut drafts);
        ask_before_what_nothing_undoes(statement, &mut drafts);
        drafted.push((statement, drafts));
        drafted.extend(rest[1..taken].iter().map(|statement| (statement, Drafts::default())));
        rest = &rest[taken..];
    }
    catalog.end_change();
    Ok(drafted)
}

/// A Contract waits for approval anyway. What the change itself made is nobody's loss.
fn ask_before_what_nothing_undoes(statement: &Statement, drafts: &mut Drafts) {
    for draft in drafts.steps.iter_mut().filter(|draft| draft.is_of_own) {
        draft.step.needs_approval = false;
    }
    let has_no_way_back = |draft: &&mut Draft| draft.step.revert.is_none() && draft.step.phase != Phase::Contract;
    let accepted = statement.says(&Directive::Irreversible);
    for draft in drafts.steps.iter_mut().filter(has_no_way_back).filter(|draft| !draft.is_of_own) {
        draft.step.needs_approval |= !accepted;
        drafts.hazards.push(format!("nothing undoes `{}`{}", draft.step.name, if accepted { "" } else { WAITS }));
    }
}

fn explain(statement: &Statement, drafts: &Drafts) -> Explained {
    Explained {
        line: statement.line,
        sql: statement.sql.clone(),
        as_written: drafts.as_written.clone(),
        hazards: drafts.hazards.clone(),
    }
}

fn note(placed: &Placed) -> Note {
    let Placed { lines, draft, .. } = placed;
    Note { lines: lines.iter().copied().collect(), why: draft.why.clone(), impact: draft.impact.clone() }
}

/// A step, the lines of the statements that it is for, and the furthest phase that its statement has come to with it: a step that
/// its rule puts behind a later phase stays there.
struct Placed {
    lines: BTreeSet<usize>,
    reached: Phase,
    draft: Draft,
}

fn placed(line: usize, steps: Vec<Draft>) -> impl Iterator<Item = Placed> {
    let mut reached = Phase::Expand;
    steps.into_iter().map(move |draft| {
        reached = reached.max(draft.step.phase);
        Placed { lines: BTreeSet::from([line]), reached, draft }
    })
}

/// Orders the steps by phase, as far as that changes nothing: a statement never overtakes one before it that touches a table of
/// its own and is not through with it. What fits together becomes one step.
fn arrange(drafted: Vec<(&Statement, Drafts)>) -> Vec<Placed> {
    let mut done: Vec<Placed> = Vec::new();
    let mut segment: Vec<Placed> = Vec::new();
    // Tables that the segment goes on with after its Expand steps.
    let mut busy: BTreeSet<String> = BTreeSet::new();
    for (statement, drafts) in drafted {
        if meet(&busy, &drafts.touches) {
            done.append(&mut by_phase(std::mem::take(&mut segment)));
            busy.clear();
        }
        if drafts.steps.iter().any(|draft| draft.step.phase != Phase::Expand) {
            busy.extend(drafts.touches.iter().cloned());
        }
        segment.extend(placed(statement.line, drafts.steps));
    }
    done.append(&mut by_phase(segment));
    done
}

/// True when a statement touches what is busy. `*` stands for every table.
fn meet(busy: &BTreeSet<String>, touches: &[String]) -> bool {
    let is_wide = busy.contains("*") || touches.iter().any(|table| table == "*");
    touches.iter().any(|table| busy.contains(table)) || (is_wide && !busy.is_empty() && !touches.is_empty())
}

fn by_phase(mut segment: Vec<Placed>) -> Vec<Placed> {
    segment.sort_by_key(|placed| placed.reached);
    let mut merged: Vec<Placed> = Vec::new();
    for placed in segment {
        match merged.last_mut() {
            Some(before) if before.reached == placed.reached && fit_together(&before.draft, &placed.draft) => {
                before.lines.extend(placed.lines);
                merge(&mut before.draft, placed.draft);
            }
            _ => merged.push(placed),
        }
    }
    merged
}

/// True when two steps can be one transaction without locking a second table in use while the first is locked, or when both only
/// tell clients something.
fn fit_together(before: &Draft, after: &Draft) -> bool {
    let (one, other) = (&before.step, &after.step);
    let is_alike = one.phase == other.phase
        && one.requires == other.requires
        && one.needs_approval == other.needs_approval
        && one.revert.is_some() == other.revert.is_some();
    let tables: BTreeSet<_> = one.targets.iter().chain(&other.targets).collect();
    is_alike
        && match (&one.forward, &other.forward) {
            // What is done on the way back must not be forgotten.
            (Action::Nothing, Action::Nothing) => {
                one.revert == Some(Action::Nothing) && other.revert == Some(Action::Nothing)
            }
            (Action::Statements { transactional: true, .. }, Action::Statements { transactional: true, .. }) => {
                // A way back of several transactions stays one.
                let is_alone =
                    |step: &Step| matches!(step.revert, Some(Action::Statements { transactional: false, .. }));
                tables.len() <= 1
                    && !before.impact.scans
                    && !after.impact.scans
                    && !is_alone(one)
                    && !is_alone(other)
            }
            (Action::Statements { transactional: false, .. }, Action::Statements { transactional: false, .. }) => {
                before.joins && after.joins && tables.len() <= 1
            }
            _ => false,
        }
}

fn merge(before: &mut Draft, after: Draft) {
    let Draft { step, impact, why, .. } = after;
    let into = &mut before.step;
    if let (Action::Statements { statements, .. }, Action::Statements { statements: more, .. }) =
        (&mut into.forward, step.forward)
    {
        statements.extend(more);
    }
    // What was done last is undone first.
    match (&mut into.revert, step.revert) {
        (Some(Action::Statements { statements, .. }), Some(Action::Statements { statements: more, .. })) => {
            statements.splice(0..0, more);
        }
        // What leaves no trace has nothing to undo.
        (Some(nothing @ Action::Nothing), Some(more)) => *nothing = more,
        _ => {}
    }
    if step.name != into.name && into.phase != Phase::SwitchWrites && into.phase != Phase::SwitchReads {
        into.name = format!("{}, {}", into.name, step.name);
    }
    let more = step.preconditions.into_iter().filter(|one| !into.preconditions.contains(one)).collect::<Vec<_>>();
    into.preconditions.extend(more);
    into.targets.extend(step.targets);
    into.targets.sort();
    into.targets.dedup();
    before
        .impact
        .locks
        .extend(impact.locks.into_iter().filter(|lock| !before.impact.locks.contains(lock)).collect::<Vec<_>>());
    before.impact.rewrites |= impact.rewrites;
    if !before.why.contains(&why) {
        before.why = format!("{} {why}", before.why);
    }
}

/// Steps of one change have names of their own.
fn number_equal_names(change: &mut Spec) {
    let mut taken = BTreeSet::new();
    for step in &mut change.steps {
        let plain = step.name.clone();
        let mut number = 2;
        while !taken.insert(step.name.clone()) {
            step.name = format!("{plain} ({number})");
            number += 1;
        }
    }
}
