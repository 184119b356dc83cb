//! A table's definition, read from its text, and written again.

use super::text::{Reader, Token, find_word, items, render};
use crate::plan::Refusal;
use lockstep_core::schema::{Column, Constraint, ConstraintKind, Table};
use std::collections::BTreeMap;

/// What stands after the name of a column.
pub(super) struct ColumnRead {
    pub(super) column: Column,
    /// Those that stand at the column: PRIMARY KEY, UNIQUE, REFERENCES, CHECK.
    pub(super) constraints: Vec<Constraint>,
}

impl ColumnRead {
    pub(super) fn has(&self, kind: ConstraintKind) -> bool {
        self.constraints.iter().any(|constraint| constraint.kind == kind)
    }
}

/// Words that end the type of a column.
const AFTER_TYPE: [&str; 12] = [
    "constraint",
    "primary",
    "not",
    "null",
    "unique",
    "check",
    "default",
    "collate",
    "references",
    "generated",
    "as",
    "on",
];

/// Reads what stands between the brackets of a CREATE TABLE, and after them.
pub(super) fn read_table(body: &[Token], after: &[Token]) -> Option<Table> {
    const TABLE_CONSTRAINTS: [&str; 5] = ["constraint", "primary", "unique", "check", "foreign"];
    let mut table = Table::default();
    for item in items(body) {
        // A quoted word is a name.
        if TABLE_CONSTRAINTS.iter().any(|word| item.first().is_some_and(|first| first.is_word(word))) {
            for constraint in read_constraint(item, &mut table)? {
                table.constraints.insert(constraint.describe(), constraint);
            }
        } else {
            let read = read_column(item)?;
            for constraint in read.constraints {
                table.constraints.insert(constraint.describe(), constraint);
            }
            table.columns.push(read.column);
        }
    }
    for option in items(after) {
        if !option.is_empty() {
            table.options.insert(render(option).to_lowercase(), String::new());
        }
    }
    let without_rowid = table.options.contains_key("without rowid");
    for constraint in table.constraints.values().filter(|_| without_rowid) {
        if constraint.kind == ConstraintKind::PrimaryKey {
            for column in table.columns.iter_mut().filter(|column| names(&constraint.columns, &column.name)) {
                column.nullable = false;
            }
        }
    }
    Some(table)
}

fn names(columns: &[String], name: &str) -> bool {
    columns.iter().any(|column| column.eq_ignore_ascii_case(name))
}

/// Reads a column: its name, its type, what it must be.
pub(super) fn read_column(item: &[Token]) -> Option<ColumnRead> {
    let mut reader = Reader::new(item);
    let name = reader.name()?;
    let type_length = find_word(reader.rest, &AFTER_TYPE).unwrap_or(reader.rest.len());
    let data_type = render(&reader.rest[..type_length]).to_lowercase();
    reader.rest = &reader.rest[type_length..];
    let column = Column { name, data_type, nullable: true, default: None, generated: None, options: Vec::new() };
    let mut read = ColumnRead { column, constraints: Vec::new() };
    while !reader.rest.is_empty() {
        read_clause(&mut reader, &mut read)?;
    }
    Some(read)
}

