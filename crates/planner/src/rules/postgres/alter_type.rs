//! ALTER COLUMN TYPE: at once where the server only notes it; otherwise a second column, kept in step, that takes the name over.

use super::handover::{self, Sides};
use super::lock::{self, ACCESS_EXCLUSIVE, Locks};
use super::rename_column::{is_stable, moves, switch};
use super::twin::{self, Twin};
use super::widening::{is_assignable, is_widening};
use super::{
    Found, Planned, Rule, column, create_table, numbering, on, pointing, q, rename_column, rewrite, types,
};
use crate::draft::{Draft, Drafts, two_forms};
use crate::name;
use crate::plan::Refusal;
use crate::script::Directive;
use lockstep_core::schema::Column;
use lockstep_core::step::Phase;
use sqlparser::ast::{DataType, Expr};

/// How values go to and fro, as SQL over the columns of the row.
struct Ways {
    /// What the new form is called in the end.
    called: String,
    using: String,
    back: String,
}

pub(super) fn plan(
    rule: &mut Rule<'_>,
    found: &Found,
    column: &str,
    data_type: &DataType,
    using: Option<&Expr>,
) -> Planned {
    let there = found.column(column)?.clone();
    let to = types::printed(rule.catalog, data_type);
    let shown = column::shown(&found.name, column);
    if found.is_new {
        return Ok(at_once(rule, found, &there, &to, using));
    }
    if using.is_none() && there.data_type == to {
        return Ok(create_table::nothing(&found.name, format!("{shown} is {to} already: nothing is done")));
    }
    if let Some(what) = twin::mentioned_elsewhere(rule, found, column) {
        return Err(Refusal::new(format!("{what} uses {shown}"), "drop it before, and make it again after"));
    }
    if using.is_none() && is_widening(&there.data_type, &to) {
        return Ok(widened(rule, found, &there, &to));
    }
    let is_handed_over = handover::key(rule, found, column).is_some() || numbering::is_numbered(&there);
    if is_handed_over && rule.is_empty_here(found) {
        return Ok(while_empty(rule, found, &there, &to, using));
    }
    let before = rule.catalog.clone();
    let planned = ways(rule, found, &there, &to, using).and_then(|ways| {
        if ways.called == column {
            swapped(rule, found, &there, &to, &ways)
        } else {
            renamed(rule, found, &there, &to, &ways)
        }
    });
    if planned.is_err() && rule.is_empty_here(found) {
        *rule.catalog = before;
        return Ok(while_empty(rule, found, &there, &to, using));
    }
    planned
}

/// Where there is no row, none is written anew.
fn while_empty(rule: &mut Rule<'_>, found: &Found, there: &Column, to: &str, using: Option<&Expr>) -> Drafts {
    let (name, query) = found.without_rows();
    let column = q(&there.name);
    let table = format!("ALTER TABLE {} ALTER COLUMN {column}", found.name.sql());
    let default = there.default.as_ref();
    let mut forward = Vec::new();
    // A default is not cast where the type is.
    if default.is_some() && using.is_some() {
        forward.push(format!("{table} DROP DEFAULT"));
    }
    forward.push(set_type(found, &there.name, to, using));
    if let Some(default) = default.filter(|_| using.is_some()) {
        forward.push(format!("{table} SET DEFAULT {}", default.split("::").next().unwrap_or(default)));
    }
    let mut revert = Vec::new();
    revert.extend(default.map(|_| format!("{table} DROP DEFAULT")));
    revert.push(format!("{table} TYPE {} USING {column}::text::{}", there.data_type, there.data_type));
    revert.extend(default.map(|default| format!("{table} SET DEFAULT {default}")));
    if let Some(mine) = rule.column_mut(&found.name, &there.name) {
        to.clone_into(&mut mine.data_type);
    }
    let step = Draft::statements(
        &format!("type of {}", column::shown(&found.name, &there.name)),
        Phase::Expand,
        forward,
        Some(revert),
    )
    .holds(&found.name, ACCESS_EXCLUSIVE)
    .only_if(&name, query)
    // A release that knows the old type only may begin to write at any moment.
    .requires_understanding()
    .why("It would write the whole table anew, and is done only where the table is empty: then there is nothing to write.");
    let step = super::alter_table::foreign_targets(&found.table)
        .into_iter()
        .chain(
            twin::pointing_at(rule, &found.name, Some(&there.name))
                .and_then(|(key, _)| super::table_name::Name::from_key(&key)),
        )
        .fold(step, |step, other| step.holds(&other, ACCESS_EXCLUSIVE));
    let mut drafts = on(&found.name, vec![step]);
    drafts.hazards.push(format!("a rollback writes {} anew under ACCESS EXCLUSIVE", found.name.key()));
    drafts
}

