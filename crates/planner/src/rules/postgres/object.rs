//! What is common to objects that are no tables: views, functions, types, sequences, schemas, extensions.

use super::opaque::EVERYTHING;
use super::rename_column::switch;
use super::table_name::Name;
use super::{Planned, Rule};
use crate::draft::{Draft, Drafts};
use crate::plan::Refusal;
use lockstep_core::step::{Action, Phase};
use sqlparser::ast::ObjectName;

/// Objects may use any table: no statement overtakes one that makes or drops them.
pub(super) fn anywhere(steps: Vec<Draft>) -> Drafts {
    Drafts { steps, touches: vec![EVERYTHING.to_owned()], ..Drafts::default() }
}

/// One step that changes the server's catalog only.
pub(super) fn expand(name: &str, forward: Vec<String>, revert: Option<Vec<String>>, why: &str) -> Draft {
    Draft::statements(name, Phase::Expand, forward, revert).why(why)
}

/// Nobody must need it, then it goes. `back` makes it again; without one nothing does.
pub(super) fn dropping(rule: &Rule<'_>, what: &str, forward: String, back: Option<Vec<String>>) -> Drafts {
    let reverts = rule.statement.reverts();
    let back = if reverts.is_empty() { back } else { Some(reverts) };
    let is_lost = back.is_none();
    let revert = back.map(|statements| Action::Statements { statements, transactional: true });
    let forward = Action::Statements { statements: vec![forward], transactional: true };
    let dropped = Draft::new(&format!("drop {what}"), Phase::Contract, forward, revert)
        .why("No client is left that needs it.");
    let mut drafts = anywhere(vec![switch(Phase::SwitchReads, &format!("do without {what}")), dropped]);
    if is_lost {
        drafts.hazards.push("the last step cannot be taken back".to_owned());
    }
    drafts
}

/// As [`dropping`]; what this change itself made goes at once.
pub(super) fn dropping_known(
    rule: &Rule<'_>,
    (kind, key): (&str, &str),
    what: &str,
    forward: String,
    back: Option<Vec<String>>,
) -> Drafts {
    let mut drafts = dropping(rule, what, forward, back);
    if rule.catalog.is_object_created_here(kind, key) {
        drafts.steps.remove(0);
        for draft in &mut drafts.steps {
            at_once(draft);
        }
    }
    drafts
}

/// Nobody uses it: no client has to know.
pub(super) fn at_once(draft: &mut Draft) {
    draft.step.phase = Phase::Expand;
    draft.step.requires = lockstep_core::step::ClientRequirement::Nothing;
    draft.is_of_own = true;
    "This change made it: nobody uses it yet.".clone_into(&mut draft.why);
}

/// Another name for an object of which clients say the name, unless this change itself made it.
pub(super) fn renaming(
    rule: &Rule<'_>,
    kind: &str,
    from: &str,
    to: &str,
    forward: String,
    back: String,
) -> Drafts {
    let what = format!("{kind} {from}");
    let mut renamed =
        Draft::statements(&format!("rename {what}"), Phase::Contract, vec![forward], Some(vec![back]))
            .why("No client is left that says the old name.");
    renamed.step.needs_approval = false;
    if rule.catalog.is_object_created_here(kind, from) {
        at_once(&mut renamed);
        return anywhere(vec![renamed]);
    }
    let mut drafts =
        anywhere(vec![switch(Phase::SwitchReads, &format!("do without the name of {what}")), renamed]);
    drafts.hazards.push(format!("clients say neither {from} nor {to} until the change is through"));
    drafts
}

/// Nothing is to be done.
pub(super) fn nothing(hazard: String) -> Planned {
    Ok(Drafts { hazards: vec![hazard], ..Drafts::default() })
}

/// The catalog's object of this kind and name.
pub(super) fn known(rule: &Rule<'_>, kind: &str, key: &str) -> Option<String> {
    rule.catalog.schema.objects.get(kind)?.get(key).cloned()
}

/// Notes an object.
pub(super) fn put(rule: &mut Rule<'_>, kind: &str, key: &str, definition: String) {
    if rule.catalog.is_complete && known(rule, kind, key).is_none() {
        rule.catalog.create_object(kind, key);
    }
    rule.catalog.schema.objects.entry(kind.to_owned()).or_default().insert(key.to_owned(), definition);
}

/// Forgets an object.
pub(super) fn forget(rule: &mut Rule<'_>, kind: &str, key: &str) {
    if let Some(objects) = rule.catalog.schema.objects.get_mut(kind) {
        objects.remove(key);
    }
}

/// Refuses what the catalog has already.
pub(super) fn refuse_known(rule: &Rule<'_>, kind: &str, key: &str) -> Result<(), Refusal> {
    match known(rule, kind, key) {
        Some(_) => {
            Err(Refusal::new(format!("{kind} {key} is there already"), "choose another name, or leave it out"))
        }
        None => Ok(()),
    }
}

/// The statement as written, with the object's name after `keyword` qualified and quoted.
pub(super) fn qualified(sql: &str, keyword: &str, written: &ObjectName, name: &Name) -> Result<String, Refusal> {
    let upper = sql.to_ascii_uppercase();
    let after = upper.find(keyword).map(|at| at + keyword.len());
    let text = written.to_string();
    let at = after.and_then(|after| sql[after..].find(&text).map(|at| at + after));
    match at {
        Some(at) => Ok(format!("{}{}{}", &sql[..at], name.sql(), &sql[at + text.len()..])),
        None => Err(Refusal::new(
            format!("the name {text} is not found in the statement"),
            "write it without comments inside",
        )),
    }
}
