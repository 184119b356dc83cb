//! The clauses of an ALTER TABLE, read.

use super::column::{self, New};
use super::key::{self, Constraint, ForeignKey, Key};
use super::text::{Reader, same};
use lockstep_core::Engine;

/// One clause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Clause {
    AddColumn {
        new: New,
        if_not_exists: bool,
    },
    AddKey(Key),
    AddForeignKey(ForeignKey),
    AddCheck {
        name: Option<String>,
        expression: String,
        behind: String,
    },
    DropColumn {
        name: String,
        if_exists: bool,
    },
    DropIndex {
        name: String,
        if_exists: bool,
    },
    DropPrimaryKey,
    DropForeignKey {
        name: String,
        if_exists: bool,
    },
    /// Of any kind, by its name.
    DropConstraint {
        name: String,
        if_exists: bool,
    },
    /// MODIFY, or CHANGE with another name.
    Change {
        from: String,
        new: New,
    },
    RenameColumn {
        from: String,
        to: String,
    },
    RenameIndex {
        from: String,
        to: String,
    },
    RenameTable {
        to: String,
    },
    /// The default as written; none: it is dropped.
    Default {
        column: String,
        value: Option<String>,
    },
    /// Character set, collation.
    Convert {
        charset: Option<String>,
        collation: Option<String>,
    },
    /// `ENGINE`, `COMMENT`, ...: name in lower case, value as written.
    Option {
        name: String,
        value: String,
    },
    /// A clause about partitions, as written.
    Partition(String),
    /// `ALGORITHM`, `LOCK`: the plan has its own.
    Hint,
    /// `ORDER BY`, `FORCE`, `DISCARD TABLESPACE`, ...
    Other(String),
}

/// Reads what stands behind the table's name; the error is what could not be read.
pub(super) fn read(engine: Engine, reader: &Reader<'_>) -> Result<Vec<Clause>, String> {
    if begins_partition(reader) {
        return Ok(vec![Clause::Partition(reader.text().to_owned())]);
    }
    let mut clauses = Vec::new();
    for mut item in reader.items() {
        let text = item.text().to_owned();
        let begin = clauses.len();
        let taken = one(engine, &mut item, &mut clauses);
        if taken.is_none() || !item.is_empty() || clauses.len() == begin {
            clauses.truncate(begin);
            return Err(text);
        }
    }
    Ok(clauses)
}

fn begins_partition(reader: &Reader<'_>) -> bool {
    const VERBS: [&str; 13] = [
        "add",
        "drop",
        "truncate",
        "reorganize",
        "coalesce",
        "exchange",
        "analyze",
        "check",
        "optimize",
        "rebuild",
        "repair",
        "remove",
        "convert",
    ];
    let second = reader.rest.get(1);
    reader.is_word("partition")
        || (VERBS.iter().any(|verb| reader.is_word(verb))
            && second.is_some_and(|second| second.is_word("partition") || second.is_word("partitioning")))
}

fn one(engine: Engine, item: &mut Reader<'_>, clauses: &mut Vec<Clause>) -> Option<()> {
    if item.word("add") {
        return add(engine, item, clauses);
    }
    let clause = if item.words(&["drop", "system", "versioning"]) {
        Clause::Other("drop system versioning".to_owned())
    } else if item.word("drop") {
        dropped(item)?
    } else if item.word("modify") {
        item.word("column");
        item.words(&["if", "exists"]);
        let new = column::read(engine, item)?;
        Clause::Change { from: new.name.clone(), new }
    } else if item.word("change") {
        item.word("column");
        item.words(&["if", "exists"]);
        let from = item.name()?;
        Clause::Change { from, new: column::read(engine, item)? }
    } else if item.word("rename") {
        renamed(item)?
    } else if item.word("alter") {
        altered(item)?
    } else if item.words(&["convert", "to"]) {
        let (charset, collation) = charset(item)?;
        Clause::Convert { charset, collation }
    } else {
        return options(item, clauses);
    };
    clauses.push(clause);
    Some(())
}

fn add(engine: Engine, item: &mut Reader<'_>, clauses: &mut Vec<Clause>) -> Option<()> {
    let before = *item;
    if item.words(&["system", "versioning"]) || item.words(&["period", "for"]) {
        item.take(item.rest.len());
        clauses.push(Clause::Other("ADD SYSTEM VERSIONING".to_owned()));
        return Some(());
    }
    if let Some(constraint) = key::read(item) {
        clauses.push(match constraint {
            Constraint::Key(key) => Clause::AddKey(key),
            Constraint::ForeignKey(key) => Clause::AddForeignKey(key),
            Constraint::Check { name, expression, behind } => Clause::AddCheck { name, expression, behind },
        });
        return Some(());
    }
    *item = before;
    item.word("column");
    let if_not_exists = item.words(&["if", "not", "exists"]);
    if let Some(group) = item.group() {
        for mut one in group.items() {
            let new = column::read(engine, &mut one)?;
            clauses.push(Clause::AddColumn { new, if_not_exists });
        }
        return Some(());
    }
    let new = column::read(engine, item)?;
    clauses.push(Clause::AddColumn { new, if_not_exists });
    Some(())
}