fn read_clause(reader: &mut Reader<'_>, read: &mut ColumnRead) -> Option<()> {
    let own = || vec![read.column.name.clone()];
    if reader.word("constraint") {
        reader.name()?;
    } else if reader.words(&["primary", "key"]) {
        let _ = reader.word("asc") || reader.word("desc");
        read.constraints.push(constraint(ConstraintKind::PrimaryKey, own(), String::new()));
    } else if reader.words(&["not", "null"]) {
        read.column.nullable = false;
    } else if reader.word("unique") {
        read.constraints.push(constraint(ConstraintKind::Unique, own(), String::new()));
    } else if reader.word("check") {
        let condition = format!("({})", render(reader.group()?));
        read.constraints.push(constraint(ConstraintKind::Check, Vec::new(), condition));
    } else if reader.word("default") {
        read.column.default = Some(read_default(reader)?);
    } else if reader.word("collate") {
        read.column.options.push(format!("collate {}", reader.name()?));
    } else if reader.word("references") {
        let definition = read_references(reader)?;
        read.constraints.push(constraint(ConstraintKind::ForeignKey, own(), definition));
    } else if reader.words(&["generated", "always"]) || reader.word("as") {
        let _ = reader.word("as");
        let expression = render(reader.group()?);
        let kept = if reader.word("stored") { "stored" } else { "virtual" };
        let _ = reader.word("virtual");
        read.column.generated = Some(format!("({expression}) {kept}"));
    } else {
        read.column.options.push(read_option(reader)?);
    }
    Some(())
}

fn read_option(reader: &mut Reader<'_>) -> Option<String> {
    const OPTIONS: [&[&str]; 7] = [
        &["autoincrement"],
        &["deferrable", "initially", "deferred"],
        &["deferrable", "initially", "immediate"],
        &["not", "deferrable", "initially", "deferred"],
        &["not", "deferrable", "initially", "immediate"],
        &["not", "deferrable"],
        &["deferrable"],
    ];
    if reader.words(&["on", "conflict"]) {
        return Some(format!("on conflict {}", reader.name()?.to_lowercase()));
    }
    if reader.word("null") {
        return Some("null".to_owned());
    }
    OPTIONS.iter().find(|words| reader.words(words)).map(|words| words.join(" "))
}

fn read_default(reader: &mut Reader<'_>) -> Option<String> {
    if let Some(expression) = reader.group() {
        return Some(format!("({})", render(expression)));
    }
    let length = 1 + usize::from(reader.rest.first()?.is_symbol("-") || reader.rest.first()?.is_symbol("+"));
    let value = reader.rest.get(..length)?;
    reader.rest = &reader.rest[length..];
    Some(value.iter().map(|token| render(std::slice::from_ref(token))).collect())
}

/// As introspection has it.
fn read_references(reader: &mut Reader<'_>) -> Option<String> {
    let parent = reader.name()?;
    let columns = reader.group().map_or_else(String::new, |group| column_names(group).join(", "));
    let (mut update, mut delete) = ("no action".to_owned(), "no action".to_owned());
    loop {
        if reader.words(&["on", "update"]) {
            update = read_foreign_action(reader)?;
        } else if reader.words(&["on", "delete"]) {
            delete = read_foreign_action(reader)?;
        } else if reader.word("match") {
            reader.name()?;
        } else {
            break;
        }
    }
    Some(format!("references {parent} ({columns}) on update {update} on delete {delete} match none"))
}

fn read_foreign_action(reader: &mut Reader<'_>) -> Option<String> {
    const ACTIONS: [&[&str]; 5] =
        [&["set", "null"], &["set", "default"], &["no", "action"], &["cascade"], &["restrict"]];
    ACTIONS.iter().find(|words| reader.words(words)).map(|words| words.join(" "))
}

fn column_names(group: &[Token]) -> Vec<String> {
    items(group).iter().filter_map(|item| Reader::new(item).name()).collect()
}

fn read_constraint(item: &[Token], table: &mut Table) -> Option<Vec<Constraint>> {
    let mut reader = Reader::new(item);
    let mut read = Vec::new();
    while !reader.rest.is_empty() {
        if reader.word("constraint") {
            reader.name()?;
        } else if reader.words(&["primary", "key"]) {
            read.push(constraint(ConstraintKind::PrimaryKey, column_names(reader.group()?), String::new()));
        } else if reader.word("unique") {
            read.push(constraint(ConstraintKind::Unique, column_names(reader.group()?), String::new()));
        } else if reader.word("check") {
            let condition = format!("({})", render(reader.group()?));
            read.push(constraint(ConstraintKind::Check, Vec::new(), condition));
        } else if reader.words(&["foreign", "key"]) {
            let columns = column_names(reader.group()?);
            let definition = if reader.word("references") { read_references(&mut reader)? } else { return None };
            read.push(constraint(ConstraintKind::ForeignKey, columns, definition));
        } else {
            read_option(&mut reader)?;
            table.options.insert("clauses".to_owned(), render(item));
        }
    }
    Some(read)
}

