//! Types and domains.

use super::dml;
use super::object::{self, anywhere, expand};
use super::rename_column::switch;
use super::table_name::Name;
use super::{Planned, Rule, literal, types};
use crate::draft::{Draft, Drafts};
use crate::name;
use crate::plan::Refusal;
use lockstep_core::step::Phase;
use sqlparser::ast::{AlterType, AlterTypeOperation, CreateDomain, ObjectName, UserDefinedTypeRepresentation};

pub(super) fn create(
    rule: &mut Rule<'_>,
    written: &ObjectName,
    representation: Option<&UserDefinedTypeRepresentation>,
) -> Planned {
    let name = Name::of(written)?;
    let key = name.key();
    object::refuse_known(rule, "type", &key)?;
    let definition = match representation {
        Some(UserDefinedTypeRepresentation::Enum { labels }) => {
            let labels = labels.iter().map(|label| literal(&label.value)).collect::<Vec<_>>();
            format!("enum {}", labels.join(", "))
        }
        Some(other) => format!("composite {other}"),
        None => "shell".to_owned(),
    };
    let sql = object::qualified(&rule.statement.sql, "TYPE", written, &name)?;
    object::put(rule, "type", &key, definition);
    let revert = Some(vec![format!("DROP TYPE {}", name.sql())]);
    Ok(anywhere(vec![expand(&format!("type {key}"), vec![sql], revert, "Nobody uses a type that was not there.")]))
}

pub(super) fn create_domain(rule: &mut Rule<'_>, create: &CreateDomain) -> Planned {
    let name = Name::of(&create.name)?;
    let key = name.key();
    object::refuse_known(rule, "type", &key)?;
    let sql = object::qualified(&rule.statement.sql, "DOMAIN", &create.name, &name)?;
    let constraints = create.constraints.iter().map(|constraint| format!(" {constraint}")).collect::<String>();
    let definition = format!("domain {}{constraints}", types::printed(rule.catalog, &create.data_type));
    object::put(rule, "type", &key, definition);
    let revert = Some(vec![format!("DROP DOMAIN {}", name.sql())]);
    Ok(anywhere(vec![expand(
        &format!("domain {key}"),
        vec![sql],
        revert,
        "Nobody uses a domain that was not there.",
    )]))
}

pub(super) fn alter(rule: &mut Rule<'_>, alter: &AlterType) -> Planned {
    let name = Name::of(&alter.name)?;
    let key = name.key();
    match &alter.operation {
        AlterTypeOperation::AddValue(add) => {
            let old = object::known(rule, "type", &key);
            let value = literal(&add.value.value);
            let labels = old
                .as_deref()
                .and_then(|old| old.strip_prefix("enum "))
                .map(|labels| labels.split(", ").any(|known| known == value));
            if labels == Some(true) && add.if_not_exists {
                return object::nothing(format!("type {key} has {value} already: nothing is done"));
            }
            // The server cannot take a value out of an enum again.
            let reverts = rule.directed_revert();
            let sql = object::qualified(&rule.statement.sql, "TYPE", &alter.name, &name)?;
            if let Some(old) = old {
                // Where it stands among the others does not matter to any rule.
                object::put(rule, "type", &key, format!("{old}, {value}"));
            }
            let mut step = Draft::alone(&format!("value {value} of {key}"), Phase::Expand, sql, None)
                .why("A value that nobody writes yet. It counts from its commit on, so it stands alone.");
            step.step.revert = reverts.map(dml::together);
            Ok(anywhere(vec![step]))
        }
        AlterTypeOperation::RenameValue(rename) => Err(Refusal::new(
            format!("clients that say {} of type {key} would fail from that moment on", rename.from),
            format!("add {} as a value, move the rows with UPDATE, and leave {} unused", rename.to, rename.from),
        )),
        AlterTypeOperation::Rename(rename) => renamed(rule, &name, &name::meant(&rename.new_name)),
    }
}

/// A domain under the old name, whose values are those of the type, until every client says the new one.
fn renamed(rule: &mut Rule<'_>, name: &Name, to: &str) -> Planned {
    let after = name.beside(to);
    object::refuse_known(rule, "type", &after.key())?;
    let (key, is_new) = (name.key(), rule.catalog.is_object_created_here("type", &name.key()));
    let rename = |from: &Name, to: &str| format!("ALTER TYPE {} RENAME TO {}", from.sql(), super::q(to));
    let make = format!("CREATE DOMAIN {} AS {}", name.sql(), after.sql());
    let unmake = format!("DROP DOMAIN {}", name.sql());
    let (forward, back) = (rename(name, to), rename(&after, &name.name));
    rename_in_catalog(rule, &key, &after.key(), is_new);
    if is_new {
        let mut step = expand(&format!("rename type {key}"), vec![forward], Some(vec![back]), "");
        object::at_once(&mut step);
        return Ok(anywhere(vec![step]));
    }
    let both = expand(
        &format!("rename type {key}, and keep the old name"),
        vec![forward, make.clone()],
        Some(vec![unmake.clone(), back]),
        "Columns follow by themselves; whoever casts to the old name casts to a domain over the same values.",
    );
    let mut dropped = Draft::statements(
        &format!("drop the old name of type {key}"),
        Phase::Contract,
        vec![unmake],
        Some(vec![make]),
    )
    .why("No client is left that says the old name.");
    dropped.step.needs_approval = false;
    let mut drafts =
        anywhere(vec![both, switch(Phase::SwitchReads, &format!("say type {}", after.key())), dropped]);
    drafts.hazards.extend([
        format!("a client that gives an array of {key} to a column of {} has to cast it", after.key()),
        format!(
            "a rollback takes away what {key} meant in statements that clients have prepared since: they have to prepare them again"
        ),
    ]);
    Ok(drafts)
}

fn rename_in_catalog(rule: &mut Rule<'_>, from: &str, to: &str, is_new: bool) {
    if let Some(definition) = object::known(rule, "type", from) {
        object::forget(rule, "type", from);
        let types = rule.catalog.schema.objects.entry("type".to_owned()).or_default();
        types.insert(to.to_owned(), definition);
    }
    if is_new {
        rule.catalog.create_object("type", to);
    }
    for column in rule.catalog.schema.tables.values_mut().flat_map(|table| &mut table.columns) {
        let head = column.data_type.strip_suffix("[]").unwrap_or(&column.data_type);
        if head == from {
            column.data_type = column.data_type.replacen(from, to, 1);
        }
        if let Some(default) = &mut column.default {
            *default = default.replace(&format!("::{from}"), &format!("::{to}"));
        }
    }
}

pub(super) fn drop(rule: &mut Rule<'_>, names: &[ObjectName], if_exists: bool, word: &str) -> Planned {
    let mut all = Drafts::default();
    for written in names {
        let name = Name::of(written)?;
        let key = name.key();
        let old = object::known(rule, "type", &key);
        if if_exists && old.is_none() && rule.catalog.is_complete {
            super::alter_table::append(
                &mut all,
                object::nothing(format!("there is no type {key}: nothing is done"))?,
            );
            continue;
        }
        let back = old
            .as_deref()
            .and_then(|old| old.strip_prefix("enum "))
            .map(|labels| vec![format!("CREATE TYPE {} AS ENUM ({labels})", name.sql())]);
        let drafts = object::dropping_known(
            rule,
            ("type", &key),
            &format!("type {key}"),
            format!("DROP {word} {}", name.sql()),
            back,
        );
        object::forget(rule, "type", &key);
        super::alter_table::append(&mut all, drafts);
    }
    Ok(all)
}
