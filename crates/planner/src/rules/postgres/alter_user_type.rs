//! ALTER DOMAIN and ALTER TYPE of composite types. What the server would prove of the rows of all tables that use a domain it proves
//! while writes wait: that is done only where no table uses it.

use super::object::{self, anywhere, expand};
use super::opaque::Words;
use super::rename_column::switch;
use super::table_name::Name;
use super::{Planned, Rule, q, rewrite};
use crate::draft::{Draft, Drafts};
use crate::plan::Refusal;
use lockstep_core::step::Phase;

const NOTES: &str = "The server notes it in its catalog only.";

/// A table that has a column of the type, or of one made of it.
fn user(rule: &Rule<'_>, name: &Name) -> Option<String> {
    let tables = &rule.catalog.schema.tables;
    let of_table = tables.iter().find(|(_, table)| {
        table.columns.iter().any(|column| rewrite::mentions_type(&column.data_type, &name.name))
    });
    let types = rule.catalog.schema.objects.get("type");
    let other = types.and_then(|types| {
        types.iter().find(|(key, text)| **key != name.key() && rewrite::mentions_type(text, &name.name))
    });
    of_table.map(|(key, _)| format!("table {key}")).or_else(|| other.map(|(key, _)| format!("type {key}")))
}

fn refuse_used(rule: &Rule<'_>, name: &Name, remedy: &str) -> Result<(), Refusal> {
    if !rule.catalog.is_complete {
        return Err(Refusal::new(
            format!("nothing is known of the tables that use {}", name.key()),
            "plan against a cluster",
        ));
    }
    match user(rule, name) {
        Some(user) => Err(Refusal::new(
            format!("{user} uses {}, and its rows would be read while writes to it wait", name.key()),
            remedy,
        )),
        None => Ok(()),
    }
}

fn one(name: &str, forward: String, revert: Option<Vec<String>>) -> Drafts {
    anywhere(vec![expand(name, vec![forward], revert, NOTES)])
}

/// The words behind ALTER DOMAIN and its name. `None`: another rule knows them.
pub(super) fn domain(rule: &mut Rule<'_>, name: &Name, mut words: Words) -> Result<Option<Drafts>, Refusal> {
    let key = name.key();
    let alter = |change: &str| format!("ALTER DOMAIN {} {change}", name.sql());
    let not_null = |verb: &str| alter(&format!("{verb} NOT NULL"));
    let step = format!("domain {key}");
    if words.skip(&["ADD", "CONSTRAINT"]) {
        return added(rule, name, words).map(Some);
    }
    if words.skip(&["DROP", "CONSTRAINT"]) {
        words.skip(&["IF", "EXISTS"]);
        let constraint = words.ident()?;
        let back = match rule.directed_revert() {
            Some(reverts) => Some(reverts),
            None => rule.revert_by_directive(&format!("nothing is known of how {constraint} was written"))?,
        };
        return Ok(Some(one(&step, alter(&format!("DROP CONSTRAINT {}", q(&constraint))), back)));
    }
    if words.skip(&["RENAME", "CONSTRAINT"]) {
        let from = words.ident()?;
        words.skip(&["TO"]);
        let to = words.ident()?;
        let rename = |from: &str, to: &str| alter(&format!("RENAME CONSTRAINT {} TO {}", q(from), q(to)));
        return Ok(Some(one(&step, rename(&from, &to), Some(vec![rename(&to, &from)]))));
    }
    if words.skip(&["VALIDATE", "CONSTRAINT"]) {
        refuse_used(
            rule,
            name,
            "leave the constraint as it is: it counts for what is written; or add a CHECK to each table",
        )?;
        let constraint = words.ident()?;
        let back = rule.revert_by_directive(&format!("nothing is known of how {constraint} was written"))?;
        return Ok(Some(one(&step, alter(&format!("VALIDATE CONSTRAINT {}", q(&constraint))), back)));
    }
    if words.skip(&["SET", "NOT", "NULL"]) {
        refuse_used(rule, name, "set NOT NULL on the column of each table instead")?;
        return Ok(Some(one(&step, not_null("SET"), Some(vec![not_null("DROP")]))));
    }
    let is_drop = words.skip(&["DROP", "NOT", "NULL"]);
    if is_drop && rule.catalog.is_complete && user(rule, name).is_none() {
        return Ok(Some(one(&step, not_null("DROP"), Some(vec![not_null("SET")]))));
    }
    let rest = if is_drop { "DROP NOT NULL".to_owned() } else { words.rest() };
    let upper = rest.to_uppercase();
    if is_drop || upper.starts_with("SET DEFAULT ") || upper == "DROP DEFAULT" {
        let back = rule.revert_by_directive("nothing is known of how the domain was before")?;
        return Ok(Some(one(&step, alter(&rest), back)));
    }
    Ok(None)
}

