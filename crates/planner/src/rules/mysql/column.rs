//! Column definitions: as they are written, as the catalog has them, and as statements say them again.

use super::key::ForeignKey;
use super::text::{Kind, Reader, q};
use super::types;
use lockstep_core::Engine;
use lockstep_core::schema::Column;

/// Where a column comes to stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Position {
    First,
    After(String),
}

/// A column as a statement writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct New {
    pub(super) name: String,
    /// As the server prints it.
    pub(super) data_type: String,
    pub(super) charset: Option<String>,
    pub(super) collation: Option<String>,
    pub(super) not_null: bool,
    /// As written; `NULL` is none.
    pub(super) default: Option<String>,
    pub(super) on_update: Option<String>,
    pub(super) auto_increment: bool,
    pub(super) unique: bool,
    pub(super) primary: bool,
    /// A string of SQL.
    pub(super) comment: Option<String>,
    /// Expression, and whether it is stored.
    pub(super) generated: Option<(String, bool)>,
    pub(super) check: Option<String>,
    pub(super) references: Option<ForeignKey>,
    pub(super) invisible: bool,
    pub(super) position: Option<Position>,
    pub(super) is_json: bool,
}

/// Reads a column: its name, its type, and the rest.
pub(super) fn read(engine: Engine, reader: &mut Reader<'_>) -> Option<New> {
    let name = reader.name()?;
    let written = types::read(engine, reader)?;
    let mut new = New { name, data_type: written.printed, is_json: written.is_json, ..New::default() };
    if written.is_serial {
        (new.not_null, new.auto_increment, new.unique) = (true, true, true);
    }
    if written.is_national {
        new.charset = Some("utf8mb3".to_owned());
    }
    while !reader.is_empty() {
        attribute(reader, &mut new)?;
    }
    new.not_null |= new.primary;
    Some(new)
}

fn attribute(reader: &mut Reader<'_>, new: &mut New) -> Option<()> {
    if reader.words(&["not", "null"]) {
        new.not_null = true;
    } else if reader.word("null") {
        new.not_null = false;
    } else if reader.word("default") {
        new.default = Some(value(reader)?).filter(|value| !value.eq_ignore_ascii_case("null"));
    } else if reader.words(&["on", "update"]) {
        new.on_update = Some(value(reader)?);
    } else if reader.word("auto_increment") {
        new.auto_increment = true;
    } else if reader.word("unique") {
        reader.word("key");
        new.unique = true;
    } else if reader.words(&["primary", "key"]) || reader.words(&["key"]) || reader.word("primary") {
        new.primary = true;
    } else if reader.word("comment") {
        new.comment = Some(reader.literal()?);
    } else if reader.words(&["character", "set"]) || reader.words(&["charset"]) {
        reader.symbol("=");
        new.charset = Some(word_or_text(reader)?);
    } else if reader.word("collate") {
        reader.symbol("=");
        new.collation = Some(word_or_text(reader)?);
    } else if reader.words(&["generated", "always", "as"]) || reader.word("as") {
        let expression = reader.group()?.text().to_owned();
        let stored = reader.word("stored") || reader.word("persistent");
        reader.word("virtual");
        new.generated = Some((expression, stored));
    } else {
        rarer(reader, new)?;
    }
    Some(())
}

fn rarer(reader: &mut Reader<'_>, new: &mut New) -> Option<()> {
    if reader.word("constraint") && !reader.is_word("check") {
        reader.name()?;
    }
    if reader.word("check") {
        new.check = Some(reader.group()?.text().to_owned());
    } else if reader.is_word("references") {
        new.references = Some(super::key::references(reader, None, vec![new.name.clone()])?);
    } else if reader.word("invisible") {
        new.invisible = true;
    } else if reader.word("first") {
        new.position = Some(Position::First);
    } else if reader.word("after") {
        new.position = Some(Position::After(reader.name()?));
    } else if reader.word("column_format") || reader.word("storage") {
        reader.name()?;
    } else if reader.word("binary") {
        new.collation = Some("utf8mb4_bin".to_owned());
    } else if !reader.word("visible") {
        return None;
    }
    Some(())
}

fn word_or_text(reader: &mut Reader<'_>) -> Option<String> {
    let text = reader.literal().map(|text| super::text::content(&text));
    text.or_else(|| reader.name()).map(|name| name.to_lowercase())
}