fn set_type(found: &Found, column: &str, data_type: &str, using: Option<&Expr>) -> String {
    let using = using.map(|using| format!(" USING {using}")).unwrap_or_default();
    format!("ALTER TABLE {} ALTER COLUMN {} TYPE {data_type}{using}", found.name.sql(), q(column))
}

fn at_once(rule: &mut Rule<'_>, found: &Found, there: &Column, to: &str, using: Option<&Expr>) -> Drafts {
    if let Some(mine) = rule.column_mut(&found.name, &there.name) {
        to.clone_into(&mut mine.data_type);
    }
    let revert = format!("{} USING NULL", set_type(found, &there.name, &there.data_type, None));
    let revert = if there.nullable { revert } else { set_type(found, &there.name, &there.data_type, None) };
    let step = Draft::statements(
        &format!("type of {}", column::shown(&found.name, &there.name)),
        Phase::Expand,
        vec![set_type(found, &there.name, to, using)],
        Some(vec![revert]),
    )
    .holds(&found.name, ACCESS_EXCLUSIVE)
    .why("The table is new: nobody waits for it.");
    on(&found.name, vec![step])
}

/// Every value of the old type is one of the new, bit by bit.
fn widened(rule: &mut Rule<'_>, found: &Found, there: &Column, to: &str) -> Drafts {
    if let Some(mine) = rule.column_mut(&found.name, &there.name) {
        to.clone_into(&mut mine.data_type);
    }
    let mut revert = vec![set_type(found, &there.name, &there.data_type, None)];
    if let Some(default) = &there.default {
        // The server casts the default to and fro; this is how it was said.
        revert.push(format!(
            "ALTER TABLE {} ALTER COLUMN {} SET DEFAULT {default}",
            found.name.sql(),
            q(&there.name)
        ));
    }
    let shown = column::shown(&found.name, &there.name);
    let forward = vec![set_type(found, &there.name, to, None)];
    let step = Draft::statements(&format!("type of {shown}"), Phase::Expand, forward, Some(revert))
        .holds(&found.name, ACCESS_EXCLUSIVE)
        .why("Every value is one of the new type as it stands: the server changes its catalog only.");
    let mut drafts = on(&found.name, vec![step]);
    drafts.hazards.push(format!(
        "a rollback writes {} anew under ACCESS EXCLUSIVE, and fails when a value does not fit {} any more",
        found.name.key(),
        there.data_type
    ));
    drafts.hazards.push("prepared statements that read the column may have to be prepared again".to_owned());
    drafts
}

fn ways(rule: &Rule<'_>, found: &Found, there: &Column, to: &str, using: Option<&Expr>) -> Result<Ways, Refusal> {
    let directive = rule.statement.directives.iter().find_map(|directive| match directive {
        Directive::As { column, using, back } => Some((column, using, back)),
        _ => None,
    });
    if let Some((column, using, back)) = directive {
        return Ok(Ways { called: unquoted(column), using: using.clone(), back: back.clone() });
    }
    let shown = column::shown(&found.name, &there.name);
    let plain = q(&there.name);
    let line = |using: &str| {
        format!(
            "say how values go to and fro with a line above the statement: `-- lockstep: as {} using {using} back ...`",
            super::table_name::as_printed(&there.name)
        )
    };
    if let Some((using, back)) = using.and_then(|using| evident(rule, there, to, using)) {
        return Ok(Ways { called: there.name.clone(), using, back });
    }
    if let Some(using) = using {
        return Err(Refusal::new(
            format!("nothing says how {shown} goes back from {to}"),
            line(&using.to_string()),
        ));
    }
    if !is_assignable(&there.data_type, to) {
        return Err(Refusal::new(
            format!("values of {shown} do not become {to} by themselves"),
            line(&format!("{plain}::{to}")),
        ));
    }
    let back =
        if is_assignable(to, &there.data_type) { plain.clone() } else { format!("{plain}::{}", there.data_type) };
    Ok(Ways { called: there.name.clone(), using: plain, back })
}

