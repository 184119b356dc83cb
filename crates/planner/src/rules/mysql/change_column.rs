//! MODIFY and CHANGE COLUMN, and defaults: at once where the server only notes it or writes the table anew beside reads and writes;
//! what it would copy while writes wait goes another way.

use super::algorithm::{self, Algorithm};
use super::clause::Clause;
use super::column::{self, New, bytes_max, charset_of, shown};
use super::key::KeyKind;
use super::lock::{self, EXCLUSIVE, Locks};
use super::text::{q, same};
use super::{
    Found, Planned, Rule, append, apply, convert, fill, index, known, on, rename_column, step, switch, types, undo,
};
use crate::draft::Draft;
use crate::plan::{Refusal, Target};
use crate::script::Directive;
use lockstep_core::Engine;
use lockstep_core::schema::Column;
use lockstep_core::step::{Action, Phase};

pub(super) fn plan(rule: &mut Rule<'_>, found: &Found, from: &str, new: &New) -> Planned {
    let there = found.column(from)?.clone();
    let shown = shown(&found.name, &there.name);
    if !same(from, &new.name) {
        super::add_column::refuse_taken(found, &new.name)?;
    }
    let keys = New { unique: false, primary: false, references: None, ..new.clone() };
    let mut drafts = without_keys(rule, found, &there, &keys)?;
    if new.primary && !known::primary_key(&found.table).is_some_and(|key| key.iter().any(|name| same(name, from)))
    {
        return Err(Refusal::new(format!("{shown} is not of the primary key"), "write ADD PRIMARY KEY"));
    }
    if new.unique {
        let now = rule.found(&found.name)?;
        append(&mut drafts, index::add(rule, &now, &apply::single(KeyKind::Unique, &new.name))?);
    }
    Ok(drafts)
}

fn without_keys(rule: &mut Rule<'_>, found: &Found, there: &Column, new: &New) -> Planned {
    let as_directive = rule.statement.directives.iter().find_map(|directive| match directive {
        Directive::As { column, using, back } => {
            Some((super::bare(column).to_owned(), using.clone(), back.clone()))
        }
        _ => None,
    });
    if let Some((called, using, back)) = as_directive {
        return convert::called(rule, found, there, new, (&called, &using, &back));
    }
    let needed = needed(rule.target, found, there, new)?;
    if !there.name.eq(&new.name) && !same(&there.name, &new.name) {
        let plain = (q(&there.name), q(&new.name));
        return rename_column::beside(rule, found, there, new, &plain.0, &plain.1);
    }
    match needed {
        Algorithm::Copy => convert::swapped(rule, found, there, new),
        algorithm => modified(rule, found, there, new, algorithm),
    }
}

/// What the server needs to give the column its new definition; an error where no way is safe.
fn needed(target: Target, found: &Found, there: &Column, new: &New) -> Result<Algorithm, Refusal> {
    let made = in_place(target, found, there, new);
    let shown = shown(&found.name, &there.name);
    if there.generated.is_some() || new.generated.is_some() {
        if made.generated == there.generated && made.data_type == there.data_type {
            return Ok(algorithm::catalog_only(target));
        }
        return Err(Refusal::new(format!("{shown} is computed"), "drop it, and add it again in its new form"));
    }
    let mut needed = of_type(target, found, there, &made);
    needed = needed.max(of_collation(target, found, there, &made));
    if there.nullable && !made.nullable {
        algorithm::refuse_copied_not_null(target, &shown, &made.data_type)?;
    }
    if there.nullable != made.nullable {
        needed = needed.max(Algorithm::Inplace);
    }
    if needed == Algorithm::NoCopy && new.position.is_some() {
        needed = Algorithm::Inplace;
    }
    if column::counts(&made) && !column::counts(there) {
        needed = Algorithm::Copy;
    }
    if target.engine == Engine::Mysql && column::option(&made, "check") != column::option(there, "check") {
        return Err(super::constraint::add_check(target, found));
    }
    Ok(match (needed, target.engine) {
        (Algorithm::Instant, Engine::Mysql) => Algorithm::Inplace,
        (needed, _) => needed,
    })
}

