//! RENAME COLUMN: both names work until every client uses the new one.

use super::handover::{self, Sides};
use super::lock::{self, ACCESS_EXCLUSIVE, Locks};
use super::twin::{self, Twin};
use super::{Found, Planned, Rule, column, on, pointing, q, rewrite, volatility};
use crate::draft::{Draft, Drafts, two_forms};
use crate::name;
use crate::plan::Refusal;
use lockstep_core::schema::{Column, Table};
use lockstep_core::step::{Action, Phase};
use sqlparser::ast::Ident;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

pub(super) fn plan(rule: &mut Rule<'_>, found: &Found, from: &Ident, to: &Ident) -> Planned {
    let (from, to) = (name::meant(from), name::meant(to));
    let there = found.column(&from)?.clone();
    if found.table.columns.iter().any(|known| known.name == to) {
        return Err(Refusal::new(
            format!("{} is there already", column::shown(&found.name, &to)),
            "choose another name",
        ));
    }
    let drafts = if found.is_new {
        at_once(found, &from, &to)
    } else {
        let new = Column { name: to.clone(), ..there.clone() };
        beside(rule, found, &there, new, &q(&from), &q(&to))?
    };
    let table = rule.table_mut(&found.name);
    rename_in_catalog(table, &found.name.key(), &from, &to);
    pointing::rename_in_catalog(rule.catalog, &found.name, &from, &to);
    Ok(drafts)
}

fn at_once(found: &Found, from: &str, to: &str) -> Drafts {
    let rename =
        |from: &str, to: &str| format!("ALTER TABLE {} RENAME COLUMN {} TO {}", found.name.sql(), q(from), q(to));
    let step = Draft::statements(
        &format!("rename {}", column::shown(&found.name, from)),
        Phase::Expand,
        vec![rename(from, to)],
        Some(vec![rename(to, from)]),
    )
    .holds(&found.name, ACCESS_EXCLUSIVE)
    .why("The table is new: nobody uses the old name.");
    on(&found.name, vec![step])
}

/// The second column `new` (its default and NOT NULL as they are to be in the end), the switches, and the end of the first.
/// `using` gives `new` and `back` gives the old form, over the columns of the row.
pub(super) fn beside(
    rule: &Rule<'_>,
    found: &Found,
    there: &Column,
    new: Column,
    using: &str,
    back: &str,
) -> Planned {
    twin::check(rule, found, there, &new.data_type)?;
    let key = handover::key(rule, found, &there.name);
    let to = new.name.clone();
    let mut new = Column { nullable: true, ..new };
    let mut old = there.clone();
    if !is_stable(new.default.as_deref()) {
        // It stands on one of the two only, and moves before the old one goes.
        new.default = None;
        old.default = None;
    }
    let trigger = twin::trigger(found, there, &new, using, back, &there.name);
    let [carried, kept] = twin::both(rule, found, key.as_ref(), &there.name, [&to, &there.name])?;
    let after = Column { nullable: there.nullable, ..new.clone() };
    let moves_default = new.default.is_none();
    let proven = format!("({using})::{}", new.data_type);
    let come = Twin { found, there, new, using: using.to_owned(), trigger: &trigger, carried: carried.clone() };
    let go =
        Twin { found, there: &after, new: old, using: back.to_owned(), trigger: &trigger, carried: kept.clone() };
    let shown = column::shown(&found.name, &to);
    let mut steps = twin::introduce(rule, &come)?;
    steps.push(twin::proof(found, &to, &there.name, &proven));
    steps.push(switch(Phase::SwitchWrites, &format!("write {shown}")));
    steps.push(switch(Phase::SwitchReads, &format!("read {shown}")));
    let default = there.default.as_deref().filter(|_| moves_default);
    let sides =
        Sides { old: [&there.name, &there.name], new: [&to, &to], types: [&there.data_type, &after.data_type] };
    steps.extend(handover::steps(
        found,
        there,
        key.as_ref(),
        &sides,
        moved_default(found, &there.name, &to, default),
    )?);
    steps.extend(twin::retire(rule, &go)?);
    steps.extend(twin::renamed(found, &carried, &kept));
    let mut drafts =
        Drafts { as_written: Some(lock::impact(&found.name, ACCESS_EXCLUSIVE)), ..on(&found.name, steps) };
    drafts.hazards.push(format!(
        "as written every client that says {} fails from that moment on",
        column::shown(&found.name, &there.name)
    ));
    drafts.hazards.push(two_forms(&column::shown(&found.name, &to), moves(found, there)));
    if moves_default && there.default.is_some() && there.nullable {
        drafts.hazards.push(format!(
            "until the old form is gone, a client that inserts NULL into {shown} gets the default there: the two cannot be told apart"
        ));
    }
    Ok(drafts)
}

