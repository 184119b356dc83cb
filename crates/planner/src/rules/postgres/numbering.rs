//! What numbers a column, for another one of the same table: an identity, or a sequence that belongs to the column. Both are found
//! by the server itself, so that their names, bounds and present values stay as they are.

use super::table_name::Name;
use super::{Found, column, literal, q, sync};
use lockstep_core::schema::Column;

/// From one column to another, which has its own type.
pub(super) struct Move<'a> {
    pub(super) table: &'a Name,
    pub(super) from: &'a str,
    pub(super) to: &'a str,
}

/// True when an identity or a sequence numbers it.
pub(super) fn is_numbered(column: &Column) -> bool {
    identity(column).is_some() || column.default.as_ref().is_some_and(|default| default.contains("nextval("))
}

/// `always` or `by default`.
pub(super) fn identity(column: &Column) -> Option<&str> {
    column.options.iter().find_map(|option| option.strip_prefix("identity "))
}

/// One statement that moves it; `column` says what numbers it, `types` are those of both columns.
pub(super) fn moved(of: &Move<'_>, column: &Column, types: [&str; 2]) -> String {
    let body = match identity(column) {
        Some(kind) => identity_moved(of, kind, types),
        None => sequence_moved(of),
    };
    format!("DO {}", sync::dollar_quoted(&body))
}

/// What a person should know when such a column gets another type.
pub(super) fn hazard(found: &Found, column: &Column, to: &str) -> Option<String> {
    let shown = column::shown(&found.name, &column.name);
    if identity(column).is_some() {
        return Some(format!(
            "rights on the sequence of {shown} itself are given to nobody but its owner afterwards"
        ));
    }
    let sequence = column.default.as_deref()?.strip_prefix("nextval('")?.split("'::").next()?;
    Some(format!(
        "the sequence of {shown} keeps its own type and end: `ALTER SEQUENCE {sequence} AS {to}` gives it the column's"
    ))
}

/// What a sequence counts by, as statements say it, from its definition in the catalog.
pub(super) fn options(definition: &str) -> Option<String> {
    let words: Vec<&str> = definition.split(' ').collect();
    match words.as_slice() {
        [_, "start", start, "by", by, "from", from, "to", to, "cache", cache, rest @ ..] => {
            let cycle = if rest == ["cycle"] { "CYCLE" } else { "NO CYCLE" };
            Some(format!(
                "START WITH {start} INCREMENT BY {by} MINVALUE {from} MAXVALUE {to} CACHE {cache} {cycle}"
            ))
        }
        _ => None,
    }
}

/// The definition after ALTER SEQUENCE with these words; `None` when they say something else.
pub(super) fn altered(definition: &str, change: &str) -> Option<String> {
    let words: Vec<&str> = definition.split(' ').collect();
    let [data_type, _, start, _, by, _, from, _, to, _, cache, rest @ ..] = words.as_slice() else { return None };
    let mut known = [*data_type, *start, *by, *from, *to, *cache, rest.first().copied().unwrap_or_default()]
        .map(str::to_owned);
    let mut words = change.split_whitespace().filter(|word| *word != "WITH" && *word != "BY").peekable();
    while let Some(word) = words.next() {
        let place = match word {
            "AS" => 0,
            "START" => 1,
            "INCREMENT" => 2,
            "MINVALUE" => 3,
            "MAXVALUE" => 4,
            "CACHE" => 5,
            "CYCLE" => {
                "cycle".clone_into(&mut known[6]);
                continue;
            }
            "NO" => match words.next()? {
                "CYCLE" => {
                    known[6].clear();
                    continue;
                }
                "MINVALUE" => {
                    "1".clone_into(&mut known[3]);
                    continue;
                }
                "MAXVALUE" => {
                    bounds(&known[0])[1].clone_into(&mut known[4]);
                    continue;
                }
                _ => return None,
            },
            _ => return None,
        };
        let value = words.next()?.to_lowercase();
        if place == 0 {
            // A bound that was the old type's becomes the new one's.
            let value = match value.as_str() {
                "int" | "int4" => "integer".to_owned(),
                "int8" => "bigint".to_owned(),
                "int2" => "smallint".to_owned(),
                _ => value,
            };
            if known[4] == bounds(&known[0])[1] {
                bounds(&value)[1].clone_into(&mut known[4]);
            }
            known[0] = value;
        } else {
            known[place] = value;
        }
    }
    let [data_type, start, by, from, to, cache, cycle] = &known;
    Some(
        format!("{data_type} start {start} by {by} from {from} to {to} cache {cache} {cycle}")
            .trim_end()
            .to_owned(),
    )
}

fn owned(of: &Move<'_>) -> String {
    format!("pg_catalog.pg_get_serial_sequence({}, {})", literal(&of.table.sql()), literal(of.from))
}

/// It belongs to the other column, and goes when that goes.
fn sequence_moved(of: &Move<'_>) -> String {
    format!(
        "\nDECLARE\n  numbers text := {};\nBEGIN\n  IF numbers IS NOT NULL THEN\n    \
         EXECUTE pg_catalog.format('ALTER SEQUENCE %s OWNED BY %s.%I', numbers, {}, {});\n  END IF;\nEND ",
        owned(of),
        literal(&of.table.sql()),
        literal(of.to)
    )
}

/// An identity cannot move: it is made again, with all that its sequence had.
fn identity_moved(of: &Move<'_>, kind: &str, [from_type, to_type]: [&str; 2]) -> String {
    let alter = |column: &str| format!("ALTER TABLE {} ALTER COLUMN {}", of.table.sql(), q(column));
    let bound = |column: &str, index: usize| {
        let (then, now) = (bounds(from_type)[index], bounds(to_type)[index]);
        if then == now {
            format!("it.{column}")
        } else {
            format!("CASE WHEN it.{column} = {then} THEN {now} ELSE it.{column} END")
        }
    };
    format!(
        "\nDECLARE\n  numbers text := {owned};\n  it pg_catalog.pg_sequence;\n  last bigint;\n  called boolean;\nBEGIN\n  \
         SELECT * INTO STRICT it FROM pg_catalog.pg_sequence WHERE seqrelid = numbers::pg_catalog.regclass;\n  \
         EXECUTE 'SELECT last_value, is_called FROM ' || numbers INTO last, called;\n  \
         {drop} DROP IDENTITY;\n  \
         EXECUTE pg_catalog.format({add} || ' (SEQUENCE NAME %s START WITH %s INCREMENT BY %s MINVALUE %s MAXVALUE %s CACHE %s %s)',\n    \
         numbers, it.seqstart, it.seqincrement, {min}, {max}, it.seqcache, CASE WHEN it.seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END);\n  \
         PERFORM pg_catalog.setval(numbers::pg_catalog.regclass, last, called);\nEND ",
        owned = owned(of),
        drop = alter(of.from),
        // Percent signs of names are none of the format's.
        add = literal(&format!(
            "{} ADD GENERATED {} AS IDENTITY",
            alter(of.to).replace('%', "%%"),
            kind.to_uppercase()
        )),
        min = bound("seqmin", 0),
        max = bound("seqmax", 1),
    )
}

fn bounds(data_type: &str) -> [&'static str; 2] {
    match data_type {
        "smallint" => ["(-32768)", "32767"],
        "integer" => ["(-2147483648)", "2147483647"],
        _ => ["(-9223372036854775807 - 1)", "9223372036854775807"],
    }
}
