//! Forms of ALTER TABLE that the parser does not know. Several in one statement are planned one after the other.

use super::lock::{ACCESS_EXCLUSIVE, Locks, SHARE_UPDATE_EXCLUSIVE};
use super::opaque::{self, Words};
use super::rename_column::switch;
use super::table_name::Name;
use super::{
    Found, Planned, Rule, alter_table, drop_constraint, identity_change, notes, on, partition, q, rename_table,
};
use crate::catalog::Known;
use crate::draft::{Draft, Drafts};
use crate::plan::Refusal;
use crate::script::{Kind, Statement};
use lockstep_core::step::Phase;

pub(super) fn plan(rule: &mut Rule<'_>, mut words: Words, reason: &str) -> Planned {
    let if_exists = words.skip(&["IF", "EXISTS"]);
    let only = if words.skip(&["ONLY"]) { "ONLY " } else { "" };
    let name = words.name()?;
    if if_exists && rule.catalog.table(&name.key()) == Known::Absent {
        let hazard = format!("there is no table {}: nothing is done", name.key());
        return Ok(super::create_table::nothing(&name, hazard));
    }
    let parts = words.rest_in_parts();
    if let [part] = parts.as_slice() {
        return one(rule, &name, Words::of(part), reason);
    }
    let mut all = Drafts::default();
    for part in parts {
        let sql = format!("ALTER TABLE {only}{} {part}", name.sql());
        let kind = super::parsed(&sql)
            .map_or_else(|| Kind::Opaque(reason.to_owned()), |parsed| Kind::Parsed(parsed.into()));
        let statement = Statement { sql, kind, ..rule.statement.clone() };
        let mut within = Rule { target: rule.target, statement: &statement, catalog: rule.catalog };
        alter_table::append(&mut all, super::of_statement(&mut within)?);
    }
    Ok(all)
}

fn one(rule: &mut Rule<'_>, name: &Name, mut words: Words, reason: &str) -> Planned {
    if words.skip(&["SET", "SCHEMA"]) {
        let schema = words.ident()?;
        let found = rule.found_named(name.clone())?;
        return rename_table::plan(rule, &found, &Name::new(&schema, &name.name));
    }
    let whole = words.rest();
    if is_setting(&whole) {
        let found = rule.found_named(name.clone())?;
        let head = format!("ALTER TABLE {}", found.name.sql());
        let (forward, revert) = notes::settings(rule, &head, &found.name, &whole);
        let named = format!("settings of {}", found.name.key());
        let step = Draft::statements(&named, Phase::Expand, forward, Some(revert))
            .holds(&found.name, SHARE_UPDATE_EXCLUSIVE)
            .why("It counts for rows that are written from here on.");
        return Ok(on(&found.name, vec![step]));
    }
    if words.skip(&["CLUSTER", "ON"]) || words.skip(&["SET", "WITHOUT", "CLUSTER"]) {
        let found = rule.found_named(name.clone())?;
        let revert = rule.revert_by_directive("nothing is known of what was set before")?;
        let forward = vec![format!("ALTER TABLE {} {whole}", found.name.sql())];
        let step = Draft::statements(&format!("settings of {}", found.name.key()), Phase::Expand, forward, revert)
            .holds(&found.name, SHARE_UPDATE_EXCLUSIVE)
            .why("The server notes it in its catalog.");
        return Ok(on(&found.name, vec![step]));
    }
    if words.skip(&["ATTACH", "PARTITION"]) {
        return partition::attach(rule, name, words);
    }
    if words.skip(&["DETACH", "PARTITION"]) {
        return partition::detach(rule, name, words);
    }
    if let Some(column) = not_null(Words::of(&whole)) {
        return Err(Refusal::new(
            format!(
                "a NOT NULL with a name would be made while all rows of {} are read and nobody can use it",
                name.key()
            ),
            format!("write `ALTER COLUMN {} SET NOT NULL`: the server gives it a name", q(&column)),
        ));
    }
    if words.skip(&["ALTER", "CONSTRAINT"]) {
        let found = rule.found_named(name.clone())?;
        return deferring(rule, &found, words);
    }
    if words.skip(&["ALTER", "COLUMN"]) || words.skip(&["ALTER"]) {
        let found = rule.found_named(name.clone())?;
        let column = words.ident()?;
        return of_column(rule, &found, &column, words, reason);
    }
    Err(opaque::not_understood(reason))
}

