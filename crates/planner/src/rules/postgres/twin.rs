//! Two columns that hold the same, each in its own form, while clients move from the one to the other.
//!
//! Making the second column and taking the first away are mirror images: each step of the one, with its two directions exchanged
//! and in reverse order, is a step of the other. So the way back is as careful as the way there.

use super::handover::{self, Key};
use super::lock::{ACCESS_EXCLUSIVE, Locks, ROW_EXCLUSIVE, SHARE_UPDATE_EXCLUSIVE};
use super::pointing::{self, Pointing};
use super::sync::{self, Trigger};
use super::table_name::{Name, as_printed};
use super::{BATCH_ROWS_MAX, Found, Rule, column, index, literal, not_null, q, rewrite, sequences, view};
use crate::draft::Draft;
use crate::name;
use crate::plan::{Refusal, Target};
use lockstep_core::schema::{Column, Constraint, ConstraintKind};
use lockstep_core::step::{Action, Assertion, Backfill, Phase};
use std::collections::BTreeSet;

/// A column beside another one.
pub(super) struct Twin<'a> {
    pub(super) found: &'a Found,
    /// The column that is there.
    pub(super) there: &'a Column,
    /// The column that comes beside it.
    pub(super) new: Column,
    /// What fills `new`, over the columns of the row.
    pub(super) using: String,
    /// What `new` is called by, and what makes and drops the trigger that keeps both in step.
    pub(super) trigger: &'a Trigger,
    /// Indexes and constraints that `new` gets.
    pub(super) carried: Carried,
}

/// Indexes and constraints on a column, as they are to be on another one.
#[derive(Clone, Debug, Default)]
pub(super) struct Carried {
    /// Name, and the statement that builds it.
    pub(super) indexes: Vec<(String, String)>,
    /// Name, and what it is.
    pub(super) constraints: Vec<(String, Constraint)>,
    /// Unique indexes that stand in for a primary key.
    pub(super) keys: Vec<(String, String)>,
    /// Foreign keys that point at it.
    pub(super) pointing: Vec<Pointing>,
}

/// What is on `column`, for a column `other`; `naming` gives the names.
pub(super) fn carried(
    found: &Found,
    column: &str,
    other: &str,
    naming: impl Fn(&str) -> String,
) -> Result<Carried, Refusal> {
    let mut carried = Carried::default();
    let unreadable = |what: &str| {
        Refusal::new(format!("the definition of {what} cannot be read"), "drop it before, and make it again after")
    };
    for (name, known) in &found.table.indexes {
        let unique = if known.unique { "UNIQUE " } else { "" };
        let head = format!("CREATE {unique}INDEX {} ON {} USING ", as_printed(name), found.name.key());
        let body = known.definition.strip_prefix(&head).ok_or_else(|| unreadable(name))?;
        if rewrite::mentions(body, column) {
            let body = rewrite::with_column(body, column, other).ok_or_else(|| unreadable(name))?;
            let own = naming(name);
            let build =
                format!("CREATE {unique}INDEX CONCURRENTLY {} ON {} USING {body}", q(&own), found.name.sql());
            carried.indexes.push((own, build));
        }
    }
    for (name, known) in &found.table.constraints {
        let (own, rest) = match known.definition.split_once(" REFERENCES ") {
            Some((own, rest)) if known.kind == ConstraintKind::ForeignKey => (own, format!(" REFERENCES {rest}")),
            _ => (known.definition.as_str(), String::new()),
        };
        // There is one primary key: it is handed over.
        if known.kind != ConstraintKind::PrimaryKey && rewrite::mentions(own, column) {
            let own = rewrite::with_column(own, column, other).ok_or_else(|| unreadable(name))?;
            let renamed = |known: &String| if known == column { other.to_owned() } else { known.clone() };
            let columns = known.columns.iter().map(renamed).collect();
            let definition = format!("{own}{rest}");
            carried.constraints.push((naming(name), Constraint { kind: known.kind, columns, definition }));
        }
    }
    Ok(carried)
}