fn dropped(item: &mut Reader<'_>) -> Option<Clause> {
    if item.words(&["primary", "key"]) {
        return Some(Clause::DropPrimaryKey);
    }
    if item.words(&["foreign", "key"]) {
        let if_exists = item.words(&["if", "exists"]);
        return Some(Clause::DropForeignKey { name: item.name()?, if_exists });
    }
    if item.word("constraint") || (item.is_word("check") && item.rest.len() > 1 && item.word("check")) {
        let if_exists = item.words(&["if", "exists"]);
        return Some(Clause::DropConstraint { name: item.name()?, if_exists });
    }
    let is_index = (item.is_word("index") || item.is_word("key")) && item.rest.len() > 1;
    if is_index {
        item.skip();
        let if_exists = item.words(&["if", "exists"]);
        return Some(Clause::DropIndex { name: item.name()?, if_exists });
    }
    item.word("column");
    let if_exists = item.words(&["if", "exists"]);
    let name = item.name()?;
    if !item.word("restrict") {
        item.word("cascade");
    }
    Some(Clause::DropColumn { name, if_exists })
}

fn renamed(item: &mut Reader<'_>) -> Option<Clause> {
    if item.word("column") {
        let from = item.name()?;
        return (item.word("to")).then(|| item.name()).flatten().map(|to| Clause::RenameColumn { from, to });
    }
    if (item.is_word("index") || item.is_word("key")) && item.rest.len() == 4 {
        item.skip();
        let from = item.name()?;
        return (item.word("to")).then(|| item.name()).flatten().map(|to| Clause::RenameIndex { from, to });
    }
    if !item.word("to") {
        item.word("as");
        item.symbol("=");
    }
    Some(Clause::RenameTable { to: item.name()? })
}

fn altered(item: &mut Reader<'_>) -> Option<Clause> {
    item.word("column");
    let column = item.name()?;
    if item.words(&["drop", "default"]) {
        return Some(Clause::Default { column, value: None });
    }
    item.words(&["set", "default"]).then_some(())?;
    let value = column::value(item)?;
    Some(Clause::Default { column, value: Some(value) })
}

/// `CHARACTER SET x COLLATE y`
fn charset(item: &mut Reader<'_>) -> Option<(Option<String>, Option<String>)> {
    let (mut charset, mut collation) = (None, None);
    while !item.is_empty() {
        let is_charset = item.words(&["character", "set"]) || item.word("charset");
        let is_collation = !is_charset && item.word("collate");
        if !is_charset && !is_collation {
            return None;
        }
        item.symbol("=");
        let value = item.literal().map(|text| super::text::content(&text)).or_else(|| item.name())?.to_lowercase();
        if is_charset {
            charset = Some(value);
        } else {
            collation = Some(value);
        }
    }
    Some((charset, collation))
}

/// Options of the table, which stand behind each other without commas.
fn options(item: &mut Reader<'_>, clauses: &mut Vec<Clause>) -> Option<()> {
    while !item.is_empty() {
        if begins_partition(item) {
            clauses.push(Clause::Partition(item.take(item.rest.len()).text().to_owned()));
            return Some(());
        }
        clauses.push(table_option(item)?);
    }
    Some(())
}

/// Names of options that stand before a value.
const OPTIONS: [&str; 30] = [
    "algorithm",
    "auto_increment",
    "avg_row_length",
    "checksum",
    "comment",
    "compression",
    "connection",
    "delay_key_write",
    "encrypted",
    "encryption",
    "encryption_key_id",
    "engine",
    "insert_method",
    "key_block_size",
    "lock",
    "max_rows",
    "min_rows",
    "pack_keys",
    "page_checksum",
    "page_compressed",
    "page_compression_level",
    "row_format",
    "stats_auto_recalc",
    "stats_persistent",
    "stats_sample_pages",
    "table_checksum",
    "tablespace",
    "transactional",
    "union",
    "wait",
];