/// The column as it will be in the catalog.
pub(super) fn in_place(target: Target, found: &Found, there: &Column, new: &New) -> Column {
    let mut table = found.table.clone();
    known::change_column(&mut table, target.engine, &there.name, new);
    let made = known::column(&table, &new.name).cloned();
    made.unwrap_or_else(|| new.in_catalog(target.engine, known::collation(&found.table)))
}

fn of_type(target: Target, found: &Found, there: &Column, made: &Column) -> Algorithm {
    if there.data_type == made.data_type {
        return Algorithm::Instant;
    }
    let bytes = bytes_max(charset_of(collation(found, made)));
    if is_widening(&there.data_type, &made.data_type, bytes) {
        algorithm::catalog_only(target)
    } else {
        Algorithm::Copy
    }
}

/// True when every value is kept as it stands.
pub(super) fn is_widening(old: &str, new: &str, bytes_per_character: u32) -> bool {
    let ((old, old_arguments, old_behind), (new, new_arguments, new_behind)) =
        (types::parts(old), types::parts(new));
    if old != new || old_behind != new_behind {
        return false;
    }
    let number = |text: &str| text.parse::<u32>().ok();
    match old {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" => old_behind != "zerofill",
        "varchar" | "varbinary" => {
            let bytes = if old == "varchar" { bytes_per_character } else { 1 };
            let (Some(old), Some(new)) = (number(old_arguments), number(new_arguments)) else { return false };
            // The length of a value takes one byte up to 255, and two beyond.
            let is_short = |length: u32| length.saturating_mul(bytes) <= 255;
            new >= old && is_short(old) == is_short(new)
        }
        "enum" | "set" => {
            let (old_values, new_values) = (types::enum_values(old_arguments), types::enum_values(new_arguments));
            let bytes = |count: usize| if old == "enum" { usize::from(count > 255) } else { count.div_ceil(8) };
            new_values.starts_with(&old_values) && bytes(old_values.len()) == bytes(new_values.len())
        }
        _ => false,
    }
}

/// The collation that a column has in a table.
fn collation<'a>(found: &'a Found, column: &'a Column) -> &'a str {
    let own = column::option(column, "collate");
    own.or_else(|| known::collation(&found.table)).unwrap_or("utf8mb4_general_ci")
}

fn of_collation(target: Target, found: &Found, there: &Column, made: &Column) -> Algorithm {
    if !types::is_text(&made.data_type) || !types::is_text(&there.data_type) {
        return Algorithm::Instant;
    }
    let (old, new) = (collation(found, there), collation(found, made));
    if old == new {
        return Algorithm::Instant;
    }
    let (old, new) = (charset_of(old), charset_of(new));
    let widens = old == "utf8mb3" && new == "utf8mb4" && same_length_bytes(&there.data_type);
    match target.engine {
        Engine::Mariadb if old == new || widens => {
            super::charset::in_place(&found.table, there).unwrap_or(Algorithm::Copy)
        }
        _ => Algorithm::Copy,
    }
}

/// True when a length in characters takes as many bytes to note in utf8mb3 and in utf8mb4.
fn same_length_bytes(data_type: &str) -> bool {
    let (name, arguments, _) = types::parts(data_type);
    let length: u32 = arguments.parse().unwrap_or(0);
    name != "varchar" || (length.saturating_mul(3) <= 255) == (length.saturating_mul(4) <= 255)
}

