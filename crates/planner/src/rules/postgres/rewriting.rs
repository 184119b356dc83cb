//! CREATE RULE and DROP RULE: what the server makes of clients' statements before it runs them.

use super::lock::{ACCESS_EXCLUSIVE, Locks};
use super::object::{self, anywhere, expand};
use super::opaque::Words;
use super::table_name::Name;
use super::{Planned, Rule, q};
use crate::plan::Refusal;
use lockstep_core::step::Action;

/// As the schema calls it.
fn key(name: &str, table: &Name) -> String {
    format!("{name} of {}", table.key())
}

fn dropping(name: &str, table: &Name) -> String {
    format!("DROP RULE {} ON {}", q(name), table.sql())
}

/// The words behind CREATE RULE.
pub(super) fn create(rule: &mut Rule<'_>, mut words: Words) -> Planned {
    let name = words.ident()?;
    while !words.skip(&["TO"]) {
        if words.is_at_end() {
            return Err(Refusal::new("the rule's table is missing", "write CREATE RULE ... AS ON ... TO ..."));
        }
        words.step();
    }
    let found = rule.found_named(words.name()?)?;
    if !found.is_new {
        return Err(Refusal::new(
            format!(
                "rule {name} would make other statements of those of clients, and the triggers that keep two forms of {} in step would \
                 not see what they wrote",
                found.name.key()
            ),
            "write a trigger, or accept the rule with `-- lockstep: opaque` and `-- lockstep: revert DROP RULE ...`",
        ));
    }
    let sql = rule.statement.sql.clone();
    object::put(rule, "rule", &key(&name, &found.name), sql.clone());
    let why = "The table is new: nobody waits for it.";
    let step = expand(
        &format!("rule {name} of {}", found.name.key()),
        vec![sql],
        Some(vec![dropping(&name, &found.name)]),
        why,
    );
    Ok(anywhere(vec![step.holds(&found.name, ACCESS_EXCLUSIVE)]))
}

/// The words behind DROP RULE.
pub(super) fn drop(rule: &mut Rule<'_>, mut words: Words) -> Planned {
    let if_exists = words.skip(&["IF", "EXISTS"]);
    let name = words.ident()?;
    if !words.skip(&["ON"]) {
        return Err(Refusal::new("the rule's table is missing", "write DROP RULE ... ON ..."));
    }
    let found = rule.found_named(words.name()?)?;
    let key = key(&name, &found.name);
    let known = object::known(rule, "rule", &key);
    if known.is_none() && if_exists && rule.catalog.is_complete {
        return object::nothing(format!("there is no rule {key}: nothing is done"));
    }
    let back = match known {
        Some(definition) => Some(vec![definition.trim_end().trim_end_matches(';').to_owned()]),
        None => rule.revert_by_directive("nothing is known of what the rule does")?,
    };
    let forward = dropping(&name, &found.name);
    let mut drafts = object::dropping_known(rule, ("rule", &key), &format!("rule {key}"), forward, back);
    for draft in drafts.steps.iter_mut().filter(|draft| draft.step.forward != Action::Nothing) {
        *draft = draft.clone().holds(&found.name, ACCESS_EXCLUSIVE);
    }
    object::forget(rule, "rule", &key);
    Ok(drafts)
}
