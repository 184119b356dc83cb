//! Sequences, schemas, extensions, comments, policies.

use super::lock::{ACCESS_EXCLUSIVE, Locks, SHARE_UPDATE_EXCLUSIVE};
use super::object::{self, anywhere, expand};
use super::opaque::Words;
use super::table_name::{Name, as_printed};
use super::{Planned, Rule, column, numbering, q, types};
use crate::draft::{Draft, Drafts};
use crate::name;
use crate::plan::Refusal;
use lockstep_core::step::{Action, Phase};
use sqlparser::ast::{
    AlterIndexOperation, Analyze, CommentObject, CreateExtension, CreatePolicy, DataType, DropExtension,
    DropPolicy, ObjectName, SchemaName,
};

pub(super) fn create_sequence(
    rule: &mut Rule<'_>,
    written: &ObjectName,
    data_type: Option<&DataType>,
    if_not_exists: bool,
) -> Planned {
    let name = Name::of(written)?;
    let key = name.key();
    if if_not_exists && object::known(rule, "sequence", &key).is_some() {
        return object::nothing(format!("sequence {key} is there already: nothing is done"));
    }
    object::refuse_known(rule, "sequence", &key)?;
    let sql =
        object::qualified(&rule.statement.sql, "SEQUENCE", written, &name)?.replacen("IF NOT EXISTS ", "", 1);
    let data_type =
        data_type.map_or_else(|| "bigint".to_owned(), |data_type| types::printed(rule.catalog, data_type));
    let mut options = Words::of(&sql);
    options.skip(&["CREATE", "SEQUENCE"]);
    options.name()?;
    let plain = column::sequence_definition(&data_type);
    // What is not understood is not known.
    let definition = numbering::altered(&plain, &options.rest().to_uppercase()).unwrap_or_default();
    object::put(rule, "sequence", &key, definition);
    let revert = Some(vec![format!("DROP SEQUENCE {}", name.sql())]);
    let why = "Nobody uses a sequence that was not there.";
    Ok(anywhere(vec![expand(&format!("sequence {key}"), vec![sql], revert, why)]))
}

pub(super) fn drop_sequence(rule: &mut Rule<'_>, names: &[ObjectName], if_exists: bool) -> Planned {
    let mut all = Drafts::default();
    for written in names {
        let name = Name::of(written)?;
        let key = name.key();
        if if_exists && object::known(rule, "sequence", &key).is_none() && rule.catalog.is_complete {
            super::alter_table::append(
                &mut all,
                object::nothing(format!("there is no sequence {key}: nothing is done"))?,
            );
            continue;
        }
        let (what, forward) = (format!("sequence {key}"), format!("DROP SEQUENCE {}", name.sql()));
        let back = made_again(rule, &name);
        let drafts = object::dropping_known(rule, ("sequence", &key), &what, forward, back);
        object::forget(rule, "sequence", &key);
        super::alter_table::append(&mut all, drafts);
    }
    Ok(all)
}

/// A sequence that the same change made, once more: of others it is not known where they stand.
fn made_again(rule: &Rule<'_>, name: &Name) -> Option<Vec<String>> {
    let key = name.key();
    let definition = object::known(rule, "sequence", &key)?;
    let data_type = definition.split(' ').next()?;
    let options = numbering::options(&definition)?;
    let is_own = rule.catalog.is_object_created_here("sequence", &key);
    is_own.then(|| vec![format!("CREATE SEQUENCE {} AS {data_type} {options}", name.sql())])
}

pub(super) fn create_schema(rule: &mut Rule<'_>, written: &SchemaName, if_not_exists: bool) -> Planned {
    let SchemaName::Simple(written) = written else {
        return Err(Refusal::new("a schema of a role", "create the schema by its name, and give rights on it"));
    };
    let schema = name::parts(written).pop().unwrap_or_default();
    let key = as_printed(&schema);
    if if_not_exists && object::known(rule, "schema", &key).is_some() {
        return object::nothing(format!("schema {key} is there already: nothing is done"));
    }
    object::refuse_known(rule, "schema", &key)?;
    object::put(rule, "schema", &key, String::new());
    let forward = vec![format!("CREATE SCHEMA {}", q(&schema))];
    let revert = Some(vec![format!("DROP SCHEMA {}", q(&schema))]);
    Ok(anywhere(vec![expand(
        &format!("schema {key}"),
        forward,
        revert,
        "Nobody uses a schema that was not there.",
    )]))
}

