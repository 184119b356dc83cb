//! What a rule makes of one statement: steps, what each costs, and what the statement would have done as it stands.

use lockstep_core::step::{Action, Assertion, ClientRequirement, Phase, Step};
use serde::Serialize;

/// A lock on a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lock {
    /// The table, as the catalog names it.
    pub table: String,
    /// As the engine names it, e.g. `ACCESS EXCLUSIVE`.
    pub mode: &'static str,
    /// What waits while it is held: `reads and writes`, `writes`, `other schema changes`.
    pub blocks: &'static str,
}

/// What follows where the second form stands between others.
pub(crate) const INSERT_FAILS: &str = ", and an INSERT without a list of columns fails";

/// The hazard of a column that is there in two forms for a while, each under a name of its own; `and` says what follows.
pub(crate) fn two_forms(column: &str, and: &str) -> String {
    format!("for a while `SELECT *` shows {column} in two forms{and}: name the columns")
}

/// What running something costs others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Impact {
    /// Held until the transaction ends.
    pub locks: Vec<Lock>,
    /// True: reads every row of a table while the locks are held.
    pub scans: bool,
    /// True: writes a table anew while the locks are held.
    pub rewrites: bool,
    /// Rows that it goes through, if the catalog knows.
    pub rows_estimate: Option<u64>,
}

/// A step that a rule wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// What runs.
    pub step: Step,
    /// What it costs others.
    pub impact: Impact,
    /// Why this step, in one sentence.
    pub why: String,
    /// True: its statements are quick, run one by one, and may share a step with others that do.
    pub joins: bool,
    /// True: what it takes away is what the same change made, so that nobody need be asked.
    pub is_of_own: bool,
    /// The table that it drops, where the same change made it.
    pub drops: Option<String>,
}

/// What a rule makes of one statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drafts {
    /// In order.
    pub steps: Vec<Draft>,
    /// What the statement would have cost as it stands; `None` when it is run just so.
    pub as_written: Option<Impact>,
    /// What a person should know, e.g. that prepared statements see another type.
    pub hazards: Vec<String>,
    /// Tables that it touches, as the catalog names them, or `*` for all: decides what may be done out of the file's order.
    pub touches: Vec<String>,
}

impl Draft {
    /// A step whose statements run in one transaction.
    #[must_use]
    pub fn statements(name: &str, phase: Phase, forward: Vec<String>, revert: Option<Vec<String>>) -> Self {
        let statements = |statements| Action::Statements { statements, transactional: true };
        Self::new(name, phase, statements(forward), revert.map(statements))
    }

    /// A step of one statement that refuses to run in a transaction.
    #[must_use]
    pub fn alone(name: &str, phase: Phase, forward: String, revert: Option<String>) -> Self {
        let alone = |statement| Action::Statements { statements: vec![statement], transactional: false };
        Self::new(name, phase, alone(forward), revert.map(alone))
    }

    /// A step of any kind.
    #[must_use]
    pub fn new(name: &str, phase: Phase, forward: Action, revert: Option<Action>) -> Self {
        let is_contract = phase == Phase::Contract;
        let requires = if is_contract { ClientRequirement::Understands } else { ClientRequirement::Nothing };
        let step = Step {
            name: name.to_owned(),
            phase,
            forward,
            revert,
            preconditions: Vec::new(),
            targets: Vec::new(),
            requires,
            needs_approval: is_contract,
        };
        Self { step, impact: Impact::default(), why: String::new(), joins: false, is_of_own: false, drops: None }
    }

    /// Says why.
    #[must_use]
    pub fn why(mut self, why: &str) -> Self {
        why.clone_into(&mut self.why);
        self
    }

    /// Says which lock it takes, and on what; the table becomes a target of the step.
    #[must_use]
    pub fn locks(mut self, table: &str, mode: &'static str, blocks: &'static str) -> Self {
        self.step.targets.push(table.to_owned());
        self.impact.locks.push(Lock { table: table.to_owned(), mode, blocks });
        self
    }

    /// Says that it reads every row.
    #[must_use]
    pub fn scans(mut self, rows_estimate: Option<u64>) -> Self {
        self.impact.scans = true;
        self.impact.rows_estimate = rows_estimate;
        self
    }

    /// Says what must hold of the data before any node begins.
    #[must_use]
    pub fn only_if(mut self, name: &str, violations_query: String) -> Self {
        self.step.preconditions.push(Assertion { name: name.to_owned(), violations_query });
        self
    }

    /// Says that it takes away only what the same change made.
    #[must_use]
    pub fn of_own(mut self) -> Self {
        self.is_of_own = true;
        self
    }

    /// Says which table of the same change it drops.
    #[must_use]
    pub fn drops(mut self, table: &str) -> Self {
        self.drops = Some(table.to_owned());
        self.of_own()
    }

    /// Says that clients must know the change from this step on.
    #[must_use]
    pub fn requires_understanding(mut self) -> Self {
        self.step.requires = ClientRequirement::Understands;
        self
    }
}

impl Drafts {
    /// One statement's drafts after another's.
    pub(crate) fn append(&mut self, more: Self) {
        self.steps.extend(more.steps);
        let is_new = |hazard: &String| !self.hazards.contains(hazard);
        let hazards: Vec<String> = more.hazards.into_iter().filter(is_new).collect();
        self.hazards.extend(hazards);
        for table in more.touches {
            if !self.touches.contains(&table) {
                self.touches.push(table);
            }
        }
        self.as_written = match (self.as_written.take(), more.as_written) {
            (Some(one), Some(other)) => Some(one.and(other)),
            (one, other) => one.or(other),
        };
    }
}

impl Impact {
    fn and(mut self, other: Self) -> Self {
        let locks: Vec<Lock> = other.locks.into_iter().filter(|lock| !self.locks.contains(lock)).collect();
        self.locks.extend(locks);
        self.scans |= other.scans;
        self.rewrites |= other.rewrites;
        self.rows_estimate = self.rows_estimate.max(other.rows_estimate);
        self
    }
}
