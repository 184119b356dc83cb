//! RENAME TABLE and SET SCHEMA: a view under the old name, as good as the table for reading and writing rows, until every client
//! uses the new one.

use super::lock::{self, ACCESS_EXCLUSIVE, Locks};
use super::rename_column::switch;
use super::table_name::Name;
use super::{Found, Planned, Rule, literal, on, q, q_list, sync};
use crate::catalog::Known;
use crate::draft::{Draft, Drafts};
use crate::plan::Refusal;
use lockstep_core::step::Phase;

pub(super) fn plan(rule: &mut Rule<'_>, found: &Found, to: &Name) -> Planned {
    let from = &found.name;
    if matches!(rule.catalog.table(&to.key()), Known::Table(_)) {
        return Err(Refusal::new(format!("table {} is there already", to.key()), "choose another name"));
    }
    let (forward, back) = (moves(from, to), moves(to, from));
    let drafts = if found.is_new {
        let step = Draft::statements(&format!("rename {}", from.key()), Phase::Expand, forward, Some(back))
            .holds(from, ACCESS_EXCLUSIVE)
            .why("The table is new: nobody uses the old name.");
        on(from, vec![step])
    } else {
        both_names(rule, found, to, forward, back)
    };
    rename_in_catalog(rule, from, to, found.is_new);
    Ok(Drafts { touches: vec![from.key(), to.key()], ..drafts })
}

fn moves(from: &Name, to: &Name) -> Vec<String> {
    let mut moves = Vec::new();
    if from.schema != to.schema {
        moves.push(format!("ALTER TABLE {} SET SCHEMA {}", from.sql(), q(&to.schema)));
    }
    if from.name != to.name {
        moves.push(format!("ALTER TABLE {} RENAME TO {}", Name::new(&to.schema, &from.name).sql(), q(&to.name)));
    }
    moves
}

fn both_names(rule: &Rule<'_>, found: &Found, to: &Name, mut forward: Vec<String>, back: Vec<String>) -> Drafts {
    let from = &found.name;
    let columns: Vec<String> = found.table.columns.iter().map(|column| column.name.clone()).collect();
    // With the rights of whoever asks, where the server can (from PostgreSQL 15 on), so that row security stays what it was.
    let invoker = if rule.target.version >= 15 { " WITH (security_invoker = true)" } else { "" };
    let view = vec![
        format!("CREATE VIEW {}{invoker} AS SELECT {} FROM {}", from.sql(), q_list(&columns), to.sql()),
        copy_of_rights(from, to),
    ];
    let drop_view = format!("DROP VIEW {}", from.sql());
    forward.extend(view.clone());
    let back = [drop_view.clone()].into_iter().chain(back).collect();
    let mut renamed = Draft::statements(
        &format!("rename {}, and keep the old name", from.key()),
        Phase::Expand,
        forward,
        Some(back),
    )
    .holds(from, ACCESS_EXCLUSIVE)
    .why("One transaction: whoever says the old name reads and writes the same rows through a view.");
    // What going back locks.
    renamed.step.targets.push(to.key());
    let dropped = Draft::statements(
        &format!("drop the old name {}", from.key()),
        Phase::Contract,
        vec![drop_view],
        Some(view),
    )
    .holds(from, ACCESS_EXCLUSIVE)
    .why("No client is left that says the old name.");
    let steps = vec![renamed, switch(Phase::SwitchReads, &format!("say {}", to.key())), dropped];
    let mut drafts = Drafts { as_written: Some(lock::impact(from, ACCESS_EXCLUSIVE)), ..on(from, steps) };
    drafts.hazards.push(format!("as written every client that says {} fails from that moment on", from.key()));
    drafts.hazards.push(
        "through a view TRUNCATE, COPY FROM, LOCK, system columns and ON CONFLICT ON CONSTRAINT do not work"
            .to_owned(),
    );
    drafts
}

/// Owner and rights of a table, for the view under its old name: they stand in the server's catalog only.
fn copy_of_rights(view: &Name, table: &Name) -> String {
    let body = format!(
        "\nDECLARE\n  given record;\nBEGIN\n  \
         EXECUTE (SELECT pg_catalog.format('ALTER VIEW %s OWNER TO %s', {view}, known.relowner::pg_catalog.regrole::text)\n    \
         FROM pg_catalog.pg_class AS known WHERE known.oid = {table}::pg_catalog.regclass);\n  FOR given IN\n    \
         SELECT one.privilege_type AS what, one.is_grantable AS passes_on,\n      \
         CASE one.grantee WHEN 0 THEN 'PUBLIC' ELSE one.grantee::pg_catalog.regrole::text END AS whom\n    \
         FROM pg_catalog.pg_class AS known, pg_catalog.aclexplode(known.relacl) AS one\n    \
         WHERE known.oid = {table}::pg_catalog.regclass AND one.grantee <> known.relowner\n  LOOP\n    \
         EXECUTE pg_catalog.format('GRANT %s ON %s TO %s%s', given.what, {view}, given.whom,\n      \
         CASE WHEN given.passes_on THEN ' WITH GRANT OPTION' ELSE '' END);\n  END LOOP;\nEND ",
        view = literal(&view.sql()),
        table = literal(&table.sql()),
    );
    format!("DO {}", sync::dollar_quoted(&body))
}

fn rename_in_catalog(rule: &mut Rule<'_>, from: &Name, to: &Name, is_new: bool) {
    let (old, new) = (from.key(), to.key());
    let Some(mut table) = rule.catalog.schema.tables.remove(&old) else { return };
    for index in table.indexes.values_mut() {
        index.definition = index.definition.replacen(&format!(" ON {old} "), &format!(" ON {new} "), 1);
    }
    for trigger in table.triggers.values_mut() {
        *trigger = trigger.replacen(&format!(" ON {old} "), &format!(" ON {new} "), 1);
    }
    if is_new {
        rule.catalog.create_table(&new, table);
    } else {
        rule.catalog.schema.tables.insert(new.clone(), table);
    }
    for table in rule.catalog.schema.tables.values_mut() {
        for constraint in table.constraints.values_mut() {
            constraint.definition =
                constraint.definition.replace(&format!(" REFERENCES {old}("), &format!(" REFERENCES {new}("));
        }
    }
}
