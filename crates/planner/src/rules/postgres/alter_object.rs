//! ALTER of what is no table, and what the parser does not know of it: new names, owners, sequences.

use super::lock::{ACCESS_EXCLUSIVE, Locks, SHARE_ROW_EXCLUSIVE};
use super::object::{self, anywhere, expand};
use super::opaque::Words;
use super::table_name::{Name, as_printed};
use super::{Planned, Rule, alter_user_type, numbering, q};
use crate::draft::Draft;
use crate::plan::Refusal;
use lockstep_core::step::Phase;

/// The words behind ALTER. `None`: there is no rule for it.
pub(super) fn plan(rule: &mut Rule<'_>, mut words: Words) -> Option<Planned> {
    if words.skip(&["TRIGGER"]) {
        return Some(trigger(rule, words));
    }
    let kinds: [(&[&str], &str); 8] = [
        (&["SEQUENCE"], "sequence"),
        (&["MATERIALIZED", "VIEW"], "materialized view"),
        (&["VIEW"], "view"),
        (&["FUNCTION"], "function"),
        (&["PROCEDURE"], "procedure"),
        (&["DOMAIN"], "domain"),
        (&["SCHEMA"], "schema"),
        (&["TYPE"], "type"),
    ];
    let (_, kind) = kinds.into_iter().find(|(keyword, _)| words.skip(keyword))?;
    named(rule, kind, words).transpose()
}

fn named(rule: &mut Rule<'_>, kind: &str, mut words: Words) -> Result<Option<super::Drafts>, Refusal> {
    let if_exists = words.skip(&["IF", "EXISTS"]);
    let name = if kind == "schema" { Name::new(&words.ident()?, "") } else { words.name()? };
    let key = if kind == "schema" { as_printed(&name.schema) } else { name.key() };
    let is_known = object::known(rule, kind, &key).is_some();
    if if_exists && !is_known && rule.catalog.is_complete && !kind.ends_with("view") {
        return object::nothing(format!("there is no {kind} {key}: nothing is done")).map(Some);
    }
    let arguments = arguments(&mut words);
    let sql = if kind == "schema" { q(&name.schema) } else { format!("{}{arguments}", name.sql()) };
    let keyword = kind.to_uppercase();
    let alter = |sql: &str, change: &str| format!("ALTER {keyword} {sql} {change}");
    if words.skip(&["OWNER", "TO"]) {
        let revert = rule.directed_revert();
        let step = expand(
            &format!("owner of {kind} {key}"),
            vec![alter(&sql, &format!("OWNER TO {}", words.rest()))],
            revert,
            "The server notes it in its catalog.",
        );
        return Ok(Some(anywhere(vec![step])));
    }
    if words.skip(&["RENAME", "TO"]) {
        let to = words.ident()?;
        return Ok(Some(renamed(rule, kind, &name, &to, &arguments)));
    }
    if words.skip(&["SET", "SCHEMA"])
        && matches!(kind, "function" | "procedure" | "sequence" | "type" | "domain" | "view")
    {
        let to = words.ident()?;
        return Ok(Some(moved(rule, kind, &name, &to, &arguments)));
    }
    if kind == "domain" {
        return alter_user_type::domain(rule, &name, words);
    }
    if kind == "type" {
        return alter_user_type::composite(rule, &name, words);
    }
    if kind == "function"
        && let Some(again) =
            object::known(rule, kind, &format!("{key}{arguments}")).filter(|text| text.starts_with("CREATE"))
    {
        let step = expand(
            &format!("function {key}"),
            vec![alter(&sql, &words.rest())],
            Some(vec![again]),
            "The server notes it in its catalog. A rollback puts the function in its place that was there.",
        );
        return Ok(Some(anywhere(vec![step])));
    }
    if kind == "view" {
        return of_view(rule, &key, &sql, words);
    }
    if kind == "sequence" {
        return Ok(Some(sequence(rule, &name, &words.rest())?));
    }
    Ok(None)
}

/// Defaults of columns that are written through a view, and its options.
fn of_view(rule: &Rule<'_>, key: &str, sql: &str, mut words: Words) -> Result<Option<super::Drafts>, Refusal> {
    let change = words.rest();
    if words.skip(&["RENAME"]) {
        return Err(Refusal::new(
            format!(
                "clients could say neither the old nor the new name of a column of {key} until the change is through"
            ),
            "make a view of another name with the new column, and drop this one in a change of its own",
        ));
    }
    let is_default = words.skip(&["ALTER"]);
    if !is_default && !words.skip(&["SET"]) && !words.skip(&["RESET"]) {
        return Ok(None);
    }
    let revert = rule.revert_by_directive("nothing is known of what was set before")?;
    let why = "The server notes it in its catalog. It counts for what is written through the view from here on.";
    let step = expand(&format!("settings of view {key}"), vec![format!("ALTER VIEW {sql} {change}")], revert, why);
    Ok(Some(anywhere(vec![step])))
}

/// Of a function: what stands in brackets, brackets and all.
fn arguments(words: &mut Words) -> String {
    words.bracketed().unwrap_or_default()
}

