//! Partitions: taken in with a proof of their bounds that was made before, let go beside reads and writes.

use super::lock::{ACCESS_EXCLUSIVE, Locks, SHARE_UPDATE_EXCLUSIVE};
use super::opaque::Words;
use super::rename_column::switch;
use super::table_name::{Name, as_printed};
use super::{Found, Planned, Rule, naming, on, q};
use crate::draft::Draft;
use crate::name;
use crate::plan::Refusal;
use lockstep_core::step::{Action, Phase};

/// ATTACH PARTITION. `words` are those behind it.
pub(super) fn attach(rule: &mut Rule<'_>, parent: &Name, mut words: Words) -> Planned {
    let found = rule.found_named(parent.clone())?;
    let child = rule.found_named(words.name()?)?;
    let bound = words.rest();
    let step = if child.is_new || rule.is_empty_here(&child) {
        let (name, query) = child.without_rows();
        let step = alone(&child, vec![attached(&found, &child, &bound)], vec![detached(&found, &child)])
            .why("The partition is empty: there is no row that its bounds could be compared with.");
        if child.is_new { step } else { step.only_if(&name, query) }
    } else {
        refuse_without_indexes(&found, &child)?;
        let condition = condition(&found, &bound)?;
        alone(
            &child,
            proven(&found, &child, &bound, &condition),
            vec![detached(&found, &child), without_check(&child)],
        )
        .only_if(
            &format!("every row of {} is within its bounds", child.name.key()),
            format!("SELECT * FROM {} WHERE ({condition}) IS NOT TRUE", child.name.sql()),
        )
        .why("The bounds are proven beside reads and writes first: with that proof the server looks at no row.")
    };
    let step = with_default(
        rule,
        &found,
        step.holds(&found.name, SHARE_UPDATE_EXCLUSIVE).holds(&child.name, ACCESS_EXCLUSIVE),
    );
    let table = rule.table_mut(&child.name);
    table.options.insert("partition for".to_owned(), bound);
    table.options.insert("inherits".to_owned(), found.name.key());
    let mut drafts = on(&found.name, vec![step]);
    drafts.touches.push(child.name.key());
    Ok(drafts)
}

fn alone(child: &Found, forward: Vec<String>, revert: Vec<String>) -> Draft {
    let alone = |statements| Action::Statements { statements, transactional: false };
    Draft::new(&format!("attach {}", child.name.key()), Phase::Validate, alone(forward), Some(alone(revert)))
}

fn attached(parent: &Found, child: &Found, bound: &str) -> String {
    format!("ALTER TABLE {} ATTACH PARTITION {} {bound}", parent.name.sql(), child.name.sql())
}

fn detached(parent: &Found, child: &Found) -> String {
    format!("ALTER TABLE {} DETACH PARTITION {}", parent.name.sql(), child.name.sql())
}

fn check_of(child: &Found) -> String {
    q(&name::own("bounds", &[&child.name.schema, &child.name.name]))
}

fn without_check(child: &Found) -> String {
    format!("ALTER TABLE {} DROP CONSTRAINT IF EXISTS {}", child.name.sql(), check_of(child))
}

/// A check of the bounds, its proof, the partition taken in, and the check away again.
fn proven(parent: &Found, child: &Found, bound: &str, condition: &str) -> Vec<String> {
    let (table, check) = (child.name.sql(), check_of(child));
    vec![
        format!("ALTER TABLE {table} ADD CONSTRAINT {check} CHECK ({condition}) NOT VALID"),
        format!("ALTER TABLE {table} VALIDATE CONSTRAINT {check}"),
        attached(parent, child, bound),
        without_check(child),
    ]
}

/// The default partition must have no row that belongs elsewhere, and the server reads it to see.
pub(super) fn with_default(rule: &Rule<'_>, parent: &Found, step: Draft) -> Draft {
    let is_default = |table: &lockstep_core::schema::Table| {
        table.options.get("inherits").is_some_and(|parents| *parents == parent.name.key())
            && table.options.get("partition for").is_some_and(|bound| bound == "DEFAULT")
    };
    let found = rule.catalog.schema.tables.iter().find(|(_, table)| is_default(table));
    match found.and_then(|(key, _)| Name::from_key(key)) {
        Some(name) => step
            .only_if(
                &format!("the default partition {} is empty", name.key()),
                format!("SELECT * FROM {}", name.sql()),
            )
            .holds(&name, ACCESS_EXCLUSIVE),
        None => step,
    }
}

