//! Triggers that keep two forms of a row in step while clients of two releases write it.

use super::Found;
use super::text::{q, same, with_columns};
use crate::name;

/// In the order in which triggers are made, each by a statement of its own: a row that one of them filled must not be updated before the
/// other is there, because batches only fill rows that have no value.
pub(super) const EVENTS: [&str; 2] = ["UPDATE", "INSERT"];

/// A row trigger before INSERT or UPDATE.
pub(super) struct Trigger {
    table: String,
    name: String,
    event: &'static str,
    body: String,
}

impl Trigger {
    /// `body` is one statement, perhaps a block. It comes after the triggers that are there: the server runs them in the order in
    /// which they were made.
    pub(super) fn new(table: &str, purpose: &str, event: &'static str, of: &str, body: &str) -> Self {
        let purpose = format!("{purpose}_{}", event.to_lowercase());
        Self { table: table.to_owned(), name: name::own(&purpose, &[table, of]), event, body: body.to_owned() }
    }
}

/// The statements that make them.
pub(super) fn create(triggers: &[Trigger]) -> Vec<String> {
    let one = |trigger: &Trigger| {
        format!(
            "CREATE TRIGGER {} BEFORE {} ON {} FOR EACH ROW {}",
            q(&trigger.name),
            trigger.event,
            q(&trigger.table),
            trigger.body
        )
    };
    triggers.iter().map(one).collect()
}

/// The statements that take them away.
pub(super) fn drop(triggers: &[Trigger]) -> Vec<String> {
    triggers.iter().rev().map(|trigger| format!("DROP TRIGGER {}", q(&trigger.name))).collect()
}

/// An expression over the columns of the row NEW. The table's own name may stand before a column.
pub(super) fn over_new(found: &Found, expression: &str) -> String {
    let column = |name: &str| found.table.columns.iter().find(|known| same(&known.name, name));
    let replaced =
        with_columns(expression, &found.name, |name| column(name).map(|known| format!("NEW.{}", q(&known.name))));
    format!("({replaced})")
}