/// One statement.
fn modified(rule: &mut Rule<'_>, found: &Found, there: &Column, new: &New, algorithm: Algorithm) -> Planned {
    let shown = shown(&found.name, &there.name);
    let made = in_place(rule.target, found, there, new);
    let is_set_not_null = there.nullable && !made.nullable;
    let rows = rule.rows(&found.name);
    if is_set_not_null && let Some(expression) = rule.backfill_of(&there.name).map(str::to_owned) {
        return filled(rule, found, there, new, &expression);
    }
    let mut step = change(rule, found, there, new, algorithm);
    let mut steps = Vec::new();
    if is_set_not_null {
        step = step.only_if(
            &format!("every row has a value in {shown}"),
            format!("SELECT * FROM {} WHERE {} IS NULL", q(&found.name), q(&there.name)),
        );
        step.step.phase = Phase::Validate;
        steps.push(
            switch(Phase::SwitchWrites, &format!("write no NULL into {shown}")).why(
                "Clients of an older release may write NULL; the next step waits until none of them is left.",
            ),
        );
    }
    if let Some(check) =
        new.check.as_ref().filter(|_| column::option(there, "check") != column::option(&made, "check"))
    {
        let violations = format!("SELECT * FROM {} WHERE NOT ({check})", q(&found.name));
        step = step.only_if(&format!("every row of {} fulfils the check of {shown}", found.name), violations);
    }
    steps.push(step);
    let engine = rule.target.engine;
    known::change_column(rule.table_mut(&found.name), engine, &there.name, new);
    let mut drafts = on(&found.name, steps);
    if algorithm != Algorithm::Instant {
        drafts.as_written = Some(lock::copy(&found.name, rows)).filter(|_| is_set_not_null);
    }
    if is_narrower(found, there, &made) {
        drafts.hazards.push(format!(
            "a rollback copies {} while writes wait, and fails when a value does not fit {} any more",
            found.name,
            shown_type(found, there, &made)
        ));
    }
    if is_copied_back(rule.target, there, &made) {
        drafts.hazards.push(format!("a rollback copies {} while writes wait", found.name));
    }
    if !there.nullable && made.nullable {
        drafts.hazards.push(format!(
            "clients of an older release may not expect NULL in {shown}; rows with NULL stand in the way of a rollback"
        ));
    }
    Ok(drafts)
}

/// True when the server makes the column NOT NULL again in a copy only.
fn is_copied_back(target: Target, there: &Column, made: &Column) -> bool {
    !there.nullable && made.nullable && algorithm::copies_for_not_null(target, &there.data_type)
}

/// True when the way back is not open to every value.
fn is_narrower(found: &Found, there: &Column, made: &Column) -> bool {
    let is_other_charset = types::is_text(&there.data_type)
        && charset_of(collation(found, there)) != charset_of(collation(found, made));
    is_other_charset || (there.data_type != made.data_type && !same_width(there, made))
}

/// The type as a hazard names it, with its characters where they become others.
fn shown_type(found: &Found, there: &Column, made: &Column) -> String {
    let charset = charset_of(collation(found, there));
    if types::is_text(&there.data_type) && charset != charset_of(collation(found, made)) {
        return format!("{} in {charset}", there.data_type);
    }
    there.data_type.clone()
}

/// True when the two differ in how they are shown only.
fn same_width(one: &Column, other: &Column) -> bool {
    is_widening(&one.data_type, &other.data_type, 1) && is_widening(&other.data_type, &one.data_type, 1)
}

fn change(rule: &Rule<'_>, found: &Found, there: &Column, new: &New, algorithm: Algorithm) -> Draft {
    let shown = shown(&found.name, &there.name);
    let made = in_place(rule.target, found, there, new);
    let place = if new.position.is_some() { undo::place(&found.table, &there.name) } else { String::new() };
    let modify = |from: &str, to: &str, definition: &str, algorithm| {
        let head = if from == to { "MODIFY COLUMN".to_owned() } else { format!("CHANGE COLUMN {}", q(from)) };
        vec![algorithm::alter(rule.target, &found.name, &format!("{head} {} {definition}", q(to)), algorithm)]
    };
    let is_narrower = is_narrower(found, there, &made);
    let back = if is_narrower || is_copied_back(rule.target, there, &made) { Algorithm::Copy } else { algorithm };
    let forward = modify(&there.name, &new.name, &format!("{}{}", new.definition(), new.place()), algorithm);
    let revert = modify(&new.name, &there.name, &format!("{}{place}", column::definition_of(there)), back);
    let why = match algorithm {
        Algorithm::Instant => "Changes the server's catalog only.",
        _ => "Done beside reads and writes.",
    };
    step(&format!("change {shown}"), Phase::Expand, forward, Some(revert))
        .holds(&found.name, algorithm.mode())
        .goes_through(if algorithm == Algorithm::Instant { None } else { rule.rows(&found.name) })
        .why(why)
}

