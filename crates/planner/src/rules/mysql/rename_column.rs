//! RENAME COLUMN: both names work until every client uses the new one.

use super::algorithm::{self, Algorithm};
use super::column::{New, Position, shown};
use super::lock::{self, EXCLUSIVE, Locks};
use super::sync::{self, Trigger};
use super::text::{q, same};
use super::twin::{self, Twin};
use super::{Found, Planned, Rule, add_column, fill, known, on, step, switch, types};
use crate::draft::{Draft, Drafts, INSERT_FAILS, two_forms};
use crate::plan::Refusal;
use lockstep_core::schema::Column;
use lockstep_core::step::Phase;

pub(super) fn plan(rule: &mut Rule<'_>, found: &Found, from: &str, to: &str) -> Planned {
    let there = found.column(from)?.clone();
    if same(from, to) {
        let clause = |from: &str, to: &str| {
            let clause = format!("RENAME COLUMN {} TO {}", q(from), q(to));
            vec![algorithm::alter(rule.target, &found.name, &clause, algorithm::catalog_only(rule.target))]
        };
        let name = format!("rename {}", shown(&found.name, from));
        let step = step(&name, Phase::Expand, clause(&there.name, to), Some(clause(to, &there.name)))
            .holds(&found.name, EXCLUSIVE)
            .why("Names of columns have no case: no client can tell.");
        known::rename_column(rule.table_mut(&found.name), from, to);
        return Ok(on(&found.name, vec![step]));
    }
    add_column::refuse_taken(found, to)?;
    let new = fill::as_new(found, from).map(|new| renamed_in(&new, from, to));
    let new = new.ok_or_else(|| Refusal::new("the column is gone", "plan again"))?;
    beside(rule, found, &there, &new, &q(&there.name), &q(to))
}

/// The column's definition under another name; its check says its name.
fn renamed_in(new: &New, from: &str, to: &str) -> New {
    let own = |name: &str| same(name, from).then(|| q(to));
    let check = new.check.as_deref().map(|check| super::text::with_columns(check, "", own));
    New { name: to.to_owned(), check, ..new.clone() }
}

/// The second column `new` (as it is to be in the end), the switches, and the end of the first. `using` gives `new` and `back` gives
/// the old form, over the columns of the row.
pub(super) fn beside(
    rule: &mut Rule<'_>,
    found: &Found,
    there: &Column,
    new: &New,
    using: &str,
    back: &str,
) -> Planned {
    twin::check(rule, found, there)?;
    refuse_unseen(found, [using, back])?;
    for (is_set, name, data_type) in
        [(!there.nullable, &there.name, &there.data_type), (new.not_null, &new.name, &new.data_type)]
    {
        if is_set {
            algorithm::refuse_copied_not_null(rule.target, &shown(&found.name, name), data_type)?;
        }
    }
    let new = &New {
        position: new.position.clone().or_else(|| Some(Position::After(there.name.clone()))),
        ..new.clone()
    };
    let both = Both::of(found, there, new);
    let triggers = triggers(found, there, &both, using, back);
    let carried = twin::carried(found, &there.name, &new.name, |name| twin::own(found, name))?;
    let kept = twin::carried(found, &there.name, &there.name, str::to_owned)?;
    let is_plain = using == q(&there.name) && back == q(&new.name) && there.data_type == new.data_type;
    let twin = |new: &New, name: &str, using: &str, carried: &twin::Carried, default: Option<String>| Twin {
        found,
        new: New { default: None, ..new.clone() },
        using: using.to_owned(),
        // Not those without a value only: before the triggers are there, a client gives the column its default.
        only_where: if is_plain {
            format!("NOT {}", equal(&q(name), using, &there.data_type))
        } else {
            format!("NOT ({} <=> {using})", q(name))
        },
        default,
        triggers: &triggers,
        carried: carried.clone(),
    };
    let come = twin(&both.new, &new.name, using, &carried, both.new.default.clone());
    let go = twin(&both.old, &there.name, back, &kept, both.old.default.clone());
    let shown_new = shown(&found.name, &new.name);
    let rows = rule.rows(&found.name);
    let differs = format!("NOT ({} <=> {using})", q(&new.name));
    let same_values = format!("every row has the same in {} and {}", new.name, there.name);
    let mut steps = twin::introduce(rule, &come)?;
    steps.push(twin::proof(found, &new.name, same_values, &differs, rows));
    steps.push(switch(Phase::SwitchWrites, &format!("write {shown_new}")));
    steps.push(switch(Phase::SwitchReads, &format!("read {shown_new}")));
    steps.extend(settled(rule, found, there, new, &both));
    steps.extend(twin::retire(rule, &go)?);
    let names: Vec<Option<String>> = kept.indexes.iter().map(|key| key.name.clone()).collect();
    steps.extend(twin::renamed(rule, found, &carried, &names, &kept.foreign_keys));
    let (engine, position) = (rule.target.engine, None);
    known::change_column(rule.table_mut(&found.name), engine, &there.name, &New { position, ..new.clone() });
    let mut drafts = Drafts { as_written: Some(lock::impact(&found.name, EXCLUSIVE)), ..on(&found.name, steps) };
    drafts.hazards.push(format!(
        "as written every client that says {} fails from that moment on",
        shown(&found.name, &there.name)
    ));
    drafts.hazards.push(two_forms(&shown_new, INSERT_FAILS));
    Ok(drafts)
}