/// What may stand behind DEFAULT or ON UPDATE.
pub(super) fn value(reader: &mut Reader<'_>) -> Option<String> {
    let all = *reader;
    let count = all.rest.len();
    if reader.is_symbol("-") || reader.is_symbol("+") {
        reader.skip();
    }
    let first = reader.rest.first()?;
    match first.kind {
        Kind::Symbol if first.value == "(" => {
            reader.group()?;
        }
        Kind::Word => {
            reader.skip();
            // b'0', _utf8'x'
            let is_prefix =
                reader.rest.first().is_some_and(|next| next.kind == Kind::Text && next.start == first.end);
            if is_prefix {
                reader.skip();
            } else if reader.is_symbol("(") {
                reader.group()?;
            }
        }
        _ => reader.skip(),
    }
    Some(all.clone().take(count - reader.rest.len()).text().to_owned())
}

impl New {
    /// What stands behind the column's name in a statement. Keys and references are statements of their own.
    pub(super) fn definition(&self) -> String {
        let mut text = if self.is_json { "json".to_owned() } else { self.data_type.clone() };
        let mut push = |more: String| {
            text.push(' ');
            text.push_str(&more);
        };
        if let Some(charset) = self.charset.as_ref().filter(|_| !self.is_json) {
            push(format!("CHARACTER SET {charset}"));
        }
        if let Some(collation) = &self.collation {
            push(format!("COLLATE {collation}"));
        }
        if let Some((expression, stored)) = &self.generated {
            push(format!("GENERATED ALWAYS AS ({expression}) {}", if *stored { "STORED" } else { "VIRTUAL" }));
        }
        if self.generated.is_none() || self.not_null {
            push(if self.not_null { "NOT NULL" } else { "NULL" }.to_owned());
        }
        if let Some(default) = &self.default {
            push(format!("DEFAULT {default}"));
        }
        if let Some(on_update) = &self.on_update {
            push(format!("ON UPDATE {on_update}"));
        }
        if self.auto_increment {
            push("AUTO_INCREMENT".to_owned());
        }
        if self.invisible {
            push("INVISIBLE".to_owned());
        }
        if let Some(comment) = &self.comment {
            push(format!("COMMENT {comment}"));
        }
        if let Some(check) = &self.check {
            push(format!("CHECK ({check})"));
        }
        text
    }

    /// What stands behind the definition: where the column comes to stand.
    pub(super) fn place(&self) -> String {
        match &self.position {
            None => String::new(),
            Some(Position::First) => " FIRST".to_owned(),
            Some(Position::After(column)) => format!(" AFTER {}", q(column)),
        }
    }

    /// As the catalog has it. `table_collation` is not repeated.
    pub(super) fn in_catalog(&self, engine: Engine, table_collation: Option<&str>) -> Column {
        let mut options = Vec::new();
        if self.auto_increment {
            options.push("auto_increment".to_owned());
        }
        if let Some(on_update) = &self.on_update {
            let printed = types::printed_default(engine, &self.data_type, on_update).unwrap_or_default();
            options.push(format!("on update {}", printed.to_lowercase()));
        }
        let is_own_json = self.is_json && engine == Engine::Mariadb;
        let collation = if is_own_json { Some("utf8mb4_bin".to_owned()) } else { self.chosen_collation() };
        if let Some(collation) = collation.filter(|name| Some(name.as_str()) != table_collation) {
            options.push(format!("collate {collation}"));
        }
        if self.invisible {
            options.push("invisible".to_owned());
        }
        let own_check = is_own_json.then(|| format!("json_valid({})", q(&self.name)));
        if let Some(check) = own_check.or_else(|| self.check.clone()) {
            options.push(format!("check ({check})"));
        }
        let kept = |stored: bool| if stored { "stored" } else { "virtual" };
        Column {
            name: self.name.clone(),
            data_type: self.data_type.clone(),
            nullable: !self.not_null,
            default: self
                .default
                .as_ref()
                .and_then(|default| types::printed_default(engine, &self.data_type, default)),
            generated: self
                .generated
                .as_ref()
                .map(|(expression, stored)| format!("{expression} {}", kept(*stored))),
            options,
        }
    }

