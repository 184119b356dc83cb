//! Forms of ALTER TABLE that concern the table as a whole, or something of it that is no column.

use super::lock::{ACCESS_EXCLUSIVE, Locks, SHARE_ROW_EXCLUSIVE, SHARE_UPDATE_EXCLUSIVE};
use super::rename_column::switch;
use super::{Found, Planned, Rule, notes, on, opaque, q, refused};
use crate::draft::Draft;
use crate::name;
use lockstep_core::step::Phase;
use sqlparser::ast::AlterTableOperation;

pub(super) fn plan(rule: &mut Rule<'_>, found: &Found, operation: &AlterTableOperation) -> Planned {
    let table = found.name.sql();
    let step = |what: &str, forward: String, revert: Option<Vec<String>>| {
        Draft::statements(&format!("{what} of {}", found.name.key()), Phase::Expand, vec![forward], revert)
    };
    match operation {
        AlterTableOperation::RenameConstraint { old_name, new_name } => {
            let (from, to) = (name::meant(old_name), name::meant(new_name));
            let constraints = &mut rule.table_mut(&found.name).constraints;
            if let Some(constraint) = constraints.remove(&from) {
                constraints.insert(to.clone(), constraint);
            }
            let rename =
                |from: &str, to: &str| format!("ALTER TABLE {table} RENAME CONSTRAINT {} TO {}", q(from), q(to));
            let step = step(&format!("name {to}"), rename(&from, &to), Some(vec![rename(&to, &from)]))
                .holds(&found.name, ACCESS_EXCLUSIVE)
                .why("Only ON CONFLICT ON CONSTRAINT says a constraint's name.");
            Ok(on(&found.name, vec![step]))
        }
        AlterTableOperation::EnableTrigger { name } | AlterTableOperation::DisableTrigger { name } => {
            let enable = matches!(operation, AlterTableOperation::EnableTrigger { .. });
            let say = |enable: bool| {
                format!("ALTER TABLE {table} {} TRIGGER {name}", if enable { "ENABLE" } else { "DISABLE" })
            };
            let step = step(&format!("trigger {name}"), say(enable), Some(vec![say(!enable)]))
                .holds(&found.name, SHARE_ROW_EXCLUSIVE)
                .why("The server notes it in its catalog.");
            Ok(on(&found.name, vec![step]))
        }
        AlterTableOperation::EnableAlwaysTrigger { name } | AlterTableOperation::EnableReplicaTrigger { name } => {
            let always = matches!(operation, AlterTableOperation::EnableAlwaysTrigger { .. });
            let known = found.table.triggers.get(&name::meant(name)).map(String::as_str).unwrap_or_default();
            let before = match known {
                known if known.ends_with(" (disabled)") => "DISABLE",
                known if known.ends_with(" (A)") => "ENABLE ALWAYS",
                known if known.ends_with(" (R)") => "ENABLE REPLICA",
                _ => "ENABLE",
            };
            let say = |how: &str| format!("ALTER TABLE {table} {how} TRIGGER {name}");
            let after = if always { "ENABLE ALWAYS" } else { "ENABLE REPLICA" };
            let step = step(&format!("trigger {name}"), say(after), Some(vec![say(before)]))
                .holds(&found.name, SHARE_ROW_EXCLUSIVE)
                .why("The server notes it in its catalog.");
            Ok(on(&found.name, vec![step]))
        }
        AlterTableOperation::EnableRowLevelSecurity
        | AlterTableOperation::DisableRowLevelSecurity
        | AlterTableOperation::ForceRowLevelSecurity
        | AlterTableOperation::NoForceRowLevelSecurity => Ok(row_security(rule, found, operation)),
        AlterTableOperation::OwnerTo { new_owner } => {
            let revert = rule.revert_by_directive("nothing is known of who owned it before")?;
            let step = step("owner", format!("ALTER TABLE {table} OWNER TO {new_owner}"), revert)
                .holds(&found.name, ACCESS_EXCLUSIVE)
                .why("The server notes it in its catalog.");
            Ok(on(&found.name, vec![step]))
        }
        AlterTableOperation::SetOptionsParens { .. } => {
            let (forward, revert) =
                notes::settings(rule, &format!("ALTER TABLE {table}"), &found.name, &operation.to_string());
            let name = format!("settings of {}", found.name.key());
            let step = Draft::statements(&name, Phase::Expand, forward, Some(revert))
                .holds(&found.name, SHARE_UPDATE_EXCLUSIVE)
                .why("It counts for rows that are written from here on.");
            Ok(on(&found.name, vec![step]))
        }
        AlterTableOperation::ReplicaIdentity { .. } => {
            let revert = rule.revert_by_directive("nothing is known of the replica identity before")?;
            let step = step("replica identity", format!("ALTER TABLE {table} {operation}"), revert)
                .holds(&found.name, ACCESS_EXCLUSIVE)
                .why(
                    "It counts for what is written to the log from here on; subscribers must be able to read it.",
                );
            Ok(on(&found.name, vec![step]))
        }
        _ => refused::or(&opaque::Words::of(&rule.statement.sql).upper(), opaque::no_rule),
    }
}

fn row_security(rule: &mut Rule<'_>, found: &Found, operation: &AlterTableOperation) -> crate::draft::Drafts {
    use AlterTableOperation::{DisableRowLevelSecurity, EnableRowLevelSecurity, ForceRowLevelSecurity};
    let (word, opposite, option) = match operation {
        EnableRowLevelSecurity => ("ENABLE", "DISABLE", Some("enabled")),
        DisableRowLevelSecurity => ("DISABLE", "ENABLE", None),
        ForceRowLevelSecurity => ("FORCE", "NO FORCE", Some("forced")),
        _ => ("NO FORCE", "FORCE", Some("enabled")),
    };
    let options = &mut rule.table_mut(&found.name).options;
    match option {
        Some(option) => options.insert("row security".to_owned(), option.to_owned()),
        None => options.remove("row security"),
    };
    let say = |word: &str| format!("ALTER TABLE {} {word} ROW LEVEL SECURITY", found.name.sql());
    let phase = if found.is_new { Phase::Expand } else { Phase::Contract };
    let name = format!("row security of {}", found.name.key());
    let change = Draft::statements(&name, phase, vec![say(word)], Some(vec![say(opposite)]))
        .holds(&found.name, ACCESS_EXCLUSIVE)
        .why("From here on the policies decide which rows a client sees.");
    let steps = if found.is_new {
        vec![change]
    } else {
        vec![switch(Phase::SwitchReads, &format!("see only allowed rows of {}", found.name.key())), change]
    };
    on(&found.name, steps)
}