/// What follows from the second form, which comes last. An INSERT may give fewer values than there are columns.
pub(super) fn moves(found: &Found, there: &Column) -> &'static str {
    if found.table.columns.last().is_none_or(|last| last.name == there.name) {
        return "";
    }
    ", and in the end as the last column, where an INSERT without a list of columns writes its values elsewhere"
}

pub(super) fn switch(phase: Phase, name: &str) -> Draft {
    Draft::new(name, phase, Action::Nothing, Some(Action::Nothing))
        .requires_understanding()
        .why("Clients are told, and acknowledge; the next step waits until none is left that does not know.")
}

/// A default that is another for every row can stand on one of the two columns only.
fn moved_default(found: &Found, from: &str, to: &str, default: Option<&str>) -> Draft {
    let set = |column: &str, default: &str| {
        format!("ALTER TABLE {} ALTER COLUMN {} SET DEFAULT {default}", found.name.sql(), q(column))
    };
    let drop = |column: &str| format!("ALTER TABLE {} ALTER COLUMN {} DROP DEFAULT", found.name.sql(), q(column));
    let what = if default.is_some() { "default" } else { "key and numbers" };
    let mut draft = Draft::statements(
        &format!("{what} of {}", column::shown(&found.name, to)),
        Phase::Contract,
        default.map_or_else(Vec::new, |default| vec![set(to, default), drop(from)]),
        Some(default.map_or_else(Vec::new, |default| vec![drop(to), set(from, default)])),
    )
    .holds(&found.name, ACCESS_EXCLUSIVE)
    .why(match default {
        Some(_) => "The default is another for every row: it can stand on one of the two columns only.",
        None => {
            "What one of the two columns only can have goes to the new one: the server changes its catalog only."
        }
    });
    draft.step.needs_approval = false;
    draft
}

/// True when a default as the server prints it is the same for all rows of a statement.
pub(super) fn is_stable(default: Option<&str>) -> bool {
    let Some(default) = default else { return true };
    let parsed =
        Parser::new(&PostgreSqlDialect {}).try_with_sql(default).and_then(|mut parser| parser.parse_expr());
    parsed.is_ok_and(|expression| volatility::is_stable(&expression))
}

/// The new name everywhere in a table of the catalog.
pub(super) fn rename_in_catalog(table: &mut Table, key: &str, from: &str, to: &str) {
    let replace = |text: &mut String| {
        if let Some(replaced) = rewrite::with_column(text, from, to) {
            *text = replaced;
        }
    };
    for column in table.columns.iter_mut().filter(|column| column.name == from) {
        to.clone_into(&mut column.name);
    }
    for constraint in table.constraints.values_mut() {
        for column in constraint.columns.iter_mut().filter(|column| *column == from) {
            to.clone_into(column);
        }
        match constraint.definition.split_once(" REFERENCES ") {
            Some((own, rest)) => {
                let (mut own, rest) = (own.to_owned(), rest.to_owned());
                replace(&mut own);
                constraint.definition = format!("{own} REFERENCES {rest}");
            }
            None => replace(&mut constraint.definition),
        }
    }
    for index in table.indexes.values_mut() {
        let separator = format!(" ON {key} USING ");
        if let Some((head, body)) = index.definition.split_once(&separator) {
            let (head, mut body) = (head.to_owned(), body.to_owned());
            replace(&mut body);
            index.definition = format!("{head}{separator}{body}");
        }
    }
}
