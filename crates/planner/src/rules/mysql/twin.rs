//! Two columns that hold the same, each in its own form, while clients move from the one to the other.
//!
//! Making the second column and taking the first away are mirror images: each step of the one, with its two directions exchanged
//! and in reverse order, is a step of the other. So the way back is as careful as the way there.

use super::algorithm::{self, Algorithm};
use super::column::{New, shown};
use super::key::{self, ForeignKey, Key};
use super::lock::{EXCLUSIVE, Locks, ONLINE, ROWS};
use super::sync::{self, Trigger};
use super::text::{mentions, q, same};
use super::{BATCH_ROWS_MAX, Found, Rule, column, constraint, fill, known, step};
use crate::draft::Draft;
use crate::name;
use crate::plan::Refusal;
use lockstep_core::schema::{Column, ConstraintKind};
use lockstep_core::step::{Action, Assertion, Backfill, Phase};

/// A column beside another one.
pub(super) struct Twin<'a> {
    pub(super) found: &'a Found,
    /// The column that comes, as long as both are there: it may be NULL.
    pub(super) new: New,
    /// What fills it, over the columns of the row.
    pub(super) using: String,
    /// Which rows still need it.
    pub(super) only_where: String,
    /// A default that must be there as long as both columns are: it tells a value that was left out from NULL.
    pub(super) default: Option<String>,
    /// What keeps both in step.
    pub(super) triggers: &'a [Trigger],
    /// Keys that it gets.
    pub(super) carried: Carried,
}

/// Keys on a column, as they are to be on another one.
#[derive(Clone, Debug, Default)]
pub(super) struct Carried {
    /// Each with its name.
    pub(super) indexes: Vec<Key>,
    pub(super) foreign_keys: Vec<(String, ForeignKey)>,
}

/// What is on `column`, for a column `other`; `naming` gives the names.
pub(super) fn carried(
    found: &Found,
    column: &str,
    other: &str,
    naming: impl Fn(&str) -> String,
) -> Result<Carried, Refusal> {
    let mut carried = Carried::default();
    for (name, index) in &found.table.indexes {
        let unreadable = || {
            Refusal::new(
                format!("the definition of index {name} cannot be read"),
                "drop it before, and make it again after",
            )
        };
        let mut key = key::of_index(&index.definition).ok_or_else(unreadable)?;
        if !key.columns.iter().flatten().any(|known| same(known, column)) {
            if mentions(&index.definition, column) && key.columns.contains(&None) {
                return Err(unreadable());
            }
            continue;
        }
        if super::undo::blocks(key.kind) {
            return Err(Refusal::new(
                format!("index {name} of {} could be built again only while writes wait", found.name),
                "drop it before, and make it again after",
            ));
        }
        for (part, known) in key.parts.iter_mut().zip(&mut key.columns) {
            if known.as_ref().is_some_and(|known| same(known, column)) {
                let rest = known.as_ref().map(|known| part[q(known).len()..].to_owned()).unwrap_or_default();
                *part = format!("{}{rest}", q(other));
                *known = Some(other.to_owned());
            }
        }
        key.name = Some(naming(name));
        carried.indexes.push(key);
    }
    for (name, mut key) in known::foreign_keys(&found.table) {
        if key.columns.iter().any(|known| same(known, column)) {
            key.columns.iter_mut().filter(|known| same(known, column)).for_each(|known| other.clone_into(known));
            carried.foreign_keys.push((naming(&name), key));
        }
    }
    Ok(carried)
}