/// What the new form gets under names of our own, and what the old form has; `others` are the names of the new form before the old
/// one goes, and of the old form then.
pub(super) fn both(
    rule: &Rule<'_>,
    found: &Found,
    key: Option<&Key>,
    column: &str,
    [new, old]: [&str; 2],
) -> Result<[Carried; 2], Refusal> {
    let mut come = carried(found, column, new, |name| own(found, name))?;
    let mut kept = carried(found, column, old, str::to_owned)?;
    for pointing in pointing::at(rule.catalog, &found.name, column) {
        come.pointing.push(pointing.at(&found.name, column, new, &pointing.own()));
        if !key.is_some_and(|key| key.takes_along(&pointing)) {
            kept.pointing.push(pointing.at(&found.name, column, old, &pointing.name));
        }
    }
    if let Some(key) = key {
        come.keys.push(key.coming(found, column, new)?);
        kept.keys.push(key.going(found, column, old)?);
    }
    Ok([come, kept])
}

/// Refuses what cannot have a twin of the type `to`.
pub(super) fn check(rule: &Rule<'_>, found: &Found, column: &Column, to: &str) -> Result<(), Refusal> {
    let shown = column::shown(&found.name, &column.name);
    let refuse = |reason: String, remedy: &str| Err(Refusal::new(reason, remedy));
    if column.generated.is_some() {
        return refuse(format!("{shown} is computed"), "drop it, and add it again in its new form");
    }
    handover::check(found, &column.name)?;
    pointing::check(rule, found, column, to)?;
    refuse_within_partitions(rule, found, &column.name)?;
    if let Some(what) = mentioned_elsewhere(rule, found, &column.name) {
        return refuse(format!("{what} uses {shown}"), "drop it before, and make it again after");
    }
    Ok(())
}

/// What belongs to a whole of several tables cannot be built beside writes, and a trigger of one does not work for the others.
fn refuse_within_partitions(rule: &Rule<'_>, found: &Found, column: &str) -> Result<(), Refusal> {
    let shown = column::shown(&found.name, column);
    let option = |name: &str| found.table.options.get(name);
    if let Some(whole) = option("inherits") {
        return Err(Refusal::new(
            format!("{shown} comes from {whole}, and has its name and type from there"),
            format!("change the column of {whole}"),
        ));
    }
    let has_heirs = rule.catalog.schema.tables.values().any(|table| {
        table.options.get("inherits").is_some_and(|parents| parents.split(", ").any(|one| one == found.name.key()))
    });
    let is_indexed = {
        let carried = carried(found, column, column, str::to_owned)?;
        let is_key = handover::key(rule, found, column).is_some();
        is_key
            || !carried.indexes.is_empty()
            || !pointing::at(rule.catalog, &found.name, column).is_empty()
            || carried.constraints.iter().any(|(_, constraint)| constraint.kind != ConstraintKind::Check)
    };
    let by = option("partition by");
    if by.is_some_and(|by| is_indexed || rewrite::mentions(by, column)) {
        return Err(Refusal::new(
            format!("{shown} has keys or indexes over all partitions, which cannot be built beside writes"),
            "make a new table with partitions of its own, and move the rows",
        ));
    }
    if by.is_none() && has_heirs {
        return Err(Refusal::new(
            format!("other tables inherit {shown}, and no trigger would keep theirs in step"),
            "make the tables independent before (NO INHERIT)",
        ));
    }
    Ok(())
}

/// For messages.
pub(super) fn shown(found: &Found, column: &str) -> String {
    column::shown(&found.name, column)
}

/// A foreign key of any table that points at this one: its table and its name.
pub(super) fn pointing_at(rule: &Rule<'_>, target: &Name, column: Option<&str>) -> Option<(String, String)> {
    let head = format!(" REFERENCES {}(", target.key());
    rule.catalog.schema.tables.iter().find_map(|(key, table)| {
        let (name, _) = table.constraints.iter().find(|(_, constraint)| {
            let there =
                constraint.definition.split_once(&head).map(|(_, rest)| rest.split(')').next().unwrap_or(rest));
            there.is_some_and(|there| column.is_none_or(|column| rewrite::mentions(there, column)))
        })?;
        Some((key.clone(), name.clone()))
    })
}

/// A view, trigger, policy or computed column that uses the column.
pub(super) fn mentioned_elsewhere(rule: &Rule<'_>, found: &Found, column: &str) -> Option<String> {
    let mentions = |text: &str| rewrite::mentions(text, column);
    let computed = found.table.columns.iter().find(|known| known.generated.as_deref().is_some_and(mentions));
    let trigger = found.table.triggers.iter().find(|(_, text)| mentions(text));
    let option = found.table.options.iter().find(|(_, text)| mentions(text));
    computed
        .map(|known| column::shown(&found.name, &known.name))
        .or_else(|| trigger.map(|(name, _)| format!("trigger {name}")))
        .or_else(|| option.map(|(name, _)| name.clone()))
        .or_else(|| view_on(rule, &found.name, Some(column)))
}

