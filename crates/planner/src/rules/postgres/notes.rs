//! What a plan cannot know, such as who had a right before, is noted in the database when the statement is run: what it changed. The
//! revert undoes that and no more: what was so before stays so, and what somebody did by hand in between stays, too.

use super::table_name::Name;
use super::{Rule, literal};

/// What notes and undoes; made by the first statement of a change that needs it, in the agents' own schema. An empty line stands
/// between its statements.
const NOTES: &str = include_str!("notes.sql");

/// A change of rights: what runs, and what undoes it.
pub(super) fn rights(rule: &mut Rule<'_>, statement: &str) -> (Vec<String>, Vec<String>) {
    noted(rule, statement, &format!("lockstep.change_rights({})", literal(statement)))
}

/// A change of settings behind `head`, as `ALTER TABLE name`.
pub(super) fn settings(rule: &mut Rule<'_>, head: &str, name: &Name, change: &str) -> (Vec<String>, Vec<String>) {
    let statement = format!("{head} {change}");
    let [head, relation] = [head, &name.sql()].map(literal);
    let call = format!("lockstep.change_settings({head}, {relation}, {})", literal(&statement));
    noted(rule, &statement, &call)
}

/// A change of settings of a column.
pub(super) fn column(
    rule: &mut Rule<'_>,
    name: &Name,
    column: &str,
    statement: &str,
) -> (Vec<String>, Vec<String>) {
    let [relation, column] = [&name.sql(), column].map(literal);
    noted(rule, statement, &format!("lockstep.change_column({relation}, {column}, {})", literal(statement)))
}

/// Where a directive says what undoes it, nothing need be noted.
fn noted(rule: &mut Rule<'_>, statement: &str, call: &str) -> (Vec<String>, Vec<String>) {
    if let Some(reverts) = rule.directed_revert() {
        return (vec![statement.to_owned()], reverts);
    }
    let mut forward = Vec::new();
    if !rule.catalog.is_object_created_here("notes", "changed") {
        rule.catalog.create_object("notes", "changed");
        forward.extend(NOTES.split("\n\n").map(|text| text.trim_end().trim_end_matches(';').to_owned()));
    }
    forward.push(format!("SELECT {call}"));
    (forward, vec![format!("SELECT lockstep.restore({})", literal(statement))])
}