pub(super) fn drop_schema(rule: &mut Rule<'_>, names: &[ObjectName], if_exists: bool, cascade: bool) -> Planned {
    let mut all = Drafts::default();
    for written in names {
        let schema = name::parts(written).pop().unwrap_or_default();
        let key = as_printed(&schema);
        if cascade {
            return Err(Refusal::new(
                format!("CASCADE would drop all that is in schema {key} without naming it"),
                "drop what is in it first, by its name",
            ));
        }
        if if_exists && object::known(rule, "schema", &key).is_none() && rule.catalog.is_complete {
            super::alter_table::append(
                &mut all,
                object::nothing(format!("there is no schema {key}: nothing is done"))?,
            );
            continue;
        }
        let back = Some(vec![format!("CREATE SCHEMA {}", q(&schema))]);
        let drafts = object::dropping(rule, &format!("schema {key}"), format!("DROP SCHEMA {}", q(&schema)), back);
        object::forget(rule, "schema", &key);
        super::alter_table::append(&mut all, drafts);
    }
    Ok(all)
}

pub(super) fn create_extension(rule: &mut Rule<'_>, create: &CreateExtension) -> Planned {
    let name = name::meant(&create.name);
    if object::known(rule, "extension", &name).is_some() {
        if create.if_not_exists {
            return object::nothing(format!("extension {name} is there already: nothing is done"));
        }
        return object::refuse_known(rule, "extension", &name).map(|()| Drafts::default());
    }
    let schema = create.schema.as_ref().map_or_else(|| "public".to_owned(), name::meant);
    let mut plain = create.clone();
    plain.if_not_exists = false;
    object::put(rule, "extension", &name, schema);
    let forward = vec![format!("{plain}")];
    let revert = Some(vec![format!("DROP EXTENSION {}", q(&name))]);
    let why = "Nobody uses an extension that was not there.";
    let mut drafts = anywhere(vec![expand(&format!("extension {name}"), forward, revert, why)]);
    drafts.hazards.push("its files must be on every node".to_owned());
    Ok(drafts)
}

pub(super) fn drop_extension(rule: &mut Rule<'_>, dropped: &DropExtension) -> Planned {
    let mut all = Drafts::default();
    for written in &dropped.names {
        let name = name::meant(written);
        let schema = object::known(rule, "extension", &name);
        if dropped.if_exists && schema.is_none() && rule.catalog.is_complete {
            super::alter_table::append(
                &mut all,
                object::nothing(format!("there is no extension {name}: nothing is done"))?,
            );
            continue;
        }
        let back = schema.map(|schema| vec![format!("CREATE EXTENSION {} WITH SCHEMA {schema}", q(&name))]);
        let drafts =
            object::dropping(rule, &format!("extension {name}"), format!("DROP EXTENSION {}", q(&name)), back);
        object::forget(rule, "extension", &name);
        super::alter_table::append(&mut all, drafts);
    }
    Ok(all)
}

/// COMMENT ON a table, or what the parser knows beside it.
pub(super) fn comment(rule: &Rule<'_>, kind: CommentObject, on: &ObjectName) -> Planned {
    let mut table = on.clone();
    if kind == CommentObject::Column {
        table.0.pop();
    }
    let is_of_table = matches!(kind, CommentObject::Table | CommentObject::Column);
    remark(rule, if is_of_table { Some(Name::of(&table)?) } else { None })
}

/// A remark for people. What it was before is not known, and nothing depends on it.
pub(super) fn remark(rule: &Rule<'_>, table: Option<Name>) -> Planned {
    let forward = vec![rule.statement.sql.clone()];
    let mut step = Draft::statements("comment", Phase::Expand, forward, None)
        .why("A remark for people: it changes nothing else.");
    if let Some(table) = table {
        step = step.holds(&table, SHARE_UPDATE_EXCLUSIVE);
    }
    let reverts = rule.statement.reverts();
    step.step.revert = Some(if reverts.is_empty() {
        Action::Nothing
    } else {
        Action::Statements { statements: reverts, transactional: true }
    });
    let mut drafts = anywhere(vec![step]);
    drafts.hazards.push("a rollback leaves the comment: what it was before is not known".to_owned());
    Ok(drafts)
}