fn added(rule: &mut Rule<'_>, name: &Name, mut words: Words) -> Planned {
    let constraint = words.ident()?;
    let definition = words.rest();
    let is_not_valid = definition.to_uppercase().ends_with(" NOT VALID");
    if !is_not_valid {
        refuse_used(
            rule,
            name,
            "write NOT VALID behind it, so that it counts for what is written from here on, or add a CHECK to each table",
        )?;
    }
    if let Some(known) = object::known(rule, "type", &name.key()) {
        object::put(rule, "type", &name.key(), format!("{known} {constraint} {definition}"));
    }
    let alter = |change: &str| format!("ALTER DOMAIN {} {change} CONSTRAINT {}", name.sql(), q(&constraint));
    let forward = format!("{} {definition}", alter("ADD"));
    let mut drafts = one(&format!("{constraint} of domain {}", name.key()), forward, Some(vec![alter("DROP")]));
    if is_not_valid {
        drafts.hazards.push(format!("from here on writes fail that break {constraint}"));
    }
    Ok(drafts)
}

/// The words behind ALTER TYPE and its name. `None`: another rule knows them.
pub(super) fn composite(rule: &mut Rule<'_>, name: &Name, mut words: Words) -> Result<Option<Drafts>, Refusal> {
    let key = name.key();
    let alter = |change: &str| format!("ALTER TYPE {} {change}", name.sql());
    if words.skip(&["ADD", "ATTRIBUTE"]) {
        let attribute = words.ident()?;
        let definition = words.rest();
        if definition.contains(',') && !definition.contains('(') {
            return Ok(None);
        }
        let forward = alter(&format!("ADD ATTRIBUTE {} {definition}", q(&attribute)));
        let back = vec![alter(&format!("DROP ATTRIBUTE {}", q(&attribute)))];
        let mut drafts = one(&format!("attribute {attribute} of {key}"), forward, Some(back));
        drafts
            .hazards
            .push(format!("clients that write a value of {key} as ROW(...) must leave no attribute out"));
        drafts.hazards.push(format!(
            "a rollback takes {attribute} away for good: where the change runs again, statements that were prepared for it before read NULL and \
             write nothing, without an error; clients have to prepare them again"
        ));
        return Ok(Some(drafts));
    }
    if words.skip(&["RENAME", "ATTRIBUTE"]) {
        let from = words.ident()?;
        words.skip(&["TO"]);
        let to = words.ident()?;
        let rename = |from: &str, to: &str| alter(&format!("RENAME ATTRIBUTE {} TO {}", q(from), q(to)));
        let mut step = Draft::statements(
            &format!("rename attribute {from} of {key}"),
            Phase::Contract,
            vec![rename(&from, &to)],
            Some(vec![rename(&to, &from)]),
        )
        .why("No client is left that says the old name.");
        step.step.needs_approval = false;
        let told = switch(Phase::SwitchReads, &format!("do without attribute {from} of {key}"));
        return Ok(Some(anywhere(vec![told, step])));
    }
    if words.skip(&["DROP", "ATTRIBUTE"]) {
        words.skip(&["IF", "EXISTS"]);
        let attribute = words.ident()?;
        let forward = alter(&format!("DROP ATTRIBUTE {}", q(&attribute)));
        return Ok(Some(object::dropping(rule, &format!("attribute {attribute} of {key}"), forward, None)));
    }
    if words.skip(&["ALTER", "ATTRIBUTE"]) {
        return Err(Refusal::new(
            format!(
                "an attribute of {key} gets no other type while a column uses it, and no client could read both"
            ),
            "make another type, and a column of it",
        ));
    }
    Ok(None)
}