/// NOT NULL, with values for the rows that have none.
fn filled(rule: &mut Rule<'_>, found: &Found, there: &Column, new: &New, expression: &str) -> Planned {
    let reverts = rule.revert_by_directive("nothing tells the filled rows from those that had a value")?;
    let revert = reverts.map(|statements| Action::Statements { statements, transactional: true });
    let rows = rule.rows(&found.name);
    let steps = fill::steps(rule, found, &fill::Fill { column: new, expression, revert })?;
    let engine = rule.target.engine;
    known::change_column(rule.table_mut(&found.name), engine, &there.name, new);
    let mut drafts = on(&found.name, steps);
    drafts.as_written = Some(lock::copy(&found.name, rows));
    Ok(drafts)
}

/// ALTER COLUMN SET DEFAULT, DROP DEFAULT.
pub(super) fn default(rule: &mut Rule<'_>, found: &Found, name: &str, value: Option<&str>) -> Planned {
    let there = found.column(name)?.clone();
    let shown = shown(&found.name, &there.name);
    if there.generated.is_some() {
        return Err(Refusal::new(format!("{shown} is computed, it has no default"), "leave the clause out"));
    }
    let clause = Clause::Default { column: name.to_owned(), value: value.map(str::to_owned) };
    apply::clause(rule.target.engine, &found.name, rule.table_mut(&found.name), &clause);
    let alter = |clause: String| vec![algorithm::alter(rule.target, &found.name, &clause, Algorithm::Instant)];
    let forward = match value {
        Some(value) => alter(format!("ALTER COLUMN {} SET DEFAULT {value}", q(&there.name))),
        None => alter(format!("ALTER COLUMN {} DROP DEFAULT", q(&there.name))),
    };
    let verb = if value.is_some() { "default" } else { "no default" };
    let mut changed = step(&format!("{verb} {shown}"), Phase::Expand, forward, Some(alter(undo::default(&there))))
        .holds(&found.name, EXCLUSIVE)
        .why("A default counts for rows to come: no row is looked at.");
    if value.is_some() || there.nullable || there.default.is_none() {
        return Ok(on(&found.name, vec![changed]));
    }
    // Clients that leave the column out would fail.
    changed.step.phase = Phase::Contract;
    changed.step.requires = lockstep_core::step::ClientRequirement::Understands;
    let steps = vec![switch(Phase::SwitchWrites, &format!("write {shown}")), changed];
    let mut drafts = on(&found.name, steps);
    drafts.as_written = Some(lock::impact(&found.name, EXCLUSIVE));
    drafts.hazards.push(format!("as written every client that leaves {shown} out fails from that moment on"));
    Ok(drafts)
}

#[cfg(test)]
mod tests {
    use super::is_widening;

    #[test]
    fn what_keeps_every_value_as_it_stands() {
        for (old, new, expected) in [
            ("varchar(50)", "varchar(63)", true),
            ("varchar(50)", "varchar(64)", false),
            ("varchar(64)", "varchar(500)", true),
            ("varchar(63)", "varchar(50)", false),
            ("varchar(50)", "text", false),
            ("enum('a','b')", "enum('a','b','c')", true),
            ("enum('a','b')", "enum('b','a')", false),
            ("int(11)", "int(5)", true),
            ("int(11)", "bigint(20)", false),
            ("int(11)", "int(10) unsigned", false),
            ("decimal(10,2)", "decimal(12,2)", false),
        ] {
            assert_eq!(is_widening(old, new, 4), expected, "{old} to {new}");
        }
    }
}
