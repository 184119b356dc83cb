//! A step: the smallest unit that a cluster executes, settles or reverts as one.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// What kind of move a step is. The order of the variants is the order in which a change goes through them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Adds the new form beside the old one. No client notices.
    Expand,
    /// Fills the new form from the old one, in batches.
    Backfill,
    /// Proves that the new form holds what it must.
    Validate,
    /// No DDL: clients are told to write both forms, and acknowledge.
    SwitchWrites,
    /// No DDL: clients are told to read the new form, and acknowledge.
    SwitchReads,
    /// Takes the old form away.
    Contract,
}

impl Phase {
    /// All phases, in order.
    pub const ALL: [Self; 6] =
        [Self::Expand, Self::Backfill, Self::Validate, Self::SwitchWrites, Self::SwitchReads, Self::Contract];

    /// The name as people read and write it, e.g. `switch_reads`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Expand => "expand",
            Self::Backfill => "backfill",
            Self::Validate => "validate",
            Self::SwitchWrites => "switch_writes",
            Self::SwitchReads => "switch_reads",
            Self::Contract => "contract",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// One step of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Unique within the change; what operators see.
    pub name: String,
    /// What kind of move it is.
    pub phase: Phase,
    /// What makes the version.
    pub forward: Action,
    /// What undoes `forward` exactly. `None`: it cannot be undone once settled, and a rollback is refused.
    pub revert: Option<Action>,
    /// Must hold on every node before any node executes.
    #[serde(default)]
    pub preconditions: Vec<Assertion>,
    /// Tables that `forward` and `revert` lock; preflight looks for transactions that hold them.
    #[serde(default)]
    pub targets: Vec<String>,
    /// What a client must be able to do at the version that this step makes.
    #[serde(default)]
    pub requires: ClientRequirement,
    /// True: waits for an operator's approval before it prepares.
    #[serde(default)]
    pub needs_approval: bool,
}

impl Step {
    /// Lower-case hex SHA-256 of the step's serialised content.
    ///
    /// # Panics
    ///
    /// Never: a step holds only text, numbers and lists, which always serialise.
    #[must_use]
    pub fn content_hash(&self) -> String {
        let bytes = serde_json::to_vec(self).expect("a step always serialises");
        crate::version::hex(&Sha256::digest(bytes))
    }
}

/// What a step does to one database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    /// Nothing: the version itself is the effect (a switch, or a revert of something that left no trace).
    Nothing,
    /// SQL statements, in order.
    Statements {
        /// Each exactly one statement.
        statements: Vec<String>,
        /// True: all statements, the ledger row and the fence check are one transaction. False: for statements that refuse
        /// to run in one (concurrent index builds): claim, run, introspect, confirm.
        transactional: bool,
    },
    /// An update of many rows, in keyset batches.
    Backfill(Backfill),
    /// Reads only: fails unless all assertions hold.
    Assert {
        /// What must hold.
        assertions: Vec<Assertion>,
    },
}

/// An update of many rows in keyset batches; the cursor is saved in each batch's own transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backfill {
    /// The table, as an SQL identifier in the engine's syntax.
    pub table: String,
    /// Columns of a primary or unique not-null key, in key order.
    pub key: Vec<String>,
    /// What follows SET, e.g. `email_lower = lower(email)`. Must give the same result when run twice on a row.
    pub set: String,
    /// Which rows still need it, as an SQL condition. `None`: all.
    pub only_where: Option<String>,
    /// Rows in a batch, at most.
    pub batch_rows_max: u32,
}

/// Something that must be true of the data: a query that returns no row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assertion {
    /// What must be true, as an operator reads it, e.g. `every user has an e-mail address`.
    pub name: String,
    /// Returns the offending rows; the first few are shown.
    pub violations_query: String,
}

/// What a client must be able to do at the version that a step makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientRequirement {
    /// Every client that ran at the version before can run at this one.
    #[default]
    Nothing,
    /// Only clients that understand the change can run at this version (they use its new form when told to).
    Understands,
}

impl Step {
    /// What is wrong with it; `None` if nothing is.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        if self.name.trim().is_empty() {
            return Some("it has no name".to_owned());
        }
        let is_switch = matches!(self.phase, Phase::SwitchWrites | Phase::SwitchReads);
        let actions = [Some(&self.forward), self.revert.as_ref()];
        if is_switch && actions.iter().flatten().any(|action| **action != Action::Nothing) {
            return Some(format!("phase {} carries no statements", self.phase));
        }
        actions.iter().flatten().find_map(|action| action.problem())
    }
}

impl Action {
    fn problem(&self) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::Statements { statements, .. } => statements
                .iter()
                .position(|statement| statement.trim().is_empty())
                .map(|index| format!("statement {} is empty", index + 1))
                .or_else(|| statements.is_empty().then(|| "it has no statements".to_owned())),
            Self::Backfill(backfill) => backfill.problem(),
            Self::Assert { assertions } => assertions.is_empty().then(|| "it asserts nothing".to_owned()),
        }
    }

    /// True when it may leave another schema than it found.
    #[must_use]
    pub fn changes_schema(&self) -> bool {
        matches!(self, Self::Statements { .. })
    }
}

impl Backfill {
    fn problem(&self) -> Option<String> {
        if self.key.is_empty() {
            return Some("a backfill needs the columns of a unique key".to_owned());
        }
        if self.batch_rows_max == 0 {
            return Some("a batch has at least one row".to_owned());
        }
        (self.table.trim().is_empty() || self.set.trim().is_empty())
            .then(|| "a backfill needs a table and what to set".to_owned())
    }
}