fn renamed(rule: &mut Rule<'_>, kind: &str, name: &Name, to: &str, arguments: &str) -> super::Drafts {
    let keyword = kind.to_uppercase();
    let (from_sql, to_sql, from_key, to_key) = if kind == "schema" {
        (q(&name.schema), q(to), as_printed(&name.schema), as_printed(to))
    } else {
        let after = name.beside(to);
        (format!("{}{arguments}", name.sql()), format!("{}{arguments}", after.sql()), name.key(), after.key())
    };
    let old = if kind == "schema" { &name.schema } else { &name.name };
    let forward = format!("ALTER {keyword} {from_sql} RENAME TO {}", q(to));
    let back = format!("ALTER {keyword} {to_sql} RENAME TO {}", q(old));
    let drafts = object::renaming(rule, kind, &from_key, &to_key, forward, back);
    let is_new = rule.catalog.is_object_created_here(kind, &from_key);
    if let Some(objects) = rule.catalog.schema.objects.get_mut(kind) {
        let moved: Vec<String> = objects
            .keys()
            .filter(|known| {
                **known == from_key || (kind == "function" && known.starts_with(&format!("{from_key}(")))
            })
            .cloned()
            .collect();
        for known in moved {
            if let Some(definition) = objects.remove(&known) {
                objects.insert(known.replacen(&from_key, &to_key, 1), definition);
            }
        }
    }
    if is_new {
        rule.catalog.create_object(kind, &to_key);
    }
    if kind == "sequence" {
        renumber(rule, &from_key, &to_key);
    }
    drafts
}

/// Clients say the schema, or find it by their search path: as with another name.
fn moved(rule: &mut Rule<'_>, kind: &str, name: &Name, schema: &str, arguments: &str) -> super::Drafts {
    let keyword = kind.to_uppercase();
    let after = Name::new(schema, &name.name);
    let alter = |name: &Name, to: &str| format!("ALTER {keyword} {}{arguments} SET SCHEMA {}", name.sql(), q(to));
    let (forward, back) = (alter(name, schema), alter(&after, &name.schema));
    let drafts = object::renaming(rule, kind, &name.key(), &after.key(), forward, back);
    let held = if kind == "domain" { "type" } else { kind };
    if let Some(definition) = object::known(rule, held, &name.key()) {
        object::forget(rule, held, &name.key());
        object::put(rule, held, &after.key(), definition);
    }
    if kind == "sequence" {
        renumber(rule, &name.key(), &after.key());
    }
    drafts
}

/// Defaults say the sequence by what it is now called.
fn renumber(rule: &mut Rule<'_>, from: &str, to: &str) {
    let (from, to) = (format!("nextval('{from}'::"), format!("nextval('{to}'::"));
    for table in rule.catalog.schema.tables.values_mut() {
        for default in table.columns.iter_mut().filter_map(|column| column.default.as_mut()) {
            *default = default.replace(&from, &to);
        }
    }
}

/// What a sequence counts by, and to whom it belongs.
fn sequence(rule: &mut Rule<'_>, name: &Name, change: &str) -> Planned {
    let key = name.key();
    let forward = format!("ALTER SEQUENCE {} {change}", name.sql());
    let upper = format!(" {} ", change.to_uppercase());
    let is_restart = upper.contains(" RESTART ");
    // Where it stands and to whom it belongs is not known.
    let is_by_definition = [" RESTART ", " OWNED ", " SET "].iter().all(|word| !upper.contains(word));
    let known = object::known(rule, "sequence", &key).filter(|_| is_by_definition);
    let back = known.as_deref().and_then(|definition| {
        let data_type = definition.split(' ').next()?;
        let options = numbering::options(definition)?;
        Some(vec![format!("ALTER SEQUENCE {} AS {data_type} {options}", name.sql())])
    });
    if let Some(after) = known.as_deref().and_then(|definition| numbering::altered(definition, &upper)) {
        object::put(rule, "sequence", &key, after);
    }
    let revert = rule.directed_revert().or(back);
    let mut step = expand(
        &format!("sequence {key}"),
        vec![forward],
        revert,
        "It counts for the numbers that are given from here on.",
    );
    let mut hazards = Vec::new();
    if is_restart {
        hazards.push(format!("sequence {key} may give numbers that are taken"));
        step.step.phase = Phase::Backfill;
    }
    Ok(super::Drafts { hazards, ..anywhere(vec![step]) })
}

/// No client says a trigger's name.
fn trigger(rule: &mut Rule<'_>, mut words: Words) -> Planned {
    let from = words.ident()?;
    if !words.skip(&["ON"]) {
        return Err(Refusal::new("the trigger's table is missing", "write ALTER TRIGGER ... ON ..."));
    }
    let found = rule.found_named(words.name()?)?;
    if !words.skip(&["RENAME", "TO"]) {
        return Err(Refusal::new(
            "there is no rule for this form of ALTER TRIGGER",
            "drop the trigger, and make it again",
        ));
    }
    let to = words.ident()?;
    let rename =
        |from: &str, to: &str| format!("ALTER TRIGGER {} ON {} RENAME TO {}", q(from), found.name.sql(), q(to));
    let triggers = &mut rule.table_mut(&found.name).triggers;
    if let Some(definition) = triggers.remove(&from) {
        let head = format!("TRIGGER {} ", as_printed(&from));
        triggers.insert(to.clone(), definition.replacen(&head, &format!("TRIGGER {} ", as_printed(&to)), 1));
    }
    let step = Draft::statements(
        &format!("rename trigger {from} of {}", found.name.key()),
        Phase::Expand,
        vec![rename(&from, &to)],
        Some(vec![rename(&to, &from)]),
    )
    .holds(&found.name, if found.is_new { SHARE_ROW_EXCLUSIVE } else { ACCESS_EXCLUSIVE })
    .why("No client says a trigger's name. Triggers fire in the order of their names.");
    let mut drafts = anywhere(vec![step]);
    drafts.touches.push(found.name.key());
    Ok(drafts)
}