/// A view that uses the table, and the column of it.
pub(super) fn view_on(rule: &Rule<'_>, table: &Name, column: Option<&str>) -> Option<String> {
    let schema = &rule.catalog.schema;
    let keys = schema.tables.keys().chain(schema.objects.get("view").into_iter().flat_map(|views| views.keys()));
    let relations: BTreeSet<String> = keys.filter_map(|key| Some(Name::from_key(key)?.name)).collect();
    let reads =
        |text: &str, column: &str| rewrite::may_read(text, &table.name, column, &|name| relations.contains(name));
    let uses =
        |text: &str| rewrite::mentions(text, &table.name) && column.is_none_or(|column| reads(text, column));
    view::all(schema).find(|(_, _, text)| uses(text)).map(|(kind, name, _)| format!("{kind} {name}"))
}

/// The steps that make the second column, all of its rows filled and everything on it.
pub(super) fn introduce(rule: &Rule<'_>, twin: &Twin<'_>) -> Result<Vec<Draft>, Refusal> {
    let Twin { found, there, new, .. } = twin;
    let table = &found.name;
    let shown = column::shown(table, &new.name);
    let rows = rule.rows(table);
    let collation = new.options.iter().find_map(|option| option.strip_prefix("collate "));
    let collation = collation.map(|name| format!(" COLLATE {name}")).unwrap_or_default();
    let mut make =
        vec![format!("ALTER TABLE {} ADD COLUMN {} {}{collation}", table.sql(), q(&new.name), new.data_type)];
    if let Some(default) = &new.default {
        make.push(format!("ALTER TABLE {} ALTER COLUMN {} SET DEFAULT {default}", table.sql(), q(&new.name)));
    }
    make.extend(twin.trigger.create());
    make.push(copy_of_grants(table, &there.name, &new.name));
    let mut unmake = twin.trigger.drop();
    unmake.push(format!("ALTER TABLE {} DROP COLUMN {}", table.sql(), q(&new.name)));
    let mut steps = vec![
        Draft::statements(&format!("add {shown}"), Phase::Expand, make, Some(unmake))
            .holds(table, ACCESS_EXCLUSIVE)
            .why("The new form beside the old one; a trigger writes each when a client writes the other."),
        filled(rule.target, twin, &shown, rows)?,
    ];
    if !there.nullable {
        steps.push(not_null::step(table, &new.name, rows));
    }
    for (name, build) in twin.carried.indexes.iter().chain(&twin.carried.keys) {
        let index = table.beside(name);
        steps.push(
            index::build(&format!("index {}", index.key()), table, build.clone(), &index)
                .scans(rows)
                .why("What the old form has, the new one has too; built beside writes."),
        );
    }
    for (name, constraint) in &twin.carried.constraints {
        steps.push(carried_constraint(found, name, constraint));
    }
    for key in &twin.carried.pointing {
        steps.push(carried_constraint(&key.found(), &key.name, &key.constraint));
    }
    Ok(steps)
}

fn filled(target: Target, twin: &Twin<'_>, shown: &str, rows: Option<u64>) -> Result<Draft, Refusal> {
    // The key is on the form that is there.
    let in_force = |column: String| if column == twin.new.name { twin.there.name.clone() } else { column };
    let backfill = Backfill {
        table: twin.found.name.sql(),
        key: twin.found.key_or_place(target)?.into_iter().map(in_force).collect(),
        set: format!("{} = {}", q(&twin.new.name), twin.using),
        only_where: Some(format!("{} IS NULL", q(&twin.new.name))),
        batch_rows_max: BATCH_ROWS_MAX,
    };
    let mut step =
        Draft::new(&format!("fill {shown}"), Phase::Backfill, Action::Backfill(backfill), Some(Action::Nothing))
            .holds(&twin.found.name, ROW_EXCLUSIVE)
            .why("Rows are filled in short transactions, each of a few rows in the order of the key.");
    step.impact.rows_estimate = rows;
    Ok(step)
}