/// Refuses what cannot have a twin.
pub(super) fn check(rule: &Rule<'_>, found: &Found, column: &Column) -> Result<(), Refusal> {
    let shown = shown(&found.name, &column.name);
    let refuse = |reason: String, remedy: &str| Err(Refusal::new(reason, remedy));
    let window = "do it in a window of its own with `-- lockstep: opaque` and `-- lockstep: revert ...`";
    if column::counts(column) {
        return refuse(format!("{shown} counts, which a second column cannot do"), window);
    }
    if column.generated.is_some() {
        return refuse(format!("{shown} is computed"), "drop it, and add it again in its new form");
    }
    if known::primary_key(&found.table).is_some_and(|key| key.iter().any(|known| same(known, &column.name))) {
        return refuse(
            format!("{shown} is of the primary key, and the server would copy the table while writes wait"),
            window,
        );
    }
    if let Some((other, name)) = pointing_at(rule, &found.name, Some(&column.name)) {
        return refuse(
            format!("foreign key {name} of {other} points at {shown}"),
            "drop the foreign key before, and add it after",
        );
    }
    let cascades = |key: &ForeignKey| key.rules.contains("SET ") || key.rules.contains("ON UPDATE CASCADE");
    let own = known::foreign_keys(&found.table);
    if let Some((name, _)) =
        own.iter().find(|(_, key)| key.columns.iter().any(|known| same(known, &column.name)) && cascades(key))
    {
        return refuse(
            format!("foreign key {name} writes {shown} by itself, and triggers do not see that"),
            "drop the foreign key before, and add it after",
        );
    }
    if let Some(what) = mentioned_elsewhere(rule, found, &column.name) {
        return refuse(format!("{what} uses {shown}"), "drop it before, and make it again after");
    }
    Ok(())
}

/// A foreign key of any table that points at this one: its table and its name.
pub(super) fn pointing_at(rule: &Rule<'_>, target: &str, column: Option<&str>) -> Option<(String, String)> {
    rule.catalog.schema.tables.iter().find_map(|(table, known)| {
        let keys = known::foreign_keys(known);
        let hits = |key: &ForeignKey| {
            key.target == target
                && column.is_none_or(|column| key.target_columns.iter().any(|known| same(known, column)))
        };
        keys.into_iter().find(|(_, key)| hits(key)).map(|(name, _)| (table.clone(), name))
    })
}

/// A view, trigger, check or computed column that uses the column.
pub(super) fn mentioned_elsewhere(rule: &Rule<'_>, found: &Found, column: &str) -> Option<String> {
    let table = &found.table;
    let computed = table.columns.iter().find(|known| {
        let is_other = !same(&known.name, column);
        let checks = column::option(known, "check").is_some_and(|check| mentions(check, column));
        is_other && (checks || known.generated.as_deref().is_some_and(|text| mentions(text, column)))
    });
    let check = table
        .constraints
        .iter()
        .find(|(_, known)| known.kind == ConstraintKind::Check && mentions(&known.definition, column));
    let trigger = table.triggers.iter().find(|(_, text)| mentions(text, column));
    let partition = table.options.get("partition by").filter(|text| mentions(text, column));
    computed
        .map(|known| shown(&found.name, &known.name))
        .or_else(|| check.map(|(name, _)| format!("check {name}")))
        .or_else(|| trigger.map(|(name, _)| format!("trigger {name}")))
        .or_else(|| partition.map(|_| "the partitioning".to_owned()))
        .or_else(|| used_by(rule, &found.name, Some(column)))
}

/// A view, routine, event or another table's trigger that uses the table, and the column of it.
pub(super) fn used_by(rule: &Rule<'_>, table: &str, column: Option<&str>) -> Option<String> {
    let uses = |text: &str| mentions(text, table) && column.is_none_or(|column| mentions(text, column));
    let objects = rule.catalog.schema.objects.iter().find_map(|(kind, objects)| {
        objects.iter().find(|(_, text)| uses(text)).map(|(name, _)| format!("{kind} {name}"))
    });
    let others = rule.catalog.schema.tables.iter().filter(|(name, _)| *name != table);
    let mut triggers = others.flat_map(|(_, table)| &table.triggers);
    objects.or_else(|| triggers.find(|(_, text)| uses(text)).map(|(name, _)| format!("trigger {name}")))
}