/// An index that the partition lacks would be built while it is locked.
fn refuse_without_indexes(parent: &Found, child: &Found) -> Result<(), Refusal> {
    let body = |definition: &str, table: &Name| {
        let rest = definition.split_once(" ON ").map_or("", |(_, rest)| rest);
        let rest = rest.strip_prefix("ONLY ").unwrap_or(rest);
        rest.strip_prefix(&table.key()).unwrap_or(rest).to_owned()
    };
    let theirs: Vec<(bool, String)> =
        child.table.indexes.values().map(|index| (index.unique, body(&index.definition, &child.name))).collect();
    let lacks_index = parent
        .table
        .indexes
        .iter()
        .find(|(_, index)| !theirs.contains(&(index.unique, body(&index.definition, &parent.name))));
    let keys = parent.table.constraints.iter().filter(|(_, key)| !key.definition.starts_with("CHECK"));
    let lacks_key = keys.into_iter().find(|(_, key)| {
        !child.table.constraints.values().any(|other| other.kind == key.kind && other.columns == key.columns)
    });
    match lacks_index.map(|(name, _)| name).or(lacks_key.map(|(name, _)| name)) {
        None => Ok(()),
        Some(name) => Err(Refusal::new(
            format!(
                "{} has nothing like {name} of {}: it would be built or checked while the table is locked",
                child.name.key(),
                parent.name.key()
            ),
            format!("make the same index or constraint on {} before", child.name.key()),
        )),
    }
}

/// What holds of the rows within the bounds: of one column, by list or range.
fn condition(parent: &Found, bound: &str) -> Result<String, Refusal> {
    let unknown = || {
        Refusal::new(
            format!("nothing is known of what proves that rows are within `{bound}`"),
            "attach the partition while it is empty, or accept the statement with `-- lockstep: opaque` and `-- lockstep: revert ...`",
        )
    };
    let by = parent.table.options.get("partition by").ok_or_else(unknown)?;
    let (method, column) = by.split_once('(').ok_or_else(unknown)?;
    let column = column.trim().strip_suffix(')').ok_or_else(unknown)?;
    let known =
        parent.table.columns.iter().find(|known| as_printed(&known.name) == column || known.name == column);
    let column = q(&known.ok_or_else(unknown)?.name);
    let inside =
        |text: &str| text.trim().strip_prefix('(')?.split_once(')').map(|(inside, _)| inside.trim().to_owned());
    let upper = bound.to_uppercase();
    let after = |word: &str| upper.find(word).and_then(|at| inside(&bound[at + word.len()..]));
    match method.trim().to_uppercase().as_str() {
        "LIST" => {
            let values = after("FOR VALUES IN").ok_or_else(unknown)?;
            Ok(format!("{column} IS NOT NULL AND {column} IN ({values})"))
        }
        "RANGE" => {
            let (from, to) = (after(" FROM").ok_or_else(unknown)?, after(" TO").ok_or_else(unknown)?);
            let lower = (!from.eq_ignore_ascii_case("minvalue")).then(|| format!("{column} >= {from}"));
            let higher = (!to.eq_ignore_ascii_case("maxvalue")).then(|| format!("{column} < {to}"));
            let parts = [Some(format!("{column} IS NOT NULL")), lower, higher];
            Ok(parts.into_iter().flatten().collect::<Vec<_>>().join(" AND "))
        }
        _ => Err(unknown()),
    }
}

/// DETACH PARTITION. `words` are those behind it.
pub(super) fn detach(rule: &mut Rule<'_>, parent: &Name, mut words: Words) -> Planned {
    let found = rule.found_named(parent.clone())?;
    let child = rule.found_named(words.name()?)?;
    let Some(bound) = child.table.options.get("partition for").cloned() else {
        return Err(Refusal::new(format!("{} is no partition", child.name.key()), "correct the name"));
    };
    let back = match condition(&found, &bound) {
        Ok(condition) => proven(&found, &child, &bound, &condition),
        Err(_) => vec![attached(&found, &child, &bound)],
    };
    let alone = |statements| Action::Statements { statements, transactional: false };
    // Concurrently from PostgreSQL 14 on; it leaves a check of the bounds behind.
    let forward = if rule.target.version >= 14 && bound != "DEFAULT" {
        let by = found.table.options.get("partition by").and_then(|by| by.split_once('('));
        let column = by.map_or("", |(_, column)| column.trim_end_matches(')').trim_matches('"'));
        let left =
            naming::choose(&child.name.name, column, "check", |name| child.table.constraints.contains_key(name));
        vec![
            format!("{} CONCURRENTLY", detached(&found, &child)),
            format!("ALTER TABLE {} DROP CONSTRAINT IF EXISTS {}", child.name.sql(), q(&left)),
        ]
    } else {
        vec![detached(&found, &child)]
    };
    let mode = if forward.len() > 1 { SHARE_UPDATE_EXCLUSIVE } else { ACCESS_EXCLUSIVE };
    let step = Draft::new(&format!("detach {}", child.name.key()), Phase::Contract, alone(forward), Some(alone(back)))
        .holds(&found.name, mode)
        .holds(&child.name, ACCESS_EXCLUSIVE)
        .why("No client is left that looks for its rows in the whole. A rollback proves its bounds before it takes it in again.");
    let table = rule.table_mut(&child.name);
    table.options.remove("partition for");
    table.options.remove("inherits");
    let told = switch(Phase::SwitchReads, &format!("do without {} in {}", child.name.key(), found.name.key()));
    let mut drafts = on(&found.name, vec![told, step]);
    drafts.touches.push(child.name.key());
    Ok(drafts)
}