fn carried_constraint(found: &Found, name: &str, constraint: &Constraint) -> Draft {
    let table = found.name.sql();
    let mut revert = vec![format!("ALTER TABLE {table} DROP CONSTRAINT {}", q(name))];
    if matches!(constraint.kind, ConstraintKind::Unique | ConstraintKind::PrimaryKey) {
        revert.push(format!("DROP INDEX CONCURRENTLY IF EXISTS {}", found.name.beside(name).sql()));
    }
    let revert = Action::Statements { statements: revert, transactional: false };
    let forward = super::drop_constraint::back(found, name, constraint);
    let step = Draft::new(&format!("add {name} of {}", found.name.key()), Phase::Validate, forward, Some(revert))
        .holds(&found.name, ACCESS_EXCLUSIVE)
        .why("What holds of the old form holds of the new one; proven beside reads and writes.");
    // Made or dropped, a foreign key comes and goes with triggers on the table that it points at.
    super::drop_constraint::target_of(constraint)
        .into_iter()
        .fold(step, |step, target| step.holds(&target, ACCESS_EXCLUSIVE))
}

/// Proof that both columns hold the same.
pub(super) fn proof(found: &Found, column: &str, other: &str, using: &str) -> Draft {
    let assertion = Assertion {
        name: format!("every row has the same in {column} and {other}"),
        violations_query: format!("SELECT * FROM {} WHERE {}", found.name.sql(), sync::differs(&q(column), using)),
    };
    let forward = Action::Assert { assertions: vec![assertion] };
    Draft::new(
        &format!("compare {}", column::shown(&found.name, column)),
        Phase::Validate,
        forward,
        Some(Action::Nothing),
    )
    .why("Clients are sent to the new form only when it is proven to hold what the old one holds.")
}

/// The steps that take the first column away: those that would make it, the other way round.
pub(super) fn retire(rule: &Rule<'_>, twin: &Twin<'_>) -> Result<Vec<Draft>, Refusal> {
    let mut steps = introduce(rule, twin)?;
    if let Some(first) = steps.first_mut() {
        sequences::hand_over(rule, twin, first);
    }
    steps.reverse();
    let shown = column::shown(&twin.found.name, &twin.new.name);
    Ok(steps.into_iter().map(|draft| mirrored(draft, &shown)).collect())
}

fn mirrored(mut draft: Draft, shown: &str) -> Draft {
    let forward = draft.step.revert.take().unwrap_or(Action::Nothing);
    draft.step.revert = Some(std::mem::replace(&mut draft.step.forward, forward));
    draft.step.name = format!("undo: {}", draft.step.name);
    draft.step.phase = Phase::Contract;
    draft.step.preconditions.clear();
    draft.impact.scans = false;
    draft.step.requires = lockstep_core::step::ClientRequirement::Understands;
    draft.step.needs_approval = draft.step.name.starts_with("undo: add ") && draft.step.name.ends_with(shown);
    draft.why = match draft.step.forward {
        Action::Nothing => "Nothing is done; a rollback fills the column here.".to_owned(),
        _ => "The old form goes piece by piece, in the reverse order of how a rollback would bring it back."
            .to_owned(),
    };
    draft
}

/// Gives what was carried its own names, now that they are free.
pub(super) fn renamed(found: &Found, own: &Carried, wanted: &Carried) -> Option<Draft> {
    let table = found.name.sql();
    let rename_index =
        |from: &str, to: &str| format!("ALTER INDEX {} RENAME TO {}", found.name.beside(from).sql(), q(to));
    let rename = |from: &str, to: &str| format!("ALTER TABLE {table} RENAME CONSTRAINT {} TO {}", q(from), q(to));
    let indexes = own.indexes.iter().zip(&wanted.indexes).map(|((one, _), (other, _))| (one, other, true));
    let constraints =
        own.constraints.iter().zip(&wanted.constraints).map(|((one, _), (other, _))| (one, other, false));
    let pairs: Vec<_> = indexes.chain(constraints).collect();
    let statement =
        |from: &str, to: &str, is_index: bool| if is_index { rename_index(from, to) } else { rename(from, to) };
    let mut forward: Vec<String> =
        pairs.iter().map(|(own, wanted, is_index)| statement(own, wanted, *is_index)).collect();
    let mut revert: Vec<String> =
        pairs.iter().map(|(own, wanted, is_index)| statement(wanted, own, *is_index)).collect();
    forward.extend(wanted.pointing.iter().map(|key| key.renamed(&key.own(), &key.name)));
    revert.extend(wanted.pointing.iter().map(|key| key.renamed(&key.name, &key.own())));
    if forward.is_empty() {
        return None;
    }
    let draft = Draft::statements(
        &format!("names of what is on {}", found.name.key()),
        Phase::Contract,
        forward,
        Some(revert),
    )
    .holds(&found.name, if own.constraints.is_empty() { SHARE_UPDATE_EXCLUSIVE } else { ACCESS_EXCLUSIVE })
    .why("Indexes and constraints get the names that the statement leaves them.");
    let others = wanted.pointing.iter().filter(|key| key.of != found.name);
    let mut draft = others.fold(draft, |step, key| step.holds(&key.of, ACCESS_EXCLUSIVE));
    draft.step.needs_approval = false;
    Some(draft)
}

