//! CONVERT TO CHARACTER SET: at once where every value stays as it stands.

use super::algorithm::{self, Algorithm};
use super::clause::Clause;
use super::column::{self, charset_of, default_collation};
use super::lock::{self, Locks};
use super::text::{mentions, q, same};
use super::{Found, Planned, Rule, apply, key, known, nothing, on, step, types, undo};
use crate::plan::Refusal;
use lockstep_core::Engine;
use lockstep_core::schema::{Column, Index, Table};
use lockstep_core::step::Phase;

pub(super) fn convert(
    rule: &mut Rule<'_>,
    found: &Found,
    charset: Option<&str>,
    collation: Option<&str>,
) -> Planned {
    let wanted = wanted(charset, collation);
    let own = known::collation(&found.table).map(str::to_owned);
    let texts: Vec<_> = found.table.columns.iter().filter(|column| types::is_text(&column.data_type)).collect();
    let of = |column: &Column| column::option(column, "collate").map(str::to_owned).or_else(|| own.clone());
    if own.as_deref() == Some(&wanted) && texts.iter().all(|column| of(column).as_deref() == Some(&wanted)) {
        return Ok(nothing(&found.name, format!("{} is in {wanted} already: nothing is done", found.name)));
    }
    let rows = rule.rows(&found.name);
    let is_free =
        |column: &&Column| of(column).as_deref() == Some(&wanted) || in_place(&found.table, column).is_some();
    let keeps = |column: &&Column| {
        let from = of(column);
        let from = from.as_deref().map(charset_of);
        from == Some(charset_of(&wanted))
            || (from == Some("utf8mb3") && charset_of(&wanted) == "utf8mb4" && stays(&column.data_type))
    };
    if rule.target.engine != Engine::Mariadb || !texts.iter().all(|column| keeps(column) && is_free(column)) {
        return Err(Refusal::new(
            format!("converting {} copies the whole table while writes wait", found.name),
            format!(
                "convert it column by column, `ALTER TABLE {} MODIFY ... CHARACTER SET ...`, then `DEFAULT CHARACTER SET` for the table; or \
                 accept it in a window of its own with `-- lockstep: opaque` and `-- lockstep: revert ...`",
                q(&found.name)
            ),
        ));
    }
    let clause = Clause::Convert { charset: charset.map(str::to_owned), collation: collation.map(str::to_owned) };
    let back = back(&found.table).join(", ");
    let written = format!("CONVERT TO CHARACTER SET {} COLLATE {wanted}", charset_of(&wanted));
    let forward = vec![algorithm::alter(rule.target, &found.name, &written, Algorithm::NoCopy)];
    let revert = vec![algorithm::alter(rule.target, &found.name, &back, Algorithm::Copy)];
    let step = step(&format!("convert {}", found.name), Phase::Expand, forward, Some(revert))
        .holds(&found.name, Algorithm::NoCopy.mode())
        .goes_through(rows)
        .why("Every value stays as it stands: the server notes it, and builds indexes on text anew beside reads and writes.");
    apply::clause(rule.target.engine, &found.name, rule.table_mut(&found.name), &clause);
    let mut drafts = on(&found.name, vec![step]);
    drafts.as_written = Some(lock::impact(&found.name, lock::ONLINE));
    drafts.hazards.push(format!(
        "a rollback copies {} while writes wait, and fails on characters that the old set does not have",
        found.name
    ));
    Ok(drafts)
}

/// How MariaDB gives a column another collation: in place, and with a new index where the column is indexed. `None`: it copies the table,
/// or writes wait while an index on words is built.
pub(super) fn in_place(table: &Table, column: &Column) -> Option<Algorithm> {
    let kind = types::parts(&column.data_type).0;
    let orders_rows = clustered_by(table).is_some_and(|key| key.iter().any(|name| same(name, &column.name)));
    let indexes: Vec<&Index> =
        table.indexes.values().filter(|index| mentions(&index.definition, &column.name)).collect();
    let is_of_words = |index: &&Index| key::of_index(&index.definition).is_none_or(|key| undo::blocks(key.kind));
    let is_pointing =
        known::foreign_keys(table).iter().any(|(_, key)| key.columns.iter().any(|name| same(name, &column.name)));
    match kind {
        "enum" | "set" => None,
        _ if orders_rows || is_pointing || indexes.iter().any(is_of_words) => None,
        _ if indexes.is_empty() => Some(Algorithm::Instant),
        "char" | "varchar" => Some(Algorithm::NoCopy),
        _ => None,
    }
}

/// The key in whose order InnoDB keeps the rows: the primary key, or the first unique one that admits no NULL.
fn clustered_by(table: &Table) -> Option<Vec<String>> {
    let filled = |name: &String| known::column(table, name).is_some_and(|column| !column.nullable);
    let unique = table.indexes.values().filter(|index| index.unique).map(known::columns_of);
    let primary = known::primary_key(table).map(<[String]>::to_vec);
    primary.or_else(|| unique.into_iter().find(|columns| !columns.is_empty() && columns.iter().all(filled)))
}

/// The collation that is meant.
pub(super) fn wanted(charset: Option<&str>, collation: Option<&str>) -> String {
    collation.map(str::to_owned).or_else(|| charset.map(default_collation)).unwrap_or_default()
}

/// The clauses that bring a table's texts back to what they are.
pub(super) fn back(table: &Table) -> Vec<String> {
    let own = known::collation(table);
    let texts = table.columns.iter().filter(|column| types::is_text(&column.data_type));
    let column = |column: &Column| format!("MODIFY COLUMN {} {}", q(&column.name), in_full(column, own));
    let default = own.map(|own| format!("DEFAULT CHARACTER SET {} COLLATE {own}", charset_of(own)));
    texts.map(column).chain(default).collect()
}

/// The column's definition, with a collation that the table would otherwise give it.
fn in_full(column: &Column, own: Option<&str>) -> String {
    let mut column = column.clone();
    if column::option(&column, "collate").is_none()
        && let Some(own) = own
    {
        column.options.push(format!("collate {own}"));
    }
    column::definition_of(&column)
}

/// True when a length in characters takes as many bytes to note in utf8mb3 and in utf8mb4. A text has room for as many bytes as before.
fn stays(data_type: &str) -> bool {
    let (name, arguments, _) = types::parts(data_type);
    let length: u32 = arguments.parse().unwrap_or(0);
    match name {
        "varchar" => (length.saturating_mul(3) <= 255) == (length.saturating_mul(4) <= 255),
        // CONVERT makes the next larger kind of text of these.
        "text" | "tinytext" | "mediumtext" => false,
        _ => true,
    }
}