fn constraint(kind: ConstraintKind, columns: Vec<String>, definition: String) -> Constraint {
    Constraint { kind, columns, definition }
}

/// True when `ALTER TABLE ADD COLUMN` takes it as a default for rows that are there.
pub(super) fn is_constant(default: &str) -> bool {
    let text = default.trim();
    let inner = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(text);
    let tokens = super::text::tokens(inner);
    match tokens.as_slice() {
        [Token::Word(word)] => !word.to_lowercase().starts_with("current_"),
        [Token::Literal(_) | Token::Quoted(_)] => true,
        [sign, Token::Word(_)] => sign.is_symbol("-") || sign.is_symbol("+"),
        _ => false,
    }
}

/// The columns that identify a row: a primary key, or else a unique key without NULL.
pub(super) fn key(table: &Table) -> Option<Vec<String>> {
    let is_filled = |constraint: &&Constraint| {
        let mut columns = table.columns.iter().filter(|column| names(&constraint.columns, &column.name));
        columns.all(|column| !column.nullable)
    };
    let of = |kind: ConstraintKind| table.constraints.values().filter(move |constraint| constraint.kind == kind);
    of(ConstraintKind::PrimaryKey)
        .next()
        .or_else(|| of(ConstraintKind::Unique).find(is_filled))
        .map(|constraint| constraint.columns.clone())
}

/// What the planner needs of a table to write it again is not in the catalog.
pub(super) type Unwritable = Refusal;

/// Writes a CREATE TABLE.
pub(super) fn write_table(name: &str, table: &Table) -> Result<String, Unwritable> {
    let by_column: BTreeMap<&str, &Column> =
        table.columns.iter().map(|column| (column.name.as_str(), column)).collect();
    let is_alone = |constraint: &&Constraint| {
        constraint.kind == ConstraintKind::PrimaryKey
            && constraint.columns.len() == 1
            && by_column.contains_key(constraint.columns[0].as_str())
    };
    let primary = table.constraints.values().find(is_alone);
    let mut parts: Vec<String> = Vec::new();
    for column in &table.columns {
        let is_primary =
            primary.is_some_and(|constraint| constraint.columns[0].eq_ignore_ascii_case(&column.name));
        parts.push(write_column(column, is_primary, &foreign_of(table, &column.name))?);
    }
    for constraint in table.constraints.values() {
        let is_written = primary == Some(constraint)
            || (constraint.kind == ConstraintKind::ForeignKey && constraint.columns.len() == 1);
        if !is_written {
            parts.push(write_constraint(constraint)?);
        }
    }
    if table.options.contains_key("clauses") || table.options.contains_key("virtual") {
        return Err(unwritable(name, "clauses of its constraints"));
    }
    let options: Vec<&str> = table.options.keys().map(String::as_str).collect();
    Ok(format!("CREATE TABLE {} ({}) {}", crate::name::quote(name), parts.join(", "), options.join(", "))
        .trim_end()
        .to_owned())
}

fn unwritable(what: &str, why: &str) -> Refusal {
    Refusal::new(
        format!("`{what}` would have to be written anew, and the planner cannot write {why}"),
        "write the steps by hand in a plan file",
    )
}

fn foreign_of<'a>(table: &'a Table, column: &str) -> Vec<&'a Constraint> {
    let is_own = |constraint: &&Constraint| {
        constraint.kind == ConstraintKind::ForeignKey
            && constraint.columns.len() == 1
            && constraint.columns[0].eq_ignore_ascii_case(column)
    };
    table.constraints.values().filter(is_own).collect()
}