/// Rights on a column and its comment, for another one: they stand in the server's catalog only.
fn copy_of_grants(table: &Name, from: &str, to: &str) -> String {
    let body = format!(
        "\nDECLARE\n  given record;\n  remark text;\nBEGIN\n  FOR given IN\n    SELECT one.privilege_type AS what, one.is_grantable AS passes_on,\n      \
         CASE one.grantee WHEN 0 THEN 'PUBLIC' ELSE one.grantee::pg_catalog.regrole::text END AS whom\n    \
         FROM pg_catalog.pg_attribute AS known, pg_catalog.aclexplode(known.attacl) AS one\n    \
         WHERE known.attrelid = {regclass}::pg_catalog.regclass AND known.attname = {from}\n  LOOP\n    \
         EXECUTE pg_catalog.format('GRANT %s (%I) ON %s TO %s%s', given.what, {to}, {sql}, given.whom,\n      \
         CASE WHEN given.passes_on THEN ' WITH GRANT OPTION' ELSE '' END);\n  END LOOP;\n  \
         SELECT pg_catalog.col_description(known.attrelid, known.attnum) INTO remark FROM pg_catalog.pg_attribute AS known\n    \
         WHERE known.attrelid = {regclass}::pg_catalog.regclass AND known.attname = {from};\n  \
         IF remark IS NOT NULL THEN\n    EXECUTE pg_catalog.format('COMMENT ON COLUMN %s.%I IS %L', {sql}, {to}, remark);\n  END IF;\nEND ",
        regclass = literal(&table.sql()),
        sql = literal(&table.sql()),
        from = literal(from),
        to = literal(to),
    );
    format!("DO {}", sync::dollar_quoted(&body))
}

/// The trigger between two columns. `initial` is the default that `new` has; `using` and `back` are over the columns of the row.
pub(super) fn trigger(found: &Found, there: &Column, new: &Column, using: &str, back: &str, of: &str) -> Trigger {
    let (old_form, new_form) = (format!("NEW.{}", q(&there.name)), format!("NEW.{}", q(&new.name)));
    let over = |expression: &str| match found
        .table
        .columns
        .iter()
        .chain([new, there])
        .find(|known| q(&known.name) == expression)
    {
        Some(_) => format!("NEW.{expression}"),
        None => sync::over_new(&found.name, expression),
    };
    let (using, back) = (over(using), over(back));
    let declarations = match &new.default {
        Some(default) => format!("  lockstep_initial {} := {default};\n", new.data_type),
        None => format!("  lockstep_initial {};\n", new.data_type),
    };
    let is_given = sync::differs(&new_form, "lockstep_initial");
    let new_changed = sync::differs(&new_form, &format!("OLD.{}", q(&new.name)));
    let old_changed = sync::differs(&old_form, &format!("OLD.{}", q(&there.name)));
    let is_other = sync::differs(&new_form, "lockstep_made");
    let body = format!(
        "  lockstep_made := {using};\n  IF TG_OP = 'INSERT' THEN\n    IF NOT ({is_given}) THEN\n      {new_form} := lockstep_made;\n    \
         ELSIF {is_other} THEN\n      {old_form} := {back};\n    END IF;\n  ELSIF {new_changed} THEN\n    IF {is_other} THEN\n      \
         {old_form} := {back};\n    END IF;\n  ELSIF {old_changed} OR ({new_form} IS NULL AND {old_form} IS NOT NULL) THEN\n    \
         {new_form} := lockstep_made;\n  END IF;\n"
    );
    let declarations = format!("{declarations}  lockstep_made {};\n", new.data_type);
    Trigger::new(&found.name, "sync", of, &declarations, &body)
}

/// A name of our own for something that takes the place of another.
pub(super) fn own(found: &Found, name: &str) -> String {
    name::own("twin", &[&found.name.schema, &found.name.name, name])
}
