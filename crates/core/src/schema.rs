//! A schema, introspected and normalised: equal schemas are equal, whatever way they were made.
//!
//! Deliberately absent: Lockstep's own objects, the engine's own objects, owners and grants, comments, storage parameters,
//! tablespaces, statistics, row counts, the present value of a sequence.

use crate::drift::Difference;
use crate::node::Fingerprint;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// What stands before the canonical form when it is hashed: another form must give other fingerprints.
const FORM: &str = "lockstep schema 1";

/// A schema.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// By name; with its namespace before it where the engine has namespaces (`public.users`).
    pub tables: BTreeMap<String, Table>,
    /// Everything that is no table and belongs to none: by kind (`view`, `function`, `sequence`, `type`), then by name, its
    /// normalised definition.
    pub objects: BTreeMap<String, BTreeMap<String, String>>,
}

/// A table with what belongs to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// In order.
    pub columns: Vec<Column>,
    /// By name; engines without names for a constraint have its content here.
    pub constraints: BTreeMap<String, Constraint>,
    /// By name. Those that only carry a constraint are left out.
    pub indexes: BTreeMap<String, Index>,
    /// By name, the normalised definition.
    pub triggers: BTreeMap<String, String>,
    /// What else the engine knows of a table, e.g. `strict`, `partition key`.
    pub options: BTreeMap<String, String>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// As the engine prints it.
    pub data_type: String,
    /// True: may hold NULL.
    pub nullable: bool,
    /// The expression of its default.
    pub default: Option<String>,
    /// The expression from which the engine computes it, with how it is kept.
    pub generated: Option<String>,
    /// What else the engine knows of it: collation, identity.
    pub options: Vec<String>,
}

/// What a constraint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConstraintKind {
    /// Identifies the row.
    PrimaryKey,
    /// No two rows have the same.
    Unique,
    /// Points at another row.
    ForeignKey,
    /// A condition on the row.
    Check,
    /// No two rows overlap.
    Exclusion,
}

impl ConstraintKind {
    fn name(self) -> &'static str {
        match self {
            Self::PrimaryKey => "primary key",
            Self::Unique => "unique",
            Self::ForeignKey => "foreign key",
            Self::Check => "check",
            Self::Exclusion => "exclusion",
        }
    }
}

/// A constraint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Constraint {
    /// What it is.
    pub kind: ConstraintKind,
    /// Its columns, in order; empty where the engine does not tell.
    pub columns: Vec<String>,
    /// The normalised definition.
    pub definition: String,
}

/// An index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// True: no two entries are equal.
    pub unique: bool,
    /// False: a build of it did not finish, the engine does not use it.
    pub valid: bool,
    /// The normalised definition.
    pub definition: String,
}

/// How large a table is, as its engine estimates. No part of a schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Rows; 0 only when it is empty.
    pub rows: u64,
    /// Bytes, without indexes; `None` where the engine does not tell cheaply.
    pub bytes: Option<u64>,
}

impl Schema {
    /// SHA-256 over the canonical form.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hasher = Sha256::new();
        hasher.update(FORM);
        for (object, definition) in self.flat() {
            // Lengths before the texts: no two different schemas run together into the same bytes.
            hasher.update((object.len() as u64).to_be_bytes());
            hasher.update(object.as_bytes());
            hasher.update((definition.len() as u64).to_be_bytes());
            hasher.update(definition.as_bytes());
        }
        Fingerprint(hasher.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        }))
    }

    /// What differs from `expected`, one line an object. Empty exactly when the two are equal.
    #[must_use]
    pub fn diff(&self, expected: &Self) -> Vec<String> {
        self.differences(expected).iter().map(ToString::to_string).collect()
    }

    /// What differs from `expected`, by object. Empty exactly when the two are equal.
    #[must_use]
    pub fn differences(&self, expected: &Self) -> Vec<Difference> {
        let (mut here, mut there) = (self.flat(), expected.flat());
        here.retain(|object, definition| match there.get(object) == Some(&*definition) {
            true => there.remove(object).is_none(),
            false => true,
        });
        let objects: BTreeSet<String> = here.keys().chain(there.keys()).cloned().collect();
        let difference =
            |object: String| Difference { found: here.remove(&object), expected: there.remove(&object), object };
        objects.into_iter().map(difference).collect()
    }

    /// The canonical form: one entry an object.
    fn flat(&self) -> BTreeMap<String, String> {
        let mut flat = BTreeMap::new();
        for (name, table) in &self.tables {
            table.flatten(name, &mut flat);
        }
        for (kind, objects) in &self.objects {
            for (name, definition) in objects {
                flat.insert(format!("{kind} {name}"), definition.clone());
            }
        }
        flat
    }
}

impl Table {
    fn flatten(&self, table: &str, flat: &mut BTreeMap<String, String>) {
        let options: Vec<String> = self.options.iter().map(|(name, value)| format!("{name} {value}")).collect();
        flat.insert(format!("table {table}"), format!("a table {}", options.join(", ")).trim_end().to_owned());
        for column in &self.columns {
            flat.insert(format!("column {table}.{}", column.name), column.describe());
        }
        for (name, constraint) in &self.constraints {
            flat.insert(format!("constraint {name} of {table}"), constraint.describe());
        }
        for (name, index) in &self.indexes {
            flat.insert(format!("index {name} of {table}"), index.describe());
        }
        for (name, definition) in &self.triggers {
            flat.insert(format!("trigger {name} of {table}"), definition.clone());
        }
    }
}

impl Column {
    fn describe(&self) -> String {
        // Where a column stands is left out: a dropped column that a revert brings back stands last, and no statement that names
        // its columns can tell.
        let mut text = format!("column {}", self.data_type);
        if !self.nullable {
            text.push_str(" not null");
        }
        if let Some(default) = &self.default {
            let _ = write!(text, " default {default}");
        }
        if let Some(generated) = &self.generated {
            let _ = write!(text, " generated {generated}");
        }
        for option in &self.options {
            let _ = write!(text, " {option}");
        }
        text
    }
}

impl Constraint {
    /// One line that says all of it.
    #[must_use]
    pub fn describe(&self) -> String {
        format!("{} ({}) {}", self.kind.name(), self.columns.join(", "), self.definition).trim_end().to_owned()
    }
}

impl Index {
    fn describe(&self) -> String {
        let unique = if self.unique { "unique " } else { "" };
        let invalid = if self.valid { "" } else { " invalid" };
        format!("{unique}{}{invalid}", self.definition)
    }
}
