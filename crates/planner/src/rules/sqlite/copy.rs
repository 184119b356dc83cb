//! A second table that holds what a first one holds: filled in batches, kept equal by triggers.
//!
//! A batch is an UPDATE of a view on the first table whose trigger inserts into the second: neither the rows of the first nor its
//! own triggers notice.

use super::definition::key;
use super::scope::Found;
use super::text::{renamed, render, tokens};
use crate::draft::Draft;
use crate::name::{own, quote};
use crate::plan::Refusal;
use lockstep_core::schema::{ConstraintKind, Table};
use lockstep_core::step::{Action, Assertion, Backfill, Phase};

/// The column of the view that batches set.
const COPIED: &str = "lockstep_copied";

/// A value of a copied row.
#[derive(Clone)]
pub(super) struct Value {
    /// The column that gets it.
    pub(super) column: String,
    /// SQL over the columns of the first table.
    pub(super) expression: String,
}

/// Rows that go from one table into another.
pub(super) struct Copy {
    pub(super) from: String,
    pub(super) to: String,
    /// Columns of both that identify a row.
    pub(super) key: Vec<String>,
    pub(super) values: Vec<Value>,
    /// Makes the names of the triggers its own.
    pub(super) purpose: &'static str,
}

/// The values of all columns that are not computed, as they are.
pub(super) fn plain_values(table: &Table) -> Vec<Value> {
    let written = table.columns.iter().filter(|column| column.generated.is_none());
    written.map(|column| Value { column: column.name.clone(), expression: quote(&column.name) }).collect()
}

/// What makes a copy possible: a key, and nothing that a second table would do twice.
pub(super) fn key_for_copy(found: &Found) -> Result<Vec<String>, Refusal> {
    key(&found.table).ok_or_else(|| {
        Refusal::new(
            format!("table `{}` has no primary key, by which rows of a copy could be found", found.name),
            "rename it in a maintenance window, and accept that with `-- lockstep: opaque`",
        )
    })
}

impl Copy {
    /// `"a" IS row."a" AND ...`
    fn is_row(&self, row: &str) -> String {
        let parts = self.key.iter().map(|column| format!("{0} IS {row}.{0}", quote(column)));
        parts.collect::<Vec<_>>().join(" AND ")
    }

    fn columns(&self) -> String {
        self.values.iter().map(|value| quote(&value.column)).collect::<Vec<_>>().join(", ")
    }

    /// Copies the rows that the condition selects.
    pub(super) fn insert(&self, condition: &str) -> String {
        let expressions: Vec<&str> = self.values.iter().map(|value| value.expression.as_str()).collect();
        let condition = if condition.is_empty() { String::new() } else { format!(" WHERE {condition}") };
        format!(
            "INSERT INTO {} ({}) SELECT {} FROM {}{condition}",
            quote(&self.to),
            self.columns(),
            expressions.join(", "),
            quote(&self.from)
        )
    }

    fn trigger_names(&self) -> [String; 3] {
        ["insert", "update", "delete"]
            .map(|event| own(&format!("{}_{event}", self.purpose), &[&self.from, &self.to]))
    }

    fn trigger(&self, event: usize, body: &[String]) -> String {
        let word = ["INSERT", "UPDATE", "DELETE"][event];
        let name = quote(&self.trigger_names()[event]);
        format!("CREATE TRIGGER {name} AFTER {word} ON {} BEGIN {}; END", quote(&self.from), body.join("; "))
    }

    /// Triggers that bring each written row over. What was there of it goes first: the conflict clause of the statement that fires
    /// a trigger holds in the trigger too, so the trigger cannot have one of its own.
    pub(super) fn triggers(&self) -> Vec<String> {
        let gone = |row: &str| format!("DELETE FROM {} WHERE {}", quote(&self.to), self.is_row(row));
        let insert = self.insert(&self.is_row("NEW"));
        vec![
            self.trigger(0, &[gone("NEW"), insert.clone()]),
            self.trigger(1, &[gone("OLD"), gone("NEW"), insert]),
            self.trigger(2, &[gone("OLD")]),
        ]
    }