/// What a foreign key writes by itself, triggers do not see: nothing may follow from it.
fn refuse_unseen(found: &Found, expressions: [&str; 2]) -> Result<(), Refusal> {
    for (name, key) in known::foreign_keys(&found.table) {
        let writes = key.rules.contains("SET ") || key.rules.contains("ON UPDATE CASCADE");
        let is_used = |column: &&String| expressions.iter().any(|text| super::text::mentions(text, column));
        if let Some(column) = key.columns.iter().find(is_used).filter(|_| writes) {
            return Err(Refusal::new(
                format!(
                    "foreign key {name} writes {} by itself, and triggers do not see that",
                    shown(&found.name, column)
                ),
                "use other columns in the directive, or drop the foreign key before and add it after",
            ));
        }
    }
    Ok(())
}

/// The two columns as they are while both are there.
struct Both {
    /// May be NULL. A default it has only where it tells a value that was left out from NULL.
    new: New,
    /// As `there`, and may be NULL too, so that it can be left out in the end.
    old: New,
}

impl Both {
    fn of(found: &Found, there: &Column, new: &New) -> Self {
        let is_stable = types::is_stable(new.default.as_deref());
        let old = fill::as_new(found, &there.name).unwrap_or_default();
        let new = New {
            not_null: false,
            default: new.default.clone().filter(|_| is_stable && !new.not_null && there.nullable),
            on_update: None,
            unique: false,
            primary: false,
            ..new.clone()
        };
        let old = New {
            not_null: false,
            default: old.default.clone().filter(|_| types::is_stable(old.default.as_deref())),
            on_update: None,
            position: Some(Position::After(new.name.clone())),
            ..old
        };
        Self { new, old }
    }
}

/// What can stand on one of the two only, or can be so only when clients are off the old one: NOT NULL, defaults that are another for
/// every row, what the server writes by itself.
fn settled(rule: &Rule<'_>, found: &Found, there: &Column, new: &New, both: &Both) -> Option<Draft> {
    let old = fill::as_new(found, &there.name)?;
    let definition = |new: &New| new.definition();
    let (first, last) = ((definition(&both.new), definition(&old)), (definition(new), definition(&both.old)));
    if first == last {
        return None;
    }
    let modify = |new_definition: &str, old_definition: &str, algorithm| {
        let clause = format!(
            "MODIFY COLUMN {} {new_definition}, MODIFY COLUMN {} {old_definition}",
            q(&new.name),
            q(&there.name)
        );
        vec![algorithm::alter(rule.target, &found.name, &clause, algorithm)]
    };
    let is_catalog_only = !new.not_null && there.nullable;
    let algorithm = if is_catalog_only { algorithm::catalog_only(rule.target) } else { Algorithm::Inplace };
    let shown = shown(&found.name, &new.name);
    let mut draft = step(
        &format!("settle {shown}"),
        Phase::Contract,
        modify(&last.0, &last.1, algorithm),
        Some(modify(&first.0, &first.1, algorithm)),
    )
    .holds(&found.name, algorithm.mode())
    .goes_through(if is_catalog_only { None } else { rule.rows(&found.name) })
    .why("No client is left that needs the old form: it may be left out from here on, and the new one is what it is to be.");
    if new.not_null {
        draft = draft.only_if(
            &format!("every row has a value in {shown}"),
            format!("SELECT * FROM {} WHERE {} IS NULL", q(&found.name), q(&new.name)),
        );
    }
    draft.step.needs_approval = false;
    Some(draft)
}

/// Whichever form a client writes, the other follows.
fn triggers(found: &Found, there: &Column, both: &Both, using: &str, back: &str) -> Vec<Trigger> {
    let mut with = found.clone();
    with.table.columns.push(Column { name: both.new.name.clone(), ..there.clone() });
    let (old, new) = (format!("NEW.{}", q(&there.name)), format!("NEW.{}", q(&both.new.name)));
    let (using, back) = (sync::over_new(&with, using), sync::over_new(&with, back));
    let initial = both.new.default.clone().unwrap_or_else(|| "NULL".to_owned());
    let is_left_out = match &both.new.default {
        Some(_) => equal(&new, &initial, &both.new.data_type),
        // A column that is NOT NULL and was left out reads as NULL here, too.
        None => format!("{new} IS NULL"),
    };
    let follows = |changed: &str| {
        format!(
            "BEGIN IF {changed} THEN SET {new} = {using}; ELSEIF NOT {} THEN SET {old} = {back}; END IF; END",
            equal(&new, &using, &both.new.data_type)
        )
    };
    let (old_before, new_before) = (format!("OLD.{}", q(&there.name)), format!("OLD.{}", q(&both.new.name)));
    let new_is_kept = equal(&new, &new_before, &both.new.data_type);
    let old_is_kept = equal(&old, &old_before, &there.data_type);
    let on_update = format!(
        "BEGIN IF NOT {new_is_kept} THEN IF NOT {} THEN SET {old} = {back}; END IF; ELSEIF NOT {old_is_kept} THEN SET {new} = {using}; \
         END IF; END",
        equal(&new, &using, &both.new.data_type)
    );
    let on_insert = follows(&is_left_out);
    sync::EVENTS
        .map(|event| {
            let body = if event == "UPDATE" { &on_update } else { &on_insert };
            Trigger::new(&found.name, "sync", event, &there.name, body)
        })
        .into()
}

/// True when two values are the same, to the byte where they are text.
fn equal(one: &str, other: &str, data_type: &str) -> String {
    if types::is_text(data_type) {
        format!("(CAST({one} AS BINARY) <=> CAST({other} AS BINARY))")
    } else {
        format!("({one} <=> {other})")
    }
}