/// Both ways, where USING is a plain cast or a change of the time zone.
fn evident(rule: &Rule<'_>, there: &Column, to: &str, using: &Expr) -> Option<(String, String)> {
    let is_column =
        |expression: &Expr| matches!(expression, Expr::Identifier(ident) if name::meant(ident) == there.name);
    let plain = q(&there.name);
    match using {
        Expr::Nested(inner) => evident(rule, there, to, inner),
        // By way of its text, as enums go.
        Expr::Cast { expr, data_type, .. }
            if types::printed(rule.catalog, data_type) == to
                && matches!(&**expr, Expr::Cast { expr: inner, data_type: by, .. }
                    if is_column(inner) && is_text(&types::printed(rule.catalog, by))) =>
        {
            Some((format!("{plain}::text::{to}"), format!("{plain}::text::{}", there.data_type)))
        }
        Expr::Cast { expr, data_type, .. } if is_column(expr) && types::printed(rule.catalog, data_type) == to => {
            let goes_back = is_assignable(to, &there.data_type) || is_assignable(&there.data_type, to);
            goes_back.then(|| (format!("{plain}::{to}"), format!("{plain}::{}", there.data_type)))
        }
        Expr::AtTimeZone { timestamp, time_zone } if is_column(timestamp) => {
            let is_moment = |data_type: &str| data_type.starts_with("timestamp");
            let is_other = there.data_type.ends_with("with time zone") != to.ends_with("with time zone");
            let moved = format!("{plain} AT TIME ZONE {time_zone}");
            (is_moment(&there.data_type) && is_moment(to) && is_other).then(|| (moved.clone(), moved))
        }
        _ => None,
    }
}

fn is_text(data_type: &str) -> bool {
    data_type == "text" || data_type.starts_with("character varying")
}

fn unquoted(written: &str) -> String {
    match written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => written.to_lowercase(),
    }
}

/// The new form has a name of its own, and keeps it.
fn renamed(rule: &mut Rule<'_>, found: &Found, there: &Column, to: &str, ways: &Ways) -> Planned {
    let new = Column { name: ways.called.clone(), data_type: to.to_owned(), ..there.clone() };
    let mut drafts = rename_column::beside(rule, found, there, new.clone(), &ways.using, &ways.back)?;
    drafts.as_written = Some(lock::rewrite(&found.name, ACCESS_EXCLUSIVE, rule.rows(&found.name)));
    drafts.hazards.push(format!(
        "the column is called {} in the end, so that clients tell the two forms apart",
        column::shown(&found.name, &ways.called)
    ));
    let table = rule.table_mut(&found.name);
    rename_column::rename_in_catalog(table, &found.name.key(), &there.name, &new.name);
    pointing::rename_in_catalog(rule.catalog, &found.name, &there.name, &new.name);
    if let Some(mine) = rule.column_mut(&found.name, &new.name) {
        to.clone_into(&mut mine.data_type);
    }
    Ok(drafts)
}