    /// The collation that is written, or that of the character set that is.
    fn chosen_collation(&self) -> Option<String> {
        if !types::is_text(&self.data_type) {
            return None;
        }
        self.collation.clone().or_else(|| self.charset.as_deref().map(default_collation))
    }
}

/// The collation that a character set has when none is written: MariaDB 10.5 and 10.11, and for utf8mb4 what the table says.
pub(super) fn default_collation(charset: &str) -> String {
    match charset {
        "utf8" | "utf8mb3" => "utf8mb3_general_ci".to_owned(),
        "latin1" => "latin1_swedish_ci".to_owned(),
        "binary" => "binary".to_owned(),
        "ascii" | "ucs2" | "utf16" | "utf32" | "utf8mb4" => format!("{charset}_general_ci"),
        other => format!("{other}_general_ci"),
    }
}

/// The character set of a collation.
pub(super) fn charset_of(collation: &str) -> &str {
    let charset = collation.split('_').next().unwrap_or(collation);
    if charset == "utf8" { "utf8mb3" } else { charset }
}

/// Bytes of a character, at most.
pub(super) fn bytes_max(charset: &str) -> u32 {
    match charset {
        "latin1" | "ascii" | "binary" | "latin2" | "cp1251" | "cp1250" | "koi8r" => 1,
        "utf8" | "utf8mb3" => 3,
        "ucs2" | "gbk" | "sjis" | "big5" => 2,
        _ => 4,
    }
}

/// What the catalog says of an option of the column, e.g. `collate`.
pub(super) fn option<'a>(column: &'a Column, name: &str) -> Option<&'a str> {
    column.options.iter().find_map(|option| option.strip_prefix(name)).map(str::trim)
}

pub(super) fn counts(column: &Column) -> bool {
    option(column, "auto_increment").is_some()
}

/// True when the server writes the column by itself as rows are written.
pub(super) fn moves_by_itself(column: &Column) -> bool {
    option(column, "on update").is_some()
}

/// The clause that gives a column its default. MySQL takes the present time in a column's definition only; in brackets it would be another
/// default.
pub(super) fn set_default(engine: Engine, new: &New, default: &str) -> String {
    if engine == Engine::Mysql && types::is_now(default) {
        let with = New { default: Some(default.to_owned()), ..new.clone() };
        return format!("MODIFY COLUMN {} {}", q(&new.name), with.definition());
    }
    format!("ALTER COLUMN {} SET DEFAULT {}", q(&new.name), super::undo::in_brackets(default))
}

/// True for what MariaDB makes of `json`. Said in other words it is another type to the server.
pub(super) fn is_json(column: &Column) -> bool {
    column.data_type == "longtext"
        && option(column, "collate") == Some("utf8mb4_bin")
        && option(column, "check").is_some_and(|check| check == format!("(json_valid({}))", q(&column.name)))
}

/// What stands behind the column's name in a statement that makes it again. Its comment is not known.
pub(super) fn definition_of(column: &Column) -> String {
    let is_json = is_json(column);
    let mut text = if is_json { "json".to_owned() } else { column.data_type.clone() };
    if let Some(collation) = option(column, "collate").filter(|_| !is_json) {
        text.push_str(&format!(" COLLATE {collation}"));
    }
    match column.generated.as_deref().and_then(|generated| generated.rsplit_once(' ')) {
        Some((expression, kept)) => {
            text.push_str(&format!(" GENERATED ALWAYS AS ({expression}) {}", kept.to_uppercase()));
        }
        None => text.push_str(if column.nullable { " NULL" } else { " NOT NULL" }),
    }
    if let Some(default) = &column.default {
        text.push_str(&format!(" DEFAULT {default}"));
    }
    if let Some(value) = option(column, "on update") {
        text.push_str(&format!(" ON UPDATE {value}"));
    }
    if counts(column) {
        text.push_str(" AUTO_INCREMENT");
    }
    if option(column, "invisible").is_some() {
        text.push_str(" INVISIBLE");
    }
    if let Some(check) = option(column, "check").filter(|_| !is_json) {
        text.push_str(&format!(" CHECK {check}"));
    }
    text
}

/// For texts: the table and the column.
pub(super) fn shown(table: &str, column: &str) -> String {
    format!("{table}.{column}")
}
