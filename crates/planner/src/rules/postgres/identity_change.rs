//! An identity on a column that is there: given, taken away, or made stricter. Clients know before what they must write themselves.

use super::lock::{ACCESS_EXCLUSIVE, Locks};
use super::rename_column::switch;
use super::{Found, Planned, Rule, column, literal, numbering, object, on, q};
use crate::draft::Draft;
use crate::plan::Refusal;
use lockstep_core::schema::Column;
use lockstep_core::step::{Action, Phase};

fn alter(found: &Found, column: &str, change: &str) -> String {
    format!("ALTER TABLE {} ALTER COLUMN {} {change}", found.name.sql(), q(column))
}

fn step(found: &Found, name: &str, phase: Phase, forward: String, revert: String) -> Draft {
    Draft::statements(name, phase, vec![forward], Some(vec![revert]))
        .holds(&found.name, ACCESS_EXCLUSIVE)
        .why("The server changes its catalog only: no row is looked at.")
}

/// Which kind it is from here on, and from when clients must leave the column out.
fn kind(found: &Found, column: &str, to: &str) -> Vec<Draft> {
    let other = if to == "ALWAYS" { "BY DEFAULT" } else { "ALWAYS" };
    let set = |kind: &str| alter(found, column, &format!("SET GENERATED {kind}"));
    let shown = column::shown(&found.name, column);
    let name = format!("identity of {shown} {}", to.to_lowercase());
    if to != "ALWAYS" || found.is_new {
        return vec![step(found, &name, Phase::Expand, set(to), set(other))];
    }
    vec![
        switch(Phase::SwitchWrites, &format!("leave {shown} out")),
        step(found, &name, Phase::Contract, set(to), set(other)),
    ]
}

fn note(rule: &mut Rule<'_>, found: &Found, column: &str, kind: Option<&str>) {
    if let Some(mine) = rule.column_mut(&found.name, column) {
        mine.options.retain(|option| !option.starts_with("identity "));
        mine.options.extend(kind.map(|kind| format!("identity {}", kind.to_lowercase())));
    }
}

/// SET GENERATED.
pub(super) fn set(rule: &mut Rule<'_>, found: &Found, column: &str, to: &str) -> Planned {
    let known = found.column(column)?;
    let shown = column::shown(&found.name, column);
    match numbering::identity(known) {
        None => return Err(none(&shown)),
        Some(kind) if kind.eq_ignore_ascii_case(to) => {
            let hazard = format!("{shown} is generated {} already: nothing is done", to.to_lowercase());
            return Ok(super::create_table::nothing(&found.name, hazard));
        }
        Some(_) => {}
    }
    note(rule, found, column, Some(to));
    Ok(on(&found.name, kind(found, column, to)))
}

fn none(shown: &str) -> Refusal {
    Refusal::new(format!("{shown} has no identity"), "correct the name, or leave the statement out")
}

/// ADD GENERATED. `options` stand in brackets.
pub(super) fn add(rule: &mut Rule<'_>, found: &Found, column: &str, always: bool, options: &str) -> Planned {
    let known = found.column(column)?.clone();
    let shown = column::shown(&found.name, column);
    if known.nullable || known.default.is_some() || known.generated.is_some() || !known.options.is_empty() {
        return Err(Refusal::new(
            format!(
                "{shown} allows NULL or has a value of its own already, and then the server gives it no identity"
            ),
            "write SET NOT NULL and DROP DEFAULT before, each in a statement of its own",
        ));
    }
    let brackets = if options.is_empty() { String::new() } else { format!(" ({options})") };
    // Clients that write the column go on doing so until they know.
    let at_first = if always && found.is_new { "ALWAYS" } else { "BY DEFAULT" };
    let forward = alter(found, column, &format!("ADD GENERATED {at_first} AS IDENTITY{brackets}"));
    let mut steps = vec![step(
        found,
        &format!("identity of {shown}"),
        Phase::Expand,
        forward,
        alter(found, column, "DROP IDENTITY"),
    )];
    if always && !found.is_new {
        steps.extend(kind(found, column, "ALWAYS"));
    }
    note(rule, found, column, Some(if always { "always" } else { "by default" }));
    let sequence = column::sequence_of(&found.name, column);
    object::put(rule, "sequence", &sequence.key(), column::sequence_definition(&known.data_type));
    let mut drafts = on(&found.name, steps);
    if !found.is_new {
        drafts.hazards.push(format!(
            "the numbers begin where the statement says, and not behind those that are there: `SELECT setval('{}', ...)` moves them on",
            sequence.key()
        ));
    }
    Ok(drafts)
}

/// DROP IDENTITY.
pub(super) fn drop(rule: &mut Rule<'_>, found: &Found, column: &str, if_exists: bool) -> Planned {
    let known = found.column(column)?.clone();
    let shown = column::shown(&found.name, column);
    let Some(identity) = numbering::identity(&known).map(str::to_uppercase) else {
        if if_exists {
            let hazard = format!("{shown} has no identity: nothing is done");
            return Ok(super::create_table::nothing(&found.name, hazard));
        }
        return Err(none(&shown));
    };
    let mut steps = Vec::new();
    if identity == "ALWAYS" {
        steps.extend(kind(found, column, "BY DEFAULT"));
    }
    steps.push(switch(Phase::SwitchWrites, &format!("write {shown}")));
    let revert = made_again(rule, found, &known)?;
    let mut dropped =
        step(found, &format!("no identity of {shown}"), Phase::Contract, String::new(), String::new()).why(
            "No client is left that leaves the column out. A rollback makes it again behind the highest number.",
        );
    let forward = vec![alter(found, column, "DROP IDENTITY")];
    dropped.step.forward = Action::Statements { statements: forward, transactional: true };
    dropped.step.revert = Some(Action::Statements { statements: revert, transactional: false });
    steps.push(dropped);
    note(rule, found, column, None);
    object::forget(rule, "sequence", &column::sequence_of(&found.name, column).key());
    Ok(on(&found.name, steps))
}

/// The identity with the sequence that it has now, by what the catalog says of it.
fn made_again(rule: &Rule<'_>, found: &Found, column: &Column) -> Result<Vec<String>, Refusal> {
    let sequence = column::sequence_of(&found.name, &column.name);
    let definition = object::known(rule, "sequence", &sequence.key());
    let options = definition.as_deref().and_then(numbering::options).ok_or_else(|| {
        Refusal::new(
            format!("nothing is known of the sequence of {}", column::shown(&found.name, &column.name)),
            "accept the statement with `-- lockstep: opaque` and `-- lockstep: revert ...`",
        )
    })?;
    let (table, quoted) = (found.name.sql(), q(&column.name));
    Ok(vec![
        alter(
            found,
            &column.name,
            &format!("ADD GENERATED BY DEFAULT AS IDENTITY (SEQUENCE NAME {} {options})", sequence.sql()),
        ),
        format!(
            "SELECT pg_catalog.setval({}::pg_catalog.regclass, highest) FROM (SELECT max({quoted}) AS highest FROM {table}) AS of_rows \
             WHERE highest IS NOT NULL",
            literal(&sequence.sql())
        ),
    ])
}