/// The new form takes the name over.
fn swapped(rule: &mut Rule<'_>, found: &Found, there: &Column, to: &str, ways: &Ways) -> Planned {
    twin::check(rule, found, there, to)?;
    let key = handover::key(rule, found, &there.name);
    let of = [found.name.schema.as_str(), found.name.name.as_str(), there.name.as_str()];
    let (coming, going) = (name::own("new", &of), name::own("old", &of));
    let with = |sql: &str, other: &str| {
        rewrite::with_column(sql, &there.name, other)
            .ok_or_else(|| Refusal::new(format!("`{sql}` cannot be read"), "write it as one SQL expression"))
    };
    let is_stable = is_stable(there.default.as_deref());
    let new = Column {
        name: coming.clone(),
        data_type: to.to_owned(),
        nullable: true,
        default: there.default.clone().filter(|_| is_stable),
        options: Vec::new(),
        ..there.clone()
    };
    let after = Column { name: there.name.clone(), nullable: there.nullable, ..new.clone() };
    let old =
        Column { name: going.clone(), default: new.default.clone().and(there.default.clone()), ..there.clone() };
    let before_swap = twin::trigger(found, there, &new, &ways.using, &with(&ways.back, &coming)?, &there.name);
    let after_swap = twin::trigger(found, &old, &after, &with(&ways.using, &going)?, &ways.back, &there.name);
    let [carried, kept] = twin::both(rule, found, key.as_ref(), &there.name, [&coming, &going])?;
    let come =
        Twin { found, there, new, using: ways.using.clone(), trigger: &before_swap, carried: carried.clone() };
    let go = Twin {
        found,
        there: &after,
        new: old,
        using: ways.back.clone(),
        trigger: &after_swap,
        carried: kept.clone(),
    };
    let shown = column::shown(&found.name, &there.name);
    let mut steps = twin::introduce(rule, &come)?;
    if let Some(first) = steps.first_mut()
        && let Some((name, query)) = fits(found, there, to)
    {
        *first = first.clone().only_if(&name, query);
    }
    steps.push(twin::proof(found, &coming, &there.name, &format!("({})::{to}", ways.using)));
    steps.push(switch(Phase::SwitchWrites, &format!("write {shown} as {to}")));
    steps.push(switch(Phase::SwitchReads, &format!("read {shown} as {to}")));
    let swap = swap(found, there, [&coming, &going], is_stable, [before_swap.replace(), after_swap.replace()]);
    let sides = Sides { old: [&there.name, &going], new: [&coming, &there.name], types: [&there.data_type, to] };
    steps.extend(handover::steps(found, there, key.as_ref(), &sides, swap)?);
    steps.extend(twin::retire(rule, &go)?);
    steps.extend(twin::renamed(found, &carried, &kept));
    if let Some(mine) = rule.column_mut(&found.name, &there.name) {
        to.clone_into(&mut mine.data_type);
    }
    let mut drafts = on(&found.name, steps);
    drafts.as_written = Some(lock::rewrite(&found.name, ACCESS_EXCLUSIVE, rule.rows(&found.name)));
    drafts.hazards.push(format!(
        "until the old form is gone, a value of {shown} that does not fit {} is refused",
        there.data_type
    ));
    drafts.hazards.extend(numbering::hazard(found, there, to));
    drafts.hazards.push(two_forms(&shown, moves(found, there)));
    drafts.hazards.push(format!(
        "clients that understand the change read and write {shown} as {} and as {to}",
        there.data_type
    ));
    Ok(drafts)
}

/// Both names move in one transaction, and the trigger with them.
fn swap(
    found: &Found,
    there: &Column,
    [coming, going]: [&str; 2],
    is_stable: bool,
    [before, after]: [String; 2],
) -> Draft {
    let table = found.name.sql();
    let rename = |from: &str, to: &str| format!("ALTER TABLE {table} RENAME COLUMN {} TO {}", q(from), q(to));
    let mut forward = vec![rename(&there.name, going), rename(coming, &there.name)];
    let mut revert = vec![rename(&there.name, coming), rename(going, &there.name)];
    if let Some(default) = there.default.as_ref().filter(|_| !is_stable) {
        let set = |column: &str| format!("ALTER TABLE {table} ALTER COLUMN {} SET DEFAULT {default}", q(column));
        let drop = |column: &str| format!("ALTER TABLE {table} ALTER COLUMN {} DROP DEFAULT", q(column));
        forward.extend([set(&there.name), drop(going)]);
        revert.extend([drop(coming), set(&there.name)]);
    }
    forward.push(after);
    revert.push(before);
    Draft::statements(
        &format!("swap the forms of {}", column::shown(&found.name, &there.name)),
        Phase::Contract,
        forward,
        Some(revert),
    )
    .holds(&found.name, ACCESS_EXCLUSIVE)
    .why("Names move in the server's catalog only; the trigger goes on keeping the old form in step, for a way back.")
}

/// What must hold of the values, where that is plain.
fn fits(found: &Found, there: &Column, to: &str) -> Option<(String, String)> {
    let length =
        to.strip_prefix("character varying(").or_else(|| to.strip_prefix("character("))?.strip_suffix(')')?;
    let column = q(&there.name);
    Some((
        format!("every value of {} fits {to}", column::shown(&found.name, &there.name)),
        format!("SELECT * FROM {} WHERE length({column}::text) > {length}", found.name.sql()),
    ))
}