/// The column of ADD CONSTRAINT ... NOT NULL, which PostgreSQL 18 knows.
fn not_null(mut words: Words) -> Option<String> {
    if words.skip(&["ADD", "CONSTRAINT"]) {
        words.ident().ok()?;
    } else if !words.skip(&["ADD"]) {
        return None;
    }
    if words.skip(&["NOT", "NULL"]) { words.ident().ok() } else { None }
}

/// ALTER CONSTRAINT: when a foreign key is checked.
fn deferring(rule: &mut Rule<'_>, found: &Found, mut words: Words) -> Planned {
    let constraint = words.ident()?;
    let rest = words.rest().to_uppercase();
    let Some(known) = found.table.constraints.get(&constraint) else {
        return Err(Refusal::new(
            format!("table {} has no constraint {constraint}", found.name.key()),
            "correct the name, or plan against a database whose schema is up to date",
        ));
    };
    let is_deferrable = !rest.contains("NOT DEFERRABLE") && rest.contains("DEFERRABLE");
    let is_deferred = rest.contains("INITIALLY DEFERRED");
    let plain = known.definition.replace(" INITIALLY DEFERRED", "").replace(" DEFERRABLE", "");
    let after = match (is_deferrable || is_deferred, is_deferred) {
        (_, true) => format!("{plain} DEFERRABLE INITIALLY DEFERRED"),
        (true, false) => format!("{plain} DEFERRABLE"),
        (false, false) => plain,
    };
    let say = |definition: &str| {
        let how = match definition.find(" DEFERRABLE") {
            Some(at) => definition[at..].to_owned(),
            None => " NOT DEFERRABLE".to_owned(),
        };
        format!("ALTER TABLE {} ALTER CONSTRAINT {}{how}", found.name.sql(), q(&constraint))
    };
    let mut step = Draft::statements(
        &format!("when {constraint} is checked"),
        Phase::Expand,
        vec![say(&after)],
        Some(vec![say(&known.definition)]),
    )
    .holds(&found.name, ACCESS_EXCLUSIVE)
    .why("The server notes it in its catalog: no row is looked at.");
    if let Some(target) = drop_constraint::target_of(known) {
        step = step.holds(&target, ACCESS_EXCLUSIVE);
    }
    if let Some(mine) = rule.table_mut(&found.name).constraints.get_mut(&constraint) {
        mine.definition = after;
    }
    let mut drafts = on(&found.name, vec![step]);
    drafts
        .hazards
        .push(format!("a client meets what breaks {constraint} earlier or later in its transaction from here on"));
    Ok(drafts)
}

fn of_column(rule: &mut Rule<'_>, found: &Found, column: &str, mut words: Words, reason: &str) -> Planned {
    found.column(column)?;
    let alter = |change: &str| format!("ALTER TABLE {} ALTER COLUMN {} {change}", found.name.sql(), q(column));
    let shown = super::column::shown(&found.name, column);
    let rest = words.rest();
    if words.skip(&["SET", "STATISTICS"]) || words.skip(&["SET", "STORAGE"]) || words.skip(&["SET", "COMPRESSION"])
    {
        let (forward, revert) = notes::column(rule, &found.name, column, &alter(&rest));
        let step = Draft::statements(&format!("settings of {shown}"), Phase::Expand, forward, Some(revert))
            .holds(
                &found.name,
                if rest.to_uppercase().contains("STATISTICS") { SHARE_UPDATE_EXCLUSIVE } else { ACCESS_EXCLUSIVE },
            )
            .why("It counts for rows that are written from here on, or for the next ANALYZE.");
        return Ok(on(&found.name, vec![step]));
    }
    if (words.skip(&["TYPE"]) || words.skip(&["SET", "DATA", "TYPE"]))
        && (found.is_new || rule.is_empty_here(found))
    {
        return collated(rule, found, column, &rest);
    }
    if words.skip(&["SET", "EXPRESSION"]) {
        return Err(Refusal::new(
            format!("another expression of {shown} writes the whole table anew while nobody can use it"),
            "add a column with the new expression, and drop this one in a change of its own",
        ));
    }
    if words.skip(&["DROP", "EXPRESSION"]) {
        return no_longer_computed(rule, found, column);
    }
    if is_setting(&rest) {
        let (forward, revert) = notes::column(rule, &found.name, column, &alter(&rest));
        let step = Draft::statements(&format!("settings of {shown}"), Phase::Expand, forward, Some(revert))
            .holds(&found.name, SHARE_UPDATE_EXCLUSIVE)
            .why("It counts from the next ANALYZE on.");
        return Ok(on(&found.name, vec![step]));
    }
    if words.skip(&["DROP", "IDENTITY"]) {
        let if_exists = words.skip(&["IF", "EXISTS"]);
        return identity_change::drop(rule, found, column, if_exists);
    }
    if words.skip(&["SET", "GENERATED"]) {
        match words.rest().to_uppercase().as_str() {
            "ALWAYS" => return identity_change::set(rule, found, column, "ALWAYS"),
            "BY DEFAULT" => return identity_change::set(rule, found, column, "BY DEFAULT"),
            _ => {}
        }
    }
    Err(opaque::not_understood(reason))
}

