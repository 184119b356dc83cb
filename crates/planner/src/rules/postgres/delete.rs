//! DELETE: over a table in use, in batches.

use super::dml::{Target, as_it_stands, at_once, filter, over_rows, together};
use super::lock::{Locks, ROW_EXCLUSIVE};
use super::{Found, Planned, Rule, opaque, q, sync};
use crate::draft::Draft;
use crate::name;
use crate::plan::Refusal;
use lockstep_core::step::Phase;
use sqlparser::ast::{Delete, FromTable};

pub(super) fn plan(rule: &mut Rule<'_>, delete: &Delete) -> Planned {
    let (FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables)) = &delete.from;
    let [table] = tables.as_slice() else { return opaque::no_rule() };
    let target = Target::of(table).ok_or_else(|| {
        Refusal::new(
            format!("`{table}` is more than a table"),
            "name the table after DELETE FROM, and others after USING",
        )
    })?;
    let found = rule.found_named(target.name.clone())?;
    if found.is_new {
        return Ok(at_once(&found, "delete from", rule.statement.sql.clone()));
    }
    let revert = rule.directed_revert().map(together);
    let name = format!("delete from {}", found.name.key());
    let mut drafts = match found.key().filter(|_| delete.returning.is_none()) {
        Some(key) => {
            let step = Draft::alone(&name, Phase::Backfill, in_batches(&target, &found, &key, delete), None)
                .holds(&found.name, ROW_EXCLUSIVE)
                .why("Rows go in short transactions of a few rows each; what stopped half-way goes on where it stopped.");
            over_rows(rule, &found, step, &delete.to_string())
        }
        None => match as_it_stands(rule, &found.name, "delete from") {
            Some(drafts) => drafts,
            None => return Err(found.key_to_fill().err().unwrap_or_else(returning)),
        },
    };
    for draft in &mut drafts.steps {
        draft.step.revert.clone_from(&revert);
    }
    Ok(drafts)
}

fn returning() -> Refusal {
    Refusal::new("nobody reads what RETURNING gives", "leave RETURNING out")
}

/// Rows of one batch: its loop knows no time that a batch should take.
const ROWS_MAX: u32 = 1_000;

/// A loop that commits after each batch; it runs outside of a transaction.
fn in_batches(target: &Target, found: &Found, key: &[String], delete: &Delete) -> String {
    let table = found.name.sql();
    let alias = name::quote(&target.alias.as_ref().map_or_else(|| found.name.name.clone(), name::meant));
    let using: Vec<String> = delete.using.iter().flatten().map(ToString::to_string).collect();
    let condition = delete.selection.as_ref().map(ToString::to_string);
    let filter = if using.is_empty() {
        filter(condition.as_deref())
    } else {
        format!(" WHERE EXISTS (SELECT FROM {}{})", using.join(", "), filter(condition.as_deref()))
    };
    let outer: Vec<String> = key.iter().map(|column| q(column)).collect();
    let inner: Vec<String> = outer.iter().map(|column| format!("{alias}.{column}")).collect();
    let (outer, inner) = (outer.join(", "), inner.join(", "));
    let body = format!(
        "\nDECLARE\n  gone bigint;\nBEGIN\n  LOOP\n    DELETE FROM {table} WHERE ({outer}) IN\n      \
         (SELECT {inner} FROM {table} AS {alias}{filter} ORDER BY {inner} LIMIT {ROWS_MAX});\n    \
         GET DIAGNOSTICS gone = ROW_COUNT;\n    COMMIT;\n    EXIT WHEN gone = 0;\n  END LOOP;\nEND "
    );
    format!("DO {}", sync::dollar_quoted(&body))
}