    /// Triggers for one direction of two: a row that is equal already is not written again, so that it ends.
    pub(super) fn mutual_triggers(&self) -> Vec<String> {
        let differs =
            self.values.iter().map(|value| format!("{0} COLLATE BINARY IS NOT NEW.{0}", quote(&value.column)));
        let differs = differs.collect::<Vec<_>>().join(" OR ");
        let news: Vec<String> =
            self.values.iter().map(|value| format!("{0} = NEW.{0}", quote(&value.column))).collect();
        let update = |row: &str| {
            format!(
                "UPDATE {} SET {} WHERE {} AND ({differs})",
                quote(&self.to),
                news.join(", "),
                self.is_row(row)
            )
        };
        let values: Vec<String> =
            self.values.iter().map(|value| format!("NEW.{}", quote(&value.column))).collect();
        let insert = format!(
            "INSERT INTO {0} ({1}) SELECT {2} WHERE NOT EXISTS (SELECT 1 FROM {0} WHERE {3})",
            quote(&self.to),
            self.columns(),
            values.join(", "),
            self.is_row("NEW")
        );
        let gone = format!("DELETE FROM {} WHERE {}", quote(&self.to), self.is_row("OLD"));
        vec![
            self.trigger(0, &[update("NEW"), insert.clone()]),
            self.trigger(1, &[update("OLD"), insert]),
            self.trigger(2, &[gone]),
        ]
    }

    pub(super) fn drop_triggers(&self) -> Vec<String> {
        self.trigger_names().iter().map(|name| format!("DROP TRIGGER {}", quote(name))).collect()
    }

    fn view_name(&self) -> String {
        own("copy", &[&self.from, &self.to])
    }

    /// The view whose update copies rows.
    pub(super) fn view(&self) -> Vec<String> {
        let view = self.view_name();
        let missing = format!("NOT EXISTS (SELECT 1 FROM {} WHERE {})", quote(&self.to), self.is_row("NEW"));
        let key: Vec<String> = self.key.iter().map(|column| quote(column)).collect();
        vec![
            format!(
                "CREATE VIEW {} AS SELECT {}, 0 AS {COPIED} FROM {}",
                quote(&view),
                key.join(", "),
                quote(&self.from)
            ),
            format!(
                "CREATE TRIGGER {} INSTEAD OF UPDATE ON {} BEGIN {}; END",
                quote(&own("copy_row", &[&self.from, &self.to])),
                quote(&view),
                self.insert(&format!("{} AND {missing}", self.is_row("NEW")))
            ),
        ]
    }

    pub(super) fn drop_view(&self) -> String {
        format!("DROP VIEW {}", quote(&self.view_name()))
    }

    /// Steps that make the copy: the table and its triggers, the rows, the proof.
    pub(super) fn steps(&self, found: &Found, make: Vec<String>) -> Vec<Draft> {
        let mut forward = make;
        forward.extend(self.triggers());
        forward.extend(self.view());
        let mut revert = vec![self.drop_view()];
        revert.extend(self.drop_triggers());
        revert.push(format!("DROP TABLE {}", quote(&self.to)));
        let name = &found.name;
        let make = Draft::statements(&format!("make a copy of {name}"), Phase::Expand, forward, Some(revert))
            .locks(name, super::scope::LOCK, super::scope::BLOCKS)
            .why("SQLite cannot do it in place: a copy has the other form. Triggers bring every write over.");
        vec![make, self.fill(found), self.proof(name)]
    }

    fn fill(&self, found: &Found) -> Draft {
        let forward = Backfill {
            table: quote(&self.view_name()),
            key: self.key.clone(),
            set: format!("{COPIED} = 1"),
            only_where: None,
            batch_rows_max: super::add_column::BATCH_ROWS_MAX,
        };
        let name = format!("fill the copy of {}", found.name);
        let mut draft = Draft::new(&name, Phase::Backfill, Action::Backfill(forward), Some(Action::Nothing))
            .why("Rows that are there are copied in small batches, between which others write.");
        draft.impact.rows_estimate = found.rows;
        draft
    }