/// The steps that make the second column, all of its rows filled and everything on it.
pub(super) fn introduce(rule: &Rule<'_>, twin: &Twin<'_>) -> Result<Vec<Draft>, Refusal> {
    let Twin { found, new, .. } = twin;
    let (table, target) = (&found.name, rule.target);
    let shown = shown(table, &new.name);
    let rows = rule.rows(table);
    let add = format!("ADD COLUMN {} {}{}", q(&new.name), new.definition(), new.place());
    let mut make =
        vec![algorithm::alter(target, table, &add, algorithm::add_column(target, new.position.is_some()))];
    if let Some(default) = &twin.default {
        let clause = column::set_default(target.engine, new, default);
        make.push(algorithm::alter(target, table, &clause, Algorithm::Instant));
    }
    make.extend(sync::create(twin.triggers));
    let mut unmake = sync::drop(twin.triggers);
    unmake.push(super::add_column::dropped(rule, found, &new.name));
    let mut steps = vec![
        step(&format!("add {shown}"), Phase::Expand, make, Some(unmake))
            .holds(table, EXCLUSIVE)
            .why("The new form beside the old one; triggers write each when a client writes the other."),
        filled(twin, &shown, rows)?,
    ];
    steps[0].joins = false;
    steps[0] = algorithm::with_room_for_versions(steps[0].clone(), target, table);
    for key in &twin.carried.indexes {
        let name = key.name.clone().unwrap_or_default();
        let alter = |clause: String| vec![algorithm::alter(target, table, &clause, Algorithm::NoCopy)];
        steps.push(
            step(
                &format!("index {name} of {table}"),
                Phase::Validate,
                alter(format!("ADD {}", key.written(&name))),
                Some(alter(format!("DROP INDEX {}", q(&name)))),
            )
            .holds(table, ONLINE)
            .goes_through(rows)
            .why("What the old form has, the new one has too; built beside reads and writes."),
        );
    }
    let foreign = twin.carried.foreign_keys.iter();
    steps.extend(foreign.map(|(name, key)| foreign_key(rule, table, name, key, rows)));
    Ok(steps)
}

/// A foreign key of a table whose rows are known to have their parents.
pub(super) fn foreign_key(rule: &Rule<'_>, table: &str, name: &str, key: &ForeignKey, rows: Option<u64>) -> Draft {
    let clause = format!("ADD CONSTRAINT {} {}", q(name), key.definition());
    added(rule, table, (name, key), &clause, rows)
}

/// The step that takes a foreign key of the table away, and brings it back.
pub(super) fn without(rule: &Rule<'_>, found: &Found, name: &str, key: &ForeignKey, rows: Option<u64>) -> Draft {
    let clause = constraint::adding_again(&found.table, name, key);
    mirrored(added(rule, &found.name, (name, key), &clause, rows))
}

fn added(
    rule: &Rule<'_>,
    table: &str,
    (name, key): (&str, &ForeignKey),
    clause: &str,
    rows: Option<u64>,
) -> Draft {
    let drop = format!("DROP FOREIGN KEY {}", q(name));
    let drop = algorithm::alter(rule.target, table, &drop, Algorithm::NoCopy);
    let forward = constraint::unchecked(rule.target, table, clause);
    step(&format!("add {name} of {table}"), Phase::Validate, forward, Some(vec![drop]))
        .holds(table, ONLINE)
        .holds(&key.target, EXCLUSIVE)
        .goes_through(rows)
        .why("What points from the old form points from the new one too: both hold the same, so nothing is checked again.")
}

fn filled(twin: &Twin<'_>, shown: &str, rows: Option<u64>) -> Result<Draft, Refusal> {
    let name = q(&twin.new.name);
    let backfill = Backfill {
        table: q(&twin.found.name),
        key: twin.found.key_to_fill()?,
        set: fill::set(twin.found, &format!("{name} = {}", twin.using)),
        only_where: Some(twin.only_where.clone()),
        batch_rows_max: BATCH_ROWS_MAX,
    };
    let draft =
        Draft::new(&format!("fill {shown}"), Phase::Backfill, Action::Backfill(backfill), Some(Action::Nothing));
    Ok(draft
        .holds(&twin.found.name, ROWS)
        .goes_through(rows)
        .why("Rows are filled in short transactions, each of a few rows in the order of the key."))
}

