//! GRANT, REVOKE and ALTER DEFAULT PRIVILEGES.

use super::object::{self, anywhere, expand};
use super::opaque::Words;
use super::table_name::Name;
use super::{Planned, Rule, notes};
use crate::plan::Refusal;
use lockstep_core::step::Action;
use sqlparser::ast::{CascadeOption, Grant, GrantObjects, Revoke};

pub(super) fn grant(rule: &mut Rule<'_>, grant: &Grant) -> Planned {
    let mut grant = grant.clone();
    qualify(grant.objects.as_mut())?;
    given(rule, &grant.to_string())
}

pub(super) fn revoke(rule: &mut Rule<'_>, revoke: &Revoke) -> Planned {
    let mut revoke = revoke.clone();
    qualify(revoke.objects.as_mut())?;
    if revoke.cascade == Some(CascadeOption::Cascade) {
        return Err(cascades());
    }
    taken(rule, &revoke.to_string())
}

/// What the parser does not know.
pub(super) fn by_words(rule: &mut Rule<'_>, words: &Words) -> Option<Planned> {
    let mut words = words.clone();
    let statement = words.rest();
    if words.skip(&["GRANT"]) {
        return Some(given(rule, &statement));
    }
    words
        .skip(&["REVOKE"])
        .then(|| if words.upper().ends_with(" CASCADE") { Err(cascades()) } else { taken(rule, &statement) })
}

/// Rights of objects that are made from here on.
pub(super) fn to_come(rule: &mut Rule<'_>) -> Planned {
    let statement = Words::of(&rule.statement.sql).rest();
    let upper = statement.to_uppercase();
    if upper.ends_with(" CASCADE") {
        return Err(cascades());
    }
    let whom = whom(&statement, if upper.contains(" REVOKE ") { " FROM " } else { " TO " });
    let (forward, revert) = notes::rights(rule, &statement);
    let why = "It counts for objects to come: nobody has them yet.";
    let name = format!("rights of {whom} on what is made from here on");
    let mut drafts = anywhere(vec![expand(&name, forward, Some(revert), why)]);
    drafts
        .hazards
        .push("it counts for objects that the agent's own role makes, unless it says FOR ROLE".to_owned());
    Ok(drafts)
}

fn given(rule: &mut Rule<'_>, statement: &str) -> Planned {
    on_what(statement)?;
    let name = format!("rights of {}", whom(statement, " TO "));
    let (forward, revert) = notes::rights(rule, statement);
    Ok(anywhere(vec![expand(&name, forward, Some(revert), "More is allowed from here on: nobody fails.")]))
}

fn taken(rule: &mut Rule<'_>, statement: &str) -> Planned {
    let objects = on_what(statement)?;
    let objects = objects.split_at(objects.to_uppercase().rfind(" FROM ").unwrap_or(objects.len())).0;
    let what = format!("rights of {} on {objects}", whom(statement, " FROM "));
    let (forward, revert) = notes::rights(rule, statement);
    let mut drafts = object::dropping(rule, &what, String::new(), Some(revert));
    if let Some(dropped) = drafts.steps.last_mut() {
        dropped.step.forward = Action::Statements { statements: forward, transactional: true };
    }
    Ok(drafts)
}

fn cascades() -> Refusal {
    Refusal::new(
        "CASCADE would take away rights that others passed on, without naming them",
        "revoke those first, by the name of who has them",
    )
}

/// What is behind ON. Of large objects, table spaces and settings no notes are kept.
fn on_what(statement: &str) -> Result<&str, Refusal> {
    let by_hand = |what: &str| Refusal::new(what, "do it by hand on every node");
    let at = statement.to_uppercase().find(" ON ");
    let at = at.ok_or_else(|| by_hand("a role as a member of another is a matter of the server"))?;
    let objects = &statement[at + " ON ".len()..];
    let mut words = Words::of(objects);
    let of_server: [&[&str]; 3] = [&["TABLESPACE"], &["PARAMETER"], &["LARGE", "OBJECT"]];
    if of_server.iter().any(|kind| words.skip(kind)) {
        return Err(by_hand("rights of this kind of object are a matter of the server"));
    }
    Ok(objects)
}

/// The roles, without what may follow them.
fn whom(statement: &str, preposition: &str) -> String {
    let from = statement.to_uppercase().rfind(preposition).map_or(statement.len(), |at| at + preposition.len());
    let roles = &statement[from..];
    let upper = roles.to_uppercase();
    let ends = [" WITH GRANT OPTION", " GRANTED BY ", " RESTRICT"].into_iter().filter_map(|end| upper.find(end));
    roles[..ends.min().unwrap_or(roles.len())].trim().to_owned()
}

/// Tables and sequences get their whole names.
fn qualify(objects: Option<&mut GrantObjects>) -> Result<(), Refusal> {
    let Some(GrantObjects::Tables(named) | GrantObjects::Sequences(named)) = objects else { return Ok(()) };
    for object in named {
        *object = Name::of(object)?.object();
    }
    Ok(())
}