    fn proof(&self, name: &str) -> Draft {
        let key: Vec<String> = self.key.iter().map(|column| quote(column)).collect();
        let assertion = |name: String, of: &str, other: &str, equal: bool| Assertion {
            name,
            violations_query: format!(
                "SELECT {} FROM {} AS one WHERE NOT EXISTS (SELECT 1 FROM {} AS other WHERE {}{})",
                key.join(", "),
                quote(of),
                quote(other),
                self.key
                    .iter()
                    .map(|k| format!("other.{0} IS one.{0}", quote(k)))
                    .collect::<Vec<_>>()
                    .join(" AND "),
                if equal { self.equal_values() } else { String::new() }
            ),
        };
        let assertions = vec![
            assertion(format!("every row of {name} is in its copy"), &self.from, &self.to, true),
            assertion(format!("the copy has no other row than {name}"), &self.to, &self.from, false),
        ];
        let name = format!("check the copy of {name}");
        Draft::new(&name, Phase::Validate, Action::Assert { assertions }, Some(Action::Nothing))
            .why("Nothing goes on unless the copy holds exactly the same rows.")
    }

    /// Conditions on the values that are columns as they are.
    fn equal_values(&self) -> String {
        let is_plain = |value: &&Value| tokens(&value.expression).len() == 1 && value.expression.starts_with('"');
        let equal = |value: &Value| {
            format!(" AND other.{} COLLATE BINARY IS one.{}", quote(&value.column), value.expression)
        };
        self.values.iter().filter(is_plain).map(equal).collect()
    }
}

/// Renames that leave alone what other definitions say: they name the table that has the name, whichever that is.
pub(super) fn rename_silently(renames: &[(&str, &str)]) -> Vec<String> {
    let mut statements = vec!["PRAGMA legacy_alter_table = ON".to_owned()];
    statements
        .extend(renames.iter().map(|(from, to)| format!("ALTER TABLE {} RENAME TO {}", quote(from), quote(to))));
    statements.push("PRAGMA legacy_alter_table = OFF".to_owned());
    statements
}

/// Gives a copy the same next row id, also after rows that are deleted.
pub(super) fn same_sequence(table: &Table, from: &str, to: &str) -> Vec<String> {
    let text = |name: &str| format!("'{}'", name.replace('\'', "''"));
    let is_counted = |option: &String| option == "autoincrement";
    if !table.columns.iter().any(|column| column.options.iter().any(is_counted)) {
        return Vec::new();
    }
    vec![
        format!("DELETE FROM sqlite_sequence WHERE name = {}", text(to)),
        format!(
            "INSERT INTO sqlite_sequence (name, seq) SELECT {}, seq FROM sqlite_sequence WHERE name = {}",
            text(to),
            text(from)
        ),
    ]
}

/// Indexes for a copy, under names of their own; `column` renamed in them if given.
pub(super) fn copied_indexes(found: &Found, copy: &str, column: Option<(&str, &str)>) -> Vec<String> {
    let mut statements = Vec::new();
    for (name, index) in &found.table.indexes {
        let Some(rest) = after_table(&index.definition) else { continue };
        let rest = match column {
            Some((from, _)) if !super::text::mentions(&rest, from) => continue,
            Some((from, to)) => renamed(&rest, from, to),
            None => rest,
        };
        let unique = if index.unique { "UNIQUE " } else { "" };
        let name = own("copy", &[copy, name, column.map_or("", |(_, to)| to)]);
        statements.push(format!("CREATE {unique}INDEX {} ON {}{}", quote(&name), quote(copy), render(&rest)));
    }
    let uniques = found.table.constraints.values().filter(|constraint| constraint.kind == ConstraintKind::Unique);
    if let Some((from, to)) = column {
        for constraint in uniques.filter(|unique| unique.columns.iter().any(|c| c.eq_ignore_ascii_case(from))) {
            let columns = constraint.columns.iter().map(|c| if c.eq_ignore_ascii_case(from) { to } else { c });
            let columns: Vec<String> = columns.map(quote).collect();
            let name = own("copy", &[copy, &columns.join(","), to]);
            let columns = columns.join(", ");
            statements.push(format!("CREATE UNIQUE INDEX {} ON {} ({columns})", quote(&name), quote(copy)));
        }
    }
    statements
}

/// What stands after the name of the table in CREATE INDEX.
fn after_table(definition: &str) -> Option<Vec<super::text::Token>> {
    let tokens = tokens(definition);
    let on = super::text::find_word(&tokens, &["on"])?;
    Some(tokens.get(on + 2..)?.to_vec())
}