/// Proof that a condition holds for no row.
pub(super) fn proof(found: &Found, column: &str, name: String, differs: &str, rows: Option<u64>) -> Draft {
    let violations_query = format!("SELECT * FROM {} WHERE {differs}", q(&found.name));
    let assertion = Assertion { name, violations_query };
    constraint::proof(&format!("compare {}", shown(&found.name, column)), assertion, rows)
        .why("Clients are sent to the new form only when it is proven to hold what the old one holds.")
}

/// The steps that take the first column away: those that would make it, the other way round.
pub(super) fn retire(rule: &Rule<'_>, twin: &Twin<'_>) -> Result<Vec<Draft>, Refusal> {
    let mut steps = introduce(rule, twin)?;
    steps.reverse();
    let shown = shown(&twin.found.name, &twin.new.name);
    let approved = format!("add {shown}");
    let mirrored = |draft: Draft| {
        let is_last = draft.step.name == approved;
        let mut draft = mirrored(draft);
        draft.step.needs_approval = is_last;
        draft
    };
    Ok(steps.into_iter().map(mirrored).collect())
}

/// A step the other way round; it asks for no approval.
pub(super) fn mirrored(mut draft: Draft) -> Draft {
    let forward = draft.step.revert.take().unwrap_or(Action::Nothing);
    draft.step.revert = Some(std::mem::replace(&mut draft.step.forward, forward));
    draft.step.name = format!("undo: {}", draft.step.name);
    draft.step.phase = Phase::Contract;
    draft.step.preconditions.clear();
    draft.step.requires = lockstep_core::step::ClientRequirement::Understands;
    draft.step.needs_approval = false;
    draft.why = match (&draft.step.forward, &draft.step.revert) {
        (Action::Nothing, Some(Action::Assert { .. })) => "Nothing is done; a rollback compares here.".to_owned(),
        (Action::Nothing, _) => "Nothing is done; a rollback fills the column here.".to_owned(),
        _ => "The old form goes piece by piece, in the reverse order of how a rollback would bring it back."
            .to_owned(),
    };
    draft
}

/// Gives what was carried its own names, now that they are free.
pub(super) fn renamed(
    rule: &Rule<'_>,
    found: &Found,
    own: &Carried,
    wanted: &[Option<String>],
    keys: &[(String, ForeignKey)],
) -> Option<Draft> {
    let (target, table) = (rule.target, &found.name);
    let rename = |from: &str, to: &str| {
        let clause = format!("RENAME INDEX {} TO {}", q(from), q(to));
        algorithm::alter(target, table, &clause, algorithm::catalog_only(target))
    };
    let drop =
        |name: &str| algorithm::alter(target, table, &format!("DROP FOREIGN KEY {}", q(name)), Algorithm::NoCopy);
    let add = |name: &str, key: &ForeignKey| {
        constraint::unchecked(target, table, &format!("ADD CONSTRAINT {} {}", q(name), key.definition()))
    };
    let (mut forward, mut revert) = (Vec::new(), Vec::new());
    for (key, wanted) in own.indexes.iter().zip(wanted) {
        let (from, to) = (key.name.clone().unwrap_or_default(), wanted.clone().unwrap_or_default());
        forward.push(rename(&from, &to));
        revert.insert(0, rename(&to, &from));
    }
    for ((from, key), (to, _)) in own.foreign_keys.iter().zip(keys) {
        forward.extend(add(to, key));
        forward.push(drop(from));
        revert.splice(0..0, add(from, key).into_iter().chain([drop(to)]));
    }
    if forward.is_empty() {
        return None;
    }
    let mut draft = step(&format!("names of what is on {table}"), Phase::Contract, forward, Some(revert))
        .holds(table, EXCLUSIVE)
        .why("Keys get the names that the statement leaves them.");
    draft.step.needs_approval = false;
    Some(draft)
}

/// A name of our own for something that takes the place of another.
pub(super) fn own(found: &Found, name: &str) -> String {
    name::own("twin", &[&found.name, name])
}
