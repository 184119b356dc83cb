//! Options of a table, and partitions.

use super::algorithm::{self, Algorithm};
use super::clause::Clause;
use super::column::charset_of;
use super::lock::{EXCLUSIVE, Locks, ONLINE};
use super::text::{q, same};
use super::{Found, Planned, Rule, apply, known, nothing, on, step};
use crate::draft::Draft;
use crate::plan::Refusal;
use lockstep_core::step::{Action, Phase};

pub(super) fn plan(rule: &mut Rule<'_>, found: &Found, name: &str, value: &str) -> Planned {
    let clause = Clause::Option { name: name.to_owned(), value: value.to_owned() };
    let planned = match name {
        "engine" => engine(found, value)?,
        "comment" => noted(rule, found, &format!("COMMENT = {value}"), None),
        "auto_increment" => noted(rule, found, &format!("AUTO_INCREMENT = {value}"), None),
        "charset" | "collate" => default_charset(rule, found, name, value)?,
        "row_format" | "key_block_size" => {
            let undone =
                super::undo::clause(rule.target.engine, &found.name, &found.table, &clause).unwrap_or_default();
            let alter =
                |clause: &str| vec![algorithm::alter(rule.target, &found.name, clause, Algorithm::Inplace)];
            let draft = step(
                &format!("{name} of {}", found.name),
                Phase::Expand,
                alter(&format!("{name}={value}")),
                Some(alter(&undone.join(", "))),
            )
            .holds(&found.name, ONLINE)
            .goes_through(rule.rows(&found.name))
            .why("The table is written anew beside reads and writes.");
            Some(draft)
        }
        _ => return Err(super::refused::clause(&format!("{name} = {value}"))),
    };
    apply::clause(rule.target.engine, &found.name, rule.table_mut(&found.name), &clause);
    match planned {
        Some(draft) => {
            let mut drafts = on(&found.name, vec![draft]);
            if matches!(name, "comment" | "auto_increment") {
                drafts.hazards.push(format!("a rollback leaves the {name} of {} as it is", found.name));
            }
            Ok(drafts)
        }
        None => Ok(nothing(&found.name, format!("{name} of {} is {value} already: nothing is done", found.name))),
    }
}

/// FORCE: the table is written anew as it is. MySQL forgets the row versions of columns that came and went.
pub(super) fn anew(rule: &Rule<'_>, found: &Found) -> Planned {
    let is_words = |index: &&lockstep_core::schema::Index| index.definition.starts_with("FULLTEXT");
    if let Some(index) = found.table.indexes.values().find(is_words) {
        return Err(Refusal::new(
            format!("{} has {}, and would be written anew while writes wait", found.name, index.definition),
            "leave it out, or accept it in a window of its own with `-- lockstep: opaque` and `-- lockstep: irreversible`",
        ));
    }
    let forward = vec![algorithm::alter(rule.target, &found.name, "FORCE", Algorithm::Inplace)];
    let mut draft = step(&format!("write {} anew", found.name), Phase::Expand, forward, None)
        .holds(&found.name, ONLINE)
        .goes_through(rule.rows(&found.name))
        .why("The table is written anew beside reads and writes; it holds the same as before.");
    draft.step.revert = Some(Action::Nothing);
    Ok(on(&found.name, vec![draft]))
}

/// A change of the catalog only. `back` undoes it; without one nothing is to be undone.
fn noted(rule: &Rule<'_>, found: &Found, clause: &str, back: Option<&str>) -> Option<Draft> {
    let alter = |clause: &str| {
        vec![algorithm::alter(rule.target, &found.name, clause, algorithm::catalog_only(rule.target))]
    };
    let mut draft = step(&format!("options of {}", found.name), Phase::Expand, alter(clause), back.map(alter))
        .holds(&found.name, EXCLUSIVE)
        .why("Changes the server's catalog only.");
    if back.is_none() {
        // Neither a comment nor where counting goes on belongs to the schema.
        draft.step.revert = Some(Action::Nothing);
        draft.joins = false;
    }
    Some(draft)
}

