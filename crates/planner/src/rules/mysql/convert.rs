//! A column in a form that the server would copy the table for: a second column, kept in step, that takes the name over.

use super::algorithm::{self, Algorithm};
use super::column::{self, New, Position, shown};
use super::lock::{self, Locks};
use super::sync::{self, Trigger};
use super::text::{q, same};
use super::twin::{self, Twin};
use super::{Found, Planned, Rule, fill, known, on, rename_column, step, switch, types};
use crate::draft::{Draft, INSERT_FAILS, two_forms};
use crate::name;
use crate::plan::Refusal;
use lockstep_core::schema::Column;
use lockstep_core::step::Phase;

/// A directive says how values go to and fro, and what the new form is called.
pub(super) fn called(
    rule: &mut Rule<'_>,
    found: &Found,
    there: &Column,
    new: &New,
    ways: (&str, &str, &str),
) -> Planned {
    let (called, using, back) = ways;
    if same(called, &there.name) {
        return Err(Refusal::new(
            "both forms of the column would have one name, and clients could not tell them apart",
            "give the new form a name of its own in the directive",
        ));
    }
    super::add_column::refuse_taken(found, called)?;
    let named = New { name: called.to_owned(), ..new.clone() };
    let mut drafts =
        rename_column::beside(rule, found, there, &named, &format!("({using})"), &format!("({back})"))?;
    drafts.as_written = Some(lock::copy(&found.name, rule.rows(&found.name)));
    drafts.hazards.push(format!(
        "the column is called {} in the end, so that clients tell the two forms apart",
        shown(&found.name, called)
    ));
    Ok(drafts)
}

/// The new form takes the name over. Clients say one name all the time; the server converts what they write.
pub(super) fn swapped(rule: &mut Rule<'_>, found: &Found, there: &Column, new: &New) -> Planned {
    twin::check(rule, found, there)?;
    refuse_keys(found, there)?;
    if new.not_null {
        algorithm::refuse_copied_not_null(rule.target, &shown(&found.name, &there.name), &new.data_type)?;
    }
    if column::option(there, "auto_increment").is_none() && new.auto_increment {
        return Err(Refusal::new(
            format!("making {} count copies the whole table while writes wait", shown(&found.name, &there.name)),
            "do it in a window of its own with `-- lockstep: opaque` and `-- lockstep: revert ...`",
        ));
    }
    let other = name::own("other", &[&found.name, &there.name]);
    // Both directions are the same text, and names stay where they are when the columns change places: the triggers are right before
    // that moment and after it.
    let body = format!("SET NEW.{} = NEW.{}", q(&other), q(&there.name));
    let triggers: Vec<Trigger> =
        sync::EVENTS.map(|event| Trigger::new(&found.name, "follow", event, &there.name, &body)).into();
    let beside = |new: &New| New {
        name: other.clone(),
        not_null: false,
        default: None,
        on_update: None,
        check: None,
        position: Some(Position::After(there.name.clone())),
        ..new.clone()
    };
    let old = fill::as_new(found, &there.name).unwrap_or_default();
    let (coming, going) = (beside(new), beside(&old));
    let carried = twin::carried(found, &there.name, &other, |name| twin::own(found, name))?;
    let kept = twin::carried(found, &there.name, &other, str::to_owned)?;
    let twin = |new: &New, carried: &twin::Carried| Twin {
        found,
        new: new.clone(),
        using: q(&there.name),
        only_where: format!("{} IS NULL AND {} IS NOT NULL", q(&other), q(&there.name)),
        default: None,
        triggers: &triggers,
        carried: carried.clone(),
    };
    let (come, go) = (twin(&coming, &carried), twin(&going, &kept));
    let (shown, rows) = (shown(&found.name, &there.name), rule.rows(&found.name));
    let made = &new.data_type;
    let mut steps = twin::introduce(rule, &come)?;
    if let Some((name, query)) = fits(found, there, new) {
        steps[0] = steps[0].clone().only_if(&name, query);
    }
    let (what, differs) = differs(there, new, &other);
    steps.push(twin::proof(found, &there.name, what, &differs, rows));
    steps.push(switch(Phase::SwitchWrites, &format!("write {shown} as {made}")));
    steps.push(switch(Phase::SwitchReads, &format!("read {shown} as {made}")));
    steps.push(swap(rule, found, [&old, new], [&coming, &going]));
    steps.extend(twin::retire(rule, &go)?);
    let names: Vec<Option<String>> = kept.indexes.iter().map(|key| key.name.clone()).collect();
    steps.extend(twin::renamed(rule, found, &carried, &names, &[]));
    let engine = rule.target.engine;
    known::change_column(rule.table_mut(&found.name), engine, &there.name, new);
    let mut drafts = on(&found.name, steps);
    drafts.as_written = Some(lock::copy(&found.name, rows));
    drafts.hazards.push(format!(
        "until the old form is gone, a value of {shown} that does not fit {} is refused",
        there.data_type
    ));
    drafts.hazards.push(format!(
        "clients that understand the change read and write {shown} as {} and as {made}",
        there.data_type
    ));
    drafts.hazards.push(two_forms(&shown, INSERT_FAILS));
    Ok(drafts)
}