/// A default, as it can stand after DEFAULT.
pub(super) fn write_default(default: &str) -> String {
    let text = super::text::executable(default);
    let is_bare = is_constant(default) || text.to_lowercase().starts_with("current_") || text.starts_with('(');
    if is_bare { text.replace("- ", "-").replace("+ ", "+") } else { format!("({text})") }
}

pub(super) fn write_column(column: &Column, is_primary: bool, foreign: &[&Constraint]) -> Result<String, Refusal> {
    let mut parts = vec![crate::name::quote(&column.name)];
    if !column.data_type.is_empty() {
        parts.push(super::text::executable(&column.data_type));
    }
    let (deferrable, others): (Vec<&String>, Vec<&String>) =
        column.options.iter().partition(|option| option.contains("deferrable") || option.contains("initially"));
    if is_primary {
        parts.push("PRIMARY KEY".to_owned());
    }
    if others.iter().any(|option| *option == "autoincrement") {
        parts.push("AUTOINCREMENT".to_owned());
    }
    if !column.nullable {
        parts.push("NOT NULL".to_owned());
    }
    parts.extend(column.default.as_ref().map(|default| format!("DEFAULT {}", write_default(default))));
    parts.extend(
        column.generated.as_ref().map(|text| format!("GENERATED ALWAYS AS {}", super::text::executable(text))),
    );
    for option in others.iter().filter(|option| **option != "autoincrement" && **option != "null") {
        if !option.starts_with("collate ") {
            return Err(unwritable(&column.name, &format!("`{option}`")));
        }
        parts.push((*option).clone());
    }
    for constraint in foreign {
        parts.push(write_references(constraint)?);
    }
    if !deferrable.is_empty() {
        let mut words: Vec<&str> = deferrable.iter().map(|option| option.as_str()).collect();
        // Introspection has them in alphabetical order, which is the order in which SQL wants them.
        words.sort_unstable();
        parts.push(words.join(" "));
    }
    Ok(parts.join(" "))
}

fn write_constraint(constraint: &Constraint) -> Result<String, Refusal> {
    let columns: Vec<String> = constraint.columns.iter().map(|column| crate::name::quote(column)).collect();
    let columns = columns.join(", ");
    Ok(match constraint.kind {
        ConstraintKind::PrimaryKey => format!("PRIMARY KEY ({columns})"),
        ConstraintKind::Unique => format!("UNIQUE ({columns})"),
        ConstraintKind::Check => format!("CHECK {}", super::text::executable(&constraint.definition)),
        ConstraintKind::ForeignKey => format!("FOREIGN KEY ({columns}) {}", write_references(constraint)?),
        ConstraintKind::Exclusion => return Err(unwritable("a constraint", "exclusions")),
    })
}

/// The parent of a foreign key, its columns there, and what stands after them.
pub(super) fn foreign_parts(definition: &str) -> Option<(&str, &str, &str)> {
    let rest = definition.strip_prefix("references ")?;
    let (head, actions) = rest.rsplit_once(") on update ")?;
    let (parent, columns) = head.rsplit_once(" (")?;
    Some((parent, columns, actions))
}

fn write_references(constraint: &Constraint) -> Result<String, Refusal> {
    let (parent, columns, actions) =
        foreign_parts(&constraint.definition).ok_or_else(|| unwritable(&constraint.definition, "it"))?;
    let columns: Vec<String> =
        columns.split(", ").filter(|column| !column.is_empty()).map(crate::name::quote).collect();
    let columns = if columns.is_empty() { String::new() } else { format!(" ({})", columns.join(", ")) };
    let actions = actions.split(" match ").next().unwrap_or(actions).to_uppercase();
    Ok(format!("REFERENCES {}{columns} ON UPDATE {actions}", crate::name::quote(parent)))
}