fn engine(found: &Found, value: &str) -> Result<Option<Draft>, Refusal> {
    let now = found.table.options.get("engine").map_or("InnoDB", String::as_str);
    if same(now, value.trim_matches(['\'', '"', '`'])) {
        return Ok(None);
    }
    Err(Refusal::new(
        format!("another engine for {} copies the whole table while writes wait", found.name),
        "make a new table with it and move the rows, or accept it in a window of its own with `-- lockstep: opaque` and \
         `-- lockstep: revert ...`",
    ))
}

fn default_charset(rule: &Rule<'_>, found: &Found, name: &str, value: &str) -> Result<Option<Draft>, Refusal> {
    let plain = value.trim_matches(['\'', '"', '`']).to_lowercase();
    let clause = if name == "charset" {
        format!("DEFAULT CHARACTER SET {plain}")
    } else {
        format!("DEFAULT COLLATE {plain}")
    };
    let Some(own) = known::collation(&found.table) else {
        return Err(Refusal::new(
            format!("nothing is known of the character set of {}, so nothing would bring it back", found.name),
            "plan against a cluster, or accept it with `-- lockstep: opaque` and `-- lockstep: revert ...`",
        ));
    };
    let back = format!("DEFAULT CHARACTER SET {} COLLATE {own}", charset_of(own));
    Ok(noted(rule, found, &clause, Some(&back)))
}

/// Partitions are added at an end without a row being moved; what moves rows or takes them away is refused.
pub(super) fn partition(found: &Found, text: &str) -> Planned {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower.split_whitespace().collect();
    let kind = found.table.options.get("partition by").map(|by| by.to_lowercase()).unwrap_or_default();
    let is_ranges = kind.trim_start().starts_with("range") || kind.trim_start().starts_with("list");
    if words.starts_with(&["add", "partition"]) && is_ranges {
        let names = partitions(text);
        if names.is_empty() {
            return Err(super::refused::clause(text));
        }
        let table = q(&found.name);
        let forward = vec![format!("ALTER TABLE {table} {text}")];
        let dropped = names.iter().map(|name| q(name)).collect::<Vec<_>>().join(", ");
        let revert = vec![format!("ALTER TABLE {table} DROP PARTITION {dropped}")];
        let added = step(
            &format!("partition {} of {}", names.join(", "), found.name),
            Phase::Expand,
            forward,
            Some(revert),
        )
        .holds(&found.name, EXCLUSIVE)
        .why("A new partition is empty: no row is moved.");
        let mut drafts = on(&found.name, vec![added]);
        drafts.hazards.push("a rollback drops the new partitions with the rows that they have by then".to_owned());
        return Ok(drafts);
    }
    let (reason, remedy) =
        if words.starts_with(&["drop", "partition"]) || words.starts_with(&["truncate", "partition"]) {
            (
                "it takes the rows of a partition away at once, and nothing brings them back",
                "use DELETE with `-- lockstep: irreversible`, which goes in batches; or ",
            )
        } else if ["analyze", "check", "optimize", "repair", "rebuild"]
            .contains(&words.first().copied().unwrap_or_default())
        {
            ("it is maintenance of one server, not a change of the schema", "run it by hand; or ")
        } else {
            ("rows are moved between partitions while writes wait", "make a new table and move the rows; or ")
        };
    Err(Refusal::new(
        format!("{}: {reason}", words.iter().take(2).copied().collect::<Vec<_>>().join(" ").to_uppercase()),
        format!(
            "{remedy}accept it in a window of its own with `-- lockstep: opaque` and `-- lockstep: revert ...`"
        ),
    ))
}

/// Names of the partitions in `ADD PARTITION (PARTITION a ..., PARTITION b ...)`.
fn partitions(text: &str) -> Vec<String> {
    let tokens = super::text::tokens(text);
    let mut reader = super::text::Reader::new(text, &tokens);
    reader.words(&["add", "partition"]);
    let name = |mut item: super::text::Reader<'_>| item.word("partition").then(|| item.name()).flatten();
    reader.group().map(|group| group.items().into_iter().filter_map(name).collect()).unwrap_or_default()
}