/// A foreign key wants the same type on both sides.
fn refuse_keys(found: &Found, there: &Column) -> Result<(), Refusal> {
    let own = known::foreign_keys(&found.table);
    match own.iter().find(|(_, key)| key.columns.iter().any(|column| same(column, &there.name))) {
        None => Ok(()),
        Some((name, key)) => Err(Refusal::new(
            format!("foreign key {name} needs {} to be as {} is", shown(&found.name, &there.name), key.target),
            "drop the foreign key before, and add it after both sides have their new form",
        )),
    }
}

/// The two columns change places in one statement.
fn swap(rule: &Rule<'_>, found: &Found, [old, new]: [&New; 2], [coming, going]: [&New; 2]) -> Draft {
    let (name, other) = (q(&old.name), q(&coming.name));
    let change = |stays: &New, leaves: &New, place: String, algorithm| {
        let clause = format!(
            "CHANGE COLUMN {name} {other} {}, CHANGE COLUMN {other} {name} {}{place}",
            leaves.definition(),
            stays.definition()
        );
        vec![algorithm::alter(rule.target, &found.name, &clause, algorithm)]
    };
    let is_catalog_only = !old.not_null && !new.not_null;
    let algorithm = if is_catalog_only { algorithm::catalog_only(rule.target) } else { Algorithm::Inplace };
    let is_copied_back = old.not_null && algorithm::copies_for_not_null(rule.target, &old.data_type);
    let back = if is_copied_back { Algorithm::Copy } else { algorithm };
    let shown = shown(&found.name, &old.name);
    let mut draft = step(
        &format!("swap the forms of {shown}"),
        Phase::Contract,
        change(new, going, new.place(), algorithm),
        Some(change(old, coming, String::new(), back)),
    )
    .holds(&found.name, algorithm.mode())
    .goes_through(if is_catalog_only { None } else { rule.rows(&found.name) })
    .why("Both names move in the same moment; the triggers go on keeping the old form in step, for a way back.");
    if new.not_null {
        draft = draft.only_if(
            &format!("every row has a value in {shown}"),
            format!("SELECT * FROM {} WHERE {other} IS NULL", q(&found.name)),
        );
    }
    draft.step.needs_approval = false;
    draft.joins = false;
    draft
}

/// What must hold of the values, where that is plain.
pub(super) fn fits(found: &Found, there: &Column, new: &New) -> Option<(String, String)> {
    let (column, shown) = (q(&there.name), shown(&found.name, &there.name));
    let (name, arguments, behind) = types::parts(&new.data_type);
    let condition = match name {
        "varchar" | "char" => format!("CHAR_LENGTH({column}) > {arguments}"),
        _ if types::is_number(&there.data_type) => {
            let (low, high) = range(name, behind.contains("unsigned"))?;
            let (old, _, old_behind) = types::parts(&there.data_type);
            let is_inside = |(old_low, old_high): (i128, i128)| old_low >= low && old_high <= high;
            if range(old, old_behind.contains("unsigned")).is_some_and(is_inside) {
                return None;
            }
            format!("{column} < {low} OR {column} > {high}")
        }
        _ => return None,
    };
    let violations = format!("SELECT * FROM {} WHERE {condition}", q(&found.name));
    Some((format!("every value of {shown} fits {}", new.data_type), violations))
}

fn range(name: &str, is_unsigned: bool) -> Option<(i128, i128)> {
    let bits = match name {
        "tinyint" => 8,
        "smallint" => 16,
        "mediumint" => 24,
        "int" => 32,
        "bigint" => 64,
        _ => return None,
    };
    let all = 1_i128 << bits;
    Some(if is_unsigned { (0, all - 1) } else { (-all / 2, all / 2 - 1) })
}

/// Which rows do not hold the same in both forms, as far as the two can be compared.
fn differs(there: &Column, new: &New, other: &str) -> (String, String) {
    let (one, other) = (q(&there.name), q(other));
    let is_alike = |is: fn(&str) -> bool| is(&there.data_type) && is(&new.data_type);
    let floats = ["float", "double"].contains(&types::parts(&there.data_type).0)
        || ["float", "double"].contains(&types::parts(&new.data_type).0);
    let is_comparable = is_alike(types::is_text) || (is_alike(types::is_number) && !floats);
    if is_comparable {
        (format!("every row has the same in both forms of {}", there.name), format!("NOT ({other} <=> {one})"))
    } else {
        (
            format!("every row has a value in both forms of {}, or in none", there.name),
            format!("({other} IS NULL) <> ({one} IS NULL)"),
        )
    }
}