/// Another type or collation in words that the parser does not know: indexes are made anew, which is nothing where there is no row.
fn collated(rule: &mut Rule<'_>, found: &Found, column: &str, change: &str) -> Planned {
    let known = found.column(column)?.clone();
    let (data_type, collation) = match change.split_once(" COLLATE ") {
        Some((head, collation)) => (head, collation.split_whitespace().next().unwrap_or_default().to_owned()),
        None => return Err(opaque::not_understood("a type that it does not know")),
    };
    let data_type = data_type.trim_start_matches("SET DATA ").trim_start_matches("TYPE ");
    let parsed = super::parsed(&format!("CREATE TABLE t (c {data_type})"));
    let Some(sqlparser::ast::Statement::CreateTable(create)) = parsed else {
        return Err(opaque::not_understood("a type that it does not know"));
    };
    let printed = create.columns.first().map(|written| super::types::printed(rule.catalog, &written.data_type));
    let alter = |change: &str| format!("ALTER TABLE {} ALTER COLUMN {} {change}", found.name.sql(), q(column));
    let before = known.options.iter().find_map(|option| option.strip_prefix("collate "));
    let back = alter(&format!("TYPE {} COLLATE {}", known.data_type, before.unwrap_or("pg_catalog.\"default\"")));
    let (name, query) = found.without_rows();
    let step = Draft::statements(
        &format!("type of {}", super::column::shown(&found.name, column)),
        Phase::Expand,
        vec![alter(change)],
        Some(vec![back]),
    )
    .holds(&found.name, ACCESS_EXCLUSIVE)
    .why("Indexes are made anew, and it is done only where the table is empty: then there is nothing to make.");
    let step = if found.is_new { step } else { step.only_if(&name, query) };
    if let Some(mine) = rule.column_mut(&found.name, column) {
        mine.data_type = printed.unwrap_or_default();
        mine.options.retain(|option| !option.starts_with("collate "));
        mine.options.push(format!("collate pg_catalog.{collation}"));
    }
    Ok(on(&found.name, vec![step]))
}

/// DROP EXPRESSION: the values stay as they are, and clients write them.
fn no_longer_computed(rule: &mut Rule<'_>, found: &Found, column: &str) -> Planned {
    let shown = super::column::shown(&found.name, column);
    if let Some(mine) = rule.column_mut(&found.name, column) {
        mine.generated = None;
    }
    let forward = vec![format!("ALTER TABLE {} ALTER COLUMN {} DROP EXPRESSION", found.name.sql(), q(column))];
    let revert = rule.directed_revert();
    let told = switch(Phase::SwitchWrites, &format!("write {shown}"))
        .why("From here on clients compute the value; until then they must not write it.");
    let mut drafts = on(
        &found.name,
        vec![
            Draft::statements(&format!("compute {shown} no longer"), Phase::Contract, forward, revert)
                .holds(&found.name, ACCESS_EXCLUSIVE)
                .why("The values stay as they are."),
            told,
        ],
    );
    drafts.hazards.push(format!("between this step and the switch, rows are written without a value in {shown}"));
    Ok(drafts)
}

/// `SET (...)` and `RESET (...)`.
fn is_setting(change: &str) -> bool {
    let upper = change.to_uppercase();
    upper.starts_with("SET (") || upper.starts_with("RESET (")
}