/// ANALYZE: the server looks at a sample of rows, beside reads and writes.
pub(super) fn analyze(rule: &Rule<'_>, analyze: &Analyze) -> Planned {
    let Some(table) = &analyze.table_name else {
        return Err(Refusal::new("ANALYZE of all tables", "name each table in a statement of its own"));
    };
    let name = Name::of(table)?;
    let forward = rule.statement.sql.clone();
    let mut step = Draft::alone(&format!("analyze {}", name.key()), Phase::Validate, forward, Some(String::new()))
        .holds(&name, SHARE_UPDATE_EXCLUSIVE)
        .why("The server looks at a sample of the rows, beside reads and writes.");
    step.step.revert = Some(Action::Nothing);
    Ok(Drafts { touches: vec![name.key()], ..anywhere(vec![step]) })
}

pub(super) fn create_policy(rule: &mut Rule<'_>, create: &CreatePolicy) -> Planned {
    let found = rule.found(&create.table_name)?;
    let policy = name::meant(&create.name);
    let sql = object::qualified(&rule.statement.sql, " ON ", &create.table_name, &found.name)?;
    let revert = Some(vec![format!("DROP POLICY {} ON {}", q(&policy), found.name.sql())]);
    rule.table_mut(&found.name).options.insert(format!("policy {policy}"), create.to_string());
    let step = expand(
        &format!("policy {policy} of {}", found.name.key()),
        vec![sql],
        revert,
        "The server notes it in its catalog.",
    )
    .holds(&found.name, ACCESS_EXCLUSIVE);
    let mut drafts = anywhere(vec![step]);
    drafts.hazards.push("where row security is on, other rows may be seen from here on".to_owned());
    Ok(drafts)
}

pub(super) fn drop_policy(rule: &mut Rule<'_>, dropped: &DropPolicy) -> Planned {
    let found = rule.found(&dropped.table_name)?;
    let policy = name::meant(&dropped.name);
    let known = rule.table_mut(&found.name).options.remove(&format!("policy {policy}"));
    if known.is_none() && dropped.if_exists {
        return object::nothing(format!("there is no policy {policy} of {}: nothing is done", found.name.key()));
    }
    let what = format!("policy {policy} of {}", found.name.key());
    Ok(object::dropping(rule, &what, format!("DROP POLICY {} ON {}", q(&policy), found.name.sql()), None))
}

pub(super) fn rename_index(rule: &mut Rule<'_>, written: &ObjectName, operation: &AlterIndexOperation) -> Planned {
    let AlterIndexOperation::RenameIndex { index_name } = operation;
    let (from, to) = (Name::of(written)?, name::parts(index_name).pop().unwrap_or_default());
    let owner = rule.catalog.schema.tables.iter_mut().find(|(key, table)| {
        (table.indexes.contains_key(&from.name) || table.constraints.contains_key(&from.name))
            && Name::from_key(key).is_some_and(|name| name.schema == from.schema)
    });
    let touches = owner.as_ref().map(|(key, _)| (*key).clone());
    let may_be_absent = Words::of(&rule.statement.sql).upper().starts_with("ALTER INDEX IF EXISTS ");
    if owner.is_none() && may_be_absent && rule.catalog.is_complete {
        return object::nothing(format!("there is no index {}: nothing is done", from.key()));
    }
    if let Some((_, table)) = owner {
        // The index of a key has its name, and the key gets the new one with it.
        if let Some(key) = table.constraints.remove(&from.name) {
            table.constraints.insert(to.clone(), key);
        }
        if let Some(mut index) = table.indexes.remove(&from.name) {
            let head = format!("INDEX {} ON ", as_printed(&from.name));
            index.definition = index.definition.replacen(&head, &format!("INDEX {} ON ", as_printed(&to)), 1);
            table.indexes.insert(to.clone(), index);
        }
    }
    let rename = |from: &Name, to: &str| format!("ALTER INDEX {} RENAME TO {}", from.sql(), q(to));
    let forward = vec![rename(&from, &to)];
    let revert = Some(vec![rename(&from.beside(&to), &from.name)]);
    let mut step = expand(
        &format!("rename index {}", from.key()),
        forward,
        revert,
        "No statement of a client says an index's name.",
    );
    let mut drafts = anywhere(Vec::new());
    if let Some(name) = touches.as_deref().and_then(Name::from_key) {
        step = step.holds(&name, SHARE_UPDATE_EXCLUSIVE);
        drafts.touches = vec![name.key()];
    }
    drafts.steps.push(step);
    Ok(drafts)
}