/// One option of a table.
pub(super) fn table_option(item: &mut Reader<'_>) -> Option<Clause> {
    let is_default = item.word("default");
    if is_default || item.is_word("character") || item.is_word("charset") || item.is_word("collate") {
        let name = if item.words(&["character", "set"]) || item.word("charset") {
            "charset"
        } else if item.word("collate") {
            "collate"
        } else {
            return None;
        };
        return valued(item, name);
    }
    let has_no_rule = |item: &Reader<'_>| ["force", "discard", "import"].iter().any(|word| item.is_word(word));
    if has_no_rule(item) || item.clone().words(&["order", "by"]) {
        return Some(Clause::Other(item.take(item.rest.len()).text().to_owned()));
    }
    for words in [&["data", "directory"][..], &["index", "directory"], &["with", "system"], &["add", "system"]] {
        if item.words(words) {
            return Some(Clause::Other(format!("{} {}", words.join(" "), item.take(item.rest.len()).text())));
        }
    }
    let name = item.name()?.to_lowercase();
    if matches!(name.as_str(), "enable" | "disable") && item.word("keys") {
        return Some(Clause::Hint);
    }
    OPTIONS.contains(&name.as_str()).then_some(())?;
    let clause = valued(item, &name)?;
    Some(if matches!(name.as_str(), "algorithm" | "lock" | "online" | "wait" | "nowait") {
        Clause::Hint
    } else {
        clause
    })
}

fn valued(item: &mut Reader<'_>, name: &str) -> Option<Clause> {
    item.symbol("=");
    let value = match item.group() {
        Some(group) => format!("({})", group.text()),
        None => column::value(item)?,
    };
    Some(Clause::Option { name: name.to_owned(), value })
}

/// True when the same statement adds this column.
pub(super) fn adds(clauses: &[Clause], column: &str) -> bool {
    clauses.iter().any(|clause| matches!(clause, Clause::AddColumn { new, .. } if same(&new.name, column)))
}

#[cfg(test)]
mod tests {
    use super::{Clause, read};
    use crate::rules::mysql::text::{Reader, tokens};
    use lockstep_core::Engine;

    fn kinds(sql: &str) -> Vec<String> {
        let list = tokens(sql);
        let clauses = read(Engine::Mariadb, &Reader::new(sql, &list)).unwrap_or_else(|text| panic!("{text}"));
        let kind =
            |clause: &Clause| format!("{clause:?}").split([' ', '(', '{']).next().unwrap_or_default().to_owned();
        clauses.iter().map(kind).collect()
    }

    #[test]
    fn clauses_are_read_as_tools_write_them() {
        for (sql, expected) in [
            (
                "ADD COLUMN `a` INT NULL, ADD UNIQUE INDEX `b` (`a`), ADD INDEX (a(10) DESC)",
                "AddColumn AddKey AddKey",
            ),
            (
                "ADD a varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '' COMMENT 'x' AFTER b",
                "AddColumn",
            ),
            ("ADD (a int, b int)", "AddColumn AddColumn"),
            (
                "ADD CONSTRAINT `f` FOREIGN KEY (`a`) REFERENCES `b` (`c`) ON DELETE SET NULL ON UPDATE CASCADE",
                "AddForeignKey",
            ),
            (
                "ADD CONSTRAINT c CHECK (a > 0), DROP CHECK d, DROP CONSTRAINT e",
                "AddCheck DropConstraint DropConstraint",
            ),
            (
                "DROP a, DROP COLUMN IF EXISTS b, DROP KEY c, DROP FOREIGN KEY d, DROP PRIMARY KEY, ADD PRIMARY KEY (e)",
                "DropColumn DropColumn DropIndex DropForeignKey DropPrimaryKey AddKey",
            ),
            (
                "CHANGE a b int(11) unsigned NOT NULL AUTO_INCREMENT FIRST, MODIFY c timestamp NULL DEFAULT current_timestamp() ON UPDATE current_timestamp()",
                "Change Change",
            ),
            ("RENAME COLUMN a TO b, RENAME INDEX c TO d, RENAME TO e", "RenameColumn RenameIndex RenameTable"),
            ("ALTER COLUMN a SET DEFAULT -1, ALTER b DROP DEFAULT", "Default Default"),
            (
                "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE utf8mb4_unicode_ci, COMMENT = 'a', AUTO_INCREMENT 5",
                "Option Option Option Option Option",
            ),
            ("CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci", "Convert"),
            ("ALGORITHM=INPLACE, LOCK=NONE", "Hint Hint"),
            ("DROP PARTITION a, b", "Partition"),
            (
                "ADD SYSTEM VERSIONING, DROP SYSTEM VERSIONING, ADD system int, FORCE",
                "Other Other AddColumn Other",
            ),
            ("ADD d double(8,2) DEFAULT b'0' REFERENCES x (y)", "AddColumn"),
            (
                "ADD e bigint(20) GENERATED ALWAYS AS (a + 1) VIRTUAL, ADD f json DEFAULT (json_object())",
                "AddColumn AddColumn",
            ),
        ] {
            assert_eq!(kinds(sql).join(" "), expected, "{sql}");
        }
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let sql = "ADD COLUMN a int, FROB b";
        let list = tokens(sql);
        assert_eq!(read(Engine::Mariadb, &Reader::new(sql, &list)), Err("FROB b".to_owned()));
    }
}
